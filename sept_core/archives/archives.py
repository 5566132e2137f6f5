"""Archives: the members of zip and tar files, listed once and read one at a time.

In: an opened archive, hostile ones included. Out: one `Member` for every file in it, those that
are never read with the reason; and readers that give a member's bytes to any thread. The format is
recognised by the bytes; names only select the files to look at.
"""

import zipfile
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import BinaryIO

from sept_core.archives import members, streams, tars, zips
from sept_core.archives.members import Member
from sept_core.imaging import images, outcomes
from sept_core.remote import files

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst",
        ".tzst", ".tar.lz4")  # fmt: skip
SUFFIXES = (".zip", *TARS)

UNSUPPORTED = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x1f\x9d": "compress (.Z)",
    b"LZIP": "lzip",
    b"\x5d\0\0": "lzma (.lzma)",
    b"MSCF": "cab",
    b"\x02\x21\x4c\x18": "legacy lz4",
    b"PK\x07\x08": "split zip",
}
"""First bytes of archives that are recognised and not read."""

_UNREAD = (".7z", ".rar", ".tar.z", ".tar.lz", ".tar.lzma", ".tlz", ".cab")
_HEAD = 512

Reader = zips.ZipReader | tars.TarReader

Opener = Callable[[], BinaryIO]
"""Opens the archive's file again."""


def is_archive(path: str) -> bool:
    """Return whether a file of this name is read as an archive."""
    return path.lower().endswith(SUFFIXES)


def kind(file: BinaryIO) -> str | None:
    """Return `zip` or `tar` by the file's bytes, not its name; None for anything else."""
    if packed := streams.unpacked(file):
        return "tar" if _starts_tar(packed) else None
    module = _module(file)
    return None if module is None else "zip" if module is zips else "tar"


def unread(path: str) -> str | None:
    """Return why a file with an archive's name is not read, or None."""
    if not path.lower().endswith(_UNREAD):
        return None
    return _not_supported(path[path.rfind(".") + 1 :].lower())


def unsupported(file: BinaryIO) -> str | None:
    """Return why an archive of this format, recognised by its bytes, is not read, or None."""
    head = files.read_at(file, _HEAD, 0)
    found = (name for magic, name in UNSUPPORTED.items() if head.startswith(magic))
    name = next(found, None)
    return name and _not_supported(name)


def listed(file: BinaryIO, path: str) -> Iterator[Member]:
    """Yield every file in the archive, in its order; damage that ends it early is a problem."""
    module = _module(file)
    if module is None and (reason := unsupported(file)):
        yield members.refused(reason)
        return
    module = module or (zips if path.lower().endswith(".zip") else tars)
    try:
        yield from members.numbered(module.listed(file))
    except (*tars.DAMAGE, *zips.DAMAGE) as problem:
        yield members.refused(outcomes.of_machine(problem) or f"damaged archive: {problem}")


def open_reader(opener: Opener) -> Reader:
    """Return a reader of the archive's members; the archive is closed when the reader is dropped.

    Raises:
        RejectedImage: the archive cannot be opened.
        OSError: it cannot be read for now.
    """
    with opener() as file:
        module = _module(file)
    try:
        return zips.ZipReader(opener) if module is zips else tars.TarReader(opener)
    except (*tars.DAMAGE, *zips.DAMAGE) as problem:
        if outcomes.of_machine(problem) is not None:
            raise
        raise images.RejectedImage(f"unreadable: damaged archive: {problem}") from problem


def _module(file: BinaryIO) -> ModuleType | None:
    """`zips` or `tars`, as the bytes say; None where they are neither. Packed is a tar."""
    head = files.read_at(file, _HEAD, 0)
    if streams.is_packed(file):
        return tars
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return zips
    if tars.is_tar(head):
        return tars
    return zips if zipfile.is_zipfile(file) else None


def _starts_tar(packed: streams.Unpacked) -> bool:
    try:
        return tars.is_tar(packed.read(_HEAD))
    except streams.DAMAGE as problem:
        if outcomes.of_machine(problem) is not None:
            raise
        return False


def _not_supported(name: str) -> str:
    return f"{name} archives are not supported; unpack it and add the folder"
