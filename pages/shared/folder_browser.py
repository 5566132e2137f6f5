"""A path on this machine, typed or browsed for in the folders that the app may use.

Draw it in a fragment or a dialog, which reruns alone while a person browses.
"""

from pathlib import Path

import streamlit as st

from pages.shared import access, notices, state
from sept_core import errors
from sept_core.services.data import uploads
from sept_core.services.project import recent
from sept_core.storage import project_paths

WIDTH = 420
TALL = 8
"""Longer lists scroll."""


def pick(key: str, label: str, *, archives: bool = True, start: Path | None = None) -> str:
    """Draw the field and its browser; return the text in the field.

    Args:
        key: of this field.
        label: above the field.
        archives: whether to list files that can be a source as well as folders.
        start: the initial path.
    """
    if state.kept(_typed(key)) is None and start is not None:
        state.keep(_typed(key), str(start))
    box, button = st.columns([7, 1.3], vertical_alignment="bottom")
    menu = button.popover(
        "Browse", icon=":material/folder_open:", width="stretch", key=_menu(key), on_change="rerun"
    )
    if menu.open:
        with menu.container(width=WIDTH):
            _browse(key, archives)
    return str(box.text_input(label, key=_typed(key)))


def chosen(text: str) -> Path:
    """Return the path in the field, if the app may use it.

    Raises:
        InputError: it is empty or outside the allowed folders, links followed.
    """
    if not text.strip():
        raise errors.InputError("No folder is chosen; type its path or browse for it.")
    folder = project_paths.expanded(text.strip()).absolute()
    uploads.check_allowed(folder, _roots())
    return folder


def home() -> Path:
    """Return the initial folder: the project's parent, else the home folder, if allowed."""
    project, roots = _project(), _roots()
    wanted = project.parent if project else Path.home()
    return wanted if wanted.resolve() in roots or not roots else roots[0]


def _roots() -> list[Path]:
    return uploads.roots(_project(), shared=access.LOGIN.needed)


def _project() -> Path | None:
    """Return the folder of this tab's project, else of the one opened last."""
    return state.folder() or next((entry.folder for entry in recent.every()), None)


def _browse(key: str, archives: bool) -> None:
    with notices.shown():
        place = state.kept(f"place:{key}")
        if isinstance(place, Path):
            _folder(key, place, archives)
        else:
            for root in _roots():
                _button(key, str(root), root)


def _folder(key: str, place: Path, archives: bool) -> None:
    try:
        found = uploads.listing(place, _roots())
    finally:
        _button(key, "Up", place.parent if place not in _roots() else None, "arrow_upward")
    st.caption(notices.plain(f"{found.folder} · {found.files:,} files"))
    st.button("Use this folder", key=f"{key} use", on_click=_use, args=(key, found.folder))
    files = found.archives if archives else []
    long = len(found.folders) + len(files) > TALL
    with st.container(height=300 if long else "content", border=False, gap=None):
        for name in found.folders:
            _button(key, name, found.folder / name)
        for name in files:
            st.button(
                notices.plain(name),
                key=f"{key} take {name}",
                icon=":material/draft:",
                type="tertiary",
                on_click=_use,
                args=(key, found.folder / name),
            )


def _button(key: str, label: str, place: Path | None, icon: str = "folder") -> None:
    """Draw a button that goes to a folder; None is the list of roots."""
    st.button(
        notices.plain(label),
        key=f"{key} to {label}",
        icon=f":material/{icon}:",
        type="tertiary",
        on_click=state.keep,
        args=(f"place:{key}", place),
    )


def _use(key: str, path: Path) -> None:
    state.keep(_typed(key), str(path))
    state.keep(_menu(key), False)


def _typed(key: str) -> str:
    return f"path:{key}"


def _menu(key: str) -> str:
    return f"browser:{key}"
