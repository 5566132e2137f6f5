"""About 300 bad inputs, each of a few bytes, generated on demand.

In: a folder to write into. Out: `Case`s, each with its reader and the required outcome.
"""

import base64
import functools
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy
import torch
from PIL import Image

from sept_core.services.project import backups

Write = Callable[[Path], Path]

REFUSED, LISTED, READ, EITHER = "refused", "listed", "read", "either"


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        name: what is bad about it.
        reader: of `readers.READERS`.
        write: makes it in an empty folder and returns the path for the reader.
        verdict: `refused` (one sentence), `listed` (nothing of it is taken, each file has a
            reason), `read` (harmless: it must be read), `either` (it only must not crash).
    """

    name: str
    reader: str
    write: Write
    verdict: str


def every() -> Iterator[Case]:
    """The whole corpus."""
    from benchmarks.hostile import pixels  # it takes `Case` from here

    yield from _images()
    yield from pixels.every()
    yield from _zips()
    yield from _tars()
    yield from _tables()
    yield from _names()
    yield from _features()
    yield from _checkpoints()
    yield from _records()


def picture(image_format: str = "PNG", size: tuple[int, int] = (24, 16), **options: Any) -> bytes:
    """A small valid image."""
    pixels = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, image_format, **options)
    return out.getvalue()


def file_of(name: str, content: bytes) -> Write:
    """Writes one file."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write


# Images: every format, harmed in every way.

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif",
           "AVIF": "avif"}  # fmt: skip


def _images() -> Iterator[Case]:
    noise = np.random.default_rng(0).bytes(400)
    for image_format, suffix in FORMATS.items():
        whole = picture(image_format)
        harmed = {
            "empty": (b"", LISTED),
            "its first 4 bytes": (whole[:4], LISTED),
            "its first 12 bytes": (whole[:12], LISTED),
            "its first half": (whole[: len(whole) // 2], LISTED),
            "its last byte missing": (whole[:-1], EITHER),  # a terminator may be missing
            "noise after its magic": (whole[:12] + noise, LISTED),
            "zeros after its magic": (whole[:12] + bytes(400), LISTED),
            "zeros in its middle": (_zeroed(whole, 0.4, 0.6), EITHER),
            "its header upside down": (whole[:32][::-1] + whole[32:], LISTED),
            "all bits flipped": (bytes(255 - b for b in whole), LISTED),
            "0xFF in its size": (whole[:16] + b"\xff" * 8 + whole[24:], EITHER),
            "a megabyte behind it": (whole + bytes(1 << 20), READ),
            "another image's suffix": (whole, READ),
        }
        for what, (content, verdict) in harmed.items():
            name = "x.png" if what == "another image's suffix" else f"x.{suffix}"
            yield Case(f"{image_format}: {what}", "image", file_of(name, content), verdict)
    for name, content in _bombs().items():
        yield Case(name, "image", file_of("bomb.png", content), LISTED)
    for name, content in _no_images().items():
        yield Case(f"no image: {name}", "image", file_of("x.jpg", content), LISTED)


def _zeroed(data: bytes, start: float, stop: float) -> bytes:
    low, high = int(len(data) * start), int(len(data) * stop)
    return data[:low] + bytes(high - low) + data[high:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks)


def _bombs() -> dict[str, bytes]:
    """Small files that claim to be, or unpack to, gigabytes."""
    many = zlib.compress(bytes(40_000_000), 9)
    end = _chunk(b"IEND", b"")
    gif = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    bmp = bytearray(picture("BMP"))
    bmp[18:26] = struct.pack("<ii", 60000, 60000)
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 2)
    tiff += struct.pack("<HHII", 256, 4, 1, 60000) + struct.pack("<HHII", 257, 4, 1, 60000)
    jpeg = bytearray(picture("JPEG"))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = b"\xff\xff\xff\xff"
    return {
        "PNG of 100,000 pixels a side": _png(100_000, 100_000, _chunk(b"IDAT", many), end),
        "PNG of 2^31-1 pixels a side": _png(2**31 - 1, 2**31 - 1, _chunk(b"IDAT", many), end),
        "PNG without pixels": _png(0, 0, end),
        "PNG one pixel high, 10^9 wide": _png(10**9, 1, _chunk(b"IDAT", many), end),
        "PNG with a text chunk that unpacks to 40 MB": _png(
            4, 4, _chunk(b"zTXt", b"k\0\0" + many), _chunk(b"IDAT", zlib.compress(bytes(12))), end
        ),
        "PNG with a chunk longer than the file": _png(4, 4, struct.pack(">I", 2**31 - 1) + b"IDAT"),
        "GIF of 65,535 pixels a side": gif + b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0),
        "BMP of 60,000 pixels a side": bytes(bmp),
        "TIFF of 60,000 pixels a side": tiff + bytes(4),
        "TIFF whose directory leads to itself": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "JPEG of 65,535 pixels a side": bytes(jpeg),
    }


def _no_images() -> dict[str, bytes]:
    """Files that other programs would run, or whose Pillow decoders must not be used."""
    return {
        "an SVG with a script": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
        "a pickle": pickle.dumps({"a": 1}),
        "HTML": b"<html><img src=x onerror=alert(1)>",
        "a zip": zip_of({"a.png": picture()}),
        "an ICO": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0\0\0\0\0\x16\0\0\0",
        "an ICNS": b"icns\0\0\1\0ic07\0\0\0\x10" + bytes(8),
        "a FITS": b"SIMPLE  =                    T",
        "a PSD": b"8BPS\0\1" + bytes(20),
        "an XBM": b"#define a_width 9\n#define a_height 9\nstatic char a_bits[] = {0};",
        "an MPO's marker alone": b"\xff\xd8\xff\xe2\0\x10MPF\0",
        "one NUL": b"\0",
        "spaces": b" " * 5000,
        "text": b"no picture\n" * 100,
    }


# Archives.


def zip_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


UNSAFE = ("../outside.png", "/absolute.png", "a/../../outside.png", "..\\outside.png",
          "C:\\outside.png", "C:/outside.png", "\\\\host\\share\\x.png", "a/../../../etc/x.png",
          "./../outside.png", "....//outside.png/../../x.png")  # fmt: skip


def _zips() -> Iterator[Case]:
    good = picture()
    for name in UNSAFE:
        yield _zip_case(f"named {name!r}", zip_of({name: good}), LISTED)
    whole = zip_of({"a.png": good, "b.png": good + b"!"}, zipfile.ZIP_DEFLATED)
    yield _zip_case("empty file", b"", LISTED)
    yield _zip_case("no members", zip_of({}), REFUSED)
    yield _zip_case("its first half", whole[: len(whole) // 2], LISTED)
    yield _zip_case("its directory cut off", whole[:-10], LISTED)
    yield _zip_case("noise before it", b"#!/bin/sh\n" * 50 + whole, EITHER)
    yield _zip_case("a wrong CRC", whole.replace(struct.pack("<I", zlib.crc32(good)), b"\1" * 4),
                    EITHER)  # fmt: skip
    yield _zip_case("unknown compression", whole.replace(b"\x08\0", b"\x63\0"), EITHER)
    yield _zip_case("encrypted", _flagged(whole), LISTED)
    yield _zip_case("a link out", _linked_zip(), LISTED)
    yield Case("zip: a bomb", "source", _bomb_zip, LISTED)
    yield _zip_case("claims a gigabyte", _claims(whole, len(good), 1 << 30), EITHER)
    yield _zip_case("claims 2^32-1 bytes", _claims(whole, len(good), 2**32 - 1), EITHER)
    yield _zip_case("a zip in it", zip_of({"inner.zip": whole}), LISTED)
    yield _zip_case("a zip in it named as an image", zip_of({"inner.png": whole}), LISTED)
    yield _zip_case("one name twice", _twice(), EITHER)
    empty = zip_of({f"{i}.png": b"" for i in range(10_000)})
    yield _zip_case("10,000 empty members", empty, LISTED)
    yield _zip_case("a name of 60,000 letters", zip_of({"a" * 60_000 + ".png": good}), EITHER)
    yield _zip_case("its comment is a directory", _commented(whole), EITHER)
    yield _zip_case("a name with NUL", whole.replace(b"a.png", b"a\0png"), EITHER)
    yield _zip_case("a name that is no UTF-8", whole.replace(b"a.png", b"\xff\xfe.xx"), EITHER)


def _zip_case(name: str, content: bytes, verdict: str) -> Case:
    return Case(f"zip: {name}", "source", file_of("pool.zip", content), verdict)


def _flagged(data: bytes) -> bytes:
    """Both headers of each member say that it is encrypted."""
    out = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(signature)
        while place >= 0:
            out[place + offset] |= 1
            place = data.find(signature, place + 1)
    return bytes(out)


def _linked_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("passwd.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def _bomb_zip(folder: Path) -> Path:
    """600 MB of zeros in half a megabyte, as one image."""
    path = folder / "pool.zip"
    packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
    with packed as archive, archive.open("bomb.png", "w", force_zip64=True) as member:
        for _ in range(600):
            member.write(bytes(1_000_000))
    return path


def _claims(data: bytes, size: int, claimed: int) -> bytes:
    return data.replace(struct.pack("<I", size), struct.pack("<I", claimed))


def _twice() -> bytes:
    """The second of a name hides behind the first, as scanners and readers may disagree."""
    data = zip_of({"a.png": picture(), "b.png": picture("JPEG")})
    return data.replace(b"b.png", b"a.png")


def _commented(data: bytes) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = data[-22:]
    return out.getvalue()


def tar_of(*members: tuple[str, bytes] | tarfile.TarInfo, fmt: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def _special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("x.png")
    info.type, info.linkname = kind, target
    return info


def _tars() -> Iterator[Case]:
    good = picture()
    for name in UNSAFE:
        yield _tar_case(f"named {name!r}", tar_of((name, good)), LISTED)
    kinds = {
        "a link out": _special(tarfile.SYMTYPE, "/etc/passwd"),
        "a link up": _special(tarfile.SYMTYPE, "../../x.png"),
        "a hard link out": _special(tarfile.LNKTYPE, "/etc/passwd"),
        "a device": _special(tarfile.CHRTYPE),
        "a pipe": _special(tarfile.FIFOTYPE),
        "a block device": _special(tarfile.BLKTYPE),
        "of an unknown kind": _special(b"Z"),
    }
    for name, info in kinds.items():
        yield _tar_case(name, tar_of(info), LISTED)
    whole = tar_of(("a.png", good), ("b.png", good + b"!"))
    packed = gzip.compress(whole)
    yield _tar_case("empty file", b"", EITHER)
    yield _tar_case("its first half", whole[: len(whole) // 2], EITHER)
    yield _tar_case("cut inside a header", whole[:600], EITHER)
    yield _tar_case("noise", np.random.default_rng(1).bytes(4096), LISTED)
    yield _tar_case("zeros", bytes(10_240), REFUSED)
    yield _tar_case("a wrong checksum", whole[:150] + b"9" + whole[151:], LISTED)
    yield _tar_case("a size of 8 GB", _sized(b"77777777777\0"), LISTED)
    yield _tar_case("a size below zero", _sized(b"\xff" * 12), EITHER)
    yield _tar_case("a size that is no number", _sized(b"zzzzzzzzzzz\0"), EITHER)
    yield _tar_case("garbage between members", whole[:1536] + b"x" * 512 + whole[1536:], EITHER)
    yield _tar_case("one name twice", tar_of(("a.png", good), ("a.png", good + b"!")), EITHER)
    yield _tar_case("a pax header that renames", _renamed("../outside.png"), LISTED)
    yield _tar_case("a pax header that is huge", _renamed("a" * 3_000_000), EITHER)
    outwards = tar_of(("../" * 60 + "x.png", good), fmt=tarfile.GNU_FORMAT)
    yield _tar_case("GNU long name that leads out", outwards, LISTED)
    for name, content in {
        "cut off": packed[: len(packed) // 2],
        "its header alone": packed[:10],
        "with noise behind": packed + b"noise",
        "with a wrong checksum": packed[:-8] + bytes(8),
        "of nothing": gzip.compress(b""),
        "a bomb": gzip.compress(_sized(b"77777777777\0") + bytes(30_000_000)),
        "that is a plain tar": whole,
    }.items():
        yield Case(f"tar.gz: {name}", "source", file_of("pool.tar.gz", content), EITHER)


def _tar_case(name: str, content: bytes, verdict: str) -> Case:
    return Case(f"tar: {name}", "source", file_of("pool.tar", content), verdict)


def _sized(field: bytes) -> bytes:
    """A tar whose first member claims another size, with a checksum that fits."""
    data = bytearray(tar_of(("a.png", picture())))
    data[124:136] = field
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    return bytes(data)


def _renamed(name: str) -> bytes:
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"path": name}
    return tar_of(info)


# Tables.


def parquet_of(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def arrow_of(table: pa.Table, is_stream: bool) -> bytes:
    out = io.BytesIO()
    make = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with make(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def _tables() -> Iterator[Case]:
    words = parquet_of(pa.table({"path": ["a path.png"], "named": ["x"]}))
    cases: dict[str, tuple[bytes, str]] = {
        "a.csv: empty": (b"", REFUSED),
        "b.csv: a header alone": (b"path\n", REFUSED),
        "c.csv: no known column": (b"a,b\n1,2\n", REFUSED),
        "d.csv: no header": (b"x.png\ny.png\n", EITHER),
        "e.csv: an absolute path": (b"path\n/etc/passwd\n", LISTED),
        "f.csv: a path upwards": (b"path\n../../etc/passwd\n", LISTED),
        "g.csv: not UTF-8": (b"path\n\xff\xfe\xfa.png\n", LISTED),
        "u.csv: a broken row that is not UTF-8": (b"path\nx.png\n\xff,1,2\n", LISTED),
        "h.csv: UTF-16": ("path\nx.png\n".encode("utf-16"), LISTED),
        "i.csv: too few and too many cells": (b"path,a\nx.png\ny.png,1,2,3\n", LISTED),
        "j.csv: an open quote": (b'path,a\n"x.png,1\n' * 3, EITHER),
        "k.csv: NUL in a cell": (b"path\nx\0.png\n", EITHER),
        "l.csv: a cell of 2 MB": (b"path\n" + b"x" * 2_000_000 + b"\n", EITHER),
        "m.csv: 5,000 columns": (b",".join(b"c%d" % i for i in range(5000)) + b"\n", REFUSED),
        "n.csv: one column twice": (b"path,path\nx.png,y.png\n", EITHER),
        "o.csv: base64 that is none": (b"image_base64\n!!!!\n", LISTED),
        "p.csv: base64 of no image": (b"image_base64\n" + base64.b64encode(b"no") + b"\n", LISTED),
        "q.csv: a formula": (b'path\n"=HYPERLINK(1)"\n', LISTED),
        "r.csv: a pipe, as pandas would open it": (b"path\n|id.png\n", LISTED),
        "s.csv: a URL": (b"path\nhttp://127.0.0.1:9/x.png\n", LISTED),
        "t.csv: a device": (b"path\n/dev/zero\n", LISTED),
        "a.jsonl: empty": (b"", REFUSED),
        "b.jsonl: no JSON": (b"nothing\n", EITHER),
        "c.jsonl: no objects": (b"1\n[]\nnull\n", EITHER),
        "d.jsonl: a path that is a number": (b'{"path": 5}\n', LISTED),
        "e.jsonl: a path that is a list": (b'{"path": ["x"]}\n{"path": {"a": 1}}\n', EITHER),
        "f.jsonl: NaN and infinity": (b'{"path": NaN}\n{"path": Infinity}\n', EITHER),
        "g.jsonl: a number of 400 digits": (b'{"path": ' + b"9" * 400 + b"}\n", LISTED),
        "h.jsonl: deep": (b'{"path": "x.png", "a": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", EITHER),
        "i.jsonl: half a line": (b'{"path": "x.png"}\n{"pa', LISTED),
        "j.jsonl: a lone surrogate": (b'{"path": "\\ud800.png"}\n', LISTED),
        "k.jsonl: upwards": (b'{"path": "../x.png"}\n', LISTED),
        "l.jsonl: a NUL": (b'{"path": "a\\u0000.png"}\n', LISTED),
        "m.jsonl: a path of 5,000 letters": (b'{"path": "' + b"a" * 5000 + b'"}\n', LISTED),
        "v.csv: one quote": (b'path,a\n"', LISTED),
        "w.csv: 20,000 quotes that open": (b'path,a\n' + b'"x.png,1\n' * 20_000, LISTED),
        "x.csv.gz: a bomb": (gzip.compress(b"path\n" + bytes(60_000_000)), EITHER),
        "y.csv: UTF-16 that breaks off": ("path\nx.png\n".encode("utf-16")[:-1], EITHER),
        "z.csv: another delimiter in each row": (b"path,a\nx.png;1\ny.png\t2\nz.png|3\n", EITHER),
        "A.csv: base64 in the path": (
            b"path\n" + base64.b64encode(bytes(9000)) + b"\n", LISTED),
        "B.csv.gz: cut off": (gzip.compress(b"path\n" + b"x.png\n" * 9999)[:-60], REFUSED),
        "C.csv.gz: no gzip": (b"path\nx.png\n", REFUSED),
        "D.csv.xz: noise": (np.random.default_rng(4).bytes(300), REFUSED),
        "E.tsv: 200,000 tabs": (b"path" + b"\t" * 200_000 + b"\nx.png\n", EITHER),
        "a.json: no JSON": (b"[", REFUSED),
        "b.json: deep": (b"[" * 100_000, REFUSED),
        "c.json: a list of lists": (b"[[1], [2]]", REFUSED),
        "d.json: a field that is a list and a value": (
            b'[{"path": "x.png", "a.b": 1, "a": [{"b": 2}]}]', LISTED),
        "e.json: images that are no records": (b'{"images": [1, "x.png", null]}', REFUSED),
        "f.json: a class of none": (
            b'{"images": [{"id": [], "file_name": "x.png"}], "annotations": [{}], '
            b'"categories": []}', LISTED),
        "a.arrow: empty": (b"", REFUSED),
        "b.arrow: noise": (np.random.default_rng(5).bytes(500), REFUSED),
        "c.arrow: a stream that breaks off": (
            arrow_of(pa.table({"path": ["x.png"] * 999}), True)[:-400], REFUSED),
        "d.feather: version 1": (b"FEA1" + bytes(60), REFUSED),
        "e.feather: a footer that lies": (
            b"ARROW1\0\0" + bytes(20) + b"\xff\xff\xff\x7fARROW1",
            REFUSED,
        ),
        "a.txt: empty": (b"", REFUSED),
        "b.txt: blank lines": (b"\n \n\t\n", REFUSED),
        "c.txt: absolute and upwards": (b"/etc/passwd\n../x.png\n", LISTED),
        "d.txt: noise": (np.random.default_rng(2).bytes(2000), LISTED),
        "e.txt: one line of 2 MB": (b"x" * 2_000_000, LISTED),
        "a.parquet: empty": (b"", REFUSED),
        "b.parquet: noise": (np.random.default_rng(3).bytes(500), REFUSED),
        "c.parquet: its first half": (parquet_of(pa.table({"path": ["x"] * 99}))[:120], REFUSED),
        "d.parquet: no columns": (parquet_of(pa.table({})), REFUSED),
        "e.parquet: numbers as paths": (parquet_of(pa.table({"path": [1, 2]})), LISTED),
        "f.parquet: nulls": (
            parquet_of(pa.table({"path": pa.array([None, ""], pa.string())})), LISTED),
        "g.parquet: lists as paths": (parquet_of(pa.table({"path": [["x"], []]})), LISTED),
        "h.parquet: bytes that are no image": (
            parquet_of(pa.table({"image": [b"no", b""]})), LISTED),
        "i.parquet: images that are null": (
            parquet_of(pa.table({"image": pa.array([None, None], pa.binary())})), LISTED),
        "j.parquet: NaN as paths": (parquet_of(pa.table({"path": [float("nan"), 1.5]})), LISTED),
        "k.parquet: metadata that is no JSON": (
            parquet_of(pa.table({"path": ["x"]}).replace_schema_metadata({"huggingface": "{"})),
            LISTED),
        "l.parquet: bytes flipped": (
            _zeroed(parquet_of(pa.table({"path": ["x.png"] * 999})), 0.1, 0.3), EITHER),
        "n.parquet: a path that is no UTF-8": (words.replace(b"a path", b"a \xc1ath"), REFUSED),
        "o.parquet: a name that is no UTF-8": (words.replace(b"named", b"na\xc1ed"), REFUSED),
        "m.parquet: a footer that lies": (b"PAR1" + bytes(20) + b"\xff\xff\xff\x7fPAR1", REFUSED),
    }  # fmt: skip
    for name, (content, verdict) in cases.items():
        file, _, what = name.partition(": ")
        suffix = file.partition(".")[2]
        yield Case(f"{suffix}: {what}", "source", file_of(file, content), verdict)


# Names of files.

NAMES = (
    "<img src=x onerror=alert(1)>.png", "<script>alert(1)<\\script>.png", "\"quoted\".png",
    "'single'.png", "new\nline.png", "carriage\rreturn.png", "tab\there.png", "=SUM(A1:A9).png",
    "+1.png", "-rf.png", "@x.png", "$(id).png", "`id`.png", ";id;.png", "|id.png", "%00.png",
    "%2e%2e%2fx.png", "back\\slash.png", "right\u202eto left.png", "zero\u200bwidth.png",
    "\ufeffbom.png", "e\u0301 combined.png", "\U0001f5bc picture.png", "CON.png", "aux.png",
    " leading space.png", "trailing space .png", "two  spaces.png", "a" * 240 + ".png",
    "{braces}.png", "[brackets].png", "**stars**.png", "[link](javascript:alert(1)).png",
    "$latex$.png", ":red[x].png", "~tilde.png", "#hash.png", "?query=1.png", "a&b&amp;.png",
    "\x1b[31mred.png", "\x07bell.png", "DROP TABLE files;--.png", "' OR 1=1 --.png", "\udcff.png",
)  # fmt: skip


def _names() -> Iterator[Case]:
    for name in NAMES:
        yield Case(f"name: {name!r}", "source", functools.partial(_named, name), READ)
    for name in (".hidden.png", "..png", "...png"):
        yield Case(f"name: {name}", "source", functools.partial(_named, name), LISTED)


def _named(name: str, folder: Path) -> Path:
    home = folder / "pool"
    home.mkdir()
    (home / name).write_bytes(picture())
    return home


# Features.


def npy_of(array: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


class _Runs:
    """Unpickling it would leave a file behind; it is never to be unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


def _features() -> Iterator[Case]:
    good = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    keys = b"key\na.png\nb.png\nc.png\n"
    whole = npy_of(good)
    header = whole.replace(b"(3, 4)", b"(9, 4)")
    bad = np.array(good)
    bad[1, 2] = np.nan
    endless = np.array(good)
    endless[0] = np.inf
    cases: dict[str, tuple[bytes, bytes | None, str]] = {
        "empty": (b"", keys, REFUSED),
        "no magic": (b"x" * 200, keys, REFUSED),
        "its header alone": (whole[:40], keys, REFUSED),
        "cut off": (whole[:-10], keys, REFUSED),
        "more rows than bytes": (
            header, keys.replace(b"key\n", b"key\n" + b"x\n" * 6), REFUSED),
        "a header that is code": (_coded(whole), keys, REFUSED),
        "pickled objects": (
            npy_of(np.array([_Runs()] * 3, object), allow_pickle=True), keys, REFUSED),
        "one dimension": (npy_of(good[0]), keys, REFUSED),
        "three dimensions": (npy_of(good[None]), keys, REFUSED),
        "no rows": (npy_of(good[:0]), b"key\n", EITHER),
        "vectors of length 0": (npy_of(good[:, :0]), keys, EITHER),
        "text": (npy_of(np.array([["a"]] * 3)), keys, REFUSED),
        "complex numbers": (npy_of(good.astype(complex)), keys, REFUSED),
        "truth values": (npy_of(good > 0), keys, EITHER),
        "integers": (npy_of((good * 9).astype(np.int64)), keys, EITHER),
        "records": (npy_of(np.zeros(3, [("a", "f4"), ("b", "f4")])), keys, REFUSED),
        "NaN": (npy_of(bad), keys, LISTED),
        "infinity": (npy_of(endless), keys, LISTED),
        "a zero vector": (npy_of(good * [[1], [0], [1]]), keys, LISTED),
        "the largest numbers": (npy_of(np.full((3, 4), 3e38, np.float32)), keys, EITHER),
        "the smallest numbers": (npy_of(np.full((3, 4), 1e-45, np.float32)), keys, EITHER),
        "Fortran order": (npy_of(np.asfortranarray(good)), keys, EITHER),
        "big-endian": (npy_of(good.astype(">f4")), keys, EITHER),
        "no keys": (whole, None, REFUSED),
        "too few keys": (whole, b"key\na.png\n", REFUSED),
        "too many keys": (whole, keys + b"d.png\n", REFUSED),
        "empty keys": (whole, b"key\n,\n\n\n", REFUSED),
        "keys that are equal": (whole, b"key\na.png\na.png\na.png\n", EITHER),
        "keys with no known column": (whole, b"a,b\n1,2\n3,4\n5,6\n", REFUSED),
        "keys of an empty file": (whole, b"", REFUSED),
        "keys of noise": (whole, np.random.default_rng(4).bytes(99), REFUSED),
    }  # fmt: skip
    for name, (vectors, names, verdict) in cases.items():
        write = functools.partial(write_features, vectors, names)
        yield Case(f"features: {name}", "features", write, verdict)
    for name, content in {
        "empty": b"",
        "no zip": b"x" * 99,
        "no known array": npz_of({"other": good}),
        "cut off": npz_of({"b32_img": good})[:-30],
        "pickled": zip_of({"b32_img.npy": npy_of(np.array([_Runs()], object), allow_pickle=True)}),
        "a name upwards": zip_of({"../b32_img.npy": whole}),
    }.items():
        yield Case(f"npz: {name}", "features", file_of("f.npz", content), REFUSED)


def _coded(data: bytes) -> bytes:
    text = b"{'descr': __import__('pathlib').Path('unpickled').touch(), }"
    return data[:10] + text.ljust(len(data[10:128]) - 1) + b"\n" + data[128:]


def npz_of(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def write_features(vectors: bytes, keys: bytes | None, folder: Path) -> Path:
    if keys is not None:
        (folder / "f.csv").write_bytes(keys)
    return file_of("f.npy", vectors)(folder)


# Weights.

CARD = {
    "backbone": {"name": "resnet10-tiny"}, "image_size": 32, "mean": [0.5] * 3, "std": [0.25] * 3,
    "method": "none", "settings": {}, "manifest": "", "metrics": {}, "kind": "self-supervised",
}  # fmt: skip


def _checkpoints() -> Iterator[Case]:
    tensors = {"a": np.zeros((2, 2), np.float32)}
    good = safetensors.numpy.save(tensors)
    card = {"format": 1} | CARD
    weights = {
        "empty": b"",
        "noise": np.random.default_rng(5).bytes(300),
        "a header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
        "a header that is no JSON": struct.pack("<Q", 4) + b"nope",
        "offsets beyond its end": good.replace(b"[0,16]", b"[0,99]"),
        "cut off": good[:-4],
        "another network's": good,
        "a pickle": pickle.dumps(_Runs()),
    }
    for name, content in weights.items():
        write = functools.partial(_checkpoint, json.dumps(card).encode(), content)
        yield Case(f"checkpoint: {name}", "checkpoint", write, REFUSED)
    for name, changed in {
        "no card": None,
        "a card that is no JSON": b"{",
        "a card that is a list": b"[]",
        "a card of another format": json.dumps(card | {"format": 99}).encode(),
        "a card without a backbone": json.dumps({**card, "backbone": {}}).encode(),
        "a backbone that is a path": json.dumps(
            card | {"backbone": {"name": "../../x"}}).encode(),
        "a backbone from a hub": json.dumps(
            card | {"backbone": {"name": "hf-hub:evil/model"}}).encode(),
        "a backbone with arguments of its own": json.dumps(
            card | {"backbone": {"name": "resnet10-tiny", "checkpoint_path": "x.pth"}}).encode(),
        "a size of -1": json.dumps(card | {"image_size": -1}).encode(),
    }.items():  # fmt: skip
        write = functools.partial(_checkpoint, changed, good)
        yield Case(f"checkpoint: {name}", "checkpoint", write, REFUSED)
    for name, content in {
        "empty": b"",
        "noise": np.random.default_rng(6).bytes(300),
        "a pickle with code": pickle.dumps(_Runs()),
        "torch's zip with code": _torch(_Runs()),
        "a torch file of a number": _torch(5),
        "a torch file of a list": _torch([torch.zeros(2)]),
        "a torch file of text keys to text": _torch({"a": "b"}),
        "a zip that is none of torch's": zip_of({"data.pkl": b"x"}),
    }.items():
        write = file_of("weights.pth", content)
        yield Case(f"weights: {name}", "weights", write, REFUSED)


def _checkpoint(card: bytes | None, weights: bytes, folder: Path) -> Path:
    if card is not None:
        (folder / "card.json").write_bytes(card)
    (folder / "backbone.safetensors").write_bytes(weights)
    return folder


def _torch(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


# What SEPT writes itself, and somebody changed.


def _records() -> Iterator[Case]:
    contents = {
        "empty": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "null": b"null",
        "a number": b"1e999",
        "text": b'"x"',
        "another format": b'{"format": 99}',
        "noise": np.random.default_rng(8).bytes(200),
        "deep": b"[" * 100_000,
        "nothing it needs": b'{"format": 1}',
    }
    for name, content in contents.items():
        yield Case(f"manifest: {name}", "manifest", file_of("manifest.json", content), REFUSED)
        yield Case(f"shard header: {name}", "store", file_of("s/00000.json", content), REFUSED)
        packed = gzip.compress(content)
        yield Case(f"backup: {name}", "backup", file_of("b.gz", packed), REFUSED)
    yield Case("backup: no gzip", "backup", file_of("b.gz", b"{}"), REFUSED)
    bomb = gzip.compress(b" " * 50_000_000)
    yield Case("backup: a bomb", "backup", file_of("b.gz", bomb), REFUSED)
    for name, changes in FORGED.items():
        write = file_of("b.gz", sealed_backup(changes))
        yield Case(f"forged backup: {name}", "backup", write, REFUSED)
    for name, text in {
        "an open quote": 'path = "x', "an operator alone": ">=", "SQL": "width >= 1; DROP TABLE x",
        "a quote in a value": "path = 'a' OR 1=1", "a number that is none": "width > wide",
        "and alone": "and", "a field with a quote": "a'b = 1",
        "nothing behind and": "width > 1 and",
    }.items():  # fmt: skip
        yield Case(f"filter: {name}", "filter", file_of("f.txt", text.encode()), EITHER)


UID = "0" * 32
SOURCE = {"id": "s1", "role": "pool", "name": "web", "kind": "folder", "path": "/data/web",
          "root": "/data/web", "options": {}, "note": "", "added_at": 1.0}  # fmt: skip
DECISION = {"position": 1, "target_id": "s2", "at": "2026-01-01T00:00:00.000+00:00", "who": "Ada",
            "action": "veto", "scope": "image", "reason": "", "uids": [UID],
            "undoes": None}  # fmt: skip
SELECTION = {
    "id": "random-0123abcd", "target_ids": ["s2"], "settings": {"strategy": "random", "budget": 5},
    "encoder_id": "classic-1", "filter": "", "group": [], "guard": {"state": "on", "leaks": 0},
    "index": "exact", "features": "ab", "pool_fingerprint": "ab", "decision_position": 1,
    "decision_hash": "ab", "picks_sha256": "ab", "decisions": True, "count": 5, "funnel": [],
    "short_because": [], "lost_pins": 0, "created_at": 1.0,
}  # fmt: skip
TARGET = SOURCE | {"id": "s2", "role": "target", "name": "toys"}
CONTENT = {
    "made_at": 1.0, "sources": [SOURCE, TARGET], "decisions": [DECISION], "selections": [SELECTION],
    "settings": {"who": "Ada", "title": "Toys", "group:corner": [UID]},
}  # fmt: skip

FORGED: dict[str, dict[str, Any]] = {
    "no list of sources": {"sources": None},
    "a source of no id": {"sources": [{**SOURCE, "id": None}]},
    "an id that would take years to count to": {"sources": [{**SOURCE, "id": "s99999999999"}]},
    "two sources of one id": {"sources": [SOURCE, {**TARGET, "id": "s1"}]},
    "two sources of one name": {"sources": [SOURCE, {**SOURCE, "id": "s3"}]},
    "a source of another kind": {"sources": [{**SOURCE, "kind": "shell"}]},
    "a source with a name of markup": {"sources": [{**SOURCE, "name": "<b>"}]},
    "a path with NUL": {"sources": [{**SOURCE, "path": "/a\0b"}]},
    "a root that is a list": {"sources": [{**SOURCE, "root": ["/"]}]},
    "an option that is a list": {"sources": [{**SOURCE, "options": {"root": []}}]},
    "a decision of no kind": {"decisions": [{**DECISION, "action": "explode"}]},
    "a decision on a path": {"decisions": [{**DECISION, "uids": ["../../x"]}]},
    "a decision at no position": {"decisions": [{**DECISION, "position": "1"}]},
    "two decisions at one position": {"decisions": [DECISION, DECISION]},
    "a decision that undoes a later one": {
        "decisions": [{**DECISION, "action": "undo", "uids": [], "undoes": [5]}]
    },
    "half a character": {"decisions": [{**DECISION, "who": "\ud800"}]},
    "a selection that is a path": {"selections": [{**SELECTION, "id": "../../x"}]},
    "a selection without targets": {"selections": [{**SELECTION, "target_ids": None}]},
    "a selection by no strategy": {"selections": [{**SELECTION, "settings": {"strategy": "x"}}]},
    "an encoder that is a path": {"selections": [{**SELECTION, "encoder_id": "../x"}]},
    "a group that is no list": {"settings": {"group:x": 5}},
    "a group of a bad name": {"settings": {"group:../x": [UID]}},
    "an encoder that is a number": {"settings": {"encoder": 5}},
    "a value range that is none": {"settings": {"value_ranges": ["5:1"]}},
    "value ranges that are no list": {"settings": {"value_ranges": "0:1"}},
    "a setting that nobody knows": {"settings": {"passwords": "x"}},
}


def sealed_backup(changes: dict[str, Any]) -> bytes:
    """A whole backup with other entries, and the checksum that fits."""
    return gzip.compress(json.dumps(backups.sealed(CONTENT | changes)).encode())
