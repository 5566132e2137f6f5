"""Values computed once for each revision of the files, which never stay when they change."""

from pathlib import Path

from small_project import sept

from sept_core.catalogue import image_table, place_table, revision, source_table
from sept_core.services.data import collections
from sept_core.services.project import projects


def test_a_value_is_computed_once_until_a_source_goes(project: Path) -> None:
    calls = []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    with projects.opened(project) as opened:
        assert [revision.once(opened.db, "calls", compute) for _ in range(3)] == [1, 1, 1]
        before = image_table.pool_fingerprint(opened.db), image_table.pool_counts(opened.db)
        collections.remove(opened, "pool", collections.names(opened, "pool")[0])
        assert revision.once(opened.db, "calls", compute) == 2
        assert image_table.pool_fingerprint(opened.db) != before[0]
        assert image_table.pool_counts(opened.db) != before[1]


def test_a_filter_follows_a_source_to_its_new_name(project: Path) -> None:
    with projects.opened(project) as opened:
        name = collections.names(opened, "pool")[0]
        found = len(image_table.eligible(opened.db, "pool", f"source = {name}"))
        assert found > 0
        source_table.rename(opened.db, "pool", name, "renamed")
        assert len(image_table.eligible(opened.db, "pool", f"source = {name}")) == 0
        assert len(image_table.eligible(opened.db, "pool", "source = renamed")) == found


def test_places_are_found_after_rows_are_numbered_anew(project: Path) -> None:
    with projects.opened(project) as opened:
        uids = image_table.eligible(opened.db).astype(str).tolist()
        before = [place_table.places(opened.db, uid) for uid in uids]
        assert all(before)
        opened.db.execute("CREATE TEMP TABLE kept AS SELECT * FROM files")
        opened.db.execute("DELETE FROM files")
        opened.db.execute("INSERT INTO files SELECT * FROM kept ORDER BY rel_path DESC")
        assert [place_table.places(opened.db, uid) for uid in uids] == before


def test_two_projects_share_no_values(tmp_path: Path) -> None:
    for name, expected in (("one", 1), ("two", 2)):
        assert sept("init", tmp_path / name).returncode == 0
        with projects.opened(tmp_path / name) as opened:
            assert revision.once(opened.db, "name", lambda value=expected: value) == expected
