"""Projects of every earlier schema open with nothing lost; see tests/fixtures/make_fixture.py."""

import json
import shutil
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_project import sept

from sept_core import errors
from sept_core.catalogue import decision_table, image_table, migrations, place_table
from sept_core.services.curate import decisions, selections
from sept_core.services.data import collections, image_server
from sept_core.services.project import backups, project_check, projects

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("schema-*.zip"))


def unpacked(fixture: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    with zipfile.ZipFile(fixture) as archive:
        archive.extractall(folder)
    return folder / "project", json.loads((folder / "expected.json").read_text())


def test_there_is_a_fixture_of_every_schema() -> None:
    numbers = [int(path.stem.removeprefix("schema-")) for path in FIXTURES]
    assert numbers == list(range(1, len(migrations.MIGRATIONS) + 1))


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_an_old_project_keeps_everything(fixture: Path, tmp_path: Path) -> None:
    project, expected = unpacked(fixture, tmp_path)
    with projects.opened(project) as opened:
        steps = opened.db.execute("SELECT step, name FROM migrations ORDER BY step").fetchall()
        assert steps == [(n, name) for n, (name, _) in enumerate(migrations.MIGRATIONS, 1)]
        log = [
            [e["position"], e["at"], e["who"], e["action"], e["scope"], e["reason"], e["uids"],
             e["undoes"]]
            for e in decision_table.log(opened.db)
        ]  # fmt: skip
        assert log == expected["decisions"] and len(log) == 3
        standing = [e["position"] for e in decisions.history(opened, ["things"]) if e["stands"]]
        assert standing == [1, 3], "the undone pin stays undone"
        rows = opened.db.execute(
            "SELECT rel_path, size, label, split, state, reason, uid FROM files ORDER BY ALL"
        ).fetchall()
        assert [list(row) for row in rows] == [in_truth(row, expected) for row in expected["files"]]
        picked = selections.picks(opened, expected["selection"])
        assert picked["uid"].to_pylist() == expected["picks"]
        found = selections.find(opened, expected["selection"])
        assert found["older_than_decisions"]
        assert found["older_than_pool"] == came_back(expected)
        assert backups.write(opened, tmp_path / "saved.gz")["decisions"] == 3
        whole = decision_table.log(opened.db)
    assert backups.restore(tmp_path / "again", tmp_path / "saved.gz")["decisions"] == 3
    with projects.opened(tmp_path / "again") as opened:
        assert decision_table.log(opened.db) == whole


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_work_goes_on_in_an_old_project(fixture: Path, tmp_path: Path) -> None:
    project, expected = unpacked(fixture, tmp_path)
    kinds = {finding.kind for finding in project_check.check(project)}
    assert kinds <= {"source"}, "its images lay elsewhere; all else is whole"
    with projects.opened(project) as opened:
        for role, name, place in places(expected):
            report = collections.move(opened, role, name, tmp_path / "data" / place)
            assert report.gone == 0
    left = [name for name, word in expected.get("truth", {}).items() if name == "missing.png"]
    done = sept("embed", project, "--retry-for", "0")
    assert done.returncode == len(left), done.stderr
    assert not left or "1 file could not be read" in done.stderr, "it is named and was never there"
    with projects.opened(project) as opened:
        counts = projects.status(opened).json()
        truth = Counter(expected.get("truth", {"broken.png": "rejected"}).values())
        assert counts["pool"]["waiting"] == 0 and counts["pool"]["unreadable"] == len(left)
        assert counts["pool"]["rejected"] == truth["rejected"]
        assert counts["targets"][0]["ok"] == counts["targets"][0]["images"]
    done = sept("prepare", project)
    assert done.returncode == 0, done.stderr
    with projects.opened(project) as opened:
        record = selections.find(opened, expected["selection"])
        asked = selections.request_of(opened, record)
        if "truth" in expected:  # its held-out image that came back is not embedded with that fit
            with pytest.raises(errors.LeakError, match="1 images have no features"):
                selections.select(opened, replace(asked, guard=True))
            asked = replace(asked, guard=False)
        again = selections.select(opened, asked)
        assert set(selections.picks(opened, again["id"])["uid"].to_pylist()).isdisjoint(
            expected["decisions"][0][6]
        )


def places(expected: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Role and name of each source and target set, and where its files lie below `data`."""
    pool = expected.get("sources", {"pool": "pool"})
    return [*(("pool", *pair) for pair in pool.items()), ("target", "things", "target")]


def in_truth(row: list[Any], expected: dict[str, Any]) -> list[Any]:
    """A file as it should be known: only what its bytes or its name prove is a rejection."""
    rel_path, size, label, split, state, reason, uid = row
    word = expected.get("truth", {}).get(rel_path)
    if word == "no features":
        return [rel_path, size, label, split, "ok", None, uid]
    return [rel_path, size, label, split, word or state, reason, uid]


def came_back(expected: dict[str, Any]) -> bool:
    """Return True if an image that one encoder had removed from the pool is in it again."""
    return any(
        row[4] == "rejected" and in_truth(row, expected)[4] == "ok" for row in expected["files"]
    )


RICH = [fixture for fixture in FIXTURES if fixture.stem not in ("schema-1",)]


@pytest.mark.parametrize("fixture", RICH, ids=lambda path: path.stem)
def test_an_image_that_one_encoder_removed_is_back_with_what_is_known_of_it(
    fixture: Path, tmp_path: Path
) -> None:
    project, expected = unpacked(fixture, tmp_path)
    [black] = [row[-1] for row in expected["files"] if row[0] == "black.png"]
    with projects.opened(project) as opened:
        assert black.encode() in image_table.eligible(opened.db)
        [place] = place_table.locations(opened.db, [black]).to_pylist()
        assert (place["sha256"][:32], place["width"], place["height"]) == (black, 20, 20)
        by_encoder = {e["id"]: e["no_features"] for e in projects.encoders(opened)}
        assert sorted(by_encoder.values()) == [0, 1]
        [row] = collections.featureless(opened).to_pylist()
        assert (row["rel_path"], by_encoder[row["encoder"]]) == ("black.png", 1)
        assert "length 0" in row["reason"]
        assert serving_bytes(opened, black) is None, "its file lay elsewhere"


@pytest.mark.parametrize("fixture", RICH, ids=lambda path: path.stem)
def test_old_shards_that_are_adopted_again_are_told_by_the_same_rule(
    fixture: Path, tmp_path: Path
) -> None:
    """As after a restore: the files are listed anew, the features are the old ones."""
    project, _ = unpacked(fixture, tmp_path)
    with projects.opened(project) as opened:
        states = opened.db.execute(STATES).fetchall()
        opened.db.execute(
            "UPDATE files SET state = 'waiting', reason = NULL, uid = NULL, decoder = NULL "
            "WHERE decoder IS NOT NULL OR state IN ('ok', 'unreadable')"
        )
        opened.db.execute("DELETE FROM adopted; DELETE FROM images; DELETE FROM featureless")
        projects.adopt(opened)
        again = opened.db.execute(STATES).fetchall()
        known = [row for row in states if row[0] != "missing.png"]
        assert [row for row in again if row[0] != "missing.png"] == known
        assert collections.featureless(opened).num_rows == 1


STATES = "SELECT rel_path, member, state, reason, uid FROM files ORDER BY ALL"


def serving_bytes(project: projects.Project, uid: str) -> bytes | None:
    try:
        return image_server.ImageServer(project.paths.root).image(uid).data
    except errors.NotFoundError:
        return None


@pytest.mark.parametrize("fixture", FIXTURES[:-1], ids=lambda path: path.stem)
def test_a_migration_that_fails_leaves_the_catalogue_as_it_was(
    fixture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = unpacked(fixture, tmp_path)
    shutil.copy(project / "catalogue.duckdb", tmp_path / "before.duckdb")
    broken = [*migrations.MIGRATIONS[:-1], ("broken", "DELETE FROM decisions; SELECT nonsense")]
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    with pytest.raises(duckdb.Error), projects.opened(project):
        pass
    monkeypatch.undo()
    with duckdb.connect(str(project / "catalogue.duckdb")) as db:
        assert db.execute("SELECT count(*) FROM decisions").fetchall() == [(3,)]
