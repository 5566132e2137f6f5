"""Archives of all kinds: joined, packed, mixed, long-named, sparse, linked, encrypted.

In: a random generator. Out: `Drawn`, an archive with the files that went in; `lost` names each of
them that is neither read unchanged nor listed with a reason. Also named cases for the corpus.
"""

import bz2
import functools
import gzip
import io
import lzma
import random
import tarfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.hostile.corpus import LISTED, READ, Case, file_of, picture, tar_of, zip_of
from sept_core.archives import archives, members
from sept_core.filesystem import safe_paths
from sept_core.imaging import images

Packer = Callable[[bytes], bytes]
Files = list[tuple[str, bytes]]

NAMES = ("a.png", "./b.png", "train/cat/1.jpg", "scan_1.5.jpg", "scan_1.50.jpg", "x.mask.png",
         "train\\dog\\2.jpg", "__MACOSX/._a.png", "ü 😀.png", "c" * 120 + ".png",
         "/".join(["folder" * 4] * 14) + "/d.png", "no_suffix", "a.json", "scan_1.5.json",
         "/absolute.png", "../up.png", "inner.zip", "C:\\x.png", "e\n.png")  # fmt: skip
TAR_FORMATS = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def _arrow(codec: str, data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, codec) as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


PACKERS: dict[str, Packer] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": functools.partial(_arrow, "zstd"),
    ".lz4": functools.partial(_arrow, "lz4"),
}


def every() -> Iterator[Case]:
    """Named cases: archives that must be read, and those that must be named."""
    good = picture()
    two = {"a.png": good, "b/c.png": good + b"!"}
    tar, packed = (
        tar_of(*two.items()),
        {name: pack(tar_of(*two.items())) for name, pack in PACKERS.items()},
    )
    read = {
        **{f"p.tar{suffix}": content for suffix, content in packed.items()},
        **{f"p.zip, in truth tar{suffix}": content for suffix, content in packed.items()},
        "p.tar, two without end blocks": _open_ended(tar) + _open_ended(tar),
        "p.tar, two with zeros between": tar + bytes(5120) + tar,
        "p.tar, two packed ones": gzip.compress(tar) + gzip.compress(tar),
        "p.tar, sparse": sparse("s.png", good, tarfile.GNU_FORMAT) + tar,
        "p.tar, sparse by PAX": sparse("s.png", good, tarfile.PAX_FORMAT) + tar,
        "p.tar, long names": tar_of(("n" * 300 + ".png", good), fmt=tarfile.GNU_FORMAT),
        "p.tar, long names by PAX": tar_of(("ü" * 300 + ".png", good)),
        "p.zip, two": zip_of(two) + zip_of(two),
        "p.zip, back-slashes": zip_of({"train\\cat\\a.png": good}),
        "p.zip, four bytes in front": b"PK00" + zip_of(two),
        "p.zip, a program in front": b"MZ" + bytes(3000) + zip_of(two),
    }
    named = {
        "p.tar, a tar in it": tar_of(("in.tar", tar)),
        "p.zip, a packed tar in it": zip_of({"in.tar.gz": packed[".gz"]}),
        "p.7z": b"7z\xbc\xaf\x27\x1c" + bytes(500),
        "p.zip, in truth rar": b"Rar!\x1a\x07\x01\0" + bytes(500),
        "p.tar, a thousand long names of one file": _long_names(tar),
        "p.tar, a sparse map that is cut": sparse("s.png", good, tarfile.GNU_FORMAT)[:500],
        "p.tar, a sparse map out of bounds": sparse("s.png", good, tarfile.GNU_FORMAT, shift=999),
        "p.tar, what follows is packed": tar_of(("x.txt", b"")) + packed[".xz"],
        "p.tar.zst, cut": packed[".zst"][:60],
        "p.tar.bz2, noise in it": packed[".bz2"][:60] + b"noise" * 9 + packed[".bz2"][60:],
        "p.tar, links in a ring": _ring(),
    }
    for verdict, contents in ((READ, read), (LISTED, named)):
        for name, content in contents.items():
            write = file_of(name.partition(",")[0], content)
            yield Case(f"archive: {name}", "source", write, verdict)


def _open_ended(tar: bytes) -> bytes:
    """A tar of `tar_of` without its end blocks."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.getmembers()
        return tar[: archive.offset]


def _long_names(tar: bytes) -> bytes:
    """GNU headers that each give the next one a name."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 6
    return (info.tobuf(tarfile.GNU_FORMAT) + _blocks(b"x.png\0")) * 1000 + tar


def _ring() -> bytes:
    """Two links that lead to each other."""
    links = [tarfile.TarInfo("a.png"), tarfile.TarInfo("b.png")]
    for link, other in zip(links, reversed(links), strict=True):
        link.type, link.linkname = tarfile.SYMTYPE, other.name
    return tar_of(*links)


@dataclass(frozen=True)
class Drawn:
    """An archive.

    Attributes:
        name: of its file; the suffix may be wrong.
        content: of its file.
        files: name and bytes of all that went in.
        is_whole: nothing of it may be lost to damage.
    """

    name: str
    content: bytes
    files: Files
    is_whole: bool


def drawn(draw: random.Random) -> Drawn:
    """One to three tars or zips, joined, then perhaps packed, padded, cut or mixed."""
    parts = [_files(draw) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.4:
        content = b"".join(_zip(files, draw) for files in parts)
        suffix = ".zip"
    else:
        content = b"".join(_tar(files, draw) for files in parts)
        suffix = ".tar"
        if draw.random() < 0.6:
            content, suffix = _packed(content, draw)
    is_whole = draw.random() < 0.8
    if not is_whole:
        content = _mixed(content, draw)
    if draw.random() < 0.2:
        suffix = draw.choice([".zip", ".tar", ".tar.gz", ".tar.xz", ""])
    return Drawn(f"pool{suffix}", content, [file for files in parts for file in files], is_whole)


def _files(draw: random.Random) -> Files:
    names = [draw.choice(NAMES) for _ in range(draw.randint(1, 6))]
    return [(name, draw.randbytes(draw.choice([0, 1, 511, 512, 513, 3000]))) for name in names]


def _tar(files: Files, draw: random.Random) -> bytes:
    """With one of the formats, with or without end blocks, some files sparse or as links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=draw.choice(TAR_FORMATS)) as archive:
        for name, content in files:
            if draw.random() < 0.1 and len(name) < 100:
                content_blocks = sparse(name, content, archive.format)
                out.write(content_blocks)
                archive.offset += len(content_blocks)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for link, kind in _links(draw):
            info = tarfile.TarInfo(link)
            info.type, info.linkname = kind, files[-1][0]
            archive.addfile(info)
            files.append((link, files[-1][1]))
        end = archive.offset
    whole = out.getvalue() if draw.random() < 0.7 else out.getvalue()[:end]
    return whole + bytes(tarfile.BLOCKSIZE * draw.choice([0, 0, 1, 50]))


def _links(draw: random.Random) -> list[tuple[str, bytes]]:
    """A hard link, a link to that, or neither."""
    number = draw.randrange(10**6)  # a soft link to a repeated name may mean either
    links = [(f"hard{number}.png", tarfile.LNKTYPE), (f"soft{number}.png", tarfile.SYMTYPE)]
    return links[: draw.choice([0, 0, 0, 1, 2])]


def sparse(name: str, content: bytes, form: int, shift: int = 0) -> bytes:
    """The blocks of a sparse member as GNU tar writes it, in its old form or in PAX 1.0.

    `shift` moves the second half, which then lies beyond the end.
    """
    half = len(content) // 2
    pieces = [(0, half), (half + shift, len(content) - half)]
    info = tarfile.TarInfo(name)
    if form == tarfile.PAX_FORMAT:
        numbers = [len(pieces), *(number for piece in pieces for number in piece)]
        table = _blocks("".join(f"{number}\n" for number in numbers).encode())
        told = {"major": "1", "minor": "0", "name": name, "realsize": str(len(content))}
        info.pax_headers = {f"GNU.sparse.{key}": value for key, value in told.items()}
        info.size = len(table) + len(content)
        return info.tobuf(tarfile.PAX_FORMAT) + table + _blocks(content)
    info.type, info.size = tarfile.GNUTYPE_SPARSE, len(content)
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT)[-tarfile.BLOCKSIZE :])
    numbers = [number for piece in pieces for number in piece]
    head[386 : 386 + 48] = b"".join(b"%011o\0" % number for number in numbers)
    head[483:495] = b"%011o\0" % len(content)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + _blocks(content)


def _blocks(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _zip(files: Files, draw: random.Random) -> bytes:
    """With any method, sizes of 64 bits, a comment, or something in front."""
    out = io.BytesIO()
    if draw.random() < 0.2:
        out.write(b"#!/bin/sh\nexit\n" * 40)
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", draw.choice(ZIP_METHODS)) as archive:
        warnings.simplefilter("ignore")  # a repeated name
        for name, content in files:
            with archive.open(name, "w", force_zip64=draw.random() < 0.3) as member:
                member.write(content)
        archive.comment = draw.choice([b"", b"", b"a comment"])
    return out.getvalue()


def _packed(content: bytes, draw: random.Random) -> tuple[bytes, str]:
    """In one stream or two, with or without zeros behind."""
    suffix = draw.choice([*PACKERS])
    pack, cut = PACKERS[suffix], draw.randrange(len(content))
    streams = [content] if draw.random() < 0.5 else [content[:cut], content[cut:]]
    padding = bytes(4 * draw.choice([0, 0, 5])) if suffix in (".gz", ".bz2", ".xz") else b""
    return b"".join(pack(stream) + padding for stream in streams), f".tar{suffix}"


def _mixed(content: bytes, draw: random.Random) -> bytes:
    """Cut off, or followed by something else."""
    other = draw.choice([zip_of, lambda files: tar_of(*files.items()), _gzipped])
    follows = other({"other.png": b"other"})
    if draw.random() < 0.3:
        cuts = [cut for cut in range(7, len(content), 512) if content[cut - 7 : cut].strip(b"\0")]
        return content[: draw.choice(cuts)]  # a tar cut between members or in its zeros looks whole
    return content + draw.choice([follows, b"garbage" * 100])


def _gzipped(files: dict[str, bytes]) -> bytes:
    return gzip.compress(tar_of(*files.items()))


def lost(made: Drawn, folder: Path) -> list[str]:
    """Return the files that went in and are neither read unchanged nor listed with a reason."""
    path = file_of(made.name, made.content)(folder)
    with path.open("rb") as file:
        listed = list(archives.listed(file, path.name))
    sound = any(not member.problem for member in listed)
    reader = archives.open_reader(lambda: path.open("rb")) if sound else None
    read: Counter[tuple[str, bytes]] = Counter()
    named: Counter[str] = Counter()
    for member in listed:
        name = safe_paths.original(member.name.partition(members.REPEATED)[0])
        data = None if member.problem or not reader else _read(reader, member)
        if data is None:
            named[name] += 1
        else:
            read[name, data] += 1
    expected = Counter((name, content) for name, content in made.files)
    unread = Counter(name for name, _ in (expected - read).elements())
    missing = list((unread - named).elements())
    is_cut = any((member.problem or "").startswith(("damaged", "truncated")) for member in listed)
    return [] if is_cut and not made.is_whole else missing


def _read(reader: archives.Reader, member: members.Member) -> bytes | None:
    try:
        data = reader.read(member.name, member.offset, member.size)
    except images.RejectedImage:
        return None
    assert data == reader.read(member.name), "offsets must only be a short cut"
    return data
