"""Exports that name images by number: DataComp subset files, ssl-data-curation indices."""

from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors, files, manifest
from sept_core.export import subset

DATACOMP_DTYPE = np.dtype("u8,u8")


def datacomp(chosen: subset.Subset, out: Path) -> None:
    """A sorted `.npy` of dtype "u8,u8" for DataComp's resharder.

    It looks for the uid in each sample's json: the source's own where that is 32 hex
    digits, as in a DataComp pool, else ours, which the tars written here carry.

    Raises:
        InputError: two images have the same uid in their source.
    """
    places = [(_datacomp_id(row["source_uid"], row["uid"]), _place(row)) for row in chosen.rows()]
    _refuse_repeated(places)
    pairs = [(int(uid[:16], 16), int(uid[16:], 16)) for uid, _ in places]
    with out.open("wb") as file:
        np.save(file, np.sort(np.array(pairs, DATACOMP_DTYPE)))


def _refuse_repeated(places: list[tuple[str, str]]) -> None:
    """A uid names one line of the file, so of two images with one uid one would be lost."""
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
    return theirs if manifest.UID.fullmatch(theirs) else uid


def ssl_data_curation(chosen: subset.Subset, out: Path) -> None:
    """`indices.npy` (n,) int64 in selected order, rows of `keys.npy` (N,) S32 beside it.

    Row numbers mean nothing without the list that they index, so it is written along:
    the uids of the whole pool, in the row order of its features.

    Raises:
        InputError: the option `pool_keys` (a `.npy` of uids) is missing or lacks an image.
    """
    if "pool_keys" not in chosen.options:
        raise errors.InputError(
            "ssl-data-curation needs pool_keys: a .npy of the pool's uids in feature order."
        )
    path = Path(chosen.options["pool_keys"])
    try:
        keys = np.load(path, mmap_mode="r").astype(files.UID_DTYPE)
    except (OSError, ValueError) as problem:
        raise errors.InputError(f"pool_keys cannot be read from {path} ({problem}).") from None
    order = np.argsort(keys, kind="stable")
    wanted = np.array(chosen.uids(), files.UID_DTYPE)
    place = np.searchsorted(keys, wanted, sorter=order)
    rows = order[np.minimum(place, len(keys) - 1)] if len(keys) else np.zeros(len(wanted), int)
    strange = [
        uid for uid, row in zip(wanted, rows, strict=True) if not len(keys) or keys[row] != uid
    ]
    if strange:
        raise errors.InputError(
            f"{len(strange)} selected images are not in {path} (first: {strange[0].decode()}); "
            "give the keys of the pool that the selection was made from."
        )
    out.mkdir()
    files.write_array(out / "indices.npy", rows.astype(np.int64))
    files.write_array(out / "keys.npy", keys)
