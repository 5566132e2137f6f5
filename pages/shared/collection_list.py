"""Sources or target sets of a project as cards: pictures, counts, rescan, rename, note, remove."""

from collections.abc import Sequence

import streamlit as st

from pages.shared import adding, layout_view, notices, sketches, state
from sept_core.services.data import collections
from sept_core.services.project.project_status import CollectionStatus, TargetStatus

PICTURES = 8
A_ROW = 3
"""Cards in a row."""

COUNTS = {
    "images": "images",
    "waiting": "to embed",
    "unreadable": "unreadable",
    "rejected": "rejected",
    "gone": "gone",
}


def draw(role: str, entries: Sequence[CollectionStatus]) -> None:
    """Draw one card for each entry, with its menu.

    Args:
        role: `pool` or `target`.
        entries: of `projects.status`.
    """
    for start in range(0, len(entries), A_ROW):
        row = entries[start : start + A_ROW]
        for place, entry in zip(st.columns(A_ROW), row, strict=False):
            with place:
                _card(role, entry)


def _card(role: str, entry: CollectionStatus) -> None:
    with st.container(border=True, key=f"card-{role}-{entry.name}", height="stretch"):
        with state.project() as project:
            uids = collections.sample(project, role, entry.name, PICTURES)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{entry.name}** · {_counts(entry)}", width="stretch")
            edit = st.popover("Edit", key=f"menu {role} {entry.name}", type="tertiary")
        if uids:
            st.html(sketches.images(uids, "strip", f"Images of {entry.name}"))
        note = f"{notices.plain(entry.note)}  \n" if entry.note else ""
        st.caption(f"{note}{entry.kind} · {notices.plain(entry.path)}")
        if isinstance(entry, TargetStatus):
            layout_view.warnings(entry)
        with edit, notices.shown():
            _menu(role, entry)


def _counts(entry: CollectionStatus) -> str:
    counted = {name: getattr(entry, name) for name in COUNTS}
    return " · ".join(
        f"{counted[name]:,} {word}"
        for name, word in COUNTS.items()
        if counted[name] or name == "images"
    )


def _menu(role: str, entry: CollectionStatus) -> None:
    name = entry.name
    if st.button("Rescan files", key=f"scan {role} {name}", icon=":material/refresh:"):
        with st.spinner("Listing files…"), state.WRITING, state.project() as project:
            report = collections.scan(project, role, name)
        state.keep("told", f"{name}: {adding.told(report)}.")
        st.rerun()
    new_name = st.text_input("Name", name, key=f"rename {role} {name}")
    note = st.text_area("Note", entry.note, key=f"note {role} {name}")
    if st.button("Save", key=f"save {role} {name}"):
        with state.WRITING, state.project() as project:
            collections.annotate(project, role, name, note)
            if new_name != name:
                collections.rename(project, role, name, new_name)
        st.rerun()
    if st.button("Remove…", key=f"remove {role} {name}", icon=":material/delete:"):
        files = entry.ok + entry.waiting + entry.unreadable + entry.rejected + entry.gone
        _confirm(role, name, files)


@st.dialog("Remove from project")
def _confirm(role: str, name: str, count: int) -> None:
    st.write(
        f"This removes {count:,} files of **{name}** from the project. Files on disk are "
        "unchanged; add the same path again to restore the entries."
    )
    if st.button(f"Remove {count:,} files", type="primary"):
        with notices.shown(), state.WRITING, state.project() as project:
            collections.remove(project, role, name)
            st.rerun()
