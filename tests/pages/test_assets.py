"""The app's scripts: their routes, and their unit tests, which node runs."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.shared import access, asset_tree, routes
from sept_core import auth
from sept_core.storage import app_files

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "assets"
IMPORT = re.compile(r'^(?:import|export) .*?from "([^"]+)"', re.MULTILINE | re.DOTALL)
NODE = shutil.which("node")


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(routes=routes.ROUTES, middleware=routes.MIDDLEWARE)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the assets that the test may edit."""
    folder = tmp_path / "assets"
    shutil.copytree(ASSETS, folder, ignore=shutil.ignore_patterns("bundled"))
    monkeypatch.setattr(app_files, "assets", lambda: folder)
    monkeypatch.setattr(asset_tree, "CHECK_SECONDS", 0.0)
    return folder


def test_a_click_does_not_look_at_the_folder_again(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asset_tree, "CHECK_SECONDS", 1e9)
    before = asset_tree.current()
    (copy / "curate" / "look.js").write_text("// edited\n")
    assert asset_tree.current() is before
    monkeypatch.setattr(asset_tree, "CHECK_SECONDS", 0.0)
    assert asset_tree.current().digest != before.digest


def _imported(name: str, text: str) -> set[str]:
    """Return the files that a module imports, by their path below `assets/`."""
    folder = (ASSETS / name).parent
    return {str((folder / path).resolve().relative_to(ASSETS)) for path in IMPORT.findall(text)}


def test_every_module_is_reached_from_the_address_and_lasts(client: TestClient) -> None:
    base, _, entry = asset_tree.address().rpartition("/")
    seen: set[str] = set()
    waiting = {entry}
    while waiting:
        seen.add(name := waiting.pop())
        answer = client.get(f"{base}/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in answer.headers["cache-control"]
        waiting |= _imported(name, answer.text) - seen
    assert seen == {path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js")}
    style = client.get(f"{base}/curate/grid.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "", "curate", "curate/", "curate/nothing.js", "package.json", "login.html", "icon.svg",
        "bundled/card.json", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "curate/../../app.py",
        "%2fetc%2fpasswd", "/etc/passwd", "curate%5cindex.js", "curate/index.js%00",
        "CURATE/INDEX.JS",
    ],
)  # fmt: skip
def test_nothing_but_scripts_and_styles_is_served(client: TestClient, path: str) -> None:
    base = asset_tree.address().removesuffix(asset_tree.ENTRY)
    answer = client.get(base + path)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


def test_only_get_and_only_known_trees(client: TestClient) -> None:
    assert client.post(asset_tree.address()).status_code == 405
    for version in ("0" * 32, "", "-", asset_tree.current().digest[:-1]):
        answer = client.get(f"/assets/{version}/{asset_tree.ENTRY}")
        assert (answer.status_code, answer.headers.get("cache-control")) in (
            (404, "no-store"),
            (404, None),  # no route at all
        )


def test_an_edit_gives_another_address_and_the_new_text(client: TestClient, copy: Path) -> None:
    before = asset_tree.address()
    assert asset_tree.address() == before
    module = copy / "curate" / "model" / "keys.js"
    module.write_text(module.read_text() + "// edited\n")
    after = asset_tree.address()
    assert after != before
    old, edited = (at.replace(asset_tree.ENTRY, "curate/model/keys.js") for at in (before, after))
    assert client.get(edited).text.endswith("// edited\n")
    assert client.get(old).text == (ASSETS / "curate" / "model" / "keys.js").read_text(), (
        "an old address keeps its content"
    )
    (copy / "shared" / "more.css").write_text("")
    assert asset_tree.address() not in (before, after), "an added file also changes the address"
    assert client.get(old).status_code == 404, "two trees are kept"


def test_with_a_login_an_address_carries_a_token_in_its_path(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = asset_tree.address()
    monkeypatch.setattr(access, "LOGIN", auth.Login("oidc", ("ada@example.org",)))
    address = asset_tree.address()
    assert client.get(address).status_code == 200
    module = address.replace(asset_tree.ENTRY, "curate/index.js")
    assert client.get(module).status_code == 200, "the address of a relative import"
    digest, _, token = address.split("/")[2].partition(".")
    project = access.signature("demo-1a2b3c")
    for version in (digest, f"{digest}.", f"{digest}.1-abc", f"{digest}.{project}", f".{token}x"):
        answer = client.get(f"/assets/{version}/{asset_tree.ENTRY}")
        assert (answer.status_code, answer.headers["cache-control"]) == (403, "no-store"), version
    assert client.get(bare).status_code == 403


def test_modules_without_a_page_touch_none() -> None:
    """Modules under node tests hold logic only and create no elements."""
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "assets").glob("*.mjs"))
    names = {Path(path).relative_to("../../assets").as_posix() for path in IMPORT.findall(tests)
             if path.startswith("../../assets")}  # fmt: skip
    for name in names:
        assert not re.search(r"\b(document|window)\.", (ASSETS / name).read_text()), name


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_the_modules_pass_their_own_tests() -> None:
    assert NODE
    files = sorted(map(str, (ROOT / "tests" / "assets").glob("*.test.mjs")))
    assert files
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
