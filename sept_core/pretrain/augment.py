"""Random views of whole batches, as a few tensor operations on the batch's own device.

In: uint8 images and random numbers drawn beforehand on the CPU (`draw`), so that they depend only
on seed and step: not on the device, nor on interruptions of the run. Out: normalised float views.
Crop and flip are one `grid_sample`; brightness, contrast, saturation, hue, grayscale and the
normalisation are one affine map of the colours.
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sept_core.pretrain.settings import Augment

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
JITTER_SHARE = 0.8
"""Share of the views with colour jitter (SimCLR, MoCo v2)."""
GRAY = (0.299, 0.587, 0.114)
BLUR_SIGMA = (0.1, 2.0)

# RGB to luma and two chroma axes; hue turns the chroma plane (exactly, unlike HSV's hexagon).
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@dataclass(frozen=True)
class Draw:
    """The random numbers of one batch of views; row i belongs to image i.

    Attributes:
        box: (B, 4) float32: centre x, centre y, width, height as shares of the image.
        mirrored: (B,) bool.
        colour: (B, 3, 3) float32: matrix applied to each pixel's RGB.
        contrast: (B,) float32: factor of the distance of colours from the view's mean grey.
        sigma: (B,) float32: blur in pixels, 0 for none; None if no view is blurred.
    """

    box: Tensor
    mirrored: Tensor
    colour: Tensor
    contrast: Tensor
    sigma: Tensor | None

    def part(self, rows: Tensor, device: torch.device) -> "Draw":
        """Return some rows of the batch (n,), on the device that will use them."""
        values = (None if t is None else t[rows].to(device) for t in vars(self).values())
        return Draw(*values)  # type: ignore[arg-type]  # only sigma may be None


def generator(*parts: int | str) -> torch.Generator:
    """Return a CPU generator seeded by a hash of its parts, such as seed, step and purpose."""
    digest = hashlib.blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def draw(settings: Augment, aspect: Tensor, generator: torch.Generator) -> Draw:
    """Draw random numbers for one view of each image.

    Args:
        settings: strengths of the augmentations.
        aspect: (B,) float32 width / height of the images before they were squeezed into squares.
        generator: gives the same draw for the same seed.
    """
    n = len(aspect)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    def chance(share: float) -> Tensor:
        return torch.rand(n, generator=generator) < share

    box = _draw_box(settings.crop_min, aspect, generator)
    mirrored = chance(settings.flip)
    varied = chance(JITTER_SHARE)
    amount = torch.where(varied, settings.jitter, 0.0)
    brightness, saturation = (1 + amount * uniform(-1, 1) for _ in range(2))
    contrast = 1 + amount * uniform(-1, 1)
    turn = amount / 4 * uniform(-1, 1) * 2 * math.pi
    saturation = torch.where(chance(settings.grayscale), 0.0, saturation)
    sigma = torch.where(chance(settings.blur), uniform(*BLUR_SIGMA), 0.0)
    colour = colour_matrix(brightness, saturation, turn)
    return Draw(box, mirrored, colour, contrast, sigma if settings.blur else None)


def _draw_box(crop_min: float, aspect: Tensor, generator: torch.Generator) -> Tensor:
    """Draw Inception crops: a uniform share of the area, a log-uniform aspect of 3:4 to 4:3.

    Sides longer than the image are clipped; torchvision would draw again.
    """
    share, shape, x, y = torch.rand(4, len(aspect), generator=generator)
    area = crop_min + (1 - crop_min) * share
    ratio = torch.exp((2 * shape - 1) * math.log(4 / 3)) / aspect
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    centre_x, centre_y = width / 2 + x * (1 - width), height / 2 + y * (1 - height)
    return torch.stack([centre_x, centre_y, width, height], dim=1)


def colour_matrix(brightness: Tensor, saturation: Tensor, turn: Tensor) -> Tensor:
    """Return (B, 3, 3): brightness, saturation about the grey, hue rotated by `turn` radians.

    Clamping happens once, after all colour changes, not between them.
    """
    eye = torch.eye(3)
    gray = torch.tensor(GRAY).expand(3, 3)
    factor = saturation[:, None, None]
    saturate = factor * eye + (1 - factor) * gray
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    rotation = torch.stack([zero + 1, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).reshape(
        -1, 3, 3
    )
    hue = torch.linalg.inv(_YIQ) @ rotation @ _YIQ
    matrix: Tensor = brightness[:, None, None] * (hue @ saturate)
    return matrix


def apply(images: Tensor, draw: Draw, size: int) -> Tensor:
    """Compute one view of each image.

    Args:
        images: (B, 3, S, S) float32 in 0..255, whole images squeezed into a square.
        draw: their random numbers, on the same device.
        size: side of the views; S is at most twice that, so that sampling between
            neighbouring pixels does not skip any (a 2:1 step averages exactly 2×2).

    Returns:
        (B, 3, size, size) float32, normalised, channels last.
    """
    views = _crop(images, draw, size)
    if draw.sigma is not None:
        views = _blur(views, draw.sigma)
    return _recolour(views, draw.colour, draw.contrast)


def _crop(images: Tensor, draw: Draw, size: int) -> Tensor:
    steps = (torch.arange(size, device=images.device) * 2 + 1) / size - 1  # pixel centres
    centre_x, centre_y, width, height = draw.box.T[:, :, None]
    direction = torch.where(draw.mirrored, -1.0, 1.0)[:, None]
    x = centre_x * 2 - 1 + width * direction * steps
    y = centre_y * 2 - 1 + height * steps
    grid = torch.stack(
        [x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], dim=3
    )
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _blur(views: Tensor, sigma: Tensor) -> Tensor:
    """Apply a Gaussian blur with each image's own sigma, one axis after the other."""
    n, channels, _, _ = views.shape
    radius = math.ceil(2 * BLUR_SIGMA[1])
    offsets = torch.arange(-radius, radius + 1, device=views.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma.clamp(min=1e-3)[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    flat = views.reshape(1, n * channels, *views.shape[2:])
    flat = functional.pad(flat, [radius] * 4, mode="reflect")
    flat = functional.conv2d(flat, kernel[:, :, None, :], groups=n * channels)
    flat = functional.conv2d(flat, kernel[:, :, :, None], groups=n * channels)
    return flat.reshape(views.shape)


def _recolour(views: Tensor, colour: Tensor, contrast: Tensor) -> Tensor:
    """Apply contrast about the mean grey and the colour matrix, clamp to 0..255, normalise."""
    n, channels, height, width = views.shape
    pixels = views.reshape(n, channels, -1)
    mean, std = (255 * torch.tensor(values, device=views.device)[:, None] for values in (MEAN, STD))
    gray = torch.tensor(GRAY, device=views.device)
    mean_gray = (pixels.mean(2) @ gray)[:, None, None]
    factor = contrast[:, None, None]
    # colour (factor·x + (1 − factor)·g), normalised: one matrix and one offset per image
    matrix = colour * factor / std
    offset = (colour.sum(2, keepdim=True) * (1 - factor) * mean_gray - mean) / std
    out = torch.baddbmm(offset, matrix, pixels)
    out = torch.clamp(out, -mean / std, (255 - mean) / std)
    out = out.reshape(n, channels, height, width)
    return out.contiguous(memory_format=torch.channels_last)


def plain(images: Tensor, size: int) -> Tensor:
    """Resize and normalise whole images: (B, 3, S, S) uint8 to (B, 3, size, size) float32."""
    resized = functional.interpolate(
        images.float(), (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (MEAN, STD))
    return ((resized / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def pixels(views: Tensor) -> Tensor:
    """Undo the normalisation of views: (B, 3, H, W) float32 in 0..255."""
    mean, std = (torch.tensor(v, device=views.device)[:, None, None] for v in (MEAN, STD))
    return ((views.float() * std + mean) * 255).clamp(0, 255)
