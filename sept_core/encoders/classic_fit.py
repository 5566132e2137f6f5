"""Fits the encoder `classic` to a pool: filters by k-means, projections by PCA, no labels.

In: some thousand images of the pool. Out: the folder that `classic.load` reads, whole or not
at all.
"""

import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from PIL import Image
from torch.nn import functional as F

from sept_core import errors
from sept_core.encoders import classic, handmade
from sept_core.storage import atomic, hashing

FIT_IMAGES = 5000
"""Enough: the projections hold some hundred directions each."""

MIN_IMAGES = 20
FILTERS = 512
PATCHES_PER_IMAGE = 40
KMEANS_STEPS = 15
THRESHOLD = 0.25


def fit(
    images: Iterable[Image.Image], folder: Path, seed: int, progress: Callable[[int, int], None]
) -> None:
    """Learn filters and projections from unlabelled images; see `registry.fit`."""
    pixels = _stack(images)
    generator = torch.Generator().manual_seed(seed)
    steps = KMEANS_STEPS * len(classic.GRIDS) + len(classic.PARTS)
    counter = itertools.count(1)
    fitted: dict[str, torch.Tensor] = {}
    with torch.inference_mode():
        for name, grid in classic.GRIDS.items():
            fitted |= _fit_filters(
                name, grid, pixels, generator, lambda: progress(next(counter), steps)
            )
        raw = classic.raw_features(pixels, fitted)
        for name, part in classic.PARTS.items():
            fitted |= _principal(name, part, raw[name])
            progress(next(counter), steps)
    _save(fitted, folder, {"seed": seed, "images": len(pixels)})


def _stack(images: Iterable[Image.Image]) -> torch.Tensor:
    """(n, 3, 64, 64) uint8; one decoded image at a time is held besides."""
    pixels = [classic.preprocess(image) for image in images]
    if len(pixels) < MIN_IMAGES:
        raise errors.EncoderError(
            f"Encoder classic needs at least {MIN_IMAGES} readable images to be fitted, "
            f"not {len(pixels)}; add images to the pool."
        )
    return torch.stack(pixels)


def _fit_filters(
    name: str,
    grid: handmade.PatchGrid,
    pixels: torch.Tensor,
    generator: torch.Generator,
    progress: Callable[[], None],
) -> dict[str, torch.Tensor]:
    """Filters that point at the k-means centroids of ZCA-whitened patches."""
    patches = torch.cat(
        [_sample_patches(part, grid, generator) for part in torch.split(pixels, 256)]
    )
    mean = patches.mean(0)
    centred = patches - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    whitening = (vectors * (values + 0.1).rsqrt()) @ vectors.T
    centroids = _kmeans(centred @ whitening, generator, progress)
    filters = whitening @ F.normalize(centroids).T
    filters = torch.cat([filters, handmade.mirrored_filters(filters, grid)], 1)
    return {f"{name}.filters": filters, f"{name}.thresholds": mean @ filters + THRESHOLD}


def _sample_patches(
    pixels: torch.Tensor, grid: handmade.PatchGrid, generator: torch.Generator
) -> torch.Tensor:
    patches = handmade.normalised_patches(pixels.float(), grid)
    chosen = torch.randint(patches.shape[1], (len(patches), PATCHES_PER_IMAGE), generator=generator)
    return patches[torch.arange(len(patches))[:, None], chosen].flatten(0, 1)


def _kmeans(
    points: torch.Tensor, generator: torch.Generator, progress: Callable[[], None]
) -> torch.Tensor:
    """(K, d) centroids by Lloyd's algorithm; an empty cluster starts again at a point."""
    count = min(FILTERS, len(points))
    centroids = points[torch.randperm(len(points), generator=generator)[:count]]
    for _ in range(KMEANS_STEPS):
        half_norms = centroids.square().sum(1) / 2
        nearest = torch.cat(
            [(part @ centroids.T - half_norms).argmax(1) for part in torch.split(points, 8192)]
        )
        members = torch.bincount(nearest, minlength=count)[:, None]
        sums = torch.zeros_like(centroids).index_add_(0, nearest, points)
        fresh = points[torch.randint(len(points), (count,), generator=generator)]
        centroids = torch.where(members > 0, sums / members.clamp_min(1), fresh)
        progress()
    return centroids


def _principal(name: str, part: classic.Part, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """The mean of `rows` (n, d) and its directions (d, ≤ part.dim), scaled by part.power."""
    mean = rows.mean(0)
    centred = rows - mean
    keep = min(part.dim, rows.shape[1], len(rows) - 1)
    # The smaller product holds all of the variance; float64, or rank deficiency fails.
    wide = len(rows) < rows.shape[1]
    product = (centred @ centred.T if wide else centred.T @ centred).double() / len(rows)
    values, vectors = torch.linalg.eigh(product)
    values = values.flip(0)[:keep].clamp_min(values[-1] * 1e-6).float()
    vectors = vectors.flip(1)[:, :keep].float()
    directions = F.normalize(centred.T @ vectors, dim=0) if wide else vectors
    projection = (directions * values.pow(part.power)).contiguous()
    return {f"{name}.mean": mean, f"{name}.projection": projection}


def _save(fitted: dict[str, torch.Tensor], folder: Path, facts: dict[str, Any]) -> None:
    """Tensors first, the header last: a fit without its header does not exist."""
    content = safetensors.torch.save(fitted)
    identity = hashing.fingerprint({"version": classic.VERSION, "bytes": hashing.uid_of(content)})
    target = folder / f"classic-{identity}"
    with atomic.write_then_rename(target / classic.WEIGHTS) as temporary:
        temporary.write_bytes(content)
    sha256 = atomic.sha256_file(target / classic.WEIGHTS)
    header = facts | {"version": classic.VERSION, "sha256": sha256, "fitted_at": time.time()}
    atomic.write_json(target / classic.HEADER, header)
