"""Small sources of every kind, and the folder that nothing may fall over."""

import io
import os
import socket
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from sept_core.ingest import sources


def picture(number: int, image_format: str = "JPEG", mode: str = "RGB") -> bytes:
    """A small image that differs from every other number's."""
    pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, image_format)
    return out.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write_tar(path: Path, members: Iterable[tuple[str, bytes]], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def scanned(path: Path, **options: str) -> tuple[sources.SourceSpec, list[sources.FileEntry]]:
    spec = sources.detect("pool", path, **options)
    entries = list(sources.scan(spec))
    places = [(entry.rel_path, entry.member) for entry in entries]
    assert len(set(places)) == len(places), "a place is listed twice"
    pa.array([text for place in places for text in place], pa.string()).cast(pa.large_string())
    return spec, entries


def contents(spec: sources.SourceSpec, entries: list[sources.FileEntry]) -> dict[str, bytes]:
    """Return the readable contents, by member or path; offsets must only ever be a short cut."""
    with sources.ByteReader({"pool": spec.root}) as reader:
        found = {}
        for entry in entries:
            if entry.problem is None:
                place = ("pool", entry.rel_path, entry.member)
                data = reader.read(*place, entry.offset, entry.size)
                assert reader.read(*place) == data
                assert entry.size in (-1, len(data))
                found[entry.member or entry.rel_path] = data
        return found


def problems(entries: list[sources.FileEntry]) -> dict[str, str]:
    return {e.member or e.rel_path: e.problem for e in entries if e.problem is not None}


ODD_NAMES = [
    "with space.jpg",
    "quote'\".jpg",
    "new\nline.jpg",
    "emoji-😀.jpg",
    "<script>alert(1)<\\script>.jpg",
    "back\\slash\\xff.jpg",
    os.fsdecode(b"latin-\xe9-\xff.jpg"),
    "-rf.jpg",
    "a" * 200 + ".jpg",
]


def hostile_folder(root: Path) -> None:
    """Must-show 5 of the project's main issue."""
    noise = np.random.default_rng(0).integers(0, 2**16, (64, 64), np.uint16)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    write(root / "sixteen.png", out.getvalue())
    write(root / "cmyk.jpg", picture(1, mode="CMYK"))
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(root / "animated.gif", save_all=True, append_images=frames[1:])
    for number, name in enumerate(ODD_NAMES):
        write(root / name, picture(100 + number))
    write(root / "truncated.jpg", picture(2)[:-40])
    write(root / "empty.jpg", b"")
    write(root / "text.jpg", b"these are words")
    write(root / "bomb.png", bomb(30_000))
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(root, os.O_RDONLY)  # a socket's whole path may not be long
        listening.bind(f"/proc/self/fd/{here}/socket.jpg")
        os.close(here)
    (root / "dangling.jpg").symlink_to(root / "nowhere.jpg")
    (root / "loop").symlink_to(root)
    (root / "passwd.jpg").symlink_to("/etc/passwd")


def bomb(side: int) -> bytes:
    """A valid black 1-bit PNG, written a row at a time."""
    packer, row = zlib.compressobj(1), bytes(1 + side // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = side.to_bytes(4, "big") * 2 + b"\x01\x00\x00\x00\x00"

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
