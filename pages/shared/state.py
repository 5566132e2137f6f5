"""What outlives a rerun: the open projects of this process, and choices kept in the URL.

The only module that touches `st.session_state` and `st.cache_resource`.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.shared import access
from sept_core import errors
from sept_core.imaging import decoders
from sept_core.services.data import image_server
from sept_core.services.project import projects, recent

WRITING = threading.RLock()
"""One writer at a time: two tabs must not claim one position of the decision log."""

_OPENING = threading.RLock()
"""Apart from `WRITING`, so that images are served while a long listing is written."""


STAY_OPEN_SECONDS = 1.0
"""After an action the catalogue stays open this long for the next one; commands wait less."""


@dataclass(frozen=True)
class Opened:
    """A project that this process serves, and what serves its images."""

    folder: Path
    server: image_server.ImageServer


def _close(held: Opened) -> None:
    held.server.close()


@st.cache_resource(max_entries=4, show_spinner=False, on_release=_close)
def _open(folder: str) -> Opened:
    projects.stay_open(STAY_OPEN_SECONDS)
    with projects.opened(Path(folder)) as project:
        recent.remember(Path(folder), projects.title(project))
    return Opened(Path(folder), image_server.ImageServer(Path(folder)))


def opened(key: str) -> Opened:
    """The project of a key.

    Raises:
        NotFoundError: no project is known by that key, or its folder is gone.
        BusyError: another process held it for too long.
    """
    with _OPENING:
        return _open(str(_folder_of(key)))


def _folder_of(key: str) -> Path:
    """Only what was opened before, or what the app was started with, can be named."""
    started_with = _started_with()
    if started_with is not None and recent.key_of(started_with) == key:
        return started_with
    return recent.find(key)


def _started_with() -> Path | None:
    folder = os.environ.get("SEPT_PROJECT")
    return Path(folder).absolute() if folder else None


def open_folder(folder: Path) -> None:
    """Make a project this tab's own; it is in the URL from the next run on.

    Raises:
        NotFoundError: the folder is no project.
        BusyError: another process holds it.
    """
    with _OPENING:
        held = _open(str(folder.absolute()))
    _use(recent.key_of(held.folder))


def close_folder(folder: Path) -> None:
    """Let go of a project, so that it can be deleted."""
    with _OPENING:
        _open.clear(str(folder.absolute()))
    if _started_with() == folder.absolute():
        del os.environ["SEPT_PROJECT"]
    st.session_state.pop("project", None)
    st.query_params.clear()


def _use(key: str) -> None:
    st.session_state["project"] = key
    st.query_params["project"] = key


def project_key() -> str | None:
    """This tab's project: from the URL, else as before, else what the app was started with."""
    named = st.query_params.get("project") or st.session_state.get("project")
    if named is None and (folder := _started_with()) is not None:
        named = recent.key_of(folder)
    if named is not None and named != st.query_params.get("project"):
        st.query_params["project"] = named  # the menu's links leave it out
    st.session_state["project"] = named
    return named


def folder() -> Path | None:
    """Where this tab's project lies, whether or not it can be opened."""
    key = project_key()
    with contextlib.suppress(errors.NotFoundError):
        return None if key is None else _folder_of(key)
    return None


@contextlib.contextmanager
def project(key: str | None = None) -> Iterator[projects.Project]:
    """A project on a database cursor of the caller's own, so that runs do not mix.

    Args:
        key: of the project; None is this tab's.

    Raises:
        NotFoundError: none is open, or there is none by that key.
        BusyError: another process holds it.
    """
    wanted = project_key() if key is None else key
    if wanted is None:
        raise errors.NotFoundError("No project is open; choose one on the Overview page.")
    # Routes, which name the project, decide nothing and have nobody's session.
    with projects.using(opened(wanted).folder, access.who() if key is None else None) as found:
        yield found


def url(path: str) -> str:
    """The address of one of the app's own routes (`/thumbnails/UID`), for this tab's project."""
    return path + query()


def query() -> str:
    """The part of such an address that names the project, and lets it be fetched.

    It also names the decoding rules: browsers keep what an address gave, and rules change pixels.
    """
    key = project_key()
    return f"?project={key}&rules={decoders.RULES}{access.token(str(key))}"


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
    key = _follow(name, wanted, wanted if wanted in options else options[0])
    if st.session_state[key] not in options:
        st.session_state[key] = options[0]  # what was chosen is gone
    shown = titles or {}
    value = st.selectbox(label, options, key=key, format_func=lambda key: shown.get(key, key))
    if value != wanted:
        st.query_params[name] = value
    st.session_state[f"url:{name}"] = value
    return value


def chosen_many(name: str, options: Sequence[str], label: str) -> list[str]:
    """Several choices whose values live in the URL, the first option where none is named."""
    named = st.query_params.get_all(name)
    wanted = [value for value in named if value in options]
    key = _follow(f"{name} list", named, wanted or list(options[:1]))
    if not set(st.session_state[key]) <= set(options):
        st.session_state[key] = [v for v in st.session_state[key] if v in options]
    values = st.multiselect(label, options, key=key)
    if values != named:
        st.query_params[name] = values
    st.session_state[f"url:{name} list"] = values
    return values


def written(name: str, label: str, placeholder: str, help: str | None = None) -> str:
    """A line of text whose value lives in the URL."""
    wanted = st.query_params.get(name, "")
    key = _follow(name, wanted, wanted)
    value: str = st.text_input(label, key=key, placeholder=placeholder, help=help).strip()
    if value != wanted:
        choose(name, value)
    st.session_state[f"url:{name}"] = value
    return value


def _follow(name: str, in_url: object, value: object) -> str:
    """The key of the widget for a part of the URL; where the URL was changed, so is the widget.

    A default that follows the URL would make another widget of it, and the next choice of the
    person, made in the old one, would be lost.
    """
    key = f"chosen:{name}"
    if key not in st.session_state or st.session_state.get(f"url:{name}") != in_url:
        st.session_state[key] = value
    return key


def named(name: str) -> str | None:
    """A value of the URL, or None."""
    value = st.query_params.get(name)
    return value or None


def choose(name: str, value: str) -> None:
    """Set what `chosen` gives from the next run on; an empty value leaves the URL."""
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


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
