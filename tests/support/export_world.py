"""A small pool with every kind of place and name, and a manifest of all its images."""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from sept_core.features import feature_store
from sept_core.imaging import images
from sept_core.manifest import manifest, manifest_tables
from sept_core.storage import hashing

HOSTILE = (
    "plain.jpg",
    'with "quotes" and, comma.jpg',
    "new\nline.jpg",
    "emoji 🐼.png",
    "<script>alert(1)<script>.webp",
    "=cmd|' calc'!A0.gif",
    "deep/er/two.dots.v1.bmp",
    "really a jpeg.txt",
)
KINDS = {".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"}


def picture(seed: int, kind: str = "JPEG") -> bytes:
    """A small image with structure of its own, so that no two hashes are near."""
    grid = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(grid).resize((48, 40), Image.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


def recompressed(data: bytes) -> bytes:
    """A near copy: the same picture at another JPEG quality."""
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(out, "JPEG", quality=60)
    return out.getvalue()


@dataclass
class World:
    """The pool on disk and the manifest of its images, in selected order."""

    manifest: manifest.Manifest
    roots: dict[str, Path]
    images: dict[str, bytes]
    held_out: bytes

    @property
    def uids(self) -> list[str]:
        return list(self.images)

    def path(self, name: str) -> Path:
        return self.roots["photos"] / name


def rows_of(places: list[tuple[bytes, str, str, str]]) -> pa.Table:
    """Manifest rows of (bytes, source, container or path, member)."""
    rows = []
    for number, (data, source, path, member) in enumerate(places):
        rows.append(
            dict.fromkeys(manifest_tables.SCHEMA.names)
            | {
                "uid": hashing.uid_of(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "source": source,
                "rel_path": "" if member else path,
                "shard": path if member else "",
                "key": member,
                "n_locations": 1,
                "width": 48,
                "height": 40,
                "target_uid": f"{number % 3:032x}" if number % 4 else None,
                "target_rank": number,
                "similarity": 0.9 - number / 100,
                "n_targets": 1,
                "phase": "core",
                "reason": "=1+1" if number == 1 else None,
                "encoder_id": "classic-01234567",
                "index_id": "exact",
            }
        )
    return pa.Table.from_pylist(rows, manifest_tables.SCHEMA)


def pool_features(folder: Path, uids: list[str]) -> str:
    """A feature store of these images in this order; what the ssl-data-curation format needs."""
    vectors = np.eye(len(uids), 64)
    outcomes = feature_store.OUTCOME_SCHEMA.empty_table()
    feature_store.write_shard(
        folder, 0, "e-1", np.array(uids, hashing.UID_DTYPE), vectors, outcomes
    )
    return str(folder)


def header(guard: dict[str, object]) -> dict[str, object]:
    return dict.fromkeys(manifest.REQUIRED) | {"seed": 0, "guard": guard, "strategy": "random"}


def build(folder: Path) -> World:
    roots = {name: folder / name for name in ("photos", "zipped", "tarred")}
    places = []
    for seed, name in enumerate(HOSTILE):
        data = picture(seed, KINDS.get(Path(name).suffix, "JPEG"))
        path = roots["photos"] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        places.append((data, "photos", name, ""))
    shared = places[0][0]
    roots["zipped"].mkdir()
    with zipfile.ZipFile(roots["zipped"] / "a.zip", "w") as archive:
        archive.writestr("again.jpg", shared)
        for seed in (20, 21):
            archive.writestr(f"in/{seed}.jpg", picture(seed))
            places.append((picture(seed), "zipped", "a.zip", f"in/{seed}.jpg"))
    roots["tarred"].mkdir()
    with tarfile.open(roots["tarred"] / "00000.tar", "w") as tar:
        member = tarfile.TarInfo("000007.png")
        data = picture(30, "PNG")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
        places.append((data, "tarred", "00000.tar", "000007.png"))
    held_out = picture(99)
    both = [
        {"source": "photos", "rel_path": HOSTILE[0], "shard": "", "key": ""},
        {"source": "zipped", "rel_path": "", "shard": "a.zip", "key": "again.jpg"},
    ]
    locations = [{"uid": hashing.uid_of(shared)} | place for place in both]
    phash = images.perceptual_hash(images.decode(held_out).image)
    guard = [{"uid": hashing.uid_of(held_out), "phash": phash, "target": "pets"}]
    written = manifest.write(
        folder / "subset",
        rows_of(places),
        pa.Table.from_pylist(locations, manifest_tables.LOCATIONS),
        pa.Table.from_pylist(guard, manifest_tables.GUARD),
        header({"state": "on", "bits": 6, "tau": 0.9}),
        roots,
    )
    return World(written, roots, {hashing.uid_of(place[0]): place[0] for place in places}, held_out)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The pool and its manifest, made anew for each test."""
    return build(tmp_path)
