"""TIFF images that tifffile decodes: many channels, channels of more than 8 bits, any packing.

In: the bytes of a TIFF file and its header. Out: a `RawImage` of one or three of its channels.
"""

import io
import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from sept_core.imaging.decoding import extras, jpeg_header, rejection, tiff_header
from sept_core.imaging.decoding.raw import RawImage, picture, with_opacity
from sept_core.imaging.decoding.tiff_header import TiffHeader
from sept_core.imaging.high_bit_depth import Samples

_PACKINGS = {
    1: "none", 5: "LZW", 7: "JPEG", 8: "deflate", 32946: "deflate", 32773: "PackBits",
    33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34925: "LZMA", 50000: "zstd",
    50001: "WebP",
}  # fmt: skip
"""Compressions whose unpacked size is known before they are unpacked."""

_NESTED = {7: "JPEG", 33003: "JPEG2000", 33005: "JPEG2000", 34712: "JPEG2000", 50001: "WEBP"}
_MEANINGS = {
    tiff_header.WHITE_IS_ZERO,
    tiff_header.BLACK_IS_ZERO,
    tiff_header.RGB,
    tiff_header.PALETTE,
    tiff_header.CMYK,
    tiff_header.YCBCR,
}


def read(data: bytes, header: TiffHeader, bands: Sequence[int] | None) -> RawImage:
    """Decode the first picture, or the bands asked for.

    Of more than three channels without a request, those named red, green and blue are taken, or
    else the first three.

    Args:
        data: the whole file.
        header: of it.
        bands: numbers from 1 of the one or three channels to take; of a file whose pages hold
            one channel each, the numbers of pages.

    Raises:
        RejectedImage: the extra is missing, or the picture is damaged, too large, has no such
            bands or a kind of pixel that is not supported.
    """
    tifffile = extras.require("tifffile", f"TIFF images of {_kind(header)}", "tiff")
    extras.require("imagecodecs", f"TIFF images of {_kind(header)}", "tiff")
    _check_supported(header)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # a file is used or rejected
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if bands and header.samples == 1 and header.has_pages:
            return _stacked(file, data, header, bands)
        page = file.pages.first
        values = _values(page, data)
        profile, colormap = page.iccprofile, page.colormap
        orientation = int(page.tags.valueof(274, 1))
    chosen, remark = _choose(header, bands)
    raw = _coloured(values, header, chosen, colormap)
    raw.profile = profile
    raw.orientation = orientation if 1 <= orientation <= 8 else 1
    raw.mode += remark
    return raw


def _kind(header: TiffHeader) -> str:
    """Describe the pixels in words, such as `13 channels of uint16`."""
    channels = f"{header.samples} channels of " if header.samples > 1 else ""
    packing = _PACKINGS.get(header.compression, str(header.compression))
    is_odd = header.is_plain and header.compression != 1
    return f"{channels}{header.type}" + (f" packed by {packing}" if is_odd else "")


def _check_supported(header: TiffHeader) -> None:
    if header.compression not in _PACKINGS:
        raise rejection.RejectedImage(
            f"TIFF images with compression {header.compression} are not supported; save them "
            "with deflate or without compression"
        )
    if header.photometric not in _MEANINGS:
        raise rejection.RejectedImage(
            f"TIFF images with colours of kind {header.photometric} are not supported; convert "
            "them to RGB first"
        )
    if header.sample_format in (5, 6):
        raise rejection.RejectedImage(
            "TIFF images of complex numbers are not supported; save their magnitude first"
        )


def _values(page: Any, data: bytes) -> np.ndarray:
    """Return (H, W, samples) of one page; memory use is limited by the checked header."""
    if page.dtype is None or page.shaped[1] != 1:
        raise rejection.RejectedImage("TIFF images of volumes or odd numbers are not supported")
    separate, _, height, width, together = page.shaped
    rejection.check_size(width, height, separate * together * page.dtype.itemsize)
    _check_segments(page, data)
    values = np.asarray(page.asarray(squeeze=False, maxworkers=1))
    values = values.astype(np.float32) if values.dtype == np.float16 else values
    if values.shape != page.shaped:
        raise rejection.RejectedImage("unreadable: this TIFF holds fewer pixels than it declares")
    return values[0, 0] if separate == 1 else np.moveaxis(values[:, 0, :, :, 0], 0, -1)


def _check_segments(page: Any, data: bytes) -> None:
    """Check that every strip or tile lies in the file and unpacks to what the header says."""
    planes = page.shaped[0]
    if page.is_tiled:
        tall, wide = page.tilelength, page.tilewidth
    else:
        tall, wide = min(page.rowsperstrip, page.imagelength), page.imagewidth
    rejection.check_size(wide, tall, page.shaped[4] * page.dtype.itemsize)
    expected = math.ceil(page.imagelength / tall) * math.ceil(page.imagewidth / wide) * planes
    if len(page.dataoffsets) > expected:
        raise rejection.RejectedImage("unreadable: this TIFF has more strips than it declares")
    if len(page.dataoffsets) < expected:
        raise rejection.RejectedImage("truncated: this TIFF has fewer strips than it declares")
    nested = _NESTED.get(page.compression)
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if offset + size > len(data):
            raise rejection.RejectedImage("truncated: the file ends before its last pixels")
        if nested and size:
            _check_nested(nested, data[offset : offset + size], tall * wide)


def _check_nested(kind: str, segment: bytes, pixels: int) -> None:
    """Check that an image packed inside a strip or tile is not larger than it."""
    if kind == "JPEG":
        frame = jpeg_header.frame(segment)
        size = (frame.width, frame.height) if frame else (0, 0)
    else:
        with Image.open(io.BytesIO(segment), formats=(kind,)) as image:
            size = image.size
    if size[0] * size[1] > pixels:
        raise rejection.too_large(size[0] * size[1])


def _choose(header: TiffHeader, bands: Sequence[int] | None) -> tuple[list[int], str]:
    """Return the numbers from 0 of the channels to read, and a remark that lists them if others
    remain.
    """
    if header.photometric in (tiff_header.PALETTE, tiff_header.CMYK):
        return list(range(min(header.samples, 4))), ""
    if bands:
        if max(bands) > header.samples:
            raise rejection.RejectedImage(
                f"has {header.samples} bands, and --bands asks for band {max(bands)}"
            )
        chosen = [band - 1 for band in bands]
    elif header.samples < 3:
        chosen = [0]
    else:
        chosen = list(header.colours or (0, 1, 2))
        if max(chosen) >= header.samples:
            chosen = [0, 1, 2]
    if not bands and header.alpha and header.samples == len(chosen) + 1:
        return [*chosen, header.samples - 1], ""
    is_whole = chosen == list(range(header.samples))
    return chosen, "" if is_whole else f"; {_bands(chosen)}"


def _bands(chosen: Sequence[int]) -> str:
    word = "bands" if len(chosen) > 1 else "band"
    return f"{word} {', '.join(str(band + 1) for band in chosen)}"


def _coloured(
    values: np.ndarray, header: TiffHeader, chosen: list[int], colormap: np.ndarray | None
) -> RawImage:
    """The chosen channels as an image of 8 bits or as samples of more."""
    taken = values[..., chosen]
    mode = header.type if header.samples == 1 else f"{header.type} x {header.samples}"
    return RawImage(_pixels(taken, header, colormap), header.width, header.height, "TIFF", mode)


def _pixels(
    taken: np.ndarray, header: TiffHeader, colormap: np.ndarray | None
) -> Image.Image | Samples:
    if header.photometric == tiff_header.PALETTE and colormap is not None:
        colours = (colormap[:, taken[..., 0]] >> 8).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(np.moveaxis(colours, 0, -1)))
    if header.photometric == tiff_header.CMYK:
        inks = _bytes(taken, header)
        return Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())
    inverted = header.photometric == tiff_header.WHITE_IS_ZERO
    samples = with_opacity(_bytes(taken, header) if header.bits <= 8 else taken)
    if header.bits <= 8:
        return picture(255 - samples.values if inverted else samples.values, samples.alpha)
    bits = header.bits if header.sample_format == tiff_header.UNSIGNED else None
    return Samples(samples.values, samples.alpha, bits, header.nodata, inverted)


def _bytes(values: np.ndarray, header: TiffHeader) -> np.ndarray:
    """uint8 of integers whose range is all of their bits."""
    if header.sample_format == tiff_header.SIGNED:
        return np.asarray(values.view(np.uint8) ^ 0x80)
    if header.bits > 8:
        return np.asarray(values >> (header.bits - 8)).astype(np.uint8)
    return np.asarray(values.astype(np.uint16) * 255 // (2**header.bits - 1)).astype(np.uint8)


def _stacked(file: Any, data: bytes, header: TiffHeader, bands: Sequence[int]) -> RawImage:
    """Stack bands that lie in separate pages."""
    count = len(file.pages)
    if max(bands) > count:
        raise rejection.RejectedImage(f"has {count} pages, and --bands asks for band {max(bands)}")
    pages = [file.pages[band - 1] for band in bands]
    if len({(page.shape, page.dtype) for page in pages}) > 1:
        raise rejection.RejectedImage(
            "its pages differ in size or type, and --bands asks for several"
        )
    values = np.concatenate([_values(page.aspage(), data) for page in pages], axis=2)
    raw = _coloured(values, header, list(range(len(bands))), None)
    raw.mode = f"{header.type}; {_bands([band - 1 for band in bands])}"
    return raw
