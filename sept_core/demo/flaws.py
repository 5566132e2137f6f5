"""Flaws of real pools, planted on purpose: near-duplicates and files that are not images."""

import io
from collections.abc import Callable

from PIL import Image, ImageEnhance

from sept_core.demo import canvas
from sept_core.demo.canvas import Rng


def near_copy(content: bytes, rng: Rng) -> bytes:
    """Return JPEG bytes of an image that was cropped, relit, shrunk or strongly compressed."""
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    change = canvas.pick(rng, (_cropped, _relit, _shrunk, _unchanged))
    return jpeg(change(image, rng), quality=int(rng.integers(35, 75)))


def _cropped(image: Image.Image, rng: Rng) -> Image.Image:
    left, top, right, bottom = rng.integers(0, 6, 4).tolist()
    return image.crop((left, top, image.width - right, image.height - bottom))


def _relit(image: Image.Image, rng: Rng) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(rng.uniform(0.85, 1.15))


def _shrunk(image: Image.Image, rng: Rng) -> Image.Image:
    side = int(rng.integers(80, 112))
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _unchanged(image: Image.Image, rng: Rng) -> Image.Image:
    return image


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Return the image as JPEG."""
    return encoded(image, "JPEG", quality=quality)


def encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    """Return the image as a file of a format of Pillow."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


# Each turns a complete image file into a broken one.
def _truncated(content: bytes) -> bytes:
    return content[: len(content) * 2 // 5]


def _empty(content: bytes) -> bytes:
    return b""


def _text(content: bytes) -> bytes:
    return b"<html><body>404: this picture has moved.</body></html>\n"


def _zeroed(content: bytes) -> bytes:
    return bytes(len(content))


CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncated,
    "empty": _empty,
    "text": _text,
    "zeroed": _zeroed,
}
