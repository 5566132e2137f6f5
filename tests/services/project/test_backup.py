"""Backup and restore: decisions survive the loss of the project."""

import gzip
import json
from pathlib import Path

import pytest
from small_project import sept

from sept_core import errors
from sept_core.catalogue import decision_table, source_table
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, groups, selections
from sept_core.services.project import backups, projects


def decide(project: Path) -> list[str]:
    """Vetoes, an undo, a pin and a group; the uids."""
    with projects.opened(project) as opened:
        rows = opened.db.execute("SELECT uid FROM images ORDER BY uid LIMIT 12").fetchall()
        uids = [uid for (uid,) in rows]
        decisions.decide(opened, ["toys"], "veto", uids[:5], reason="=SUM(A1) <b>", who="Ada")
        decisions.undo(opened, ["toys"])
        decisions.decide(opened, ["toys"], "veto", uids[5:8])
        decisions.decide(opened, ["toys"], "pin", uids[8:10])
        groups.save(opened, "corner", uids[:4])
    return uids


def test_a_new_project_from_a_backup_has_all_that_people_did(project: Path, tmp_path: Path) -> None:
    uids = decide(project)
    request = selections.Request(("toys",), SelectionSettings("instance-search", 20))
    with projects.opened(project) as opened:
        chosen = selections.select(opened, request)
        log = decision_table.log(opened.db)
        told = backups.write(opened, tmp_path / "saved.gz")
        picked = selections.picks(opened, chosen["id"])
    assert (told["decisions"], told["selections"], told["sources"]) == (4, 1, 2)
    assert told["bytes"] < 20_000, "a small file"
    again = tmp_path / "again"
    assert backups.restore(again, tmp_path / "saved.gz")["decisions"] == 4
    with projects.opened(again) as opened:
        assert decision_table.log(opened.db) == log
        assert groups.members(opened, "corner") == uids[:4]
        assert [s.name for s in source_table.every(opened.db, "pool")] == ["shapes"]
    with projects.opened(project) as opened:
        pool, target = (
            source_table.every(opened.db, role)[0].spec.path for role in ("pool", "target")
        )
    for words in (
        ("pool", "add", again, "shapes", pool),
        ("target", "add", again, "toys", target),
        ("embed", again),
        ("prepare", again),
    ):
        assert sept(*words).returncode == 0
    with projects.opened(again) as opened:
        assert selections.picks(opened, chosen["id"]).equals(picked), "made again from its settings"


def test_decisions_that_a_project_lacks_are_added_to_it(project: Path, tmp_path: Path) -> None:
    decide(project)
    with projects.opened(project) as opened:
        backups.write(opened, tmp_path / "saved.gz")
        log = decision_table.log(opened.db)
        opened.db.execute("DELETE FROM decisions WHERE position > 1")
    assert backups.restore(project, tmp_path / "saved.gz")["decisions"] == 3
    assert backups.restore(project, tmp_path / "saved.gz")["decisions"] == 0
    with projects.opened(project) as opened:
        assert decision_table.log(opened.db) == log
        opened.db.execute("UPDATE decisions SET who = 'Eve' WHERE position = 2")
    with pytest.raises(errors.InputError, match="Decision 2 of this project differs"):
        backups.restore(project, tmp_path / "saved.gz")


def test_a_target_set_that_is_missing_is_named(project: Path, tmp_path: Path) -> None:
    decide(project)
    with projects.opened(project) as opened:
        backups.write(opened, tmp_path / "saved.gz")
    projects.init(tmp_path / "empty")
    with pytest.raises(errors.InputError, match="no target set 'toys'"):
        backups.restore(tmp_path / "empty", tmp_path / "saved.gz")
    with projects.opened(tmp_path / "empty") as opened:
        assert decision_table.log(opened.db) == []


def test_a_damaged_or_foreign_backup_is_refused(project: Path, tmp_path: Path) -> None:
    path = tmp_path / "saved.gz"
    decide(project)
    with projects.opened(project) as opened:
        backups.write(opened, path)
        with pytest.raises(errors.InputError, match="exists"):
            backups.write(opened, path)
    whole = path.read_bytes()
    document = json.loads(gzip.decompress(whole))
    document["content"]["decisions"][0]["who"] = "Eve"
    edited = gzip.compress(json.dumps(document).encode())
    newer = gzip.compress(json.dumps(document | {"format": 99}).encode())
    cases = (whole[:-30], b"", b"PK", gzip.compress(b"[]"), gzip.compress(b"\xff{"), edited, newer)
    for content in cases:
        path.write_bytes(content)
        with pytest.raises(errors.IntegrityError):
            backups.read(path)
    with pytest.raises(errors.NotFoundError):
        backups.read(tmp_path / "none")
    assert not (tmp_path / "fresh").exists()
    assert sept("restore", tmp_path / "fresh", path).returncode == 1
    assert not (tmp_path / "fresh").exists(), "nothing is made from a backup that cannot be read"
