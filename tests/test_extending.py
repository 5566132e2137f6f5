"""docs/extending.md, followed to the letter on a copy of the code, and used on a small project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import tables

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "extending.md").read_text()
CREATED = re.findall(r"^Create `([^`]+)`:\n\n```python\n(.*?)^```", GUIDE, re.M | re.S)
ADDED = re.findall(
    r'^In `([^`]+)`, add to `\w+` above `"([\w-]+)"`:\n\n```python\n(.*?)^```', GUIDE, re.M | re.S
)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with all that the guide adds."""
    copy = tmp_path_factory.mktemp("extended")
    for name in ("sept_core", "pages"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("app.py", "assets", "benchmarks", "docs", "README.md"):
        (copy / name).symlink_to(ROOT / name)
    for file, code in CREATED:
        assert not (copy / file).exists()
        (copy / file).write_text(code)
    for file, name, code in ADDED:
        (copy / file).write_text(_above(name, code, (copy / file).read_text()))
    return copy


def _above(name: str, record: str, text: str) -> str:
    """The text of a module with a record above the one of that name."""
    place = text.index(f'\n    "{name}": ') + 1
    return text[:place] + record + text[place:]


def _run(extended: Path, *words: object) -> str:
    command = [sys.executable, *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(extended)}
    done = subprocess.run(command, env=environment, cwd=extended, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_adds_one_of_each() -> None:
    assert len(CREATED) == len(ADDED) == 5
    named = re.findall(r"^\| an? .*\| `([^`]+)` \| `\w+` in `([^`]+)` \|$", GUIDE, re.M)
    assert [file for _, file in named] == [file for file, _, _ in ADDED]
    for (folder, _), (file, _) in zip(named, CREATED, strict=True):
        assert file.startswith(folder)


def test_what_the_guide_adds_passes_the_linter(extended: Path) -> None:
    files = [extended / file for file, *_ in (*CREATED, *ADDED)]
    config = ("--config", ROOT / "pyproject.toml", "--no-cache")
    _run(extended, "-m", "ruff", "check", *config, *files)
    _run(extended, "-m", "ruff", "format", "--check", *config, *files)


def test_encoder_strategy_and_format_are_used(
    extended: Path, project: Path, tmp_path: Path
) -> None:
    told = json.loads(
        _run(extended, "-m", "sept_core", "embed", project, "--encoder", "thumbnail", "--json")
    )
    assert told["encoder_id"].startswith("thumbnail-")
    encoder = json.loads((project / "features" / told["encoder_id"] / "encoder.json").read_text())
    assert (encoder["spec"], encoder["dim"], encoder["kind"]) == ("thumbnail", 192, "hand-made")
    classic = next(p.name for p in (project / "features").glob("bundled-classic-*"))
    asked = ("--target", "toys", "--budget", 7, "--encoder", classic, "--strategy", "nearest")
    made = json.loads(_run(extended, "-m", "sept_core", "select", project, *asked, "--json"))
    out = tmp_path / "page"
    words = (made["selection"], "--format", "gallery", "--out", out)
    _run(extended, "-m", "sept_core", "export", project, *words)
    page = re.findall(r'<img src="(images/[0-9a-f]{32}\.png)">', (out / "index.html").read_text())
    assert len(page) == 7 and all((out / name).is_file() for name in page)


USE = """
import sys
import torch
from torch import nn
from streamlit.testing.v1 import AppTest

from benchmarks import tables
from pages.shared import run_form, study_form
from sept_core.cli import curate, options
from sept_core.encoders import registry
from sept_core.encoders.families import RECOMMENDED
from sept_core.errors import EncoderError
from sept_core.export import formats
from sept_core.pretrain import settings
from sept_core.pretrain.methods.method import build

# Menus, help texts, errors and tables name what was added.
assert "thumbnail" in RECOMMENDED and registry.describe("thumbnail") == RECOMMENDED["thumbnail"]
assert "thumbnail" in options.EncoderSpec.__metadata__[0].help
try:
    registry.describe("thumbnails")
except EncoderError as problem:
    assert "thumbnail," in str(problem)
assert "nearest" in study_form.CURATED and "nearest: Ranks" in curate._STRATEGY_HELP
assert formats.snippets("gallery", __import__("pathlib").Path("/a b"))[0].text.endswith(
    "'/a b/index.html'"
)
assert all(
    f"`{name}`" in table()
    for name, table in zip(
        ("thumbnail", "nearest", "gallery", "rotnet", "pages/data/sources.py"),
        tables.TABLES.values(),
        strict=True,
    )
)

# The method trains.
chosen = settings.defaults("rotnet", "resnet10-tiny", 100)
torch.manual_seed(0)
method = build(nn.Sequential(nn.Flatten(), nn.Linear(12, 6)), 6, chosen)
loss, features = method([torch.randn(8, 3, 2, 2)])
loss.backward()
assert features.shape == (8, 6) and method.head.weight.grad.abs().sum() > 0

# The page is in the menu and draws.
app = AppTest.from_file("app.py", default_timeout=60).run()
app.switch_page("pages/data/sources.py").run()
assert not app.exception and not app.error
assert app.title[0].value == "Sources" and app.dataframe[0].value["Source"].tolist() == ["shapes"]
"""


def test_menus_help_method_and_page_are_used(
    extended: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_PROJECT", str(prepared))
    (extended / "use.py").write_text(USE)
    _run(extended, "use.py")


@pytest.mark.parametrize("path", tables.DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_made_of_the_records(path: Path) -> None:
    text = path.read_text()
    assert tables.updated(text) == text, "run python -m benchmarks.tables"


def test_every_table_is_in_the_documents() -> None:
    text = (ROOT / "docs" / "choices.md").read_text()
    assert all(f"<!-- table: {name} -->" in text for name in tables.TABLES)
