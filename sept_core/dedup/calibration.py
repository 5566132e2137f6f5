"""Calibration: the cosine τ from which two images count as copies, for one encoder and pool.

A worker (`python -m sept_core.dedup.calibration JOB_FOLDER`). In: some hundred pool images, the
encoder, the pool's features and neighbour graph. Out: `header.json` with τ, its recall and
both distributions for the plot.

A cosine does not carry over between encoders, so τ is measured (docs/method.md §3). It is never so
low that more than 1% of the pool's images have a false partner, which is a neighbour that is not a
copy. Above that it is as high as the recall allows: the share of known copies (crops,
recompressions, brightness, sizes) whose cosine to their original reaches τ. τ_leak follows the same
rule with a higher recall, since a missed leak costs more than a lost pool image.

In a pool whose images are all copies of one another, or a single image, there is no lower bound for
τ: it is then set so that half of the copies reach it, or to 1 if no copies could be measured.
"""

import io
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image, ImageEnhance

from sept_core import errors
from sept_core.encoders import protocol, registry
from sept_core.features import preparing
from sept_core.features.feature_store import FeatureStore
from sept_core.imaging import images, pixel_values
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.index import graph
from sept_core.ingest import sources, worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing

log = logging.getLogger("sept")

FALSE_PARTNERS = 0.01
"""The share of background images that may have a false partner."""

RECALL = 0.95
"""The share of known copies that τ should reach at the cost of precision; the remaining ones are
increasingly altered."""

RECALL_LEAK = 0.99
"""The same for τ_leak."""

RECALL_ALONE = 0.5
"""The same for both thresholds where all neighbours of all images are copies."""

COPY_BITS = 8
"""Neighbours whose perceptual hashes differ in at most this many bits are true copies."""

BACKGROUND = 50_000
"""Images, sampled by hash, whose nearest neighbours make the background."""

BINS = 100


@dataclass(frozen=True)
class Settings:
    """Settings of the job; with `encoder` None (features computed elsewhere), no recall is
    measured.
    """

    worklist: str
    encoder: str | None
    encoders_folder: str
    store: str
    graph: str
    out: str
    precision: str = "auto"
    device: str = "auto"
    value_ranges: dict[str, Any] = field(default_factory=dict)


def jitters(image: Image.Image) -> dict[str, Image.Image]:
    """Return typical altered copies of an image, by name; the same every time."""
    width, height = image.size
    return {
        "crop 5%": _cropped(image, 0.05),
        "crop 10%": _cropped(image, 0.10),
        "JPEG 60": _recompressed(image, 60),
        "JPEG 30": _recompressed(image, 30),
        "brighter": ImageEnhance.Brightness(image).enhance(1.2),
        "darker": ImageEnhance.Brightness(image).enhance(0.8),
        "half size": image.resize(((width + 1) // 2, (height + 1) // 2)),
    }


def choose(background: np.ndarray, copies: np.ndarray, recall: float) -> float:
    """Return the highest τ that `recall` of the copies reach, or the lowest with few false
    partners.

    Args:
        background: (n,) similarity of each image to its best false partner; may be empty.
        copies: (m,) similarity of each known copy to its original; may be empty.
        recall: the share of copies that should reach τ, if the background lets them.
    """
    if not len(background):
        return _reached(copies, RECALL_ALONE) if len(copies) else 1.0
    least = threshold(background, FALSE_PARTNERS)
    return max(least, _reached(copies, recall)) if len(copies) else least


def _reached(copies: np.ndarray, recall: float) -> float:
    """Return the highest similarity that a share of the copies (m,) reach, m ≥ 1."""
    return float(np.sort(copies)[math.floor((1 - recall) * len(copies))])


def threshold(background: np.ndarray, rate: float) -> float:
    """Return the lowest τ, in steps of 1e-6, that at most `rate` of `background` reaches.

    Args:
        background: (n,) similarity of each image to its best false partner, n ≥ 1.
        rate: the share of images that may have a false partner at τ.
    """
    tolerated = math.floor(rate * len(background))
    best_refused = np.sort(background)[::-1][tolerated]
    return round(float(best_refused) + 1e-6, 6)


def background_similarity(links: graph.Graph, hashes: np.ndarray, hashed: np.ndarray) -> np.ndarray:
    """Return the similarity of each image to its nearest neighbour that is not a copy by hash.

    Args:
        links: the pool's neighbour graph.
        hashes: (N,) uint64 perceptual hashes in the graph's order.
        hashed: (N,) bool, whether an image has one.

    Returns:
        (n,) float64, n ≤ `BACKGROUND`: of a large pool a sample; images that have copies only,
        or no neighbours, are left out.
    """
    rows = np.sort(hashing.hashed_order(0, links.uids)[:BACKGROUND])
    neighbours, similarity = links.neighbours[rows], links.similarity[rows].astype(np.float64)
    differing = np.bitwise_count(hashes[rows, None] ^ hashes[neighbours])
    copy = hashed[rows, None] & hashed[neighbours] & (differing <= COPY_BITS)
    partners = np.where(copy | (neighbours < 0), -np.inf, similarity)
    best = partners.max(axis=1, initial=-np.inf)
    found: np.ndarray = np.round(best[np.isfinite(best)], 6)
    return found


def copy_similarity(
    worklist: pa.Table,
    encoder: protocol.Encoder,
    progress: Callable[[int, int], None],
    ranges: ValueRanges | None = None,
) -> dict[str, np.ndarray]:
    """Cosine of each jittered copy to its original, by jitter: (n,) float64 each.

    Unreadable images are skipped, as are copies for which, or for whose original, the encoder
    returns no usable vector.
    """
    found: dict[str, list[float]] = {}
    roots = worklists.roots_in(worklist)
    preparing.refuse_missing(roots)
    with sources.ByteReader(roots) as reader:
        for done, row in enumerate(worklist.to_pylist()):
            progress(done, worklist.num_rows)
            try:
                image = worklists.read_image(reader, row, ranges).image
            except images.UnusableFile as problem:
                log.info("skipped %s: %s", row["rel_path"], problem)
                continue
            copies = jitters(image)
            for name, similarity in zip(
                copies, _to_first(encoder, [image, *copies.values()]), strict=True
            ):
                if math.isfinite(similarity):
                    found.setdefault(name, []).append(similarity)
    return {name: np.array(values) for name, values in found.items()}


def _to_first(encoder: protocol.Encoder, pictures: list[Image.Image]) -> list[float]:
    """Cosines of all but the first picture to the first, from vectors as a store keeps them."""
    batch = torch.stack([encoder.preprocess(picture) for picture in pictures])
    vectors = encoder.encode(batch).numpy().astype(np.float16).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = vectors[1:] @ vectors[0] / np.maximum(lengths[1:] * lengths[0], 1e-12)
    values: list[float] = np.round(cosines, 6).tolist()
    return values


def _cropped(image: Image.Image, share: float) -> Image.Image:
    """Cut a share of width and height away at the left and the top."""
    left, top = int(image.width * share), int(image.height * share)
    return image.crop((left, top, image.width, image.height))


def _recompressed(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def _hashes(store: FeatureStore, uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) uint64 hashes in the order of `uids`, and (N,) bool whether an image has one."""
    tables = [shard.outcomes().select(["uid", "phash"]).drop_null() for shard in store.shards]
    hashes, hashed = np.zeros(len(store), np.uint64), np.zeros(len(store), bool)
    for table in tables:
        rows = store.rows_of(hashing.uid_array(table["uid"]))
        hashes[rows[rows >= 0]] = table["phash"].to_numpy()[rows >= 0]
        hashed[rows[rows >= 0]] = True
    order = store.rows_of(uids)
    return hashes[order], hashed[order]


def _histogram(background: np.ndarray, copies: np.ndarray) -> dict[str, list[float]]:
    """Counts of both distributions over the same bins."""
    both = np.concatenate([background, copies])
    edges = np.linspace(math.floor(both.min(initial=0.9) * 10) / 10, 1.0, BINS + 1)
    counts = {
        name: np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist()
        for name, values in (("background", background), ("copies", copies))
    }
    return {"edges": np.round(edges, 6).tolist(), **counts}


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Measure and save the thresholds of the encoder that the job's settings name."""
    settings = Settings(**job.settings())
    store, links = FeatureStore(Path(settings.store)), graph.load(Path(settings.graph))
    if links.content_id != store.content_id():
        raise errors.IntegrityError(
            "The neighbour graph is out of date: the pool has changed since it was built. Build "
            "the neighbour graph again."
        )
    background = background_similarity(links, *_hashes(store, links.uids))
    by_jitter = _measure_copies(job, settings, store.encoder_id)
    copies = np.concatenate([np.empty(0), *by_jitter.values()])
    tau, tau_leak = (choose(background, copies, share) for share in (RECALL, RECALL_LEAK))
    header = {
        "format": 1,
        "encoder_id": store.encoder_id,
        "content_id": store.content_id(),
        "settings": asdict(settings),
        "tau": tau,
        "tau_leak": tau_leak,
        "false_partners": _share(background, tau, 6),
        "false_partners_leak": _share(background, tau_leak, 6),
        "background_images": len(background),
        "copies": len(copies),
        "recall": _share(copies, tau, 4),
        "recall_leak": _share(copies, tau_leak, 4),
        "recall_by_jitter": {name: _share(values, tau, 4) for name, values in by_jitter.items()},
        "histogram": _histogram(background, copies),
    }
    return atomic.write_artefact(Path(settings.out), header, {})


def _measure_copies(
    job: job_folder.JobFolder, settings: Settings, encoder_id: str | None
) -> dict[str, np.ndarray]:
    if settings.encoder is None:
        return {}
    torch.set_num_threads(1)  # a picture and its copies are too few to share between cores
    encoder = registry.load(
        settings.encoder,
        folder=Path(settings.encoders_folder),
        device=settings.device,
        precision=settings.precision,
    )
    if encoder.id != encoder_id:
        raise errors.IntegrityError(
            f"The pool's features were computed with {encoder_id}, but the encoder is now "
            f"{encoder.id}; embed the pool again."
        )
    worklist = worklists.read(Path(settings.worklist))
    return copy_similarity(
        worklist,
        encoder,
        lambda done, total: job.progress(done, total, "images"),
        pixel_values.from_json(settings.value_ranges),
    )


def _share(values: np.ndarray, tau: float, digits: int) -> float | None:
    """Return the share of values that reach τ; None if there are no values."""
    return round(float(np.mean(values >= tau)), digits) if len(values) else None


if __name__ == "__main__":
    job_folder.run(main)
