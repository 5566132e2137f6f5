"""Outages: temporary causes of unreadable files, and sources of every kind to try them on.

In: a folder to write into. Out: `Kind`s of sources with some pictures in them and one file that is
none, and `outage`s that can be begun and ended. The property: during an outage every file ends
embedded, unreadable with a reason that can pass, or rejected with a reason that its bytes prove;
once it is over, and the files were read again, none is unreadable and only the bad one is rejected.
"""

import base64
import contextlib
import errno
import io
import json
import os
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from sept_core.filesystem import safe_paths
from sept_core.imaging import images, outcomes
from sept_core.ingest import sources

PICTURES = 5
BAD = b"no picture"

NUMBERS = tuple(
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "EIO", "ESTALE", "ETIMEDOUT", "ENOSPC", "EDQUOT", "ENOTCONN"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ECONNRESET", "ECONNABORTED", "ENETDOWN", "ENODEV"),
        *("ENXIO", "EMFILE", "ENFILE", "ENOMEM", "ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EAGAIN"),
        *("EBUSY", "EINTR", "EREMOTEIO", "ENAMETOOLONG", "EBADF", "EPIPE", "EPROTO", "EKEYEXPIRED"),
    )
    if hasattr(errno, name)
)
"""System errors for files that are temporarily unreadable."""


def picture(number: int) -> bytes:
    """A small valid image, another for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (9, 11, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def contents() -> dict[str, bytes]:
    """The files of each source."""
    return {f"{number}.png": picture(number) for number in range(PICTURES)} | {"bad.png": BAD}


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        name: what is in it.
        write: makes it in a folder and gives the path to add.
        hidden: what of the folder an outage hides.
    """

    name: str
    write: Callable[[Path], Path]
    hidden: str


def _folder(root: Path) -> Path:
    for name, data in contents().items():
        path = root / "pool" / "share" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root / "pool"


def _zip(root: Path) -> Path:
    with zipfile.ZipFile(root / "p.zip", "w") as archive:
        for name, data in contents().items():
            archive.writestr(name, data)
    return root / "p.zip"


def _tar(name: str, mode: str) -> Callable[[Path], Path]:
    def write(root: Path) -> Path:
        with tarfile.open(root / name, mode) as archive:  # type: ignore[call-overload]
            for member, data in contents().items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return root / name

    return write


def _parquet(root: Path) -> Path:
    pq.write_table(pa.table({"image": list(contents().values())}), root / "p.parquet")
    return root / "p.parquet"


def _jsonl(root: Path) -> Path:
    rows = [
        {"image_base64": base64.b64encode(data).decode(), "n": number}
        for number, data in enumerate(contents().values())
    ]
    (root / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root / "p.jsonl"


def _csv(root: Path) -> Path:
    _folder(root)
    names = "".join(f"pool/share/{name}\n" for name in contents())
    (root / "p.csv").write_text("path\n" + names)
    return root / "p.csv"


KINDS = (
    Kind("folder", _folder, "pool/share"),
    Kind("zip", _zip, "p.zip"),
    Kind("tar", _tar("p.tar", "w"), "p.tar"),
    Kind("tar.gz", _tar("p.tar.gz", "w:gz"), "p.tar.gz"),
    Kind("parquet", _parquet, "p.parquet"),
    Kind("jsonl of base64", _jsonl, "p.jsonl"),
    Kind("csv of paths", _csv, "pool/share"),
)


@contextlib.contextmanager
def away(path: Path) -> Iterator[None]:
    """Nothing is at the path, as where a share was mounted."""
    aside = path.with_name(f".{path.name}.away")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


@contextlib.contextmanager
def covered(path: Path) -> Iterator[None]:
    """Something else is at the path: an empty folder, as another mount would show."""
    with away(path):
        path.mkdir()
        try:
            yield
        finally:
            path.rmdir()


@contextlib.contextmanager
def looping(path: Path) -> Iterator[None]:
    """The path is a link to itself."""
    with away(path):
        path.symlink_to(path.name)
        try:
            yield
        finally:
            path.unlink()


@contextlib.contextmanager
def refused(number: int) -> Iterator[None]:
    """The system refuses to open any file of a source, with this number."""

    def refuse(root: Path, rel_path: str, beyond: object = ()) -> int:
        raise OSError(number, os.strerror(number), rel_path)

    with mock.patch.object(safe_paths, "open_inside", refuse):
        yield


class _Unread(io.FileIO):
    """A file that opens, and of which no byte can be read."""

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextlib.contextmanager
def unread() -> Iterator[None]:
    """Files of a source open and cannot be read."""

    def opened(descriptor: int, mode: str, buffering: int = -1) -> io.FileIO | io.BufferedReader:
        raw = _Unread(descriptor, mode)
        return raw if buffering == 0 else io.BufferedReader(raw)

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with mock.patch.object(os, "fdopen", opened), mock.patch.object(os, "pread", pread):
        yield


def trial(folder: Path, draw: random.Random) -> str | None:
    """Return what is wrong with a source's outcomes during and after an outage, or None."""
    kind = draw.choice(KINDS)
    spec = sources.detect("pool", kind.write(folder))
    entries = [entry for entry in sources.scan(spec) if entry.problem is None]
    draw.shuffle(entries)
    number = draw.choice(NUMBERS)
    outage = draw.choice([refused(number), unread(), *of_place(folder / kind.hidden).values()])
    with sources.ByteReader({"pool": spec.root}) as reader:
        read = [_taken(reader, entry) for entry in entries[: draw.randrange(len(entries))]]
        with outage:
            during = [_taken(reader, entry) for entry in entries]
        after = [_taken(reader, entry) for entry in entries]
    words = {"ok", "rejected"}
    if not set(read) <= words or not set(during) <= words | {"unreadable"}:
        return f"{kind.name}: {read}, then {during}"
    if sorted(after) != ["ok"] * PICTURES + ["rejected"]:
        return f"{kind.name}: afterwards {after}"
    wrong = [d for d, a in zip(during, after, strict=True) if d not in (a, "unreadable")]
    return f"{kind.name}: {during} in the outage, {after} after it" if wrong else None


def _taken(reader: sources.ByteReader, entry: sources.FileEntry) -> str:
    try:
        images.decode(reader.read("pool", entry.rel_path, entry.member, entry.offset, entry.size))
    except images.UnreadableFile as problem:
        return "unreadable" if outcomes.can_pass(problem.reason) else problem.reason
    except images.RejectedImage:
        return "rejected"
    return "ok"


def of_place(path: Path) -> dict[str, contextlib.AbstractContextManager[None]]:
    """Every outage that is made in the file system, by name; each can be entered once."""
    return {"away": away(path), "covered": covered(path), "looping": looping(path)}
