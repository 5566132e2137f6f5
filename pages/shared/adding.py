"""Adding a source or a target set: from a path of this machine, or from the browser."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.shared import state
from sept_core.pipeline import collections, uploading

NAMES = "letters, digits, - _ ."
PICTURES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "zip", "tar", "tgz"]


def draw(role: str, what: str, on_added: Callable[[str], None]) -> None:
    """Draw both ways of adding.

    Args:
        role: `pool` or `target`.
        what: it is called in sentences.
        on_added: called with a sentence on what was listed.
    """
    by_path, by_upload = st.tabs(["A folder or archive of this machine", "Upload"])
    with by_path:
        name = st.text_input("Name", key=f"{role} path name", placeholder=NAMES)
        path = pick_path(role)
        if st.button(f"Add {what}", key=f"{role} add path", type="primary"):
            _add(role, name, Path(path).expanduser(), on_added)
    with by_upload:
        name = st.text_input("Name", key=f"{role} upload name", placeholder=NAMES)
        uploads = st.file_uploader(
            "Images, or one zip or tar", PICTURES, accept_multiple_files=True, key=f"{role} files"
        )
        if st.button(f"Add {what}", key=f"{role} add upload", type="primary"):
            with state.project() as project, st.spinner("Storing…"):
                given = [(file.name, file) for file in uploads]
                path_of = uploading.store(project, name, given)
            _add(role, name, path_of, on_added)


def _add(role: str, name: str, path: Path, on_added: Callable[[str], None]) -> None:
    with st.spinner("Listing files…"), state.WRITING, state.project() as project:
        report = collections.add(project, role, name, path)
    on_added(f"{name}: {told(report.new, report.changed, report.gone)}.")


def told(new: int, changed: int, gone: int) -> str:
    """What a listing found."""
    parts = [f"{new:,} new files"]
    parts += [f"{changed:,} changed"] if changed else []
    parts += [f"{gone:,} gone"] if gone else []
    return ", ".join(parts)


def pick_path(key: str) -> str:
    """A path, typed or found in the folders that the app may show."""
    box, button = st.columns([7, 1], vertical_alignment="bottom")
    typed = box.text_input(
        "Path", state.kept(f"picked {key}") or "", key=f"path {key} {state.kept(f'picked {key}')}",
        help="A folder, zip, tar, WebDataset shards, list of paths, table, img2dataset output.",
    )  # fmt: skip
    with button.popover("Browse", icon=":material/folder_open:"):
        _browse(key)
    return str(typed)


@st.fragment
def _browse(key: str) -> None:
    with state.project() as project:
        allowed = uploading.roots(project.paths.root)
    place = state.kept(f"browsing {key}")
    if not isinstance(place, Path):
        for root in allowed:
            if st.button(str(root), key=f"{key} root {root}", icon=":material/folder:"):
                state.keep(f"browsing {key}", root)
                st.rerun(scope="fragment")
        return
    found = uploading.listing(place, allowed)
    st.caption(f"{found.folder} · {found.files:,} files")
    if st.button("Use this folder", key=f"{key} use", type="primary"):
        _picked(key, found.folder)
    if st.button("Up", key=f"{key} up", icon=":material/arrow_upward:"):
        state.keep(f"browsing {key}", found.parent)
        st.rerun(scope="fragment")
    with st.container(height=260):
        for name in found.folders:
            if st.button(name, key=f"{key} into {name}", icon=":material/folder:", type="tertiary"):
                state.keep(f"browsing {key}", found.folder / name)
                st.rerun(scope="fragment")
        for name in found.archives:
            if st.button(name, key=f"{key} take {name}", icon=":material/draft:", type="tertiary"):
                _picked(key, found.folder / name)


def _picked(key: str, path: Path) -> None:
    state.keep(f"picked {key}", str(path))
    st.rerun()
