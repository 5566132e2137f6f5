"""Rejections: why the bytes of one file are not used as an image.

In: an exception of a decoder, or a size that a header declares. Out: `RejectedImage`.
"""

import re

from sept_core.imaging import outcomes

MAX_PIXELS = 178_956_970
"""Larger images are rejected by their header, before decoding: 0.5 GB as RGB, Pillow's limit."""

MAX_VALUES_BYTES = 3 * MAX_PIXELS
"""Most bytes that all bands of an image may take once they are unpacked."""


class UnusableFile(Exception):
    """No pixels could be read from a file; `reason` is the short text that is listed with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RejectedImage(UnusableFile):
    """The bytes of a file prove that it cannot be used.

    Reasons begin with `empty file`, `not an image`, `truncated`, `too large` or `unreadable`; or
    they say which format is not supported, or which extra reads it.
    """


class UnreadableFile(UnusableFile):
    """A file cannot be read now: nothing is known of its bytes, and it is worth another try.

    Reasons are those of `outcomes.of_machine`: `unreadable: ` and the system's message.
    """


def failure(problem: Exception, otherwise: str) -> UnusableFile:
    """Return the exception to raise for one of a reader or decoder.

    Args:
        problem: what it raised.
        otherwise: the reason of the rejection where the machine is not to blame.
    """
    reason = outcomes.of_machine(problem)
    return RejectedImage(otherwise) if reason is None else UnreadableFile(reason)


def check_size(width: int, height: int, bytes_a_pixel: int = 1) -> None:
    """Refuse images that would take too much memory.

    Raises:
        RejectedImage: more pixels than `MAX_PIXELS`, or more bytes than `MAX_VALUES_BYTES`.
    """
    pixels = width * height
    if pixels > MAX_PIXELS:
        raise too_large(pixels)
    if pixels * bytes_a_pixel > MAX_VALUES_BYTES:
        raise RejectedImage(
            f"too large to decode safely ({pixels * bytes_a_pixel / 1e6:.0f} MB of pixels)"
        )
    if width < 1 or height < 1:
        raise RejectedImage("unreadable: an image without pixels")


def too_large(pixels: int) -> RejectedImage:
    """Return the rejection of an image with this many pixels."""
    return RejectedImage(f"too large to decode safely ({pixels / 1e6:.0f} megapixels)")


_SHORT = re.compile(
    r"truncated|unexpected end|end of (file|stream|input)|too small|premature|outside of file",
    re.IGNORECASE,
)


def of(problem: Exception) -> UnusableFile:
    """Classify a decoder's exception as one of the two reasons, truncated or unreadable."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    is_short = bool(_SHORT.search(text)) or isinstance(problem, EOFError)
    return failure(problem, f"{'truncated' if is_short else 'unreadable'}: {text[:200]}")
