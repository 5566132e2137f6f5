"""Folders of small images, and what a source of them lists and reads."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sept_core.imaging import images
from sept_core.ingest import sources


def picture(number: int) -> bytes:
    """A small JPEG that differs from every other number's."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def write(path: Path, content: bytes | str) -> Path:
    """A file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@dataclass(frozen=True)
class Listed:
    """A source as it was listed.

    Attributes:
        spec: what was detected.
        files: below the root, of each image: `rel_path`, or `member` inside a table; in order.
        values: the metadata of each image.
        problems: of each row or file that leads to none, by its member or path.
        data: the bytes of each image.
    """

    spec: sources.SourceSpec
    files: list[str]
    values: list[dict[str, object]]
    problems: dict[str, str]
    data: list[bytes]


def listed(path: Path, **options: str) -> Listed:
    """Detect, list and read a source."""
    spec = sources.detect("pool", path, **options)
    entries = list(sources.scan(spec))
    places = [(entry.rel_path, entry.member) for entry in entries]
    assert len(set(places)) == len(places), "a place is listed twice"
    good = [entry for entry in entries if entry.problem is None]
    bad = {e.member or e.rel_path: e.problem for e in entries if e.problem is not None}
    data = []
    with sources.ByteReader({"pool": spec.root}) as reader:
        for entry in list(good):
            try:
                place = (entry.rel_path, entry.member, entry.offset, entry.size)
                data.append(reader.read("pool", *place))
            except images.RejectedImage as rejected:
                good.remove(entry)
                bad[entry.member or entry.rel_path] = rejected.reason
    files = [entry.member or entry.rel_path for entry in good]
    return Listed(spec, files, [dict(entry.metadata) for entry in good], bad, data)
