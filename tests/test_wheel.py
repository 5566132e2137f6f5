"""The wheel carries the app; a checkout serves its own files, also in an editable install."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling import build

ROOT = Path(__file__).parent.parent
PACKAGED = (
    *("sept_core", "app.py", "pages", "assets", ".streamlit"),
    *("pyproject.toml", "hatch_build.py", "requirements.txt", "README.md"),
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a wheel is built from."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel was installed, without its dependencies."""
    return _installed(checkout, tmp_path_factory.mktemp("site"), editable=False)


def _installed(checkout: Path, target: Path, *, editable: bool) -> Path:
    builder = build.build_editable if editable else build.build_wheel
    here = Path.cwd()
    os.chdir(checkout)
    try:
        wheel = checkout / builder(str(checkout))
    finally:
        os.chdir(here)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    return target


def run(site: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "sept_core", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    told = run(installed, "--version", folder=tmp_path)
    assert (told.returncode, told.stdout.split()[0]) == (0, "sept")
    made = run(installed, "init", "project", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "project" / "catalogue.duckdb").exists()


def test_the_wheel_has_security_defaults_pages_assets_and_the_bundled_encoder(
    installed: Path,
) -> None:
    app = installed / "sept_core" / "_app"
    assert 'address = "127.0.0.1"' in (app / ".streamlit" / "config.toml").read_text()
    assert not (app / ".streamlit" / "secrets.toml").exists()
    pages = {path.relative_to(ROOT) for path in (ROOT / "pages").rglob("*.py")}
    assert {path.relative_to(app) for path in (app / "pages").rglob("*.py")} == pages
    assets = {path.relative_to(ROOT) for path in (ROOT / "assets").rglob("*") if path.is_file()}
    assert {
        path.relative_to(app) for path in (app / "assets").rglob("*") if path.is_file()
    } == assets
    weights = Path("assets/bundled/backbone.safetensors")
    assert (app / weights).read_bytes() == (ROOT / weights).read_bytes()


def test_the_first_page_is_painted_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "init", "project", folder=tmp_path).returncode == 0
    script = "from streamlit.testing.v1 import AppTest; import sys\n" + (
        "app = AppTest.from_file(sys.argv[1], default_timeout=120).run()\n"
        "assert not app.exception, app.exception\n"
        "print(app.markdown[0].value)"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(installed), str(installed / "sept_core" / "_app")]),
        "SEPT_PROJECT": str(tmp_path / "project"),
    }
    command = [sys.executable, "-c", script, str(installed / "sept_core" / "_app" / "app.py")]
    painted = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert painted.returncode == 0, painted.stderr
    assert painted.stdout.strip()


def test_an_editable_install_serves_the_edited_asset(checkout: Path, tmp_path: Path) -> None:
    site = _installed(checkout, tmp_path / "site", editable=True)
    assert not (site / "sept_core").exists()
    (checkout / "assets" / "curate" / "model" / "keys.js").write_text("edited")
    script = (
        "import site, sys; known = {*sys.path}\n"
        f"site.addsitedir({str(site)!r})\n"
        "sys.path[:0] = [place for place in sys.path if place not in known]\n"
        "from pages.shared import asset_tree\n"
        "print(asset_tree.find(asset_tree.current().digest, 'curate/model/keys.js').data.decode())"
    )
    command = [sys.executable, "-I", "-c", script]
    read = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert read.stdout.strip() == "edited", read.stderr
