"""List of the sources or target sets of a project: counts, rescan, rename, note, remove."""

from typing import Any

import streamlit as st

from pages.shared import adding, layout_view, notices, state
from sept_core.services.data import collections

COUNTS = {
    "images": "images",
    "waiting": "to embed",
    "unreadable": "unreadable",
    "rejected": "rejected",
    "gone": "gone",
}


def draw(role: str, entries: list[dict[str, Any]]) -> None:
    """Draw one line for each entry, with its menu.

    Args:
        role: `pool` or `target`.
        entries: as in `projects.status`.
    """
    for entry in entries:
        text, menu = st.columns([9, 1], vertical_alignment="center")
        counts = [f"{entry[k]:,} {word}" for k, word in COUNTS.items() if entry[k] or k == "images"]
        note = f"  \n{notices.plain(entry['note'])}" if entry["note"] else ""
        text.markdown(f"**{entry['name']}** · {' · '.join(counts)}{note}")
        text.caption(f"{entry['kind']} · {entry['path']}")
        with text:
            layout_view.warnings(entry)
        edit = menu.popover("Edit", key=f"menu {role} {entry['name']}", width="stretch")
        with edit, notices.shown():
            _menu(role, entry)


def _menu(role: str, entry: dict[str, Any]) -> None:
    name = entry["name"]
    if st.button("Rescan files", key=f"scan {role} {name}", icon=":material/refresh:"):
        with st.spinner("Listing files…"), state.WRITING, state.project() as project:
            report = collections.scan(project, role, name)
        state.keep("told", f"{name}: {adding.told(report)}.")
        st.rerun()
    new_name = st.text_input("Name", name, key=f"rename {role} {name}")
    note = st.text_area("Note", entry["note"], key=f"note {role} {name}")
    if st.button("Save", key=f"save {role} {name}"):
        with state.WRITING, state.project() as project:
            collections.annotate(project, role, name, note)
            if new_name != name:
                collections.rename(project, role, name, new_name)
        st.rerun()
    if st.button("Remove…", key=f"remove {role} {name}", icon=":material/delete:"):
        _confirm(role, name, sum(entry[k] for k in ("ok", *COUNTS) if k != "images"))


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
