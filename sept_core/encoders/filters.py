"""Filters for patches, as Coates & Ng (2011) learn them: ZCA whitening, then k-means.

In: normalised patches of some images (see `handmade`). Out: of a grid the filters and thresholds
that `classic` applies. `classic_fit` and `completed_fit` differ in which patches they draw and in
where k-means starts.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from sept_core.encoders import handmade

COUNT = 512
PATCHES_PER_IMAGE = 40
STEPS = 15
"""Of k-means."""

THRESHOLD = 0.25


@dataclass(frozen=True)
class Whitening:
    """The mean (d,) of patches, and the matrix (d, d) that whitens what is left without it."""

    mean: torch.Tensor
    matrix: torch.Tensor


def whitening(mean: torch.Tensor, covariance: torch.Tensor) -> Whitening:
    """ZCA with 0.1 added to each variance, so that directions without any stay as they are."""
    values, vectors = torch.linalg.eigh(covariance)
    return Whitening(mean, (vectors * (values + 0.1).rsqrt()) @ vectors.T)


def nearest(points: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    """(n,) int64 number of the nearest of (K, d) centroids to each of (n, d) points."""
    half_norms = centroids.square().sum(1) / 2
    return torch.cat(
        [(part @ centroids.T - half_norms).argmax(1) for part in torch.split(points, 8192)]
    )


def of_centroids(
    name: str, grid: handmade.PatchGrid, white: Whitening, centroids: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Filters that point at (K, d) centroids of whitened patches, and their mirror images."""
    filters = white.matrix @ F.normalize(centroids).T
    filters = torch.cat([filters, handmade.mirrored_filters(filters, grid)], 1)
    return {f"{name}.filters": filters, f"{name}.thresholds": white.mean @ filters + THRESHOLD}
