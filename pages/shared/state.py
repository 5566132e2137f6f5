"""What outlives a rerun: the one open project of this process, and choices kept in the URL.

The only module that touches `st.session_state` and `st.cache_resource`.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from sept_core import errors
from sept_core.pipeline import projects, serving

WRITING = threading.RLock()
"""One writer at a time: two tabs must not claim one position of the decision log."""


@dataclass(frozen=True)
class Opened:
    """The open project, what serves its images, and what closes both."""

    folder: Path
    project: projects.Project
    server: serving.ImageServer
    closing: contextlib.ExitStack


def _close(held: Opened) -> None:
    held.server.close()
    held.closing.close()


@st.cache_resource(max_entries=1, show_spinner=False, on_release=_close)
def _open(folder: str) -> Opened:
    closing = contextlib.ExitStack()
    project = closing.enter_context(projects.opened(Path(folder)))
    return Opened(Path(folder), project, serving.ImageServer(project), closing)


def opened() -> Opened:
    """The project that the app was started with, held open for the life of the process.

    Raises:
        NotFoundError: none was named, or the folder is no project.
        BusyError: another process holds it.
    """
    folder = os.environ.get("SEPT_PROJECT")
    if not folder:
        raise errors.NotFoundError("No project is open; start the app with: sept app DIR")
    with WRITING:
        return _open(folder)


@contextlib.contextmanager
def project() -> Iterator[projects.Project]:
    """The open project on a database cursor of the caller's own, so that runs do not mix."""
    held = opened().project
    cursor = held.db.cursor()
    try:
        yield projects.Project(held.paths, cursor)
    finally:
        cursor.close()


def url(path: str) -> str:
    """The address of one of the app's own routes (`/thumbnails/UID`), for the open project."""
    return path


def chosen(
    name: str, options: Sequence[str], label: str, titles: Mapping[str, str] | None = None
) -> str:
    """A select box whose value lives in the URL; what is no option there is passed over.

    Args:
        name: in the URL.
        options: the values, the default first.
        label: above the box.
        titles: how values are shown.
    """
    wanted = st.query_params.get(name)
    index = options.index(wanted) if wanted in options else 0
    shown = titles or {}
    value = st.selectbox(label, options, index=index, format_func=lambda key: shown.get(key, key))
    if value != wanted:
        choose(name, value)
    return value


def chosen_many(name: str, options: Sequence[str], label: str) -> list[str]:
    """Several choices whose values live in the URL, the first option where none is named."""
    wanted = [value for value in st.query_params.get_all(name) if value in options]
    values = st.multiselect(label, options, default=wanted or list(options[:1]))
    if values != wanted:
        st.query_params[name] = values
    return values


def choose(name: str, value: str) -> None:
    """Set what `chosen` gives from the next run on."""
    st.query_params[name] = value


def component_value(key: str, name: str) -> object:
    """What a component last sent under `name`; None before that."""
    sent = st.session_state.get(key) or {}
    return sent.get(name)


def keep(name: str, value: object) -> None:
    """Remember a value until this browser tab reloads."""
    st.session_state[name] = value


def kept(name: str) -> object:
    """What `keep` remembered, or None."""
    return st.session_state.get(name)
