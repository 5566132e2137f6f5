"""Compare retrieval with a bare FAISS loop, and its memory between pool sizes.

    python -m benchmarks.retrieval                      # synthetic pools of two sizes
    python -m benchmarks.retrieval --store FOLDER       # and a pool's own feature store

Every measurement runs in a separate process: bare loop and retrieval alternate, the time is that of
the search alone (files in the page cache, libraries warm), the memory is the peak resident size of
the whole process. The bare loop loads each float16 shard, converts it and calls FAISS for the same
K; it merges nothing, re-ranks nothing and resolves no ties. Printed: medians over the repeats,
their ratio, and the peaks.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa

from benchmarks import machine
from sept_core.features import feature_store
from sept_core.index import blocks
from sept_core.retrieval import neighbour_lists

SHARD_ROWS = 4096  # as `embeddings` writes them
CLUSTERS = 200


def main() -> None:
    options = _options()
    if options.worker:
        print(json.dumps(_measure(options)))
        return
    print(machine.describe())
    print(f"{options.queries} queries, K = {options.k}, {options.repeats} repeats, medians")
    print("| pool | bare loop s | retrieval s | ratio | bare peak MiB | retrieval peak MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        for size in options.sizes:
            folder = Path(scratch) / str(size)
            _write_pool(folder, size, options.dim)
            _compare(folder, f"{size:,} × {options.dim} synthetic", options)
    if options.store:
        _compare(options.store, f"features in {options.store.name}", options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 400_000])
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--store", type=Path, help="a pool's feature store, measured as well")
    parser.add_argument("--scratch", type=Path, help="where the synthetic pools are written")
    parser.add_argument("--worker", choices=["bare", "sept"], help=argparse.SUPPRESS)
    return parser.parse_args()


def _compare(folder: Path, name: str, options: argparse.Namespace) -> None:
    """Measure both in turn and print one line."""
    found: dict[str, list[dict[str, float]]] = {"bare": [], "sept": []}
    for _ in range(options.repeats):
        for worker, results in found.items():
            command = [
                sys.executable,
                "-m",
                "benchmarks.retrieval",
                "--worker",
                worker,
                "--store",
                str(folder),
            ]
            command += ["--queries", str(options.queries), "--k", str(options.k)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout))
    seconds, peaks = (
        [statistics.median(run[key] for run in found[worker]) for worker in ("bare", "sept")]
        for key in ("seconds", "peak_mib")
    )
    ratio = seconds[1] / seconds[0]
    print(
        f"| {name} | {seconds[0]:.2f} | {seconds[1]:.2f} | {ratio:.2f} "
        f"| {peaks[0]:.0f} | {peaks[1]:.0f} |",
        flush=True,
    )


def _measure(options: argparse.Namespace) -> dict[str, float]:
    """One search, timed; FAISS is warmed up on a few vectors before."""
    store = feature_store.FeatureStore(options.store)
    chosen = np.arange(len(store)) % max(1, len(store) // options.queries) == 0
    parts = [block.vectors.copy() for block in blocks.stream(store, allowed=chosen)]
    queries = np.concatenate(parts)[: options.queries]
    faiss.knn(queries[:64].astype(np.float32), queries.astype(np.float32), options.k)
    search = _bare_loop if options.worker == "bare" else _retrieval
    started = time.perf_counter()
    search(store, queries, options.k)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> float:
    """Of this process alone: `ru_maxrss` begins with that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _bare_loop(store: feature_store.FeatureStore, queries: np.ndarray, k: int) -> None:
    wide = queries.astype(np.float32)
    for shard in store.shards:
        vectors = np.load(shard.folder / f"{shard.number:05d}.npy").astype(np.float32)
        faiss.knn(wide, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)


def _retrieval(store: feature_store.FeatureStore, queries: np.ndarray, k: int) -> None:
    names = np.array([f"{row:032x}" for row in range(len(queries))], "S32")
    neighbour_lists.find_neighbours(store, queries, names, k, device="cpu")


def _write_pool(folder: Path, size: int, dim: int) -> None:
    """Unit vectors around random centres, uids as random as hashes."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, dim), dtype=np.float32)
    for number, low in enumerate(range(0, size, SHARD_ROWS)):
        count = min(SHARD_ROWS, size - low)
        vectors = centres[rng.integers(CLUSTERS, size=count)]
        vectors = vectors + 1.5 * rng.standard_normal((count, dim), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        uids = np.array([rng.bytes(16).hex() for _ in range(count)], "S32")
        feature_store.write_shard(folder, number, "synthetic", uids, vectors, pa.table({}))


if __name__ == "__main__":
    main()
