"""The border of a page: what goes wrong becomes a sentence in the page, never a traceback.

And foreign text in it: names of files and what people typed stay text, whatever they contain.
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
    """Show errors meant for the user in place of what could not be drawn."""
    try:
        yield
    except errors.SeptError as problem:
        st.error(plain(problem), icon=":material/error:")
    except OSError as problem:  # a disk or a folder that is not as it should be
        told = f"{problem.filename or 'The project'}: {problem.strerror or problem}."
        st.error(plain(told), icon=":material/error:")


def plain(foreign: object) -> str:
    """A text that Markdown leaves as it is: no link, image, formula or colour comes of it.

    Line breaks and marks that turn the direction of writing become a visible sign; an invisible
    one keeps addresses from becoming links.
    """
    visible = _CONTROL.sub("\N{SYMBOL FOR SUBSTITUTE}", str(foreign))
    return _MARKDOWN.sub(r"\\\1", _ADDRESS.sub("\N{WORD JOINER}", visible))
