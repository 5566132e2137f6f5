"""Exports by number, against the way that their readers look images up."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from export_world import World, header, pool_features

from sept_core import errors
from sept_core.export import run
from sept_core.manifest import manifest, manifest_tables
from sept_core.storage import hashing


def test_datacomp_file_is_found_by_binary_search(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "datacomp", tmp_path / "subset.npy")
    ids = np.load(tmp_path / "subset.npy")
    assert ids.dtype == np.dtype("u8,u8") and len(ids) == len(world.uids)
    assert (ids == np.sort(ids)).all()
    assert {f"{high:016x}{low:016x}" for high, low in ids.tolist()} == set(world.uids)


def test_datacomp_takes_the_sources_own_uids(world: World, tmp_path: Path) -> None:
    rows = world.manifest.rows.slice(0, 2)
    theirs = [None, "ABCDEF0123456789" * 2]
    column = manifest_tables.SCHEMA.get_field_index("source_uid")
    rows = rows.set_column(column, "source_uid", pa.array(theirs, pa.string()))
    opened = manifest.write(
        tmp_path / "m",
        rows,
        manifest_tables.LOCATIONS.empty_table(),
        manifest_tables.GUARD.empty_table(),
        header({"state": "none"}),
        world.roots,
    )
    run.export(opened, "datacomp", tmp_path / "subset.npy")
    found = {f"{a:016x}{b:016x}" for a, b in np.load(tmp_path / "subset.npy").tolist()}
    assert found == {world.uids[0], "abcdef0123456789" * 2}


def test_two_images_with_one_uid_are_named(world: World, tmp_path: Path) -> None:
    rows = world.manifest.rows.slice(0, 3)
    column = manifest_tables.SCHEMA.get_field_index("source_uid")
    theirs = pa.array(["ab" * 16, None, "AB" * 16], pa.string())
    opened = manifest.write(
        tmp_path / "m",
        rows.set_column(column, "source_uid", theirs),
        manifest_tables.LOCATIONS.empty_table(),
        manifest_tables.GUARD.empty_table(),
        header({"state": "none"}),
        world.roots,
    )
    with pytest.raises(errors.InputError, match=r"1 of 3 .*photos/plain.jpg and of photos/new"):
        run.export(opened, "datacomp", tmp_path / "subset.npy")
    assert not (tmp_path / "subset.npy").exists()


def test_row_numbers_index_the_keys_beside_them(world: World, tmp_path: Path) -> None:
    others = [hashing.uid_of(bytes([number])) for number in range(50)]
    pool = [*others[:30], *reversed(world.uids), *others[30:]]
    options = {"pool_features": pool_features(tmp_path / "pool", pool)}
    run.export(world.manifest, "ssl-data-curation", tmp_path / "out", options=options)
    rows = np.load(tmp_path / "out" / "indices.npy")
    assert rows.dtype == np.int64
    written = np.load(tmp_path / "out" / "keys.npy")
    assert written.astype(str).tolist() == pool
    assert [uid.decode() for uid in written[rows]] == world.uids


@pytest.mark.parametrize("pool", [["0" * 32], ["f" * 32]])
def test_images_of_another_pool_are_refused(world: World, tmp_path: Path, pool: list[str]) -> None:
    options = {"pool_features": pool_features(tmp_path / "pool", pool)}
    with pytest.raises(errors.InputError, match="11 selected images have no row in the pool"):
        run.export(world.manifest, "ssl-data-curation", tmp_path / "out", options=options)
    assert not (tmp_path / "out").exists()


def test_features_that_were_deleted_are_asked_for(world: World, tmp_path: Path) -> None:
    options = {"pool_features": str(tmp_path / "gone")}
    with pytest.raises(errors.InputError, match="gone no longer holds features; embed"):
        run.export(world.manifest, "ssl-data-curation", tmp_path / "out", options=options)
