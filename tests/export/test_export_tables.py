"""Lists of images: every value comes back, hostile names included."""

import csv
import json
from pathlib import Path

from export_world import HOSTILE, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sept_core.export import run, tables
from sept_core.manifest import manifest, manifest_tables


def _unescaped(cell: str) -> str:
    """As docs/formats.md tells readers to do it."""
    return cell.removeprefix("'")


def test_native_export_is_the_same_manifest(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "native", tmp_path / "out")
    again = manifest.read(tmp_path / "out")
    assert again.rows.equals(world.manifest.rows)
    assert again.header == world.manifest.header
    assert again.roots() == world.roots


def test_csv_gives_back_every_name(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "csv", tmp_path / "subset.csv")
    with (tmp_path / "subset.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["uid"] for row in rows] == world.uids
    assert [_unescaped(row["rel_path"]) for row in rows[:8]] == list(HOSTILE)
    for row, data in zip(rows[:8], world.images.values(), strict=False):
        assert Path(_unescaped(row["path"])).read_bytes() == data
    assert [(row["path"], row["shard"], row["key"]) for row in rows[8:]] == [
        ("", "a.zip", "in/20.jpg"),
        ("", "a.zip", "in/21.jpg"),
        ("", "00000.tar", "000007.png"),
    ]


def test_no_csv_cell_starts_a_formula(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "csv", tmp_path / "subset.csv")
    with (tmp_path / "subset.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=cmd|' calc'!A0.gif" in cells
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_csv_cells_round_trip(tmp_path: Path, cells: list[str]) -> None:
    path = tmp_path / "x.csv"
    columns = [f"c{number}" for number in range(len(cells))]
    tables.write_csv(path, columns, [dict(zip(columns, cells, strict=True))])
    with path.open(newline="", encoding="utf-8") as file:
        assert [_unescaped(cell) for cell in list(csv.reader(file))[1]] == cells


def test_jsonl_holds_the_exact_rows(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "jsonl", tmp_path / "subset.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "subset.jsonl").read_text().splitlines()]
    paths = [row.pop("path") for row in rows]
    assert rows == world.manifest.rows.to_pylist()
    assert paths == [str(world.path(name)) for name in HOSTILE] + [""] * 3


def test_txt_gives_a_trainer_every_image(world: World, tmp_path: Path) -> None:
    result = run.export(world.manifest, "txt", tmp_path / "subset.txt")
    paths = [Path(line) for line in (tmp_path / "subset.txt").read_text().splitlines()]
    assert [path.read_bytes() for path in paths] == list(world.images.values())
    assert all(path.is_absolute() for path in paths)
    copied = [path for path in paths if path.parent == tmp_path / "subset-images"]
    assert len(copied) == 4  # three in archives, one with a newline in its name
    assert result["copied"] == 4


def test_txt_of_plain_files_needs_no_folder(world: World, tmp_path: Path) -> None:
    only = world.manifest.rows.slice(0, 2)
    plain = manifest.write(
        tmp_path / "plain",
        only,
        manifest_tables.LOCATIONS.empty_table(),
        manifest_tables.GUARD.empty_table(),
        world.manifest.header | {"guard": {"state": "off"}},
        world.roots,
    )
    run.export(plain, "txt", tmp_path / "p.txt")
    assert not (tmp_path / "p-images").exists()
