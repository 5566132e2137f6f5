"""Projects of every earlier schema open with nothing lost; see tests/fixtures/make_fixture.py."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_project import sept

from sept_core.catalogue import decisions, migrations
from sept_core.pipeline import backup, checking, collections, curation, deciding, projects

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
            for e in decisions.log(opened.db)
        ]  # fmt: skip
        assert log == expected["decisions"] and len(log) == 3
        standing = [e["position"] for e in deciding.history(opened, ["things"]) if e["stands"]]
        assert standing == [1, 3], "the undone pin stays undone"
        rows = opened.db.execute(
            "SELECT rel_path, size, label, split, state, reason, uid FROM files ORDER BY ALL"
        ).fetchall()
        assert [list(row) for row in rows] == expected["files"]
        picked = curation.picks(opened, expected["selection"])
        assert picked["uid"].to_pylist() == expected["picks"]
        found = curation.find(opened, expected["selection"])
        assert found["older_than_decisions"] and not found["older_than_pool"]
        assert backup.write(opened, tmp_path / "saved.gz")["decisions"] == 3
        whole = decisions.log(opened.db)
    assert backup.restore(tmp_path / "again", tmp_path / "saved.gz")["decisions"] == 3
    with projects.opened(tmp_path / "again") as opened:
        assert decisions.log(opened.db) == whole


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_work_goes_on_in_an_old_project(fixture: Path, tmp_path: Path) -> None:
    project, expected = unpacked(fixture, tmp_path)
    kinds = {finding.kind for finding in checking.check(project)}
    assert kinds <= {"source"}, "its images lay elsewhere; all else is whole"
    with projects.opened(project) as opened:
        for role, name in (("pool", "pool"), ("target", "things")):
            report = collections.move(opened, role, name, tmp_path / "data" / _folder(role))
            assert report.gone == 0
    for words in (("embed", project), ("prepare", project)):
        done = sept(*words)
        assert done.returncode == 0, done.stderr
    with projects.opened(project) as opened:
        again = curation.again(opened, expected["selection"])
        assert set(curation.picks(opened, again["id"])["uid"].to_pylist()).isdisjoint(
            expected["decisions"][0][6]
        )


def _folder(role: str) -> str:
    return {"pool": "pool", "target": "target"}[role]


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
