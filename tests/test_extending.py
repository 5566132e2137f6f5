"""docs/extending.md, followed to the letter on a copy of the code, and used on a small project."""

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
    shutil.copy(ROOT / "app.py", copy)
    for name in ("assets", "benchmarks", "docs", "README.md"):
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


def _run(extended: Path, *words: object) -> None:
    command = [sys.executable, *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(extended)}
    done = subprocess.run(command, env=environment, cwd=extended, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


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


def test_what_the_guide_adds_is_used(
    extended: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_PROJECT", str(project))
    _run(extended, Path(__file__).with_name("use_extensions.py"), project, tmp_path / "page")


@pytest.mark.parametrize("path", tables.DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_made_of_the_records(path: Path) -> None:
    text = path.read_text()
    assert tables.updated(text) == text, "run python -m benchmarks.tables"


def test_every_table_is_in_the_documents() -> None:
    text = (ROOT / "docs" / "choices.md").read_text()
    assert all(f"<!-- table: {name} -->" in text for name in tables.TABLES)
