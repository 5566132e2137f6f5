"""Rejected files and feature rows: counted on the last line, listed with reasons, kept as csv."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from in_process import run, said

from sept_core.services.data import file_outcomes
from sept_core.services.project import projects


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_pool_status_lists_each_rejected_file_with_its_reason(
    project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rejected.csv"
    told = said("pool", "status", project, "--out", out)
    assert "broken.jpg" in told and "the header of this JPEG is broken" in told
    assert "Wrote 1 row" in told
    (row,) = rows_of(out)
    assert (row["source"], row["rel_path"], row["state"]) == ("shapes", "broken.jpg", "rejected")
    found = json.loads(said("pool", "status", project, "--json"))
    assert {"pool", "sources", "rejected"} <= set(found)
    assert [row["rel_path"] for row in found["rejected"]] == ["broken.jpg"]
    again = run("pool", "status", project, "--out", out)
    assert again.exit_code == 1 and "exists; choose another name" in str(again.exception)


def reject(project: Path, names: str, reason: str = "not an image") -> None:
    """As an embedding would leave the files whose path is like `names`."""
    with projects.opened(project) as opened:
        opened.db.execute(
            "UPDATE files SET state = 'rejected', reason = ?, uid = NULL WHERE rel_path LIKE ?",
            [reason, names],
        )


def test_target_status_lists_states_splits_and_reasons(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(small_data / "target", mine)
    (mine / "train" / "red" / "=bad.png").write_bytes(b"no image")
    said("target", "add", project, "mine", mine)
    reject(project, "%=bad.png")
    told = said("target", "status", project, "mine")
    assert "=bad.png" in told and "train 13" in told and "toys" not in told
    found = json.loads(said("target", "status", project, "--json"))
    assert [entry["name"] for entry in found["targets"]] == ["toys", "mine"]
    assert [(row["source"], row["split"]) for row in found["rejected"]] == [("mine", "train")]
    said("target", "status", project, "--out", tmp_path / "t.csv")
    assert rows_of(tmp_path / "t.csv")[0]["rel_path"] == "train/red/=bad.png"
    unknown = run("target", "status", project, "nobody")
    assert unknown.exit_code == 1 and "toys, mine" in str(unknown.exception)


def test_long_lists_are_cut_for_people_only(project: Path) -> None:
    reject(project, "grey/%")
    reject(project, "green/%")
    told = said("pool", "status", project)
    assert "and 31 more; list all with --out FILE.csv" in told
    assert len(json.loads(said("pool", "status", project, "--json"))["rejected"]) == 81


def test_the_last_line_of_a_listing_counts_the_rejected(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    last = said("pool", "add", project, "shapes", small_data / "pool").splitlines()[-1]
    assert last.startswith("163 files in shapes, 1 rejected. For the reasons: sept pool status")
    last = said("target", "add", project, "toys", small_data / "target").splitlines()[-1]
    assert last == "21 files in toys, 0 rejected."


def test_a_source_of_nothing_but_rejected_files_fails(project: Path, small_data: Path) -> None:
    reject(project, "%.%")
    words = ("pool", "add", project, "shapes", small_data / "pool")
    again = run(*words)
    assert again.exit_code == 1
    assert "All files of shapes are rejected (163; first: again.png: not" in str(again.exception)
    asked = run(*words, "--json")
    assert asked.exit_code == 1 and json.loads(asked.stdout)["unchanged"] == 163


def features(folder: Path, bad: int, count: int = 6) -> Path:
    folder.mkdir()
    vectors = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    vectors[:bad] = 0
    np.save(folder / "v.npy", vectors)
    pq.write_table(
        pa.table({"path": [f"red/{n:02d}.png" for n in range(count)]}), folder / "v.parquet"
    )
    return folder


def test_rejected_feature_rows_are_listed_with_reasons_and_kept(
    project: Path, tmp_path: Path
) -> None:
    given = features(tmp_path / "given", bad=2)
    told = said("features", "import", project, given, "--name", "theirs").splitlines()
    assert told[0].startswith("Imported 4 vectors")
    assert told[-1].startswith("2 rows rejected. For the reasons: sept features status")
    said("features", "import", project, given, "--name", "theirs")
    shown = said("features", "status", project, "--out", tmp_path / "rows.csv")
    assert shown.count("zero vector") == 2 and "red/01.png" in shown
    assert [(row["collection"], row["key"], row["reason"]) for row in rows_of(tmp_path / "rows.csv")
            ] == [("pool", f"red/0{n}.png", "zero vector") for n in (0, 1)]  # fmt: skip
    found = json.loads(said("features", "status", project, "--json"))
    assert len(found["rejected"]) == 2 and len(found["encoders"]) == 2


def test_an_import_of_nothing_but_rejected_rows_fails(project: Path, tmp_path: Path) -> None:
    given = features(tmp_path / "given", bad=3, count=3)
    found = run("features", "import", project, given, "--name", "theirs")
    assert found.exit_code == 1
    assert "are rejected (3; first: red/00.png: zero vector)" in str(found.exception)
    with projects.opened(project) as opened:
        assert projects.find_encoder(opened, None).startswith("bundled"), "the usable one stays"
        assert file_outcomes.feature_rows(opened).num_rows == 3
