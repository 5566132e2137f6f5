"""Exports that name images by number: DataComp subset files, ssl-data-curation indices."""

from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.export import subset
from sept_core.features import feature_store
from sept_core.manifest import manifest_faults
from sept_core.storage import array_files, hashing

DATACOMP_DTYPE = np.dtype("u8,u8")


def datacomp(chosen: subset.Subset, out: Path) -> None:
    """Write a sorted `.npy` of dtype "u8,u8" for DataComp's resharder.

    The resharder looks for the uid in each sample's json: the source's own if that has 32 hex
    digits, as in a DataComp pool, else SEPT's, which the tars written here contain.

    Raises:
        InputError: two images have the same uid in their source.
    """
    places = [(_datacomp_id(row["source_uid"], row["uid"]), _place(row)) for row in chosen.rows()]
    _refuse_repeated(places)
    pairs = [(int(uid[:16], 16), int(uid[16:], 16)) for uid, _ in places]
    with out.open("wb") as file:
        np.save(file, np.sort(np.array(pairs, DATACOMP_DTYPE)))


def _refuse_repeated(places: list[tuple[str, str]]) -> None:
    """Refuse repeated uids: a uid names one line of the file, so one image of two would be lost."""
    first: dict[str, str] = {}
    for uid, place in places:
        if first.setdefault(uid, place) != place:
            count = len(places) - len({uid for uid, _ in places})
            raise errors.InputError(
                f"{count} of {len(places)} selected images have the uid of another one in their "
                f"source (first: {uid} of {first[uid]} and of {place}), and a DataComp subset "
                "names an image by its uid: correct the json files of the pool, or choose another "
                "format."
            )


def _place(row: dict[str, Any]) -> str:
    inside = f"{row['shard']}/{row['key']}" if row["shard"] else row["rel_path"]
    return f"{row['source']}/{inside}"


def _datacomp_id(source_uid: str | None, uid: str) -> str:
    theirs = (source_uid or "").lower()
    return theirs if manifest_faults.UID.fullmatch(theirs) else uid


def ssl_data_curation(chosen: subset.Subset, out: Path) -> None:
    """Write `indices.npy` (n,) int64 in selected order: rows of `keys.npy` (N,) S32, also written.

    Row numbers need the list that they index: the uids of the whole pool, in
    the row order of its features (`pool_features`, the folder of that store).

    Raises:
        InputError: an image is not in the pool's features, for example one of a target set.
    """
    store = feature_store.FeatureStore(Path(chosen.options["pool_features"]))
    wanted = np.array(chosen.uids(), hashing.UID_DTYPE)
    rows = store.rows_of(wanted)
    if not len(store):
        raise errors.InputError(f"{store.folder} no longer holds features; embed the pool again.")
    if len(strange := wanted[rows < 0]):
        raise errors.InputError(
            f"{len(strange):,} selected images have no row in the pool's features (first: "
            f"{strange[0].decode()}); ssl-data-curation numbers images of the pool only, so "
            "choose another format."
        )
    out.mkdir()
    array_files.write(out / "indices.npy", rows.astype(np.int64))
    array_files.write(out / "keys.npy", store.uids)
    chosen.expect(len(np.unique(rows)), "row numbers")
