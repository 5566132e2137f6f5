"""Images of more than 8 bits in every type that Pillow reads, with odd values and odd ranges.

In: arrays. Out: PNG and TIFF files, written here because Pillow writes few of them, and `Case`s.
"""

import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from benchmarks.hostile.corpus import EITHER, LISTED, READ, Case, file_of

PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number of a colour type by the number of channels."""

TYPES = ("u2", "i2", "u4", "i4", "f4")
"""Of grey TIFF images, as numpy names them."""


def png_of(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel.

    Args:
        values: (H, W) or (H, W, C) uint16 with 2 to 4 channels.
    """
    shaped = values[..., None] if values.ndim == 2 else values
    height, width, channels = shaped.shape
    header = struct.pack(">IIBBBBB", width, height, 16, PNG_COLOURS[channels], 0, 0, 0)
    rows = shaped.astype(">u2").reshape(height, -1).view(np.uint8)
    plain = np.concatenate([np.zeros((height, 1), np.uint8), rows], 1).tobytes()  # filter 0
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(plain), b"IEND": b""}
    parts = [
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_of(
    values: np.ndarray,
    *,
    order: str = "<",
    deflate: bool = False,
    white_is_zero: bool = False,
    opacity: int | None = None,
    nodata: str = "",
) -> bytes:
    """A TIFF of one strip.

    Args:
        values: (H, W) or (H, W, C) of any integer or float type.
        order: "<" or ">", the order of the bytes.
        deflate: whether it is compressed.
        white_is_zero: what it says of its least value.
        opacity: what it says of the fourth channel: 0 nothing, 1 multiplied with it, 2 opacity.
        nodata: the missing value as GDAL writes it.
    """
    shaped = values[..., None] if values.ndim == 2 else values
    height, width, channels = shaped.shape
    plain = shaped.astype(shaped.dtype.newbyteorder(order)).tobytes()
    strip = zlib.compress(plain) if deflate else plain
    sample_format = {"u": 1, "i": 2, "f": 3}[shaped.dtype.kind]
    tags: list[tuple[int, str, list[int] | bytes]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [shaped.dtype.itemsize * 8] * channels),
        (259, "H", [8 if deflate else 1]),
        (262, "H", [2 if channels > 2 else int(not white_is_zero)]),
        (273, "I", [8]),
        (277, "H", [channels]),
        (278, "I", [height]),
        (279, "I", [len(strip)]),
        (284, "H", [1]),
        *([(338, "H", [opacity])] if opacity is not None else []),
        (339, "H", [sample_format] * channels),
        *([(42113, "s", nodata.encode() + b"\0")] if nodata else []),
    ]
    return _with_tags(strip, tags, order)


def _with_tags(strip: bytes, tags: list[tuple[int, str, list[int] | bytes]], order: str) -> bytes:
    """Header, strip, the tags' longer values, then the directory of tags."""
    body = b"\0\0\0\0" + strip
    body += b"\0" * (len(body) % 2)
    entries = b""
    for number, letter, value in tags:
        content = (
            value if isinstance(value, bytes) else struct.pack(order + letter * len(value), *value)
        )
        if len(content) > 4:
            place = struct.pack(order + "I", len(body) + 4)
            body += content + b"\0" * (len(content) % 2)
        else:
            place = content.ljust(4, b"\0")
        kind = {"H": 3, "I": 4, "s": 2}[letter]
        entries += struct.pack(order + "HHI", number, kind, len(value)) + place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4)
    start = struct.pack(order + "I", len(body) + 4)
    return mark + start + body[4:] + directory


def every() -> Iterator[Case]:
    """Whole files of all types and values, each to be read, and some that are cut off."""
    for name, values in _values():
        if values.dtype == np.uint16:
            yield Case(f"16-bit PNG: {name}", "image", file_of("x.png", png_of(values)), READ)
        for order, deflate in itertools.product("<>", (False, True)):
            if values.dtype == np.uint32 and order == ">":
                continue  # Pillow does not know them
            what = f"{'deflated ' * deflate}TIFF ({order}): {name}"
            content = tiff_of(values, order=order, deflate=deflate)
            yield Case(what, "image", file_of("x.tif", content), READ)
    for text in ("-9999", "nan", "inf", "-3.4028234663852886e+38", "65535", "1e999"):
        content = tiff_of(np.eye(9, dtype=np.float32), nodata=text)
        yield Case(f"missing value {text}", "image", file_of("x.tif", content), READ)
    for text in ("", " ", "none", "\xff", "9" * 400, "0x10"):
        content = tiff_of(np.eye(9, dtype=np.uint16), nodata=text)
        yield Case(f"missing value {text[:8]!r}", "image", file_of("x.tif", content), EITHER)
    for channels, opacity in ((3, None), (4, 0), (4, 1), (4, 2)):
        pixels = np.arange(81 * channels, dtype=np.uint16).reshape(9, 9, channels)
        for deflate in (False, True):
            content = tiff_of(pixels, opacity=opacity, deflate=deflate)
            name = f"{'deflated ' * deflate}16-bit colour, {channels} channels, opacity {opacity}"
            yield Case(name, "image", file_of("x.tif", content), READ)
            yield Case(
                f"{name}, cut", "image", file_of("x.tif", content[: len(content) // 2]), LISTED
            )
    for channels in PNG_COLOURS:
        content = png_of(np.full((30, 30, channels), 513, np.uint16))
        name = f"16-bit PNG of {channels} channels"
        yield Case(name, "image", file_of("x.png", content), READ)
        yield Case(f"{name}, cut", "image", file_of("x.png", content[:-30]), LISTED)


def _values() -> Iterator[tuple[str, np.ndarray]]:
    """Small grey images of each type whose values go wrong where one computes carelessly."""
    for name in TYPES:
        dtype = np.dtype(name)
        info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        ends = np.array([info.min, info.max], dtype)
        yield f"{name}, both ends", np.tile(ends, (6, 3))
        yield f"{name}, flat", np.full((6, 6), info.max, dtype)
        yield f"{name}, one pixel", np.zeros((1, 1), dtype)
        yield f"{name}, narrow", (np.arange(36).reshape(6, 6) + 7400).astype(dtype)
        if dtype.kind == "f":
            yield f"{name}, none finite", np.array([[np.nan, np.inf, -np.inf]] * 3, dtype)
            yield f"{name}, one missing", np.array([[0.5, 0.25, -9999], [np.nan, 1, 1e38]], dtype)
            yield f"{name}, tiny", np.full((3, 3), 1e-45, dtype)
