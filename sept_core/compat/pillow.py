"""Undocumented parts of Pillow: raw modes and the declared size of a decompression bomb.

In: images that are opened and not loaded, and Pillow's errors. Out: names of raw modes, numbers of
pixels. An image consists of tiles, and each tile names its *raw mode* (how its pixels are stored)
among its arguments: alone, or as the first of several.
"""

import re
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile


def declared_pixels(bomb: Image.DecompressionBombError) -> int | None:
    """Return how many pixels the header of a refused image declares; its error says so in text."""
    found = re.search(r"\d+", str(bomb))
    return None if found is None else int(found[0])


def raw_mode(image: ImageFile) -> str:
    """Return the raw mode of an image; '' where it has no tiles or none of them names one."""
    return _raw_mode_among(image.tile[0].args) if image.tile else ""


def is_read_by_libtiff(image: ImageFile) -> bool:
    """Return whether libtiff, not Pillow itself, unpacks the pixels."""
    return bool(image.tile) and image.tile[0].codec_name == "libtiff"


def set_raw_mode(image: ImageFile, raw: str) -> None:
    """Make Pillow read the pixels as `raw`; a tile of one band ("R") keeps to that band."""
    image.tile = [tile._replace(args=_renamed(tile.args, raw)) for tile in image.tile]


def _raw_mode_among(arguments: Any) -> str:
    found = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return found if isinstance(found, str) else ""


def _renamed(arguments: Any, raw: str) -> Any:
    """Return a tile's arguments with another raw mode."""
    if not isinstance(arguments, tuple):
        return raw
    is_band = len(arguments[0]) == 1
    return (arguments[0] + raw[-4:] if is_band else raw, *arguments[1:])
