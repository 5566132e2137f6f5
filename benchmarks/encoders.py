"""Score an encoder on the hidden classes of the pool, and measure its cost.

    SEPT_DATA=… python -m benchmarks.encoders classic
    SEPT_DATA=… python -m benchmarks.encoders timm:MODEL@/path/FILE --limit 10000

Prints one row: CPU-seconds (one thread) of preprocessing and encoding, scaled to 50,000
images and without reading and decoding; 20-NN accuracy (%) over the pool's classes, 5,000
pool images against all the others; precision@5 (%) of each target's training images, a hit
being a pool image of any of the target's classes. Labels are read here, for scoring only.
`classic` is fitted first on images drawn by hash, as the app does; its fit is not counted.
"""

import argparse
import csv
import io
import os
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sept_core.encoders import registry
from sept_core.encoders.protocol import Encoder
from sept_core.storage import hashing

BATCH = 128
QUERIES = 5000
NEIGHBOURS = 20
SEED = 0
TARGETS = ("pets", "food")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder", help="a spec, as for `sept embed`")
    parser.add_argument("--limit", type=int, default=None, help="use the first N pool images")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    data = Path(os.environ["SEPT_DATA"])
    torch.set_num_threads(1)
    names, pictures = read_pool(data, options.limit)
    labels = read_labels(data, names)
    with tempfile.TemporaryDirectory() as folder:
        encoder = load(options.encoder, options.precision, names, pictures, Path(folder))
    started = time.process_time()
    pool = embed(encoder, map(decode, pictures))
    seconds = (time.process_time() - started - decoding_seconds(pictures)) * 50_000 / len(pool)
    print("| encoder | D | precision | CPU-s for 50k | 20-NN | " + " | ".join(TARGETS) + " |")
    scores = [knn_accuracy(pool, labels)]
    for target in TARGETS:
        scores.append(target_precision(encoder, pool, labels, data / f"target-{target}.zip"))
    figures = " | ".join(f"{100 * score:.1f}" for score in scores)
    print(f"| {encoder.id} | {encoder.dim} | {encoder.precision} | {seconds:.0f} | {figures} |")


def read_pool(data: Path, limit: int | None) -> tuple[list[str], list[bytes]]:
    """Return the pool images' names (`SHARD/KEY`) and bytes, in the order of the shards."""
    names, pictures = [], []
    for shard in sorted((data / "pool").glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and len(names) != limit:
                    names.append(f"{shard.name}/{Path(member.name).stem}")
                    pictures.append(content.read())
    return names, pictures


def read_labels(data: Path, names: list[str]) -> np.ndarray:
    with (data / "pool-labels.csv").open() as file:
        labels = {f"{row['shard']}/{row['key']}": row["label"] for row in csv.DictReader(file)}
    return np.array([labels[name] for name in names])


def load(
    spec: str, precision: str, names: list[str], pictures: list[bytes], folder: Path
) -> Encoder:
    if registry.needs_fit(spec, folder):
        started = time.process_time()
        uids = np.array([hashing.uid_of(content) for content in pictures], hashing.UID_DTYPE)
        chosen = hashing.hashed_order(SEED, uids)[: registry.FIT_IMAGES]
        sample = (decode(pictures[row]) for row in chosen)
        registry.fit(spec, sample, folder, SEED, lambda done, total: None)
        print(f"fitted on {len(chosen)} images in {time.process_time() - started:.0f} CPU-s")
    return registry.load(spec, folder=folder, precision=precision)


def decode(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def decoding_seconds(pictures: list[bytes]) -> float:
    """Return the CPU-seconds of decoding alone, measured on a part."""
    part = pictures[:: max(1, len(pictures) // 2000)]
    started = time.process_time()
    for content in part:
        decode(content)
    return (time.process_time() - started) * len(pictures) / len(part)


def embed(encoder: Encoder, pictures: Iterable[Image.Image]) -> torch.Tensor:
    """(n, D) float32 in the order of the pictures."""
    return torch.cat([encoder.encode(batch) for batch in batches(encoder, pictures)])


def batches(encoder: Encoder, pictures: Iterable[Image.Image]) -> Iterator[torch.Tensor]:
    waiting: list[torch.Tensor] = []
    for picture in pictures:
        waiting.append(encoder.preprocess(picture))
        if len(waiting) == BATCH:
            yield torch.stack(waiting)
            waiting.clear()
    if waiting:
        yield torch.stack(waiting)


def knn_accuracy(pool: torch.Tensor, labels: np.ndarray) -> float:
    """Majority of the 20 nearest other images; a tie goes to the greater similarity."""
    classes, codes = np.unique(labels, return_inverse=True)
    code = torch.from_numpy(codes)
    queries = torch.from_numpy(np.random.default_rng(SEED).permutation(len(pool))[:QUERIES])
    right = 0
    for part in queries.split(500):
        similarity = pool[part] @ pool.T
        similarity[torch.arange(len(part)), part] = -1
        values, nearest = similarity.topk(NEIGHBOURS)
        votes = torch.zeros(len(part), len(classes))
        votes.scatter_add_(1, code[nearest], 1 + values / 1000)
        right += int((votes.argmax(1) == code[part]).sum())
    return right / len(queries)


def target_precision(
    encoder: Encoder, pool: torch.Tensor, labels: np.ndarray, target: Path
) -> float:
    """Mean precision@5 of the target's training images."""
    with zipfile.ZipFile(target) as archive:
        members = [name for name in archive.namelist() if name.startswith("train/")]
        members = [name for name in members if name.endswith(".jpg")]
        features = embed(encoder, (decode(archive.read(name)) for name in members))
    wanted = {Path(name).parent.name for name in members}
    nearest = (features @ pool.T).topk(5).indices.numpy()
    return float(np.isin(labels[nearest], sorted(wanted)).mean())


if __name__ == "__main__":
    main()
