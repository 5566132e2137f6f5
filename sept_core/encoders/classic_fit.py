"""Fits the encoder `classic` to a pool: filters by k-means, projections by PCA, no labels.

In: some thousand images of the pool. Out: the folder that `classic.load` reads, whole or not
at all. A sample that leaves directions without variance is completed; see `completed_fit`.
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

from sept_core.encoders import classic, completed_fit, filters, fits, handmade
from sept_core.storage import atomic, hashing

ROUNDING = 1e-10
"""Share of a row's mean squared length up to which variance is rounding errors of float32."""


def fit(
    images: Iterable[Image.Image], folder: Path, seed: int, progress: Callable[[int, int], None]
) -> None:
    """Learn filters and projections from unlabelled images; see `registry.fit`."""
    pixels = _stack(images)
    counter, steps = itertools.count(1), completed_fit.steps()
    with torch.inference_mode():
        fitted, sample = _fit(pixels, seed, lambda: progress(next(counter), steps))
        if sample.lacking:
            total = 2 * steps if len(pixels) else steps
            fitted = completed_fit.fit(
                pixels, sample.lacking, seed, lambda: progress(next(counter), total)
            )
    _save(fitted, folder, {"seed": seed, "images": len(pixels), "directions": sample.directions})


def _stack(images: Iterable[Image.Image]) -> torch.Tensor:
    """Return (n, 3, 64, 64) uint8; only one decoded image is held in memory at a time."""
    pixels = [classic.preprocess(image) for image in images]
    empty = torch.empty((0, 3, handmade.SIZE, handmade.SIZE), dtype=torch.uint8)
    return torch.stack(pixels) if pixels else empty


def _fit(
    pixels: torch.Tensor, seed: int, progress: Callable[[], None]
) -> tuple[dict[str, torch.Tensor], fits.Sample]:
    """Return filters and projections, and the quality of the sample."""
    if not len(pixels):
        return {}, fits.Sample(0, {name: (part.dim, 0) for name, part in classic.PARTS.items()})
    generator = torch.Generator().manual_seed(seed)
    fitted: dict[str, torch.Tensor] = {}
    directions = {}
    for name, grid in classic.GRIDS.items():
        fitted |= _fit_filters(name, grid, pixels, generator, progress)
    raw = classic.raw_features(pixels, fitted)
    for name, part in classic.PARTS.items():
        found, carrying = _principal(name, part, raw[name])
        fitted |= found
        possible = part.dim if len(pixels) < fits.FEWEST else min(part.dim, len(pixels) - 1)
        directions[name] = possible, carrying
        progress()
    return fitted, fits.Sample(len(pixels), directions)


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
    white = filters.whitening(mean, centred.T @ centred / len(centred))
    centroids = _kmeans(centred @ white.matrix, generator, progress)
    return filters.of_centroids(name, grid, white, centroids)


def _sample_patches(
    pixels: torch.Tensor, grid: handmade.PatchGrid, generator: torch.Generator
) -> torch.Tensor:
    patches = handmade.normalised_patches(pixels.float(), grid)
    shape = len(patches), filters.PATCHES_PER_IMAGE
    chosen = torch.randint(patches.shape[1], shape, generator=generator)
    return patches[torch.arange(len(patches))[:, None], chosen].flatten(0, 1)


def _kmeans(
    points: torch.Tensor, generator: torch.Generator, progress: Callable[[], None]
) -> torch.Tensor:
    """(K, d) centroids by Lloyd's algorithm; an empty cluster starts again at a point."""
    count = min(filters.COUNT, len(points))
    centroids = points[torch.randperm(len(points), generator=generator)[:count]]
    for _ in range(filters.STEPS):
        group = filters.nearest(points, centroids)
        members = torch.bincount(group, minlength=count)[:, None]
        sums = torch.zeros_like(centroids).index_add_(0, group, points)
        fresh = points[torch.randint(len(points), (count,), generator=generator)]
        centroids = torch.where(members > 0, sums / members.clamp_min(1), fresh)
        progress()
    return centroids


def _principal(
    name: str, part: classic.Part, rows: torch.Tensor
) -> tuple[dict[str, torch.Tensor], int]:
    """The mean of `rows` (n, d) and its directions (d, ≤ part.dim), scaled by part.power.

    The second value is the number of directions with variance; if there are others, the projection
    is useless.
    """
    mean = rows.mean(0)
    centred = rows - mean
    keep = min(part.dim, rows.shape[1], len(rows) - 1)
    # The smaller product holds all of the variance; float64, or rank deficiency fails.
    wide = len(rows) < rows.shape[1]
    product = (centred @ centred.T if wide else centred.T @ centred).double() / len(rows)
    values, vectors = torch.linalg.eigh(product)
    least = max(values[-1] * completed_fit.LEAST_VALUE, ROUNDING * rows.square().sum(1).mean())
    values = values.flip(0)[:keep]
    vectors = vectors.flip(1)[:, :keep].float()
    directions = F.normalize(centred.T @ vectors, dim=0) if wide else vectors
    projection = (directions * values.float().pow(part.power)).contiguous()
    return {f"{name}.mean": mean, f"{name}.projection": projection}, int((values > least).sum())


def _save(fitted: dict[str, torch.Tensor], folder: Path, facts: dict[str, Any]) -> None:
    """Tensors first, the header last: a fit without its header does not exist."""
    content = safetensors.torch.save(fitted)
    identity = hashing.fingerprint({"version": classic.VERSION, "bytes": hashing.uid_of(content)})
    target = folder / f"classic-{identity}"
    with atomic.write_then_rename(target / fits.WEIGHTS) as temporary:
        temporary.write_bytes(content)
    sha256 = atomic.sha256_file(target / fits.WEIGHTS)
    header = facts | {"version": classic.VERSION, "sha256": sha256, "fitted_at": time.time()}
    atomic.write_json(target / fits.HEADER, header)
