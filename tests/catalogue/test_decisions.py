"""The log as a process remembers it is always the one on disk."""

from pathlib import Path

import pytest

from sept_core.catalogue import connection, decision_table
from sept_core.review import decision_log

UIDS = [f"{number:032x}" for number in range(5)]


def read(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Actions and uids of the log of one target set, as a process that has just begun reads it."""
    db = connection.connect(path)
    rows = [
        (e["action"], tuple(e["uids"])) for e in decision_table.log(db) if e["target_id"] == "s1"
    ]
    db.close()
    return rows


def known(db: connection.Connection) -> list[tuple[str, tuple[str, ...]]]:
    log = decision_table.log_of(db, ["s1"])
    assert log.hash == decision_log.Log(log.events).hash and log.state == decision_log.replay(
        log.events
    )
    return [(event.action, event.uids) for event in log.events]


def test_decisions_are_known_as_they_come(tmp_path: Path) -> None:
    db = connection.connect(tmp_path / "c.duckdb")
    assert known(db) == []
    for number, action in enumerate(("veto", "keep", "pin")):
        decision_table.append(db, ["s1", "s2"], who="Ada", action=action, uids=UIDS[: number + 1])
        assert known(db)[-1] == (action, tuple(UIDS[: number + 1]))
        assert known(db.cursor()) == known(db), "other connections of the process, too"
    decision_table.append(db, ["s1"], who="Ada", action="undo", undoes=[1])
    assert decision_table.log_of(db, ["s1"]).state.verdict(UIDS[0]) is True
    assert [len(decision_table.log_of(db, [t]).events) for t in ("s1", "s2")] == [4, 3]
    assert len(decision_table.log_of(db, ["s2", "s1"]).events) == 7
    expected = known(db)
    db.close()
    assert read(tmp_path / "c.duckdb") == expected


def test_what_was_rolled_back_or_replaced_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "c.duckdb"
    db = connection.connect(path)
    decision_table.append(db, ["s1"], who="Ada", action="veto", uids=UIDS[:1])
    with pytest.raises(ZeroDivisionError), connection.transaction(db):
        decision_table.append(db, ["s1"], who="Ada", action="pin", uids=UIDS[1:2])
        assert len(known(db)) == 2
        raise ZeroDivisionError
    assert known(db) == [("veto", (UIDS[0],))]
    decision_table.append(db, ["s1"], who="Ada", action="keep", uids=UIDS[2:3])
    assert known(db) == [("veto", (UIDS[0],)), ("keep", (UIDS[2],))]
    db.close()
    path.unlink()
    other = connection.connect(path)
    assert known(other) == []
    decision_table.append(other, ["s1"], who="Eve", action="veto", uids=UIDS[3:4])
    decision_table.append(other, ["s1"], who="Eve", action="keep", uids=UIDS[4:5])
    assert known(other) == [("veto", (UIDS[3],)), ("keep", (UIDS[4],))]
    other.close()
