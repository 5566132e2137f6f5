"""Raw images: the pixels of one file as the file holds them, before they become upright sRGB."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from sept_core.imaging.high_bit_depth import Samples


@dataclass(slots=True)
class RawImage:
    """The pixels of one file, as its reader found them.

    Attributes:
        pixels: a Pillow image of at most 8 bits a channel; or the samples of one of more, whose
            range is still to be chosen.
        width: of the whole image, in pixels; a JPEG's `pixels` may be smaller.
        height: as `width`.
        format: Pillow's name of the format, or one like it: `JPEG`, `HEIF`, `DICOM`.
        mode: the pixel type, such as `RGB` or `uint16 x 13`; behind `; ` what was taken of more,
            such as `bands 1, 2, 3` or `first page`.
        orientation: as in EXIF, 1 to 8.
        profile: the ICC profile.
    """

    pixels: Image.Image | Samples
    width: int
    height: int
    format: str
    mode: str
    orientation: int = 1
    profile: bytes | None = None


def from_array(values: np.ndarray, image_format: str, bits: int, mode: str = "") -> RawImage:
    """Make a raw image of decoded values.

    Args:
        values: (H, W) or (H, W, 1 to 4) of unsigned integers; the second of two channels and the
            fourth of four is opacity.
        image_format: see `RawImage`.
        bits: how many bits of each value are used.
        mode: see `RawImage`; by default type and number of the channels.
    """
    shaped = values[..., None] if values.ndim == 2 else values
    height, width, channels = shaped.shape
    mode = mode or (f"{values.dtype} x {channels}" if channels > 1 else str(values.dtype))
    samples = with_opacity(shaped)
    if shaped.dtype != np.uint8:
        samples = Samples(samples.values, samples.alpha, bits)
        return RawImage(samples, width, height, image_format, mode)
    narrow = samples.values
    if bits < 8:
        narrow = (narrow.astype(np.uint16) * 255 // (2**bits - 1)).astype(np.uint8)
    return RawImage(picture(narrow, samples.alpha), width, height, image_format, mode)


def with_opacity(values: np.ndarray) -> Samples:
    """Part (H, W, 1 to 4) values into (H, W) or (H, W, 3) and the opacity behind them."""
    channels = values.shape[2]
    alpha = opacity(values[..., -1]) if channels in (2, 4) else None
    colours = values[..., 0] if channels < 3 else values[..., :3]
    return Samples(np.ascontiguousarray(colours), alpha)


def opacity(values: np.ndarray) -> np.ndarray:
    """uint8 of opacity that goes from 0 to the type's greatest value, or to 1 where it is float."""
    if values.dtype.kind == "f":
        return np.asarray((np.nan_to_num(values).clip(0, 1) * 255).round(), np.uint8)
    most = np.iinfo(values.dtype).max
    return np.asarray((values.clip(0, most).astype(np.float64) * (255 / most)).round(), np.uint8)


def picture(values: np.ndarray, alpha: np.ndarray | None) -> Image.Image:
    """A Pillow image of uint8 values and their opacity."""
    image = Image.fromarray(np.ascontiguousarray(values))
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image
