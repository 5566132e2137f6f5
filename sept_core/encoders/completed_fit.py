"""Fits `classic` to a sample with directions without variance, completed by generated pictures.

In: the sample's pixels and the share of its directions that lack variance. Out: filters and
projections like those of `classic_fit`.

On a dark, flat or repetitive sample some eigenvalues are zero, or as small as rounding errors, and
dividing by a power of them makes NaN or noise. Here `leaves.pictures` are added to the sample, each
with the missing share as its weight, and a part of the largest eigenvalue is added to all: then
every direction carries variance. The more a sample lacks, the more is added, so that one image more
changes little. For the same reason nothing is drawn by its place in the sample: the patches of an
image are drawn by its content, and k-means starts at those that a hash puts first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from sept_core.encoders import classic, filters, handmade, leaves
from sept_core.storage import hashing

PICTURES = 256
"""As many as a part has directions, or more; a pool of thousands outweighs them."""

SHRINKAGE = 0.01
"""Of the largest eigenvalue added to all where every direction is missing. 0.03 does no better."""

LEAST_VALUE = 1e-6
"""Directions with less of the largest eigenvalue are left out."""


@dataclass(frozen=True)
class _Patches:
    """Distinct patches: `points` (n, d), their `weights` (n,), and `turns` (n,) float64.

    The lower its turn, the sooner a patch is drawn. A weight of ½ doubles the turn on average.
    """

    points: torch.Tensor
    weights: torch.Tensor
    turns: torch.Tensor


def fit(
    pixels: torch.Tensor, lacking: float, seed: int, progress: Callable[[], None]
) -> dict[str, torch.Tensor]:
    """Filters and projections from a sample and the pictures that complete it.

    Args:
        pixels: (n, 3, 64, 64) uint8, n ≥ 0.
        lacking: Share of the directions that the sample has no variance in, above 0.
        seed: For the patches drawn and where their clusters begin.
        progress: Called after each of `steps()` steps.
    """
    drawn = torch.stack([classic.preprocess(picture) for picture in leaves.pictures(PICTURES)])
    both = torch.cat([pixels, drawn])
    weights = torch.cat([torch.ones(len(pixels)), torch.full((PICTURES,), lacking)])
    fitted: dict[str, torch.Tensor] = {}
    for name, grid in classic.GRIDS.items():
        fitted |= _fit_filters(name, grid, _sample_patches(both, weights, grid, seed), progress)
    raw = classic.raw_features(both, fitted)
    for name, part in classic.PARTS.items():
        fitted |= _principal(name, part, raw[name], weights, SHRINKAGE * lacking)
        progress()
    return fitted


def steps() -> int:
    """Return the number of times that `fit` calls its `progress`."""
    return filters.STEPS * len(classic.GRIDS) + len(classic.PARTS)


def _sample_patches(
    pixels: torch.Tensor, weights: torch.Tensor, grid: handmade.PatchGrid, seed: int
) -> _Patches:
    points, turns = [], []
    for part in torch.split(pixels, 256):
        patches = handmade.normalised_patches(part.float(), grid)
        drawn = [_draw(image, patches.shape[1], seed) for image in part]
        chosen = torch.stack([where for where, _ in drawn])
        points.append(patches[torch.arange(len(patches))[:, None], chosen].flatten(0, 1))
        turns.append(torch.cat([when for _, when in drawn]))
    per_patch = weights.repeat_interleave(filters.PATCHES_PER_IMAGE)
    return _distinct(torch.cat(points), per_patch, torch.cat(turns) / per_patch)


def _draw(image: torch.Tensor, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw patches of an image by its content: their numbers below `count`, and their turns."""
    named = hashing.uid_of(f"{seed}:".encode() + image.numpy().tobytes())
    generator = torch.Generator().manual_seed(int(named[:15], 16))
    chosen = torch.randint(count, (filters.PATCHES_PER_IMAGE,), generator=generator)
    uniform = torch.rand(filters.PATCHES_PER_IMAGE, generator=generator, dtype=torch.float64)
    return chosen, -torch.log1p(-uniform)


def _distinct(points: torch.Tensor, weights: torch.Tensor, turns: torch.Tensor) -> _Patches:
    """Merge equal patches: a flat image has as many distinct ones as colours."""
    axis = torch.rand(
        points.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    _, group = torch.unique(points.double() @ axis, return_inverse=True)
    count = int(group.max()) + 1
    first = torch.zeros(count, dtype=torch.int64)
    first.scatter_reduce_(0, group, torch.arange(len(points)), "amin", include_self=False)
    heaviest = torch.zeros(count).scatter_reduce_(0, group, weights, "amax", include_self=False)
    soonest = torch.zeros(count, dtype=torch.float64)
    soonest.scatter_reduce_(0, group, turns, "amin", include_self=False)
    return _Patches(points[first], heaviest, soonest)


def _fit_filters(
    name: str, grid: handmade.PatchGrid, patches: _Patches, progress: Callable[[], None]
) -> dict[str, torch.Tensor]:
    weights = patches.weights[:, None]
    mean = (patches.points * weights).sum(0) / weights.sum()
    centred = patches.points - mean
    white = filters.whitening(mean, (centred * weights).T @ centred / weights.sum())
    centroids = _kmeans(centred @ white.matrix, patches, progress)
    return filters.of_centroids(name, grid, white, centroids)


def _kmeans(points: torch.Tensor, patches: _Patches, progress: Callable[[], None]) -> torch.Tensor:
    """(K, d) centroids by Lloyd's algorithm on weighted points; an empty cluster stays."""
    centroids = points[patches.turns.argsort(stable=True)[: filters.COUNT]]
    weighted = points * patches.weights[:, None]
    for _ in range(filters.STEPS):
        group = filters.nearest(points, centroids)
        mass = torch.zeros(len(centroids)).index_add_(0, group, patches.weights)[:, None]
        sums = torch.zeros_like(centroids).index_add_(0, group, weighted)
        centroids = torch.where(mass > 0, sums / mass.clamp_min(1e-12), centroids)
        progress()
    return centroids


def _principal(
    name: str, part: classic.Part, rows: torch.Tensor, weights: torch.Tensor, shrinkage: float
) -> dict[str, torch.Tensor]:
    """Like `classic_fit`'s, of weighted rows (n, d), with a share of the largest value added."""
    mean = (rows * weights[:, None]).sum(0) / weights.sum()
    centred = (rows - mean) * weights.sqrt()[:, None]
    wide = len(rows) < rows.shape[1]
    product = (centred @ centred.T if wide else centred.T @ centred).double() / weights.sum()
    values, vectors = torch.linalg.eigh(product)
    largest = values[-1]
    keep = min(part.dim, int((values > largest * LEAST_VALUE).sum()))
    kept, vectors = values.flip(0)[:keep], vectors.flip(1)[:, :keep].float()
    directions = F.normalize(centred.T @ vectors, dim=0) if wide else vectors
    scale = (kept + shrinkage * largest).pow(part.power).float()
    return {f"{name}.mean": mean, f"{name}.projection": (directions * scale).contiguous()}
