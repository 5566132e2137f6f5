"""The header of a TIFF file: facts about its first picture, read before decoding.

In: the bytes of a TIFF or BigTIFF file. Out: a `TiffHeader`, read from its tags alone.
"""

import re
import struct
from dataclasses import dataclass

from sept_core.imaging.decoding import rejection

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _STRIP_BYTES, _PLANAR = 273, 277, 279, 284
_TILE_OFFSETS, _TILE_BYTES, _SUB_IFDS, _EXTRA, _FORMAT = 324, 325, 330, 338, 339
_GDAL_METADATA, _GDAL_NODATA, _DNG_VERSION = 42112, 42113, 50706

_COREL = 999  # how a drawing program marks opacity
Tags = dict[int, tuple[int, ...] | str]

UNSIGNED, SIGNED, FLOAT, UNDEFINED = 1, 2, 3, 4
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8


@dataclass(frozen=True)
class TiffHeader:
    """The first picture of a TIFF file.

    Attributes:
        width: in pixels.
        height: in pixels.
        samples: channels a pixel.
        bits: of the widest channel.
        sample_format: `UNSIGNED`, `SIGNED`, `FLOAT` or another number of the TIFF specification.
        photometric: what the channels mean, as in the TIFF specification.
        compression: as in the TIFF specification.
        is_planar: each channel lies by itself.
        alpha: the first channel behind the colours is opacity.
        nodata: the value that marks missing measurements, as GDAL writes it.
        colours: number from 0 of the channels that GDAL calls red, green and blue, if all are.
        has_pages: a further picture follows, other than a smaller copy or a mask of this.
    """

    width: int
    height: int
    samples: int
    bits: int
    sample_format: int
    photometric: int
    compression: int
    is_planar: bool
    alpha: bool
    nodata: float | None
    colours: tuple[int, int, int] | None
    has_pages: bool

    @property
    def type(self) -> str:
        """The pixel type as people write it, such as `uint16`."""
        return f"{ {SIGNED: 'int', FLOAT: 'float'}.get(self.sample_format, 'uint') }{self.bits}"

    @property
    def is_plain(self) -> bool:
        """Return whether Pillow gives every value of it, all bits of them."""
        if self.samples == 1:
            return (self.bits, self.sample_format) in _PLAIN
        bits = 16 if self.photometric in (RGB, CMYK) and not self.is_planar else 8
        is_usual = self.spare == 0 or (self.photometric == RGB and 0 < self.spare <= _IGNORED)
        is_usual &= not self.is_planar or (self.photometric, self.samples) == (RGB, 3)
        return is_usual and self.bits in (8, bits) and self.sample_format in (UNSIGNED, UNDEFINED)

    @property
    def spare(self) -> int:
        """The number of channels besides colour and opacity."""
        return self.samples - _USUAL.get(self.photometric, 1) - self.alpha


_PLAIN = {
    *((bits, kind) for bits in (1, 2, 4, 8) for kind in (UNSIGNED, UNDEFINED)),
    *((bits, UNSIGNED) for bits in (12, 16, 32)),
    *((16, SIGNED), (32, SIGNED), (32, FLOAT)),
}
_IGNORED = 3  # channels that Pillow leaves out behind RGB
_USUAL = {RGB: 3, CMYK: 4, YCBCR: 3, LAB: 3}


def read(data: bytes) -> TiffHeader:
    """Read the tags of the first picture.

    Raises:
        RejectedImage: the header is broken or too large an image, the pixels lie behind the end
            of the file, or it is a camera's raw file, whose first picture is a preview.
    """
    tags, has_pages = _tags(data)
    if _DNG_VERSION in tags or (_first(tags, _SUBFILE, 0) & 1 and _SUB_IFDS in tags):
        raise rejection.RejectedImage(
            "Camera raw images are not supported; develop them to JPEG or TIFF first"
        )
    samples = _first(tags, _SAMPLES, 1)
    bits = max(_all(tags, _BITS) or (1,))
    width, height = _first(tags, _WIDTH, 0), _first(tags, _HEIGHT, 0)
    rejection.check_size(width, height, max(1, samples * bits // 8))
    _check_whole(tags, len(data), width * height * samples * bits // 8)
    extra = _all(tags, _EXTRA)
    return TiffHeader(
        width,
        height,
        samples,
        bits,
        max(_all(tags, _FORMAT) or (UNSIGNED,)),
        _first(tags, _PHOTOMETRIC, WHITE_IS_ZERO),
        _first(tags, _COMPRESSION, 1),
        _first(tags, _PLANAR, 1) == 2,
        bool(extra) and extra[0] in (1, 2, _COREL),
        _nodata(tags.get(_GDAL_NODATA)),
        _colours(str(tags.get(_GDAL_METADATA, ""))),
        has_pages,
    )


def _tags(data: bytes) -> tuple[Tags, bool]:
    """The tags of the first directory, and whether another picture follows."""
    try:
        tags, following = _directory(data, 0)
    except (struct.error, KeyError, ValueError, TypeError) as problem:
        raise rejection.RejectedImage("unreadable: the header of this TIFF is broken") from problem
    return tags, _is_page(data, following)


def _is_page(data: bytes, place: int) -> bool:
    """Return whether a further directory is another picture; a broken one is not."""
    if not place:
        return False
    try:
        return not _first(_directory(data, place)[0], _SUBFILE, 0) & _NO_PAGE
    except (struct.error, KeyError, ValueError, TypeError):
        return False


_NO_PAGE = 0b101
"""Flags of a smaller copy of the picture before it, or of a mask of it."""


def _directory(data: bytes, place: int) -> tuple[Tags, int]:
    """The wanted tags of the directory at a place (0: the first), and where the next one is."""
    order = "<" if data.startswith(b"II") else ">"
    is_big = b"+" in data[2:4]
    pointer, counter, entry = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    if not place:
        [place] = struct.unpack_from(order + pointer, data, 8 if is_big else 4)
    [count] = struct.unpack_from(order + counter, data, place)
    start = place + struct.calcsize(order + counter)
    end = start + count * entry
    tags: Tags = {}
    for where in range(start, min(end, len(data)), entry):
        tag, kind, length = struct.unpack_from(f"{order}HH{pointer}", data, where)
        if tag in _WANTED:
            inline = where + entry - struct.calcsize(order + pointer)
            tags[tag] = _value(data, order, pointer, kind, length, inline)
    if end + struct.calcsize(order + pointer) > len(data):
        return tags, 0
    return tags, int(struct.unpack_from(order + pointer, data, end)[0])


def _value(
    data: bytes, order: str, pointer: str, kind: int, length: int, inline: int
) -> tuple[int, ...] | str:
    """The numbers or the text of one tag, which lie in its entry or where the entry points to.

    Raises:
        struct.error: they lie behind the end of the file.
    """
    code = _CODES[kind]
    size = struct.calcsize(order + code) * length
    if size > len(data):
        raise struct.error("a tag longer than its file")
    place = inline
    if size > struct.calcsize(order + pointer):
        [place] = struct.unpack_from(order + pointer, data, inline)
    if kind == _TEXT:
        return data[place : place + size].rstrip(b"\0").decode("latin-1")
    return struct.unpack_from(f"{order}{length}{code}", data, place)


_TEXT = 2
_CODES = {1: "B", _TEXT: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q",
          17: "q", 18: "Q"}  # fmt: skip
"""Letters of `struct` for the tag types that the wanted tags have."""

_WANTED = frozenset(
    (
        *(_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _SAMPLES),
        *(_STRIP_BYTES, _PLANAR, _TILE_OFFSETS, _TILE_BYTES, _SUB_IFDS, _EXTRA, _FORMAT),
        *(_GDAL_METADATA, _GDAL_NODATA, _DNG_VERSION),
    )
)


def _all(tags: Tags, tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    return () if isinstance(value, str) else value


def _first(tags: Tags, tag: int, default: int) -> int:
    return next(iter(_all(tags, tag)), default)


def _check_whole(tags: Tags, size: int, unpacked: int) -> None:
    """Refuse a file that ends before its last strip or tile; libraries would fill in zeros."""
    if _first(tags, _COMPRESSION, 1) == 1 and unpacked > size:
        raise rejection.RejectedImage("truncated: the file is smaller than its pixels")
    for offsets, counts in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES)):
        ends = map(sum, zip(_all(tags, offsets), _all(tags, counts), strict=False))
        if max(ends, default=0) > size:
            raise rejection.RejectedImage("truncated: the file ends before its last pixels")


def _nodata(text: object) -> float | None:
    try:
        return None if text is None else float(str(text).strip())
    except ValueError:
        return None


def _colours(metadata: str) -> tuple[int, int, int] | None:
    """Find the bands named red, green and blue in GDAL's metadata, without an XML parser."""
    named: dict[str, int] = {}
    for item in re.findall(r"<Item\s([^<>]*)>([^<>]*)</Item>", metadata[:100_000]):
        sample = re.search(r'sample="(\d{1,5})"', item[0])
        if sample and re.search(r'role="(?:description|colorinterp)"', item[0]):
            named.setdefault(item[1].strip().lower(), int(sample[1]))
    if not {"red", "green", "blue"} <= named.keys():
        return None
    return named["red"], named["green"], named["blue"]
