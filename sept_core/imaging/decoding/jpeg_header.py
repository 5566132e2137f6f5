"""The header of a JPEG file: the frame that identifies the kind of JPEG."""

from dataclasses import dataclass

_FRAMES = frozenset(
    (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), 0xCD, 0xCE, 0xCF, 0xF7)
)
_ALONE = frozenset((0x01, *range(0xD0, 0xDA)))
_SCAN, _END = 0xDA, b"\xff\xd9"

LOSSLESS, JPEG_LS = 0xC3, 0xF7


@dataclass(frozen=True)
class Frame:
    """Attributes of a frame: its marker (`LOSSLESS`, `JPEG_LS`, …), bits a channel, and size."""

    marker: int
    bits: int
    width: int
    height: int
    channels: int
    is_whole: bool
    """The end of the image stands behind the frame."""


def frame(data: bytes) -> Frame | None:
    """Return the first frame of a JPEG, or None where there is none."""
    place = 2
    while place + 10 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[i : i + 2], "big") for i in (place + 5, place + 7))
            is_whole = data.find(_END, place) > 0
            return Frame(marker, data[place + 4], width, height, data[place + 9], is_whole)
        if marker == _SCAN:
            return None
        place += 2 + size
    return None
