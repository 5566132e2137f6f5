"""The border of a page: what goes wrong becomes a sentence in the page, never a traceback."""

import contextlib
from collections.abc import Iterator

import streamlit as st

from sept_core import errors


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show errors meant for the user in place of what could not be drawn."""
    try:
        yield
    except errors.SeptError as problem:
        st.error(str(problem), icon=":material/error:")
