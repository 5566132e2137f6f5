"""Forms that add a source or a target set, from a path on this machine or by upload."""

import re
from collections.abc import Callable
from pathlib import Path, PurePath

import streamlit as st

from pages.shared import folder_browser, layout_view, notices, state
from sept_core.archives import archives
from sept_core.imaging import image_formats
from sept_core.services.data import collections, target_layouts, uploads
from sept_core.targets.reading import AmbiguousError

PACKED = dict.fromkeys(suffix.rpartition(".")[2] for suffix in archives.SUFFIXES)
UPLOADED = [*sorted(name[1:] for name in image_formats.READ_SUFFIXES), *PACKED]
NAMES = "letters, digits, - _ ."


def draw(role: str, what: str, on_added: Callable[[str], None]) -> None:
    """Draw both ways of adding.

    Args:
        role: `pool` or `target`.
        what: its name in sentences: `source` or `target set`.
        on_added: called with a sentence that sums up the listing.
    """
    if isinstance(problem := state.kept(_pending(role)), AmbiguousError):
        _choose(role, what, problem, on_added)
        return
    by_path, by_upload = st.tabs(["Folder or archive on this machine", "Upload"])
    with by_path, notices.shown():
        path = folder_browser.pick(role, "Path")
        st.caption(
            "A folder, zip, tar, WebDataset shards, list of paths, table or img2dataset output."
        )
        suggested = suggested_name(path)
        name = st.text_input("Name", key=f"{role} path name", placeholder=suggested or NAMES)
        if st.button(f"Add {what}", key=f"{role} add path", type="primary"):
            _add(role, name or suggested, folder_browser.chosen(path), on_added)
    with by_upload, notices.shown():
        given_files = st.file_uploader(
            "Images, or a zip or tar file",
            UPLOADED,
            accept_multiple_files=True,
            key=f"{role} files",
        )
        name = st.text_input("Name", key=f"{role} upload name", placeholder=NAMES)
        if st.button(f"Add {what}", key=f"{role} add upload", type="primary"):
            with state.project() as project, st.spinner("Storing files…"):
                given = [(file.name, file) for file in given_files]
                path_of = uploads.store(project, name, given)
            _add(role, name, path_of, on_added)


def suggested_name(path: str) -> str:
    """Return a valid name made from the last part of a path; empty if there is none."""
    last = PurePath(path.strip()).name.lstrip(".-_")
    stem = last.split(".")[0] if last.endswith(tuple(f".{packed}" for packed in PACKED)) else last
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:64].strip("-")


def _add(
    role: str,
    name: str,
    path: Path,
    on_added: Callable[[str], None],
    options: dict[str, str] | None = None,
) -> None:
    try:
        with st.spinner("Listing files…"), state.WRITING, state.project() as project:
            report = collections.add(project, role, name, path, options)
            splits = target_layouts.splits(project.db, name) if role == "target" else {}
    except AmbiguousError as problem:
        state.keep(_pending(role), problem)
        st.rerun()
    state.keep(_pending(role), None)
    read_as = f" {layout_view.summary(splits)}." if splits else ""
    on_added(f"{name}: {told(report)}.{read_as}")


def _choose(role: str, what: str, problem: AmbiguousError, on_added: Callable[[str], None]) -> None:
    """Let the user choose the layout of an ambiguous target set before it is added."""

    def add(options: dict[str, str]) -> None:
        with notices.shown():
            _add(role, problem.spec.name, problem.spec.path, on_added, options)

    if layout_view.ask(problem.spec.name, problem.reading, f"Add {what}", add):
        with state.project() as project:
            uploads.discard(project, problem.spec.path)
        state.keep(_pending(role), None)
        st.rerun()


def _pending(role: str) -> str:
    return f"{role} to be read"


def told(report: collections.ScanReport) -> str:
    """Return the counts of a listing: `12 new files, 3 changed, 1 gone`."""
    parts = [f"{report.new:,} new files"]
    for word in ("changed", "returned", "gone"):
        count = getattr(report, word)
        parts += [f"{count:,} {word}"] if count else []
    parts += [f"{report.unreadable:,} unreadable"] if report.unreadable else []
    parts += [f"{report.problems:,} rejected"] if report.problems else []
    return ", ".join(parts)
