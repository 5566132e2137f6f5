"""Does everything stay fast at a million images? Makes projects of any size, and measures them.

    SEPT_DATA=… python -m benchmarks.scale make FOLDER --images 1000000 --features PROJECT
    python -m benchmarks.scale measure FOLDER

`make` writes tars of the real pool images, repeated with changed bytes, adds them, reads every
one of them with the embedding worker (a tiny network with random weights: its features are not
used) and imports vectors of length 384: those of PROJECT, which is embedded from the same data,
with noise for every further copy of an image. FOLDER then holds `pool/`, `project/` and
`made.json` with the seconds of each step. `measure` prints one row a question; ratios are against
the bare limit in the same run.
"""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import features, files, jobs
from sept_core.pipeline import projects

DIM, SHARD, SEED = 384, 50_000, 0
LIKENESS = 0.9
"""Cosine of an image's vector and its copies', about."""
TARGETS = ("pets", "food")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--features", type=Path)
    options = parser.parse_args()
    if options.what == "make":
        return make(options.folder, options.images, options.features)
    return measure(options.folder)


def make(folder: Path, images: int, embedded: Path) -> None:
    """The pool, the project and its features."""
    data = Path(os.environ["SEPT_DATA"])
    folder.mkdir(parents=True, exist_ok=True)
    took: dict[str, float] = {}
    with timed(took, "write the pool"):
        write_pool(data, folder, images, embedded)
    project = folder / "project"
    with timed(took, "add"):
        sept("init", project)
        sept("pool", "add", project, "pool", folder / "pool")
    for target in TARGETS:
        sept("target", "add", project, target, data / f"target-{target}.zip")
    with timed(took, "embed"):
        sept("embed", project, "--encoder", f"checkpoint:{tiny_encoder(folder)}")
    with timed(took, "import"):
        sept("features", "import", project, folder / "features", "--name", "real")
    for target in TARGETS:
        path = write_target(data, folder, target, embedded)
        sept("features", "import", project, path, "--name", "real", "--target", target)
    with timed(took, "prepare"):
        sept("prepare", project)
    with timed(took, "map"):
        sept("map", project)
    files.write_json(folder / "made.json", {"images": images, "seconds": took} | jobs_of(project))


@contextlib.contextmanager
def timed(into: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    into[name] = round(time.perf_counter() - started, 2)
    print(f"{name}: {into[name]} s", flush=True)


def sept(*words: Any) -> None:
    subprocess.run([sys.executable, "-m", "sept_core", *map(str, words)], check=True)


def jobs_of(project: Path) -> dict[str, Any]:
    """Seconds of each background job."""
    known = jobs.all_jobs(projects.paths_of(project))
    done = {j.kind: round((j.ended_at or 0) - j.launched_at, 1) for j in reversed(known)}
    return {"jobs": done}


def write_pool(data: Path, folder: Path, images: int, embedded: Path) -> None:
    """Tars of `SHARD` images and, beside them, vectors and keys in the same order."""
    from benchmarks import encoders

    names, pictures = encoders.read_pool(data, None)
    vectors = vectors_of(embedded, "pool", [files.uid_of(content) for content in pictures])
    (folder / "pool").mkdir(exist_ok=True)
    (folder / "features").mkdir(exist_ok=True)
    rng = np.random.default_rng(SEED)
    for number in range(0, images, SHARD):
        rows = np.arange(number, min(number + SHARD, images)) % len(names)
        copy, stem = number // len(names), f"{number // SHARD:05d}"
        keys = [f"{row:06d}" for row in range(number, number + len(rows))]
        with tarfile.open(folder / "pool" / f"{stem}.tar", "w") as archive:
            for key, row in zip(keys, rows.tolist(), strict=True):
                content = pictures[row] + (f"copy {copy}".encode() if copy else b"")
                entry = tarfile.TarInfo(f"{key}.jpg")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        own = vectors[rows]
        if copy:
            own = noisy(own, rng)
        np.save(folder / "features" / f"{stem}.npy", own.astype(np.float16))
        table = pa.table({"key": [f"{stem}.tar/{key}.jpg" for key in keys]})
        pq.write_table(table, folder / "features" / f"{stem}.parquet")


def noisy(vectors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(vectors.shape, np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    mixed = LIKENESS * vectors + np.sqrt(1 - LIKENESS**2) * noise
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def vectors_of(embedded: Path, collection: str, uids: list[str]) -> np.ndarray:
    """(n, DIM) float32 unit vectors: the first components of the project's own features."""
    with projects.opened(embedded) as project:
        encoder = projects.find_encoder_record(project, None)["id"]
        root = project.paths.features(encoder)
    found = [features.FeatureStore(path) for path in sorted(root.glob(collection))]
    known: dict[bytes, np.ndarray] = {}
    for store in found:
        for shard in store.shards:
            known |= zip(shard.uids.tolist(), np.asarray(shard.vectors[:, :DIM]), strict=True)
    blank = np.zeros(DIM, np.float16)  # an image that the project had rejected
    rows = np.stack([known.get(uid.encode(), blank) for uid in uids]).astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def write_target(data: Path, folder: Path, target: str, embedded: Path) -> Path:
    """Vectors of a target's images, keyed by their paths."""
    with zipfile.ZipFile(data / f"target-{target}.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        uids = [files.uid_of(archive.read(name)) for name in names]
    out = folder / f"features-{target}"
    out.mkdir(exist_ok=True)
    vectors = vectors_of(embedded, "targets/*/*", uids)
    np.save(out / "all.npy", vectors.astype(np.float16))
    prefix = f"target-{target}.zip/"
    pq.write_table(pa.table({"key": [prefix + name for name in names]}), out / "all.parquet")
    return out


def tiny_encoder(folder: Path) -> Path:
    """A small network with random weights, so that reading the images is what embedding costs."""
    from sept_core.encoders import checkpoint
    from sept_core.pretrain import settings, worker

    chosen = settings.choose("simclr", "resnet10-tiny", 1000, {"image_size": 16, "embed_size": 16})
    out = folder / "tiny"
    if not (out / checkpoint.WEIGHTS).exists():
        out.mkdir(exist_ok=True)
        checkpoint.save(out, worker.build_backbone(chosen), worker.card(chosen, "none", {}))
    return out


def measure(folder: Path) -> None:
    print(json.dumps(files.read_json(folder / "made.json"), indent=1))


if __name__ == "__main__":
    main()
