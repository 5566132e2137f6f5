"""Hand-made image features in big tensor operations: patch codes, gradients, colours.

In: (B, 3, S, S) float32 pixels in 0..255. Out: one row per image and family of features,
not yet reduced. `classic` fits, reduces, weights and joins them.
"""

import math

import torch
from torch.nn import functional as F

PATCH, STRIDE, PATCH_SIZE = 6, 2, 32
"""Patches of 6×6 pixels, every second one, of the image at 32×32 (TRIAL.md)."""

CHUNK = 16
"""Images whose patch codes are made at a time, so that they stay in the processor's cache."""


def normalised_patches(pixels: torch.Tensor, stride: int) -> torch.Tensor:
    """(B, P, 108) patches, each of mean 0 and about unit contrast (Coates & Ng 2011, §3.2.1)."""
    small = F.interpolate(pixels, size=PATCH_SIZE, mode="area")
    patches = F.unfold(small, PATCH, stride=stride).transpose(1, 2)
    patches = patches - patches.mean(-1, keepdim=True)
    return patches * (patches.square().mean(-1, keepdim=True) + 10).rsqrt()


def patch_codes(
    pixels: torch.Tensor, whitening: torch.Tensor, shift: torch.Tensor, centroids: torch.Tensor
) -> torch.Tensor:
    """Coates & Ng (2011): how much nearer than average each patch lies to each centroid.

    Args:
        pixels: (B, 3, S, S).
        whitening: (108, 108), applied to normalised patches minus `shift` (108,).
        centroids: (K, 108) in the whitened space.

    Returns:
        (B, 4K): the codes' square root, averaged over each quarter of the image.
    """
    chunks = [_codes(part, whitening, shift, centroids) for part in torch.split(pixels, CHUNK)]
    return torch.cat(chunks)


def _codes(
    pixels: torch.Tensor, whitening: torch.Tensor, shift: torch.Tensor, centroids: torch.Tensor
) -> torch.Tensor:
    patches = (normalised_patches(pixels, STRIDE) - shift) @ whitening
    distances = patches @ (centroids.T * -2)
    distances += patches.square().sum(-1, keepdim=True)
    distances += centroids.square().sum(1)
    distances.clamp_min_(0).sqrt_()
    codes = (distances.mean(-1, keepdim=True) - distances).clamp_min_(0)
    side = math.isqrt(codes.shape[1])
    quarters = codes.view(len(codes), 2, side // 2, 2, side // 2, -1).mean((2, 4))
    return quarters.flatten(1).sqrt_()


def gradient_histograms(pixels: torch.Tensor, cells: int = 8, bins: int = 9) -> torch.Tensor:
    """(B, bins·cells²) histograms of edge directions by cell, HOG (Dalal & Triggs 2005).

    Each edge votes with its strength for the two nearest of `bins` undirected directions; a
    cell is divided by the mean energy of the 2×2 blocks that it belongs to.
    """
    grey = F.pad(pixels.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
    down = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    strength = (across.square() + down.square()).sqrt_()
    direction = torch.atan2(down, across).div_(math.pi).remainder_(1).mul_(bins)
    lower = direction.floor()
    share = direction - lower
    first = lower.long().remainder_(bins)
    votes = strength.new_zeros(len(pixels), bins, *strength.shape[2:])
    votes.scatter_(1, first, strength * (1 - share))
    votes.scatter_(1, (first + 1) % bins, strength * share)
    histograms = F.adaptive_avg_pool2d(votes, cells)
    energy = histograms.square().sum(1, keepdim=True)
    blocks = F.avg_pool2d(energy, 2, stride=1).mul_(4).add_(1).rsqrt_()
    scale = F.avg_pool2d(blocks, 2, stride=1, padding=1, count_include_pad=False)
    return (histograms * scale).clamp_max_(1).flatten(1)


def colour_histograms(pixels: torch.Tensor, levels: int = 4) -> torch.Tensor:
    """(B, 4·levels³) square roots of the colour histogram of each quarter of the image."""
    level = pixels.mul(levels / 256).long()
    colour = (level[:, 0] * levels + level[:, 1]) * levels + level[:, 2]
    half = torch.arange(pixels.shape[-1], device=pixels.device) * 2 // pixels.shape[-1]
    quarter = half[:, None] * 2 + half
    bins = levels**3
    index = (colour + quarter * bins).flatten(1)
    counts = pixels.new_zeros(len(pixels), 4 * bins)
    counts.scatter_add_(1, index, counts.new_ones(()).expand_as(index))
    return counts.div_(index.shape[1] / 4).sqrt_()
