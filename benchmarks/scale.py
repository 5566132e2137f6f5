"""Make projects of up to a million images, and measure their speed.

    SEPT_DATA=… python -m benchmarks.scale make FOLDER --images 1000000 --features PROJECT
    python -m benchmarks.scale measure FOLDER [FOLDER …]
    SEPT_DATA=… python -m benchmarks.scale all FOLDER      # three sizes of both, hours

`make` writes tars of the real pool images, repeated with changed bytes, adds them, reads every
one of them with the embedding worker (a tiny network with random weights: its features are not
used) and imports vectors of length 384: those of PROJECT, which is embedded from the same data,
with noise for every further copy of an image. FOLDER then holds `pool/`, `project/` and
`made.json` with the seconds of each step. `measure` prints a column for each folder: seconds are
medians, ratios are against the bare limit in the same run. The pages are measured by
`benchmarks.app` on FOLDER/project.
"""

import argparse
import contextlib
import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import machine
from sept_core.catalogue import source_table
from sept_core.features import feature_store
from sept_core.index import blocks, exact, ivf, lists
from sept_core.jobs import launcher
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import manifests, selections, workspace
from sept_core.services.project import projects
from sept_core.storage import atomic, hashing

DIM, SHARD, SEED = 384, 50_000, 0
LIKENESS = 0.9
"""Approximate cosine of an image's vector and its copies'."""
TARGETS = ("pets", "food")
SIZES = (10_000, 100_000, 1_000_000)
QUERIES, K, ROUNDS = 1000, 50, 3
COPIES = 1000
"""More than any image has."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "measure", "all"])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--features", type=Path)
    options = parser.parse_args()
    if options.what == "make":
        return make(options.folders[0], options.images, options.features)
    if options.what == "all":
        return everything(options.folders[0])
    return measure(options.folders)


def everything(folder: Path) -> None:
    """Embed the real pool, make the missing projects of each size, measure them."""
    real = folder / "real"
    if not (real / "catalogue.duckdb").exists():
        data = Path(os.environ["SEPT_DATA"])
        sept("init", real)
        sept("pool", "add", real, "pool", data / "pool")
        for target in TARGETS:
            sept("target", "add", real, target, data / f"target-{target}.zip")
        sept("embed", real, "--encoder", "classic")
    parts = [folder / f"{images}" for images in SIZES]
    for part, images in zip(parts, SIZES, strict=True):
        if not (part / "made.json").exists():
            make(part, images, real)
    measure(parts)


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
    atomic.write_json(folder / "made.json", {"images": images, "seconds": took} | jobs_of(project))


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
    known = launcher.all_jobs(projects.paths_of(project))
    done = {j.kind: round((j.ended_at or 0) - j.launched_at, 1) for j in reversed(known)}
    return {"jobs": done}


def write_pool(data: Path, folder: Path, images: int, embedded: Path) -> None:
    """Tars of `SHARD` images and, beside them, vectors and keys in the same order."""
    from benchmarks import encoders

    names, pictures = encoders.read_pool(data, None)
    vectors = vectors_of(embedded, "pool", [hashing.uid_of(content) for content in pictures])
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
    found = [feature_store.FeatureStore(path) for path in sorted(root.glob(collection))]
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
        uids = [hashing.uid_of(archive.read(name)) for name in names]
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


def measure(folders: list[Path]) -> None:
    """One column a folder, one row a question."""
    print(machine.describe())
    columns = [Column(folder).rows() for folder in folders]
    print("| | " + " | ".join(folder.name for folder in folders) + " |")
    print("| --- |" + " --- |" * len(folders))
    for name in columns[-1]:
        print(f"| {name} | " + " | ".join(column.get(name, "–") for column in columns) + " |")


class Column:
    """The measurements of one project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "project"
        with projects.opened(self.path) as project:
            self.encoder = projects.find_encoder(project, "imported:real")
            paths = project.paths
            targets = [record.id for record in source_table.every(project.db, "target")]
        self.store = feature_store.FeatureStore(paths.pool_features(self.encoder))
        stores = [
            feature_store.FeatureStore(paths.target_features(self.encoder, t)) for t in targets
        ]
        self.target_stores = [str(store.folder) for store in stores]
        queries = np.concatenate([store.gather(np.arange(len(store))) for store in stores])
        self.queries = queries[np.random.default_rng(SEED).permutation(len(queries))[:QUERIES]]

    def rows(self) -> dict[str, str]:
        """Everything, by question."""
        return self.opening() | self.searching() | self.selecting()

    def opening(self) -> dict[str, str]:
        def ours() -> None:
            with projects.opened(self.path) as project:
                projects.status(project)

        def bare() -> None:
            with duckdb.connect(str(self.path / "catalogue.duckdb")) as connection:
                connection.execute("select count(distinct uid), sum(bytes) from images").fetchall()

        return {
            "images": f"{len(self.store):,}",
            "open the project, state of all its parts": f"{median(ours):.2f} s",
            "DuckDB opens it and scans one table": f"{median(bare):.2f} s",
        }

    def searching(self) -> dict[str, str]:
        def bare() -> None:
            wide = self.queries.astype(np.float32)
            for block in blocks.stream(self.store):
                vectors = block.vectors.astype(np.float32)
                faiss.knn(wide, vectors, K, metric=faiss.METRIC_INNER_PRODUCT)

        truth: list[lists.Lists] = []

        def ours() -> None:
            truth.append(exact.search(self.store, self.queries, K, device="cpu"))

        limit, whole = median(bare), median(ours)
        index, built = self.index()
        found: list[lists.Lists] = []
        approximate = median(lambda: found.append(index.search(self.store, self.queries, K)))
        recall = lists.recall(found[0], truth[0])
        return {
            f"exact search of {QUERIES:,} targets, K = {K}": f"{whole:.2f} s",
            "… against a bare FAISS loop": f"{limit:.2f} s, ratio **{whole / limit:.2f}**",
            "the same through the index": f"{approximate:.2f} s",
            "… recall, times faster than exact": f"{recall:.3f}, **{whole / approximate:.1f}**",
            "build the index, its lists in memory": (
                f"{built:.0f} s, {index.header['bytes'] / 2**20:.0f} MiB"
            ),
        }

    def index(self) -> tuple[ivf.Index, float]:
        """The index as a job makes it, and the seconds of that."""
        wanted = ivf.Settings(str(self.store.folder), "", queries=self.target_stores)
        started = time.perf_counter()
        ivf.save(ivf.build(self.store, wanted, lambda done: None), self.folder / "index")
        return ivf.load(self.folder / "index"), time.perf_counter() - started

    def selecting(self) -> dict[str, str]:
        """Seconds of one selection of a tenth of the pool by each strategy, and of its export."""
        found = {}
        budget = len(self.store) // 10
        with projects.opened(self.path) as project:
            if not workspace.is_prepared(project, self.encoder):
                return {}
            for name, strategy in STRATEGIES.items():
                if not strategy.needs_budget:
                    continue
                # The pool's copies have equal pixels: capped, too few images would be left.
                settings = SelectionSettings(strategy=name, budget=budget, duplicate_cap=COPIES)
                request = selections.Request(TARGETS, settings, encoder=self.encoder)
                started = time.perf_counter()
                record = selections.select(project, request)
                found[f"select a tenth, {name}"] = f"{time.perf_counter() - started:.1f} s"
                print(self.folder, name, found[f"select a tenth, {name}"], flush=True)
                if name == "random":
                    found["write its manifest"] = self.exporting(project, record["id"])
                selections.remove(project, record["id"])
        return found

    def exporting(self, project: projects.Project, selection: str) -> str:
        """Compare an export with copying its files."""
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / "manifest"
            started = time.perf_counter()
            manifests.write_manifest(project, selection, out)
            took = time.perf_counter() - started
            started = time.perf_counter()
            shutil.copytree(out, Path(name) / "copy")
            copied = time.perf_counter() - started
            size = atomic.folder_size(out) / 2**20
            return f"{took:.1f} s, {size:.1f} MiB (copying it: {copied:.3f} s)"


def median(measured: Callable[[], Any]) -> float:
    """Seconds of a call, the files in the page cache."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        measured()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
