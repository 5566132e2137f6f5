"""Valid files of every kind, and changes to the files of a folder.

In: a random generator. Out: harmed files, in place.
"""

import functools
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.hostile import corpus
from benchmarks.hostile.corpus import EITHER, Case, file_of

LARGE = 200_000
"""Bytes; larger files are left alone, there are enough small ones."""

WORDS = (b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"../", b"-1", b"99999999999",
         b"NaN", b"\n", b'"', b"%s%n", b"PK\3\4", b"IDAT", b"\xff\xd8", b"[]", b"{}", b"null",
         b"\xed\xa0\x80", b"ustar", b"PAR1")  # fmt: skip


def valid() -> Iterator[Case]:
    """A good file for every reader: most mutations of these go deep."""
    image = corpus.picture()
    for image_format, suffix in corpus.FORMATS.items():
        content = corpus.picture(image_format)
        yield Case(f"good {image_format}", "image", file_of(f"x.{suffix}", content), EITHER)
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
    vectors = corpus.npy_of(np.eye(3, 4, dtype=np.float32) + 0.1)
    write = functools.partial(corpus.write_features, vectors, b"key\na.png\nb.png\nc.png\n")
    yield Case("good features", "features", write, EITHER)
    archive = corpus.npz_of({"b32_img": np.eye(3, 4, dtype=np.float32)})
    yield Case("good npz", "features", file_of("f.npz", archive), EITHER)
    content = json.dumps({"format": 1, "sha256": "", "content": {"decisions": []}}).encode()
    yield Case("good backup", "backup", file_of("b.gz", gzip.compress(content)), EITHER)
    text = b'width >= 256 and source = web and caption ~ "red fox"'
    yield Case("good filter", "filter", file_of("f.txt", text), EITHER)


def mutate(folder: Path, draw: random.Random) -> None:
    """Change some bytes of some files of a folder."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if len(data) <= LARGE and draw.random() < 0.9:
            path.write_bytes(harmed(data, draw))


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
