"""State that outlives a rerun: the open projects of this process, and choices in the URL.

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
"""Separate from `WRITING`, so that images are served while a long listing is written."""

PLACE = ("target", "strategy", "encoder", "budget", "order", "view")
"""Parameters of the URL that hold the state of Curate."""

CARRIED = ("project", *PLACE)
"""Parameters of the URL that links to other pages pass on."""

STAY_OPEN_SECONDS = 1.0
"""Time for which the catalogue stays open after an action; commands wait less."""


@dataclass(frozen=True)
class Opened:
    """A project that this process serves, and the server of its images."""

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
    """Return the project of a key.

    Raises:
        NotFoundError: there is no project with that key, or its folder is missing.
        BusyError: another process held it for too long.
    """
    with _OPENING:
        return _open(str(_folder_of(key)))


def _folder_of(key: str) -> Path:
    """Return the folder of a key: a project opened before, or the one the app was started with."""
    started_with = _started_with()
    if started_with is not None and recent.key_of(started_with) == key:
        return started_with
    return recent.find(key)


def _started_with() -> Path | None:
    folder = os.environ.get("SEPT_PROJECT")
    return Path(folder).absolute() if folder else None


def open_folder(folder: Path) -> None:
    """Make a project this tab's current one; it is in the URL from the next run on.

    Raises:
        NotFoundError: the folder is not a project.
        BusyError: another process holds it.
    """
    with _OPENING:
        held = _open(str(folder.absolute()))
    _use(recent.key_of(held.folder))


def close_folder(folder: Path) -> None:
    """Close a project, so that it can be deleted."""
    with _OPENING:
        _open.clear(str(folder.absolute()))
    if _started_with() == folder.absolute():
        del os.environ["SEPT_PROJECT"]
    st.session_state.pop("project", None)
    st.query_params.clear()


def _use(key: str) -> None:
    st.session_state["project"] = key
    for name in CARRIED:  # they belong to the project before
        st.query_params.pop(name, None)
    _put("project", key)


def project_key() -> str | None:
    """Return this tab's project key: from the URL, the session, or the start of the app."""
    named = st.query_params.get("project") or st.session_state.get("project")
    if named is None and (folder := _started_with()) is not None:
        named = recent.key_of(folder)
    if named is not None and named != st.query_params.get("project"):
        _put("project", named)
    st.session_state["project"] = named
    return named


def folder() -> Path | None:
    """Return the folder of this tab's project, even if it cannot be opened; None without one."""
    key = project_key()
    with contextlib.suppress(errors.NotFoundError):
        return None if key is None else _folder_of(key)
    return None


@contextlib.contextmanager
def project(key: str | None = None) -> Iterator[projects.Project]:
    """Yield a project on the caller's own database cursor, so that runs do not mix.

    Args:
        key: of the project; None selects this tab's.

    Raises:
        NotFoundError: no project is open, or none has that key.
        BusyError: another process holds it.
    """
    wanted = project_key() if key is None else key
    if wanted is None:
        raise errors.NotFoundError("No project is open; open one on the Overview page.")
    # Routes, which name the project, make no decisions and have no user session.
    with projects.using(opened(wanted).folder, access.who() if key is None else None) as found:
        yield found


def url(path: str) -> str:
    """Return the URL of one of the app's routes (`/thumbnails/UID`) for this tab's project."""
    return path + query()


def query() -> str:
    """Return the query of such a URL: project, decoding rules and token.

    The decoding rules are included because browsers cache images and the rules change pixels.
    """
    key = project_key()
    return f"?project={key}&rules={decoders.RULES}{access.token(str(key))}"


def chosen(
    name: str, options: Sequence[str], label: str, titles: Mapping[str, str] | None = None
) -> str:
    """Draw a select box whose value is kept in the URL; an invalid value there is ignored.

    Args:
        name: of the URL parameter.
        options: the values, the default first.
        label: above the box.
        titles: displayed texts by value.
    """
    wanted = st.query_params.get(name)
    key = _follow(name, wanted, wanted if wanted in options else options[0])
    if st.session_state[key] not in options:
        st.session_state[key] = options[0]  # the chosen option no longer exists
    shown = titles or {}
    value = st.selectbox(label, options, key=key, format_func=lambda key: shown.get(key, key))
    if value != wanted:
        _put(name, value)
    st.session_state[f"url:{name}"] = value
    return value


def chosen_many(name: str, options: Sequence[str], label: str) -> list[str]:
    """Draw a multiselect whose values are kept in the URL; the first option is the default."""
    named = st.query_params.get_all(name)
    wanted = [value for value in named if value in options]
    key = _follow(f"{name} list", named, wanted or list(options[:1]))
    if not set(st.session_state[key]) <= set(options):
        st.session_state[key] = [v for v in st.session_state[key] if v in options]
    values = st.multiselect(label, options, key=key)
    if values != named:
        _put(name, values)
    st.session_state[f"url:{name} list"] = values
    return values


def written(name: str, label: str, placeholder: str, help: str | None = None) -> str:
    """Draw a text field whose value is kept in the URL."""
    wanted = st.query_params.get(name, "")
    key = _follow(name, wanted, wanted)
    value: str = st.text_input(label, key=key, placeholder=placeholder, help=help).strip()
    if value != wanted:
        choose(name, value)
    st.session_state[f"url:{name}"] = value
    return value


def _follow(name: str, in_url: object, value: object) -> str:
    """Return the key of the widget for a URL parameter; a changed URL updates the widget.

    A default that follows the URL would create a new widget, and the user's next choice, made in
    the old one, would be lost.
    """
    key = f"chosen:{name}"
    if key not in st.session_state or st.session_state.get(f"url:{name}") != in_url:
        st.session_state[key] = value
    return key


def named(name: str) -> str | None:
    """Return a value of the URL, or None."""
    value = st.query_params.get(name)
    return value or None


def choose(name: str, value: str | Sequence[str]) -> None:
    """Set the value that `chosen` returns from the next run on; an empty value removes it."""
    _put(name, value)


def _put(name: str, value: str | Sequence[str]) -> None:
    """Write a parameter of the URL; every change goes through here."""
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
    st.session_state[_LATEST] = _carried()


_LATEST, _LINKED, _PAGE = "carried parameters", "linked parameters", "page"


def _carried() -> dict[str, list[str]]:
    return {name: found for name in CARRIED if (found := st.query_params.get_all(name))}


def arrive(page: str) -> None:
    """Bring the URL up to date after a page change.

    A part of a page that reruns alone cannot redraw the links of the bar, so that a link may hold
    values from before the last change. If the URL is exactly what the links were drawn with, the
    values that this tab set last replace it.

    Args:
        page: title of the page of this run.
    """
    came = st.session_state.get(_PAGE) not in (None, page)
    st.session_state[_PAGE] = page
    latest = st.session_state.get(_LATEST)
    if came and latest and _carried() == st.session_state.get(_LINKED):
        for name in CARRIED:
            _put(name, latest.get(name, ""))
    st.session_state[_LATEST] = _carried()


def carried() -> dict[str, list[str]]:
    """Return the parameters for links to other pages."""
    project_key()
    st.session_state[_LINKED] = _carried()
    return _carried()


def component_value(key: str, name: str) -> object:
    """Return the value that a component last sent under `name`, or None."""
    sent = st.session_state.get(key) or {}
    return sent.get(name)


def keep(name: str, value: object) -> None:
    """Store a value until this browser tab reloads."""
    st.session_state[name] = value


def kept(name: str) -> object:
    """Return the value that `keep` stored, or None."""
    return st.session_state.get(name)


def forget(name: str) -> None:
    """Drop a stored value or a widget's value, so that the widget shows its default again."""
    st.session_state.pop(name, None)


def parameters() -> dict[str, list[str]]:
    """Return all values of the URL by name."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def replace_parameters(names: Sequence[str], values: Mapping[str, Sequence[str]]) -> None:
    """Set these parameters of the URL at once; those without a value are removed."""
    given = parameters()
    kept = {name: value for name, value in given.items() if name not in names}
    wanted = kept | {name: list(value) for name, value in values.items()}
    if wanted != given:
        st.query_params.from_dict(wanted)
    st.session_state[_LATEST] = _carried()
