"""Hand-made image features in big tensor operations: patch codes, edges, colours.

In: (B, 3, 64, 64) float32 pixels in 0..255. Out: one row per image and family of features,
not yet reduced; `classic` fits, reduces, weights and joins them. Every family is averaged
over the image and its mirror image, which here costs a permutation instead of a second pass
and was worth 1 to 3 points of precision (benchmarks/encoders.py).
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

SIZE = 64


@dataclass(frozen=True)
class PatchGrid:
    """Square patches of `patch` pixels, `stride` apart, of the image reduced to `side`.

    The patches must fill equal quarters of the image and map onto themselves when it is mirrored:
    an even number of them along a side, from edge to edge.
    """

    side: int
    patch: int
    stride: int

    @property
    def half(self) -> int:
        """Patches along half of a side."""
        return ((self.side - self.patch) // self.stride + 1) // 2


FINE = PatchGrid(side=32, patch=6, stride=2)
COARSE = PatchGrid(side=16, patch=5, stride=1)


def normalised_patches(pixels: torch.Tensor, grid: PatchGrid) -> torch.Tensor:
    """(B, P, d) patches, each of mean 0 and about unit contrast (Coates & Ng 2011, §3.2.1).

    Patches run along the rows of the image; their d = 3·patch² values by channel, row, column.
    """
    small = F.avg_pool2d(pixels, SIZE // grid.side)
    patches = F.unfold(small, grid.patch, stride=grid.stride).transpose(1, 2)
    patches = patches - patches.mean(-1, keepdim=True)
    return patches * (patches.square().mean(-1, keepdim=True) + 10).rsqrt_()


def mirrored_filters(filters: torch.Tensor, grid: PatchGrid) -> torch.Tensor:
    """(d, K) filters of patches → the filters that see the same in mirrored patches."""
    return filters.view(3, grid.patch, grid.patch, -1).flip(2).reshape(filters.shape)


def patch_codes(
    pixels: torch.Tensor, grid: PatchGrid, filters: torch.Tensor, thresholds: torch.Tensor
) -> torch.Tensor:
    """Return the response of each filter in each quarter of the image (Coates & Ng 2011).

    Soft thresholding, max(0, p·f − t), in place of the paper's and the trial's "triangle":
    better here and a third cheaper.

    Args:
        pixels: (B, 3, 64, 64).
        grid: Where the patches lie.
        filters: (d, 2K), for normalised patches: K filters, then their mirror images.
        thresholds: (2K,).

    Returns:
        (B, 4K): the root of the mean answer, by quarter, then filter.
    """
    patches = normalised_patches(pixels, grid)
    codes = torch.addmm(-thresholds, patches.flatten(0, 1), filters).clamp_min_(0)
    half = grid.half
    # Two sums over one axis each are nearly twice as fast as one over both.
    rows = codes.view(-1, 2 * half, 2, half, codes.shape[1]).sum(3)
    quarters = rows.view(-1, 2, half, 2, codes.shape[1]).sum(2)
    own, mirrored = quarters.chunk(2, dim=-1)
    return (own + mirrored.flip(2)).div_(2 * half * half).sqrt_().flatten(1)


def edge_histograms(pixels: torch.Tensor, cells: int = 8, bins: int = 8) -> torch.Tensor:
    """(B, bins·cells²) strengths of edges by undirected direction and cell, after HOG.

    As Dalal & Triggs (2005), each cell divided by the energy of the 2×2 blocks it belongs to,
    but an edge votes for directions smoothly, by the cube of the cosine of the doubled angle
    between them: no scattered writes.
    """
    grey = F.pad(pixels.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
    down = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    energy = across.square() + down.square()
    doubled = torch.cat([across.square() - down.square(), 2 * across * down], 1)
    doubled /= energy + 1e-6
    angles = torch.arange(bins, device=pixels.device) * (2 * math.pi / bins)
    directions = torch.stack([angles.cos(), angles.sin()], 1)
    votes = torch.matmul(directions, doubled.flatten(2)).clamp_min_(0).pow_(3)
    votes = votes.view(-1, bins, SIZE, SIZE).mul_(energy.sqrt_())
    histograms = _block_normalised(F.avg_pool2d(votes, SIZE // cells))
    # A mirror turns columns round, and direction k into −k.
    mirrored = histograms.flip(3).roll(-1, 1).flip(1)
    return (histograms + mirrored).div_(2).flatten(1)


def _block_normalised(histograms: torch.Tensor) -> torch.Tensor:
    """(B, bins, cells, cells), each cell over the mean energy of the blocks around it."""
    energy = histograms.square().sum(1, keepdim=True)
    blocks = F.avg_pool2d(energy, 2, stride=1).mul_(4).add_(1).rsqrt_()
    scale = F.avg_pool2d(blocks, 2, stride=1, padding=1, count_include_pad=False)
    return (histograms * scale).clamp_max_(1)


def colour_histograms(pixels: torch.Tensor, levels: int = 4) -> torch.Tensor:
    """(B, 4·levels³) roots of the share of each colour, by quarter of the image."""
    level = pixels.mul(levels / 256).long()
    colour = (level[:, 0] * levels + level[:, 1]) * levels + level[:, 2]
    side = torch.arange(SIZE, device=pixels.device) // (SIZE // 2)
    quarter = side[:, None] * 2 + side
    image = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    colours = levels**3
    index = (image * 4 + quarter) * colours + colour
    counts = torch.bincount(index.flatten(), minlength=len(pixels) * 4 * colours)
    shares = counts.view(-1, 2, 2, colours).float().div_((SIZE // 2) ** 2)
    return (shares + shares.flip(2)).div_(2).sqrt_().flatten(1)
