"""Decisions in and out: files of other tools, the preview, the log, and a round trip."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_project import sept

from sept_core import errors
from sept_core.catalogue import place_table
from sept_core.services.curate import decision_export, decision_file, decision_import, decisions
from sept_core.services.project import projects


def uid_of(project: Path, path: str) -> str:
    with projects.opened(project) as opened:
        rows = place_table.keys(opened.db, "pool").to_pylist()
    return next(row["uid"] for row in rows if row["rel_path"] == path)


def previewed(
    project: Path, file: Path, *, decision: str = "", words: dict[str, str] | None = None
) -> decision_import.Preview:
    with projects.opened(project) as opened:
        read = decision_file.read(file, words, decision)
        return decision_import.preview(opened, ["toys"], read)


def test_every_row_has_an_outcome(project: Path, small_data: Path, tmp_path: Path) -> None:
    kept = uid_of(project, "green/05.png")
    assert sept("keep", project, kept, "--target", "toys").returncode == 0
    rows = [
        ("path", "decision", "reason", "who"),
        ("red/01.png", "veto", "=blurred", "ana"),  # by path
        (str(small_data / "pool" / "red" / "02.png"), "Pin", "", ""),  # by absolute path
        ("/elsewhere/pool/red/03.png", "negative", "", ""),  # by the end of the path
        (f"data/{uid_of(project, 'red/04.png')}.png", "keep", "", ""),  # as SEPT exports name it
        ("near copy.jpg", "veto", "", ""),
        ("red/01.png", "veto", "", ""),  # again
        ("green/05.png", "veto", "", ""),  # kept in the project
        ("blue/06.png", "veto", "", ""),
        ("blue/06.png", "keep", "", ""),
        ("09.png", "veto", "", ""),  # in four folders
        ("nowhere.png", "veto", "", ""),
        ("blue/08.png", "", "", ""),
        ("blue/09.png", "maybe", "", ""),
    ]
    file = tmp_path / "decided.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    shown = previewed(project, file)
    assert shown.counts == {
        "new": 5, "conflict": 1, "repeated": 1, "contradiction": 2, "undecided": 1,
        "not found": 1, "ambiguous": 1, "invalid": 1,
    }  # fmt: skip
    assert sum(shown.counts.values()) == len(rows) - 1
    assert [row.way for row in shown.planned] == ["path", "path", "end", "uid", "path"]
    with projects.opened(project) as opened:
        decision_import.commit(opened, shown)
        made = decisions.history(opened, ["toys"])
        with pytest.raises(errors.InputError, match="preview the file again"):
            decision_import.commit(opened, shown)
        again = decision_import.preview(opened, ["toys"], shown.file)
        assert not again.planned and again.counts["same"] == 5
        replacing = decision_import.preview(opened, ["toys"], shown.file, replacing=True)
        assert replacing.counts["replaces"] == 1
    signed = {(event["action"], event["who"], event["reason"]) for event in made}
    assert ("veto", "ana", "=blurred") in signed


def test_command_previews_and_imports_with_yes(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "decided.jsonl"
    file.write_text('{"file_name": "red/01.png", "verdict": "veto"}\n{"file_name": "x.png"}\n')
    words = ("decide", project, "--target", "toys", "--from", file)
    shown = sept(*words)
    assert shown.returncode == 0, shown.stderr
    assert "to import" in shown.stdout and "x.png" in shown.stdout and "--yes" in shown.stderr
    assert json.loads(sept("history", project, "--target", "toys", "--json").stdout) == {
        "events": []
    }
    saved = tmp_path / "outcomes.csv"
    done = sept(*words, "--yes", "--outcomes", saved)
    assert "Imported 1 decision" in done.stdout, done.stderr
    assert [row["outcome"] for row in csv.DictReader(saved.read_text().splitlines())] == [
        "new",
        "undecided",
    ]
    listed = sept("decisions", project, "--target", "toys")
    assert "red/01.png" in listed.stdout


def test_a_row_is_imported_for_the_target_set_that_it_names(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    added = sept("target", "add", project, "others", small_data / "target")
    assert added.returncode == 0, added.stderr
    rows = [
        {"path": "red/01.png", "decision": "veto", "target": "toys"},
        {"path": "red/01.png", "decision": "keep", "target": "others"},
        {"path": "red/02.png", "decision": "veto", "target": "toys"},
        {"path": "red/02.png", "decision": "veto"},
        {"path": "red/03.png", "decision": "pin"},
        {"path": "red/03.png", "decision": "pin", "target": "toys"},
        {"path": "red/04.png", "decision": "pin", "target": "toys"},
        {"path": "red/04.png", "decision": "veto"},
    ]
    file = tmp_path / "decided.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    names = ["toys", "others"]
    with projects.opened(project) as opened:
        shown = decision_import.preview(opened, names, decision_file.read(file))
        assert shown.counts == {"new": 5, "repeated": 1, "contradiction": 2}
        done = decision_import.commit(opened, shown)
        assert done.imported == 5
        made = {
            name: {(row["path"], row["decision"]) for row in
                   decision_export.table(opened, [name]).to_pylist()}
            for name in names
        }  # fmt: skip
    both = {("red/02.png", "veto"), ("red/03.png", "pin")}
    assert made == {"toys": both | {("red/01.png", "veto")},
                    "others": both | {("red/01.png", "keep")}}  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_round_trip(project: Path, prepared: Path, tmp_path: Path, suffix: str) -> None:
    red, blue, green = (uid_of(project, f"{hue}/07.png") for hue in ("red", "blue", "green"))
    with projects.opened(project) as opened:
        who = {"who": "=ana"}
        decisions.decide(opened, ["toys"], "pin", [red, blue], reason="-clear", **who)
        decisions.decide(opened, ["toys"], "veto", [green], scope="group", reason="text, “x”")
        decisions.decide(opened, ["toys"], "pin", [uid_of(project, "red/01.png")])
        own = next(iter(place_table.keys(opened.db, "target")["uid"].to_pylist()))
        decisions.decide(opened, ["toys"], "veto", [own], scope="target")
        written = decision_export.write(
            decision_export.table(opened, ["toys"]), tmp_path / f"out{suffix}"
        )
        before = decision_export.table(opened, ["toys"]).drop_columns("at")
        last = len(decisions.history(opened, ["toys"]))
        decisions.undo(opened, ["toys"], to=0)
        assert decision_export.table(opened, ["toys"]).num_rows == 0 and last == 4
        shown = decision_import.preview(opened, ["toys"], decision_file.read(written))
        assert shown.counts == {"new": 5}, shown.rows
        decision_import.commit(opened, shown)
        after = decision_export.table(opened, ["toys"]).drop_columns("at")
    key = [("uid", "ascending"), ("scope", "ascending")]
    assert after.sort_by(key) == before.sort_by(key)
    pins = [row["uid"] for row in after.to_pylist() if row["decision"] == "pin"]
    assert pins == [red, blue, uid_of(project, "red/01.png")]


def test_tags_of_fiftyone(project: Path, small_data: Path, tmp_path: Path) -> None:
    samples = [
        {"_id": {"$oid": "1"}, "filepath": "data/a", "tags": []},
        {"filepath": str(small_data / "pool/red/01.png"), "tags": ["blurry", "train"],
         "ground_truth": {"_cls": "Detections", "detections": [{"label": "x", "tags": ["veto"]}]}},
        {"filepath": str(small_data / "pool/red/02.png"), "tags": ["keep"]},
        {"filepath": str(small_data / "pool/red/03.png"), "tags": ["keep", "blurry"]},
        {"filepath": str(small_data / "pool/red/04.png"), "tags": ["train"]},
    ]  # fmt: skip
    folder = tmp_path / "fiftyone"
    folder.mkdir()
    (folder / "metadata.json").write_text("{}")
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))
    shown = previewed(project, folder, words={"blurry": "veto"})
    assert shown.counts == {"new": 2, "undecided": 2, "invalid": 1}
    assert [row.line.decision for row in shown.planned] == ["veto", "keep"]
    assert shown.planned[0].line.reason == "tag: blurry"
    assert shown.file.unmapped == {"train": 2}
    table = tmp_path / "labels.csv"
    table.write_text('filepath,tags\nred/01.png,"blurry,train"\nred/02.png,"[\'keep\']"\n')
    assert previewed(project, table, words={"blurry": "veto"}).counts == {"new": 2}
    with pytest.raises(errors.InputError, match="--map blurry=veto"):
        (tmp_path / "tags.jsonl").write_text('{"filepath": "a.png", "tags": ["blurry"]}')
        decision_file.read(tmp_path / "tags.jsonl")


def test_paths_of_one_tag_as_lightlystudio_exports_them(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    names = ("red/01.png", "blue/02.png", "near copy.jpg")
    file = tmp_path / "pool_exported_2026-12-01 02:45:49.000000+00:00.txt"
    file.write_text("\n".join(str(small_data / "pool" / name) for name in names))
    shown = previewed(project, file, decision="veto")
    assert shown.counts == {"new": 3} and shown.ways == {"path": 3}
    with pytest.raises(errors.InputError, match="--decision"):
        decision_file.read(file)


def test_other_columns_and_lists_in_parquet(project: Path, tmp_path: Path) -> None:
    uids = [uid_of(project, f"red/0{number}.png") for number in (1, 2)]
    file = tmp_path / "tags.parquet"
    pq.write_table(
        pa.table({"uid": uids, "tags": [["pin", "x"], []], "target": ["toys", "b"]}), file
    )
    assert previewed(project, file).counts == {"new": 1, "other target": 1}
