"""Features computed elsewhere: read, checked, tied to images, stored like our own.

In: `X.npy` with `X.parquet` or `X.csv` of keys; a clip-retrieval folder (`img_emb/`,
`metadata/`); DataComp `.npz` files, each with a `.parquet` of the same name that holds `uid`. Row n
of the vectors belongs to row n of the keys. Out: a feature store.

An imported encoder is known by the name that the user gives it and its dimension: pool
and target features imported under one name are compared with each other.
"""

import csv
import itertools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.features import feature_store
from sept_core.imaging import outcomes
from sept_core.storage import hashing, project_paths

SHARD_ROWS = 16384

KEY_COLUMNS = ("uid", "key", "image_path", "rel_path", "path", "filepath", "file_name", "filename")
"""Names of key columns, in order of preference; the only column of a table may have any name."""

DATACOMP_ARRAYS = ("l14_img", "b32_img")
"""Arrays of DataComp's two encoders; the first in a file is used unless one is named."""


@dataclass(frozen=True)
class ImportedFeatures:
    """Contents of a set of feature files; the vectors stay on disk.

    Attributes:
        keys: (N,) str objects, the files' own names for the images, in row order.
        layout: "npy", "clip-retrieval" or "datacomp:ARRAY".
        dim: length of a vector.
        parts: (path, array name inside an npz or None, rows) in row order.
    """

    keys: np.ndarray
    layout: str
    dim: int
    parts: tuple[tuple[Path, str | None, int], ...]

    def __len__(self) -> int:
        return len(self.keys)

    def blocks(self, rows: int = SHARD_ROWS) -> Iterator[tuple[int, np.ndarray]]:
        """Walk the vectors: the first row's number and at most `rows` vectors, as stored."""
        start = 0
        for path, name, count in self.parts:
            vectors = _open(path, name)
            for low in range(0, count, rows):
                yield start + low, vectors[low : min(low + rows, count)]
            start += count


@dataclass(frozen=True)
class ImportCounts:
    """Counts of the rows of an import.

    Attributes:
        stored: vectors written.
        duplicates: rows whose image had a vector already.
        rejected: rows with a vector that cannot be used; the outcomes say why.
        reasons: the key of each rejected row, and why.
    """

    stored: int
    duplicates: int
    rejected: int
    reasons: list[tuple[str, str]]


def read(path: Path, array: str | None = None) -> ImportedFeatures:
    """Detect the layout of `path` and the key of each row.

    Args:
        path: a `.npy` or `.npz` file, or a folder of one of the layouts.
        array: which of DataComp's arrays to take.

    Raises:
        InputError: the layout is unknown, or keys and vectors do not match.
    """
    if not path.exists():
        raise errors.InputError(f"{path} does not exist.")
    if path.is_dir() and (path / "img_emb").is_dir():
        return _read_parts("clip-retrieval", _clip_retrieval_pairs(path), None)
    if npz := _files(path, ".npz"):
        name = _datacomp_array(npz[0], array)
        pairs = [(file, file.with_suffix(".parquet")) for file in npz]
        return _read_parts(f"datacomp:{name}", pairs, name)
    if npy := _files(path, ".npy"):
        return _read_parts("npy", [(file, _keys_beside(file)) for file in npy], None)
    raise errors.InputError(
        f"{path} contains no features in a known layout; give a .npy file with a .parquet or .csv "
        "file of keys next to it, a clip-retrieval folder (img_emb, metadata) or DataComp .npz "
        "files."
    )


def match_uids(keys: np.ndarray, known: pa.Table) -> np.ndarray:
    """Return the uid of the image that each key names.

    A key is a source's own id, or a path: of the same tree as `rel_path`, below any folder
    that all the keys share (exporters like to write absolute paths).

    Args:
        keys: (N,) str.
        known: columns uid, source_uid (may be null) and rel_path, of one source's images.

    Returns:
        (N,) S32, empty where no image is known by that key.
    """
    columns = {name: known[name].to_pylist() for name in ("uid", "source_uid", "rel_path")}
    by_path = dict(zip(columns["rel_path"], columns["uid"], strict=True))
    by_id = dict(zip(columns["source_uid"], columns["uid"], strict=True))
    prefix = _shared_folder(keys, by_path)
    found = [by_id.get(key) or by_path.get(key.removeprefix(prefix)) or "" for key in keys]
    return np.array(found, hashing.UID_DTYPE)


def features_only_uids(keys: np.ndarray, source: str) -> np.ndarray:
    """Return (N,) S32 for images without files: the hash of source and key (docs/method.md §2)."""
    return np.array([hashing.uid_of(f"{source}:{key}".encode()) for key in keys], hashing.UID_DTYPE)


def encoder_card(name: str, dim: int) -> dict[str, Any]:
    """Return an imported encoder's card for `features.write_card`; its `id` names the store."""
    project_paths.check_name(name, "encoder")
    identity = {"imported": name, "dim": dim}
    return {
        "id": f"imported-{name}-{hashing.fingerprint(identity)[:8]}",
        "identity": identity,
        "kind": "imported",
        "dim": dim,
        "spec": f"imported:{name}",
        "precision": "unknown",
    }


def write_store(
    imported: ImportedFeatures, uids: np.ndarray, folder: Path, encoder_id: str, source: str
) -> ImportCounts:
    """Normalise the vectors and add them to the store in `folder`.

    The outcomes give each handled key as `rel_path` of `source`. An interrupted import can be
    repeated: rows that are already stored count as duplicates.

    Args:
        uids: (N,) S32, one a row; rows with an empty uid are left out.
        source: the name of the pool or target set that the features are of.

    Raises:
        IntegrityError: the store holds features of another encoder.
    """
    store = feature_store.FeatureStore(folder)
    if store.encoder_id not in (None, encoder_id):
        raise errors.IntegrityError(
            f"{folder} contains features of {store.encoder_id}, not of {encoder_id}; import under "
            "that name or into another project."
        )
    known = np.sort(store.uids)
    stored, duplicates = 0, 0
    refused: list[tuple[str, str]] = []
    number = store.next_number
    for start, block in imported.blocks():
        stop = start + len(block)
        wanted = np.flatnonzero(uids[start:stop] != b"")
        if not len(wanted):
            continue
        keys, block_uids = imported.keys[start:stop][wanted], uids[start:stop][wanted]
        vectors, reasons = _normalise(block[wanted])
        ok = np.flatnonzero([reason is None for reason in reasons])
        first, known = feature_store.first_seen(block_uids[ok], known)
        keep = ok[first]
        table = _outcomes(source, keys, block_uids, reasons)
        feature_store.write_shard(
            folder, number, encoder_id, block_uids[keep], vectors[keep], table
        )
        number += 1
        stored += len(keep)
        duplicates += len(ok) - len(keep)
        rows = zip(keys.tolist(), reasons, strict=True)
        refused += [(str(key), reason) for key, reason in rows if reason]
    return ImportCounts(stored, duplicates, len(refused), refused)


def _normalise(vectors: np.ndarray) -> tuple[np.ndarray, list[str | None]]:
    """(n, D) float32 unit vectors, and why a row cannot be used (None where it can)."""
    wide = np.asarray(vectors, np.float64)  # float16 squares overflow
    finite = np.asarray(np.isfinite(wide).all(axis=1))
    norms = np.linalg.norm(np.where(finite[:, None], wide, 0), axis=1)
    reasons = [
        None if norm > 0 else "zero vector" if is_finite else "vector with NaN or infinity"
        for norm, is_finite in zip(norms.tolist(), finite.tolist(), strict=True)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):  # those rows are dropped
        return (wide / norms[:, None]).astype(np.float32), reasons


def _outcomes(
    source: str, keys: np.ndarray, uids: np.ndarray, reasons: list[str | None]
) -> pa.Table:
    rows = [
        {
            "source": source,
            "rel_path": key,
            "member": "",
            "status": outcomes.NO_FEATURES if reason else outcomes.OK,
            "reason": reason,
            "uid": uid.decode(),
        }
        for key, uid, reason in zip(keys, uids.tolist(), reasons, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=feature_store.OUTCOME_SCHEMA)


def _shared_folder(keys: np.ndarray, known: dict[str, str]) -> str:
    """Return the common leading folder of all keys without which most of them are known paths."""
    if not len(keys):
        return ""
    pairs = zip(min(keys), max(keys), strict=False)  # what these two share, all share
    shared = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    folders = [shared[: i + 1] for i, letter in enumerate(shared) if letter == "/"]
    sample = keys[:: max(1, len(keys) // 1000)]

    def matches(folder: str) -> int:
        return sum(key.removeprefix(folder) in known for key in sample)

    return max(["", *folders], key=matches)


# The layouts.


def _read_parts(layout: str, pairs: list[tuple[Path, Path]], array: str | None) -> ImportedFeatures:
    """Check that every vector file fits its key file and has the same dimension."""
    parts, keys, dims = [], [], set()
    for vectors_path, keys_path in pairs:
        rows, dim = _shape(vectors_path, array)
        part_keys = _read_keys(keys_path)
        if len(part_keys) != rows:
            raise errors.InputError(
                f"{vectors_path} has {rows} vectors but {keys_path} has {len(part_keys)} keys; "
                "they must have the same number of rows."
            )
        parts.append((vectors_path, array, rows))
        keys.append(part_keys)
        dims.add(dim)
    if len(dims) != 1:
        raise errors.InputError(
            f"The features have different dimensions ({sorted(dims)}); import one encoder at a "
            "time."
        )
    return ImportedFeatures(np.concatenate(keys), layout, dims.pop(), tuple(parts))


def _files(path: Path, suffix: str) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob(f"*{suffix}"))
    return [path] if path.suffix == suffix else []


def _clip_retrieval_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """`img_emb/img_emb_{i}.npy` with `metadata/metadata_{i}.parquet`, in the order of i."""
    found = {}
    for path in (folder / "img_emb").glob("*.npy"):
        if number := re.fullmatch(r"img_emb_(\d+)", path.stem):
            metadata = folder / "metadata" / f"metadata_{number[1]}.parquet"
            found[int(number[1])] = (path, metadata)
    if not found:
        raise errors.InputError(f"{folder / 'img_emb'} contains no img_emb_NUMBER.npy files.")
    return [found[number] for number in sorted(found)]


def _keys_beside(vectors: Path) -> Path:
    for suffix in (".parquet", ".csv"):
        if (keys := vectors.with_suffix(suffix)).exists():
            return keys
    raise errors.InputError(
        f"{vectors} has no file of keys; put {vectors.stem}.parquet or {vectors.stem}.csv next to "
        "it, with the images' names in the order of the vectors."
    )


def _datacomp_array(path: Path, wanted: str | None) -> str:
    try:
        with np.load(path) as archive:
            names = archive.files
    except Exception as problem:  # as in `_shape`
        raise errors.InputError(f"{path} cannot be read ({problem}).") from None
    for name in (wanted,) if wanted else DATACOMP_ARRAYS:
        if name in names:
            return name
    raise errors.InputError(
        f"{path} has no array {wanted or ' or '.join(DATACOMP_ARRAYS)}; it has {', '.join(names)}."
    )


def _read_keys(path: Path) -> np.ndarray:
    """(N,) str objects from the key column of a parquet or csv file."""
    try:
        if path.suffix == ".csv":
            with path.open(newline="") as file:
                names = next(csv.reader(file), [])
            text = dict.fromkeys(names, pa.string())  # 000123 is a name, not a number
            options = pyarrow.csv.ConvertOptions(column_types=text)
            table = pyarrow.csv.read_csv(path, convert_options=options)
        else:
            table = pq.read_table(path, columns=[_key_column(path, pq.read_schema(path).names)])
    except (OSError, ValueError, csv.Error, pa.ArrowException) as problem:
        raise errors.InputError(f"The file of keys {path} cannot be read ({problem}).") from None
    column = table[_key_column(path, table.column_names)].cast(pa.string())
    if column.null_count:
        raise errors.InputError(f"{path} has {column.null_count} rows without a key.")
    return np.asarray(column.to_numpy(zero_copy_only=False), object)


def _key_column(path: Path, names: list[str]) -> str:
    for name in KEY_COLUMNS:
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise errors.InputError(
        f"{path} has no key column; name it one of {', '.join(KEY_COLUMNS)} "
        f"(it has {', '.join(names)})."
    )


def _shape(path: Path, array: str | None) -> tuple[int, int]:
    """(rows, dim) of a vector file, from its header."""
    try:
        if array is None:
            vectors = np.load(path, mmap_mode="r")
            shape, dtype = vectors.shape, vectors.dtype
        else:
            shape, dtype = _npz_header(path, array)
    except Exception as problem:  # numpy tokenizes foreign headers and raises whatever that does
        raise errors.InputError(f"{path} cannot be read ({problem}).") from None
    if len(shape) != 2 or shape[1] == 0 or dtype.kind != "f":
        raise errors.InputError(
            f"{path} contains {dtype} of shape {shape}; features must be floats of shape (images, "
            "dim)."
        )
    return shape[0], shape[1]


def _npz_header(path: Path, array: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of one array of an npz file, without reading the array."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{array}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype


def _open(path: Path, array: str | None) -> np.ndarray:
    if array is None:
        vectors: np.ndarray = np.load(path, mmap_mode="r")
        return vectors
    with np.load(path) as archive:
        return np.asarray(archive[array])
