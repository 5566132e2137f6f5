"""Colour profiles: from the colours that a file declares to sRGB.

In: 8-bit pixels and the ICC profile that came with them. Out: the same picture in sRGB. A profile
that is broken, or of another kind of pixel, is ignored, as browsers do.
"""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 1 << 22
"""Larger profiles are ignored; those of printing presses take half of this size."""

SAME = 2
"""Greatest difference, of 255, up to which a profile counts as sRGB and costs nothing."""

_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image in RGB, its colours converted where the profile is not sRGB.

    Args:
        image: mode RGB, L, CMYK, or any other that Pillow turns into RGB.
        profile: the ICC profile of the file, or None.
    """
    if image.mode == "LAB":
        return _applied(image, _from_lab())
    if profile and image.mode not in _SPACES:
        image = image.convert("RGB")
    transform = _transform(profile, image.mode) if profile else None
    if transform is not None:
        return _applied(image, transform)
    return image if image.mode == "RGB" else image.convert("RGB")  # it would copy


@functools.lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the conversion of one profile, or None where there is nothing to convert.

    Most cameras embed sRGB itself; this is detected by converting a few colours, whatever the name
    of the profile.
    """
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        found = ImageCms.buildTransform(source, _srgb(), mode, "RGB")
        probe = _probe(mode)
        converted = np.asarray(_applied(probe, found), np.int16)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    plain = np.asarray(probe.convert("RGB"), np.int16)
    if converted[0, -1].min() < 128:  # white must stay bright; else the profile is nonsense
        return None
    return found if np.abs(converted - plain).max() > SAME else None


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    found = ImageCms.applyTransform(image, transform)
    assert found is not None  # it is only None where the image is changed in place
    return found


def _probe(mode: str) -> Image.Image:
    """A row of colours of a mode, the last of them white."""
    steps = np.linspace(0, 255, 6).round().astype(np.uint8)
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 3)
    if mode == "RGB":
        return Image.fromarray(np.ascontiguousarray(cube))
    inks = np.concatenate([255 - cube, np.zeros_like(cube[..., :1])], axis=2)
    return Image.frombytes("CMYK", (inks.shape[1], 1), inks.tobytes())


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@functools.cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB")
