"""Where a project keeps its files, how they are written, and how things are named.

In: paths, bytes and JSON values. Out: complete files (never half of one), uids and
fingerprints. Everything that touches the disk goes through `write_then_rename`.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors

UID_DTYPE = np.dtype("S32")
"""Arrays of uids hold 32 ASCII hex digits a row; sorting bytes sorts the hex."""

HEADER = "header.json"
"""Written last into the folder of a derived artefact: all its parts are there."""

RUN_HEADER = "run.json"
"""Written last into a run folder: the run is complete."""

NO_MORE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
"""What the system says of a disk that takes no more."""

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ProjectPaths:
    """All the paths inside one project folder; nothing else builds them by hand."""

    root: Path

    @property
    def catalogue(self) -> Path:
        return self.root / "catalogue.duckdb"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def encoders(self) -> Path:
        """Encoders that were fitted on this project's pool (`classic`)."""
        return self.root / "encoders"

    @property
    def maps(self) -> Path:
        return self.root / "maps"

    @property
    def indexes(self) -> Path:
        return self.root / "indexes"

    @property
    def selections(self) -> Path:
        return self.root / "selections"

    @property
    def thumbnails(self) -> Path:
        return self.root / "thumbnails"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def features(self, encoder_id: str) -> Path:
        """The folder of one encoder's feature stores."""
        return self.root / "features" / encoder_id

    def pool_features(self, encoder_id: str) -> Path:
        return self.features(encoder_id) / "pool"

    def target_features(self, encoder_id: str, target: str, *, heldout: bool = False) -> Path:
        """The searching part and the held-out part never share a store."""
        return self.features(encoder_id) / "targets" / target / ("heldout" if heldout else "search")

    def index(self, encoder_id: str, name: str) -> Path:
        """`graph`, `ivf`, `duplicates`, `calibration`: what is derived from pool features."""
        return self.indexes / encoder_id / name

    def map(self, encoder_id: str) -> Path:
        return self.maps / encoder_id

    def selection(self, selection_id: str) -> Path:
        return self.selections / f"{selection_id}.parquet"

    def job(self, job_id: str) -> Path:
        return self.jobs / job_id

    def run(self, run_id: str) -> Path:
        return self.runs / run_id


@contextlib.contextmanager
def write_then_rename(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success fsync it and move it into place.

    A reader sees the old file or the whole new one, whatever happens in between.
    """
    with told_as_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name[:80]}."
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)  # mkstemp's 0600 would hide results from a team's other users
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def told_as_storage(path: Path) -> Iterator[None]:
    """Turn what the system says of a disk that takes no more into a sentence.

    Raises:
        StorageError: writing at or below `path` failed for want of space or permission.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno not in NO_MORE:
            raise
        raise errors.StorageError(
            f"{path} cannot be written ({os.strerror(problem.errno)}); make room or give "
            "permission there and try again. What was there before is as it was."
        ) from problem


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    with write_then_rename(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        NotFoundError: the file is not there.
        IntegrityError: it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise errors.NotFoundError(f"{path} does not exist.") from None
    except (ValueError, RecursionError) as problem:
        raise errors.IntegrityError(
            f"{path} is damaged ({problem}); sept check tells what can be mended."
        ) from None


def expanded(text: str | Path) -> Path:
    """A path with `~` or `~user` in front replaced by that home folder.

    A shell does so only at the beginning of a word, not in `--out=~/x`. A user whom nobody knows
    is left alone, as a folder may be called `~x`; so are variables, which the shell replaces.
    """
    return Path(os.path.expanduser(text))  # noqa: PTH111  (Path's own refuses unknown users)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a `.npy` file whole or not at all."""
    with write_then_rename(path) as temporary:
        save_array(temporary, array)


def save_array(path: Path, array: np.ndarray) -> None:
    """Write a `.npy` file under any name; numpy alone would add a suffix."""
    with path.open("wb") as out:
        np.save(out, array, allow_pickle=False)


def write_artefact(
    folder: Path, header: Mapping[str, Any], parts: Mapping[str, Callable[[Path], object]]
) -> dict[str, Any]:
    """Write a derived artefact: its parts, then `header.json` with the SHA-256 of each.

    Args:
        folder: of this artefact; others of an earlier making are replaced.
        header: JSON-able.
        parts: file name to what writes that file at a path given to it.

    Returns:
        The header with `sha256`, from part to 64 hex digits.
    """
    (folder / HEADER).unlink(missing_ok=True)  # an old header must not vouch for new parts
    for name, write in parts.items():
        with write_then_rename(folder / name) as temporary:
            write(temporary)
    complete = dict(header) | {"sha256": {name: sha256_file(folder / name) for name in parts}}
    write_json(folder / HEADER, complete)
    return complete


def folder_size(path: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hex digits, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def uid_of(data: bytes) -> str:
    """The image id of METHOD §2: the first 128 bits of the SHA-256 of its bytes, as hex."""
    return hashlib.sha256(data).hexdigest()[:32]


def fingerprint(value: Any) -> str:
    """Sixteen hex digits that name a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hashed_uniform(seed: int, uid: str) -> float:
    """METHOD §2: a number in (0, 1) from BLAKE2b of `seed:uid`, not from a generator.

    The same for every order, batch and shard layout.
    """
    digest = hashlib.blake2b(f"{seed}:{uid}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2.0**64


def uid_array(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) S32: a table's column of uids, none of them null, without a Python string for each."""
    wide = pc.cast(column, pa.binary(UID_DTYPE.itemsize)).combine_chunks()
    if not len(wide):
        return np.empty(0, UID_DTYPE)
    return np.frombuffer(wide.buffers()[1], UID_DTYPE, len(wide), wide.offset * UID_DTYPE.itemsize)


def places_among(ordered: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Place (int64, shape of `uids`) of each uid among ascending ones, −1 where it is not."""
    if not len(ordered):
        return np.full(uids.shape, -1, np.int64)
    place = np.minimum(np.searchsorted(ordered, uids), len(ordered) - 1)
    return np.where(ordered[place] == uids, place, -1).astype(np.int64)


def hashed_order(seed: int, uids: np.ndarray) -> np.ndarray:
    """Row numbers (int64) that put `uids` (S32) in the random order of `seed`."""
    keys = np.array([hashed_uniform(seed, uid.decode()) for uid in uids.tolist()])
    return np.lexsort((uids, keys)).astype(np.int64)


def check_name(name: str, what: str) -> str:
    """Return `name` if it is safe as a file name and a command-line word.

    Raises:
        InputError: it is not.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise errors.InputError(
            f"{what} name {name!r} cannot be used; take 1 to 64 letters, digits, "
            "dots, dashes or underscores, beginning with a letter or digit."
        )
    return name
