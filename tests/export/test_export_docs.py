"""docs/formats.md names every format, and its snippets run on real exports."""

import importlib.util
import re
from pathlib import Path

import pytest
from export_world import World, pool_features

from sept_core.export import formats, run
from sept_core.manifest import manifest_tables

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
SECTIONS = dict(re.findall(r"^## ([\w, -]+).*?\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
SNIPPETS = {
    name: match[1]
    for name, text in SECTIONS.items()
    if (match := re.search(r"```python\n(.*?)```", text, re.S))
}


def test_every_format_has_its_section() -> None:
    named = [name for title in SECTIONS for name in title.split(", ")]
    assert named == list(formats.FORMATS)


def test_every_column_is_named() -> None:
    assert all(f"`{name}`" in SECTIONS["native"] for name in manifest_tables.SCHEMA.names)
    assert all(f"`{name}`" in SECTIONS["native"] for name in manifest_tables.UNHASHED)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of webdataset
@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet_runs(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for library in re.findall(r"^(?:import|from) (\w+)", SNIPPETS[name], re.M):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    options: dict[str, object] = {}
    if name == "ssl-data-curation":
        options = {"pool_features": pool_features(tmp_path / "pool", world.uids)}
    if "labels" in formats.FORMATS[name].needs:
        options = {"labels": dict.fromkeys(world.manifest.rows["target_uid"].to_pylist(), "a")}
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run.export(world.manifest, name, Path(f"subset{formats.FORMATS[name].suffix}"), options=options)
    scope: dict[str, object] = {}
    exec(compile(SNIPPETS[name], f"docs/formats.md: {name}", "exec"), scope)
    if name == "native":
        assert scope["first"] == world.images[world.uids[0]]
    if name == "ssl-data-curation":
        assert [uid.decode() for uid in scope["uids"]] == world.uids  # type: ignore[attr-defined]
    if name in ("csv", "jsonl", "txt", "flat"):
        found = next(scope[key] for key in ("paths", "rows", "sizes") if key in scope)
        assert len(found) == len(world.uids)  # type: ignore[arg-type]
