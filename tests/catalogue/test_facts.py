"""Facts from listings and outcomes: which hold, and which are renewed."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core.catalogue import (
    adopted,
    adopting,
    connection,
    image_table,
    scans,
    source_table,
    work_table,
)
from sept_core.catalogue import settings as kept
from sept_core.features import feature_store
from sept_core.imaging import decoders
from sept_core.ingest import sources
from sept_core.storage import hashing

UIDS = {name: hashing.uid_of(name.encode()) for name in "xy"}


def catalogue(folder: Path) -> connection.Connection:
    """A catalogue with one pool source, s1."""
    db = connection.connect(folder / "c.duckdb")
    source_table.add(db, "pool", sources.SourceSpec("pool", folder, "folder", folder))
    return db


def scan(db: connection.Connection, *entries: sources.FileEntry, **options: Any) -> Any:
    return scans.merge_scan(db, "s1", scans.scan_table(list(entries)), **options)


def entry(name: str, problem: str | None = None, size: int = 10) -> sources.FileEntry:
    passing = problem in ("missing file", "unreadable: Permission denied")
    return sources.FileEntry(name, size=-1 if passing else size, problem=problem)


def outcome(name: str, status: str, reason: str | None = None, uid: str | None = None) -> Any:
    return {"source": "s1", "rel_path": name, "member": "", "status": status, "reason": reason,
            "uid": uid, "sha256": uid and uid * 2, "width": 1, "height": 1}  # fmt: skip


def adopt(
    db: connection.Connection, folder: Path, *rows: Any, encoder: str = "e-1", decoder: str = "1"
) -> None:
    """Take over one more shard that holds these outcomes."""
    store = feature_store.FeatureStore(folder / encoder)
    uids = [row["uid"] for row in rows if row["status"] == "ok"]
    new = np.setdiff1d(np.array(uids, hashing.UID_DTYPE), store.uids)
    vectors = np.tile([1.0, 0.0], (len(new), 1))
    table = pa.Table.from_pylist(list(rows), feature_store.OUTCOME_SCHEMA)
    feature_store.write_shard(
        folder / encoder, store.next_number, encoder, new, vectors, table, decoder
    )
    adopting.adopt(db, feature_store.FeatureStore(folder / encoder), encoder)


def state(db: connection.Connection, name: str) -> tuple[str, str | None, bool]:
    """State, reason and whether it is gone."""
    [row] = db.execute(
        "SELECT state, reason, gone FROM files WHERE rel_path = ?", [name]
    ).fetchall()
    return row  # type: ignore[return-value]


def work(db: connection.Connection) -> list[str]:
    return work_table.worklist(db, ["s1"])["rel_path"].to_pylist()


# Listing


def test_what_listing_found_is_renewed_by_each_listing(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(
        db,
        entry("a", "not an image by its name (not opened)"),
        entry("b", "missing file"),
        entry("c"),
    )
    assert [state(db, name)[0] for name in "abc"] == ["rejected", "unreadable", "waiting"]
    assert work(db) == ["c"], "what listing could not look at is listed again before it is read"
    report = scan(db, entry("a"), entry("b"), entry("c", "hidden file"))
    assert (report.unreadable, report.problems) == (0, 1)
    assert [state(db, name)[:2] for name in "abc"] == [
        ("waiting", None),
        ("waiting", None),
        ("rejected", "hidden file"),
    ]


def test_what_the_bytes_proved_holds_while_the_file_is_the_same(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"), entry("b"))
    adopt(db, tmp_path, outcome("a", "rejected", "not an image", UIDS["x"]),
          outcome("b", "ok", None, UIDS["y"]), decoder=decoders.version())  # fmt: skip
    scan(db, entry("a"), entry("b"))
    assert [state(db, name)[0] for name in "ab"] == ["rejected", "ok"] and work(db) == ["b"]
    scan(db, entry("a", size=11), entry("b", size=12))
    assert [state(db, name)[0] for name in "ab"] == ["waiting", "waiting"]


def test_an_image_that_cannot_be_looked_at_comes_back_without_being_read(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"))
    adopt(db, tmp_path, outcome("a", "ok", None, UIDS["x"]))
    report = scan(db, entry("a", "missing file"))
    assert (report.changed, report.unreadable) == (0, 1)
    assert state(db, "a")[:2] == ("unreadable", "missing file")
    assert len(image_table.eligible(db)) == 0
    scan(db, entry("a"))
    assert state(db, "a")[:2] == ("ok", None) and len(image_table.eligible(db)) == 1


def test_a_listing_that_nobody_asked_for_takes_no_image_away(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"), entry("b"), entry("folder", "unreadable: Permission denied"))
    adopt(db, tmp_path, outcome("a", "ok", None, UIDS["x"]))
    report = scan(db, entry("b", "missing file"), entry("folder/c"), only_unreadable=True)
    assert (report.new, report.gone) == (1, 1)
    assert state(db, "a") == ("ok", None, False), "the share may be away"
    assert state(db, "folder")[2], "it is a folder with a file now"
    assert state(db, "b")[0] == "unreadable" and state(db, "folder/c")[0] == "waiting"


# Outcomes


def test_a_file_that_cannot_be_read_says_nothing_about_its_bytes(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"), entry("b"), entry("c"))
    adopt(db, tmp_path, outcome("a", "ok", None, UIDS["x"]),
          outcome("b", "rejected", "not an image", UIDS["y"]),
          outcome("c", "unreadable", "unreadable: No such device"))  # fmt: skip
    adopt(db, tmp_path, *(outcome(name, "unreadable", "unreadable: x") for name in "abc"))
    assert [state(db, name)[0] for name in "abc"] == ["ok", "rejected", "unreadable"]
    assert state(db, "c")[1] == "unreadable: x"


def test_another_decoder_looks_again_at_what_was_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"), entry("b", "hidden file"))
    adopt(db, tmp_path, outcome("a", "rejected", "not an image", UIDS["x"]), decoder="1 old")
    monkeypatch.setattr(decoders, "version", lambda: "1 old")
    assert work(db) == []
    monkeypatch.setattr(decoders, "version", lambda: "2 new")
    assert work(db) == ["a"], "and never at what its name excludes"
    assert work_table.worklist(db, ["s1"])["uid"].to_pylist() == [None], "whatever is stored of it"


def test_no_features_is_a_fact_of_image_and_encoder(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"))
    row = outcome("a", "no_features", "length nan", UIDS["x"])
    adopt(db, tmp_path, row, encoder="e-1")
    assert state(db, "a")[0] == "ok" and len(image_table.eligible(db)) == 1
    adopt(db, tmp_path, outcome("a", "ok", None, UIDS["x"]), encoder="e-2")
    assert [image_table.featureless(db, e)["uid"].to_pylist() for e in ("e-1", "e-2")] == [
        [UIDS["x"]],
        [],
    ]
    adopt(db, tmp_path, outcome("a", "ok", None, UIDS["x"]), encoder="e-1", decoder="2")
    assert image_table.featureless(db, "e-1").num_rows == 0, "a later look found some"


def test_an_image_that_another_decoder_took_stays_an_image(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"))
    adopt(db, tmp_path, outcome("a", "ok", None, UIDS["x"]), encoder="e-1")
    adopt(db, tmp_path, outcome("a", "rejected", "truncated: x", UIDS["x"]), encoder="e-2")
    assert state(db, "a")[0] == "ok"
    assert image_table.featureless(db, "e-2")["reason"].to_pylist() == ["truncated: x"]
    adopt(db, tmp_path, outcome("a", "rejected", "not an image", UIDS["y"]), encoder="e-2")
    assert state(db, "a")[:2] == ("rejected", "not an image"), "those are other bytes"


SAID = [
    outcome("a", "ok", None, UIDS["x"]),
    outcome("a", "no_features", "length nan", UIDS["x"]),
    outcome("a", "unreadable", "unreadable: Input/output error"),
    outcome("a", "rejected", "truncated: x", UIDS["x"]),
]


@settings(deadline=None, max_examples=25)
@given(said=st.lists(st.sampled_from(SAID), min_size=1, max_size=4), seed=st.randoms())
def test_what_is_known_of_the_same_bytes_depends_on_no_order(
    tmp_path_factory: pytest.TempPathFactory, said: list[Any], seed: Any
) -> None:
    """As where the stores of several encoders are adopted at once, after a restore."""
    found = []
    for order in (said, seed.sample(said, len(said))):
        folder = tmp_path_factory.mktemp("order")
        db = catalogue(folder)
        scan(db, entry("a"))
        for number, row in enumerate(order):
            adopt(db, folder, row, encoder=f"e-{number}")
        found.append(state(db, "a")[0])
        db.close()
    statuses = {row["status"] for row in said}
    expected = "ok" if statuses & {"ok", "no_features"} else "rejected"
    assert found == [expected if statuses != {"unreadable"} else "unreadable"] * 2


def test_images_of_shards_known_before_are_taken_over_after_a_migration(tmp_path: Path) -> None:
    db = catalogue(tmp_path)
    scan(db, entry("a"))
    adopt(db, tmp_path, outcome("a", "no_features", "length 0", UIDS["x"]))
    db.execute("DELETE FROM images; DELETE FROM featureless")
    db.execute("UPDATE files SET state = 'waiting', uid = ?", [UIDS["x"]])
    kept.put(db, adopted.UNSETTLED, True)
    adopting.adopt(db, feature_store.FeatureStore(tmp_path / "e-1"), "e-1")
    adopting.settle(db)
    assert state(db, "a")[0] == "ok" and image_table.featureless(db, "e-1").num_rows == 1
    assert kept.get(db, adopted.UNSETTLED) is None
