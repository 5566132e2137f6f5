"""docs/python.md: its blocks run in order and print what stands under them."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest
import small_project
from small_project import picture, png

DOCUMENT = Path(__file__).parent.parent / "docs" / "python.md"
BLOCKS = re.compile(r"```python\n(.*?)```\n+(?:```text\n(.*?)```)?", re.DOTALL)


@pytest.fixture
def folder(small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a reader: `data` with a pool and two target sets."""
    shutil.copytree(small_data, tmp_path / "data")
    for name in ("bus", "train"):
        place = tmp_path / "data" / "vehicles" / name
        place.mkdir(parents=True)
        for number in range(4):
            (place / f"{number}.png").write_bytes(png(picture("grey", number + len(name))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_blocks_print_what_the_document_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_project.at_once(monkeypatch)
    names: dict[str, object] = {}
    blocks = BLOCKS.findall(DOCUMENT.read_text())
    assert len(blocks) > 10
    for code, expected in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, str(DOCUMENT), "exec"), names)
        assert _comparable(out.getvalue()) == _comparable(expected), code


def _comparable(text: str) -> str:
    """Measured values differ in their last digits from machine to machine; blanks with them."""
    return " ".join(re.sub(r"\d+\.\d+", "N", text).split())
