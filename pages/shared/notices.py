"""Errors and foreign text on a page: an error becomes a sentence, never a traceback.

In: errors, and text from outside (file names, user input). Out: notices, and Markdown that shows
such text literally.
"""

import contextlib
import re
from collections.abc import Iterator

import streamlit as st

from sept_core import errors

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&@/^=])")
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show errors that are meant for the user in place of the part that failed."""
    try:
        yield
    except errors.SeptError as problem:
        st.error(plain(problem), icon=":material/error:")
    except OSError as problem:  # a disk or folder that cannot be used
        sentence = f"{problem.filename or 'The project'}: {problem.strerror or problem}."
        st.error(plain(sentence), icon=":material/error:")


def plain(foreign: object) -> str:
    """Return a text escaped for Markdown, so that it makes no link, image, formula or colour.

    Line breaks and marks that change the writing direction become a visible sign; an invisible
    character keeps addresses from becoming links.
    """
    visible = _CONTROL.sub("\N{SYMBOL FOR SUBSTITUTE}", str(foreign))
    return _MARKDOWN.sub(r"\\\1", _ADDRESS.sub("\N{WORD JOINER}", visible))
