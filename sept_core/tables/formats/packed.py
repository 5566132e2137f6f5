"""Images packed as base64 text, with or without a `data:` prefix.

In: the text of a cell. Out: whether it holds an image, and its bytes; never the text itself.
"""

import base64
import re

from sept_core.imaging import image_formats

_PREFIX = re.compile(r"data:[^,]{0,100};base64,", re.IGNORECASE)
_HEAD = re.compile(r"[A-Za-z0-9+/_\-\s]+=*\s*")
_HEAD_LENGTH = 400
_LEAST = 24
"""Characters: shorter text that looks like base64 is a word or a hash."""

_BLANK = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")


def is_packed(text: str) -> bool:
    """Return whether a text is an image in base64, by its first characters."""
    start = _start(text)
    head = text[start : start + _HEAD_LENGTH]
    if len(head) < _LEAST or not _HEAD.fullmatch(head):
        return False
    plain = _plain(head)
    try:
        data = base64.b64decode(plain[: len(plain) // 4 * 4])
    except ValueError:
        return False
    return image_formats.recognise(data) is not None


def unpack(text: str) -> bytes:
    """Return the bytes of an image in base64; blanks and missing padding are ignored.

    Raises:
        ValueError: it is not base64; the message does not quote it.
    """
    plain = _plain(text[_start(text) :])
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise ValueError(f"{len(text):,} characters that are not base64") from None


def _start(text: str) -> int:
    prefix = _PREFIX.match(text)
    return prefix.end() if prefix else 0


def _plain(text: str) -> str:
    """Return the text in the standard alphabet, without blanks and padding."""
    return text.translate(_BLANK).rstrip("=").translate(_URL_SAFE)
