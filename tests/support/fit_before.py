"""The fit of `classic` as it was before degenerate samples were completed, kept word for word.

A fit that is not degenerate must give the same bytes as this one, or every project's features would
have to be computed again.
"""

from collections.abc import Iterable

import safetensors.torch
import torch
from PIL import Image
from torch.nn import functional as F

from sept_core.encoders import classic, handmade

FILTERS = 512
PATCHES_PER_IMAGE = 40
KMEANS_STEPS = 15
THRESHOLD = 0.25


def fit(images: Iterable[Image.Image], seed: int) -> bytes:
    """The bytes of `classic.safetensors`."""
    pixels = torch.stack([classic.preprocess(image) for image in images])
    generator = torch.Generator().manual_seed(seed)
    fitted: dict[str, torch.Tensor] = {}
    with torch.inference_mode():
        for name, grid in classic.GRIDS.items():
            fitted |= _fit_filters(name, grid, pixels, generator)
        raw = classic.raw_features(pixels, fitted)
        for name, part in classic.PARTS.items():
            fitted |= _principal(name, part, raw[name])
    return safetensors.torch.save(fitted)


def _fit_filters(
    name: str, grid: handmade.PatchGrid, pixels: torch.Tensor, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    patches = torch.cat(
        [_sample_patches(part, grid, generator) for part in torch.split(pixels, 256)]
    )
    mean = patches.mean(0)
    centred = patches - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    whitening = (vectors * (values + 0.1).rsqrt()) @ vectors.T
    centroids = _kmeans(centred @ whitening, generator)
    filters = whitening @ F.normalize(centroids).T
    filters = torch.cat([filters, handmade.mirrored_filters(filters, grid)], 1)
    return {f"{name}.filters": filters, f"{name}.thresholds": mean @ filters + THRESHOLD}


def _sample_patches(
    pixels: torch.Tensor, grid: handmade.PatchGrid, generator: torch.Generator
) -> torch.Tensor:
    patches = handmade.normalised_patches(pixels.float(), grid)
    chosen = torch.randint(patches.shape[1], (len(patches), PATCHES_PER_IMAGE), generator=generator)
    return patches[torch.arange(len(patches))[:, None], chosen].flatten(0, 1)


def _kmeans(points: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
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
    return centroids


def _principal(name: str, part: classic.Part, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    mean = rows.mean(0)
    centred = rows - mean
    keep = min(part.dim, rows.shape[1], len(rows) - 1)
    wide = len(rows) < rows.shape[1]
    product = (centred @ centred.T if wide else centred.T @ centred).double() / len(rows)
    values, vectors = torch.linalg.eigh(product)
    values = values.flip(0)[:keep].clamp_min(values[-1] * 1e-6).float()
    vectors = vectors.flip(1)[:, :keep].float()
    directions = F.normalize(centred.T @ vectors, dim=0) if wide else vectors
    projection = (directions * values.pow(part.power)).contiguous()
    return {f"{name}.mean": mean, f"{name}.projection": projection}
