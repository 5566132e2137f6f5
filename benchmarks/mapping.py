"""Measure the map's quality and time by the size of the laid-out sample.

    python -m benchmarks.mapping PROJECT --samples 5000 20000 50000

PROJECT is embedded. Each map is made by the map's own worker; the last sample should be the whole
pool: the full fit that the others are compared with. Printed for each, on the same images: the
trustworthiness, the share of an image's nearest neighbours by features that are among its nearest
on the map, and the share of its nearest on the full fit's map that are among them here.
"""

import argparse
import tempfile
from pathlib import Path

import faiss
import numpy as np
import pyarrow.parquet as pq

from benchmarks import machine
from sept_core.features import feature_store
from sept_core.jobs import job_folder
from sept_core.projection import umap_layout
from sept_core.services.project import projects
from sept_core.storage import atomic, hashing

CHECKED, NEIGHBOURS, SEED = 2000, 15, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--encoder")
    parser.add_argument("--samples", type=int, nargs="+", default=[5000, 20_000, 50_000])
    options = parser.parse_args()
    with projects.opened(options.project) as project:
        encoder = projects.find_encoder(project, options.encoder)
        store = feature_store.FeatureStore(project.paths.pool_features(encoder))
    print(machine.describe())
    checked = np.sort(hashing.hashed_order(SEED, store.uids)[:CHECKED])
    true = nearest(store.gather(np.arange(len(store))).astype(np.float32), checked)
    made = {sample: drawn(store, sample) for sample in options.samples}
    near = {sample: nearest(places, checked) for sample, (places, _) in made.items()}
    full = near[options.samples[-1]]
    print("| sample | s | trustworthiness | neighbours kept | of the full fit's neighbours |")
    print("| --- | --- | --- | --- | --- |")
    for sample, (_, header) in made.items():
        kept, alike = shared(near[sample], true), shared(near[sample], full)
        print(
            f"| {header['sample']:,} of {len(store):,} | {header['seconds']:.0f} "
            f"| {header['trustworthiness']:.3f} | {kept:.3f} | {alike:.3f} |"
        )


def drawn(store: feature_store.FeatureStore, sample: int) -> tuple[np.ndarray, dict]:
    """Places in the order of the store's rows, and the map's header."""
    with tempfile.TemporaryDirectory() as name:
        job = Path(name)
        out = str(job / "map")
        settings = {"store": str(store.folder), "target_stores": {}, "out": out, "sample": sample}
        atomic.write_json(job / "settings.json", settings)
        header = umap_layout.main(job_folder.JobFolder(job))
        table = pq.read_table(job / "map" / "map.parquet", columns=["x", "y"])
    return np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1), header


def nearest(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n, NEIGHBOURS) rows nearest to some of the points, themselves left out."""
    points = np.ascontiguousarray(points, np.float32)
    _, found = faiss.knn(points[rows], points, NEIGHBOURS + 1)
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(rows), NEIGHBOURS)


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean share of common neighbours."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in pairs])) / NEIGHBOURS


if __name__ == "__main__":
    main()
