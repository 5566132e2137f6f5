"""Backup, restore and check of the open project.

Creating a new project from a backup works on the command line only: the backup names folders,
which in the app must be inside the allowed ones.
"""

from pathlib import Path

import streamlit as st

from pages.shared import notices, state
from sept_core.services.project import backups, project_check
from sept_core.services.project.integrity import Finding

FOUND = "what the check found"
SHOWN = 30


def draw() -> None:
    """Draw the backup on the left, the check on the right, and its findings below."""
    left, right = st.columns(2, gap="large")
    with left, notices.shown():
        _backup()
    with right, notices.shown():
        _check()
    with state.project() as project:
        root = project.paths.root
    last = state.kept(FOUND)
    if isinstance(last, tuple) and last[0] == root:
        _findings(root, last[1])


def _backup() -> None:
    st.markdown("**Backup**")
    st.caption(
        "Decisions, sources, groups and the settings of every selection, in one small file. Images "
        "and features are not included; they can be restored from the sources."
    )
    with state.project() as project:
        name = f"{project.paths.root.name}-backup.json.gz"
    st.download_button(
        "Save backup", _data, name, "application/gzip", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip
    given = st.file_uploader("Backup with decisions missing from this project", "gz")
    if given is not None and st.button(
        "Restore decisions", icon=":material/settings_backup_restore:"
    ):
        content = backups.unpack(given, given.name)
        with state.WRITING, state.project() as project:
            added = backups.complete(project, content)
        number = added["decisions"]
        st.success(f"Decisions restored: {number:,}." if number else "No decisions are missing.")


def _data() -> bytes:
    with state.project() as project:
        return backups.data(project)


def _check() -> None:
    st.markdown("**Check**")
    st.caption(
        "Verifies every checksum, row and file and lists what is damaged, missing or moved. "
        "Nothing is changed. Takes minutes for a million images."
    )
    if st.button("Check project", icon=":material/health_and_safety:"):
        place = st.empty()
        with place.status("Checking") as status, state.project() as project:
            found = project_check.check_open(
                project, lambda what: status.update(label=f"Checking {what}")
            )
        place.empty()
        state.keep(FOUND, (project.paths.root, found))


def _findings(root: Path, found: list[Finding]) -> None:
    """Draw the findings of the last check in this tab, and the button that repairs them."""
    if not found:
        st.success("No problems found.", icon=":material/check_circle:")
        return
    for finding in found[:SHOWN]:
        with st.container(border=True):
            text = notices.plain(f"{finding.problem} {finding.remedy}")
            where = finding.where.removeprefix(f"{root}/")
            st.markdown(f"**{finding.kind.capitalize()}** · {text}")
            st.caption(notices.plain(where))
    if len(found) > SHOWN:
        st.caption(f"and {len(found) - SHOWN:,} more; run sept check to list all.")
    if any(finding.aside for finding in found) and st.button(
        "Quarantine rebuildable files",
        icon=":material/build:",
        help="Moves them to the project's damaged/ folder; nothing is deleted.",
    ):
        with st.spinner("Checking again…"), state.WRITING, state.project() as project:
            now = project_check.check_open(project)  # another process may have repaired it since
            moved = project_check.repair(root, now)
        state.keep(FOUND, None)
        st.success(notices.plain(f"Moved {len(moved):,} items to {root / 'damaged'}."))
