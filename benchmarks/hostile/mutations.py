"""Valid files of every kind, and changes to the files of a folder.

In: a random generator. Out: damaged files, in place. In half of the JSON files, values are changed
and the checksum is updated, as an attacker would do.
"""

import copy
import functools
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.hostile import corpus, pixels, tables
from benchmarks.hostile.corpus import EITHER, Case, file_of
from sept_core.encoders import backbones, checkpoint
from sept_core.features import feature_store
from sept_core.manifest import manifest, manifest_tables
from sept_core.services.project import backups
from sept_core.storage import hashing

LARGE = 200_000
"""Bytes; larger files are left alone, there are enough small ones."""

WORDS = (b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"../", b"-1", b"99999999999",
         b"NaN", b"\n", b'"', b"%s%n", b"PK\3\4", b"IDAT", b"\xff\xd8", b"[]", b"{}", b"null",
         b"\xed\xa0\x80", b"ustar", b"PAR1")  # fmt: skip


VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 2**70, 1e308, 0.5, "", "../../x", "/etc/passwd", "a\0b", "\ud800",
    "s1", "x" * 70_000, [], {}, [[]], [None], {"a": 1}, ["../x"], "veto", "undo", "s999999999",
)  # fmt: skip
"""Replacements for JSON values."""


def valid() -> Iterator[Case]:
    """A good file for every reader: most mutations of these go deep."""
    image = corpus.picture()
    for image_format, suffix in corpus.FORMATS.items():
        content = corpus.picture(image_format)
        yield Case(f"good {image_format}", "image", file_of(f"x.{suffix}", content), EITHER)
    yield from pixels.good()
    members = {"a.png": image, "b/c.jpg": corpus.picture("JPEG"), "d.json": b"{}"}
    yield Case("good zip", "source", file_of("p.zip", corpus.zip_of(members)), EITHER)
    tar = corpus.tar_of(*members.items())
    yield Case("good tar", "source", file_of("p.tar", tar), EITHER)
    yield Case("good tar.gz", "source", file_of("p.tar.gz", gzip.compress(tar)), EITHER)
    table = pa.table({"image": [image, image], "label": [0, 1]})
    yield Case("good parquet", "source", file_of("p.parquet", corpus.parquet_of(table)), EITHER)
    rows = b"path,label,width\na.png,cat,3\nb.png,dog,4\n"
    yield Case("good csv", "source", file_of("p.csv", rows), EITHER)
    lines = b'{"path": "a.png", "n": 1}\n{"path": "b.png", "n": [1, {"a": null}]}\n'
    yield Case("good jsonl", "source", file_of("p.jsonl", lines), EITHER)
    for suffix in ("arrow", "feather"):
        content = corpus.arrow_of(table, is_stream=suffix == "arrow")
        yield Case(f"good {suffix}", "source", file_of(f"p.{suffix}", content), EITHER)
    yield from tables.cases()
    vectors = corpus.npy_of(np.eye(3, 4, dtype=np.float32) + 0.1)
    write = functools.partial(corpus.write_features, vectors, b"key\na.png\nb.png\nc.png\n")
    yield Case("good features", "features", write, EITHER)
    archive = corpus.npz_of({"b32_img": np.eye(3, 4, dtype=np.float32)})
    yield Case("good npz", "features", file_of("f.npz", archive), EITHER)
    yield Case("good backup", "backup", file_of("b.gz", corpus.sealed_backup({})), EITHER)
    yield Case("good manifest", "manifest", _manifest, EITHER)
    yield Case("good store", "store", _store, EITHER)
    yield Case("good checkpoint", "checkpoint", _checkpoint, EITHER)
    text = b'width >= 256 and source = web and caption ~ "red fox"'
    yield Case("good filter", "filter", file_of("f.txt", text), EITHER)


def _manifest(folder: Path) -> Path:
    """A manifest of two pictures in a folder and a zip."""
    image, other = corpus.picture(), corpus.picture("JPEG")
    file_of("pool/a.png", image)(folder)
    file_of("pool/z.zip", corpus.zip_of({"b.jpg": other}))(folder)
    places = (image, {"rel_path": "a.png"}), (other, {"shard": "z.zip", "key": "b.jpg"})
    rows = [
        dict.fromkeys(manifest_tables.SCHEMA.names)
        | {
            "uid": hashing.uid_of(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "source": "pool",
        }
        | {"phase": "core", **place}
        for data, place in places
    ]
    empty = (manifest_tables.LOCATIONS.empty_table(), manifest_tables.GUARD.empty_table())
    header = dict.fromkeys(manifest.REQUIRED) | {"guard": {"state": "none"}}
    table = pa.Table.from_pylist(rows, manifest_tables.SCHEMA)
    manifest.write(folder / "made", table, *empty, header, {"pool": folder / "pool"})
    return folder / "made"


def _store(folder: Path) -> Path:
    """A feature store of one shard."""
    uids = np.array([f"{number:032x}" for number in range(3)], hashing.UID_DTYPE)
    outcomes = feature_store.OUTCOME_SCHEMA.empty_table()
    feature_store.write_shard(folder / "s", 0, "classic-1", uids, np.eye(3, 4), outcomes)
    return folder / "s" / "00000.json"


def _checkpoint(folder: Path) -> Path:
    """A checkpoint of the smallest network."""
    checkpoint.save(folder, _network(), corpus.CARD)
    return folder


@functools.cache
def _network() -> Any:
    return backbones.build(corpus.CARD["backbone"])


def mutate(folder: Path, draw: random.Random) -> None:
    """Change some bytes, or some values of JSON, of some files of a folder."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if len(data) <= LARGE and draw.random() < 0.9:
            changed = resealed(data, draw) if draw.random() < 0.5 else None
            path.write_bytes(changed or harmed(data, draw))


def resealed(data: bytes, draw: random.Random) -> bytes | None:
    """JSON with one to three other values and the checksum that fits; None for other files."""
    packed = data.startswith(b"\x1f\x8b")
    try:
        document = json.loads(gzip.decompress(data) if packed else data)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return None
    holder = [document]
    for _ in range(draw.randint(1, 3)):
        _change(holder, draw)
    out = json.dumps(sealed(holder[0] if holder else None)).encode()
    return gzip.compress(out) if packed else out


def _change(value: Any, draw: random.Random) -> None:
    """Replace, remove or double something below a list or object."""
    keys = [*value] if isinstance(value, dict) else [*range(len(value))]
    if not keys:
        return
    key = draw.choice(keys)
    below = value[key]
    if isinstance(below, dict | list) and below and draw.random() < 0.8:
        _change(below, draw)
    elif draw.random() < 0.15:
        del value[key]
    elif draw.random() < 0.15 and isinstance(value, list):
        value.append(copy.deepcopy(below))
    else:
        value[key] = copy.deepcopy(draw.choice(VALUES))


def sealed(document: Any) -> Any:
    """A backup or the header of a manifest with the checksum of its changed content."""
    if isinstance(document, dict) and "content" in document:
        return backups.sealed(document["content"]) | {"format": document.get("format")}
    if isinstance(document, dict) and "fingerprint" in document:
        plain = {name: value for name, value in document.items() if name != "fingerprint"}
        return plain | {"fingerprint": hashing.fingerprint(plain)}
    return document


def harmed(data: bytes, draw: random.Random) -> bytes:
    """The bytes after one to eight small changes."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        place = draw.randrange(len(out) + 1)
        kind = draw.randrange(6)
        if kind == 0 and place < len(out):
            out[place] ^= 1 << draw.randrange(8)
        elif kind == 1 and place < len(out):
            out[place] = draw.randrange(256)
        elif kind == 2:
            out[place:place] = draw.choice(WORDS)
        elif kind == 3:
            word = draw.choice(WORDS)
            out[place : place + len(word)] = word
        elif kind == 4:
            del out[place : place + draw.randint(1, 64)]
        else:
            start = draw.randrange(len(out) + 1)
            out[place:place] = out[start : start + draw.randint(1, 64)]
    return bytes(out)
