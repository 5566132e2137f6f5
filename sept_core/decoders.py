"""Decoders: the version of everything that turns an image file's bytes into pixels.

In: nothing but what is installed. Out: one short text that is stored with features and with
rejections, so that files rejected by an older decoder are tried again by a newer one.
"""

import functools

import PIL

RULES = 1
"""Number of our own decoding rules; raise it when the pixels or rejections of a file change."""


@functools.cache
def version() -> str:
    """Return the decoder version, such as `1 pillow-13.0.0`."""
    return f"{RULES} pillow-{PIL.__version__}"
