"""Backup, restore and check of the open project.

A new project of a backup is made on the command line only: it names folders of its own, which here
have to be inside those that the app may use.
"""

from pathlib import Path

import streamlit as st

from pages.shared import notices, state
from sept_core.services.project import backups, project_check
from sept_core.services.project.integrity import Finding

FOUND = "what the check found"
SHOWN = 30


def draw() -> None:
    """What people did on the left, what lies in the folder on the right, findings below both."""
    kept, whole = st.columns(2, gap="large")
    with kept, notices.shown():
        _backup()
    with whole, notices.shown():
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
        "and features are not in it; they can be had again."
    )
    with state.project() as project:
        name = f"{project.paths.root.name}-backup.json.gz"
    st.download_button(
        "Save a backup", _data, name, "application/gzip", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip
    given = st.file_uploader("Add decisions of a backup that this project lacks", "gz")
    if given is not None and st.button("Add them", icon=":material/settings_backup_restore:"):
        content = backups.unpack(given, given.name)
        with state.WRITING, state.project() as project:
            added = backups.complete(project, content)
        number = added["decisions"]
        st.success(f"Decisions added: {number:,}." if number else "This project has them all.")


def _data() -> bytes:
    with state.project() as project:
        return backups.data(project)


def _check() -> None:
    st.markdown("**Check**")
    st.caption(
        "Reads every checksum, row and file and tells what is damaged, missing or moved. Nothing "
        "is changed. A million images take minutes."
    )
    if st.button("Check the project", icon=":material/health_and_safety:"):
        place = st.empty()
        with place.status("Checking") as told, state.project() as project:
            found = project_check.check_open(
                project, lambda what: told.update(label=f"Checking {what}")
            )
        place.empty()
        state.keep(FOUND, (project.paths.root, found))


def _findings(root: Path, found: list[Finding]) -> None:
    """What the last check in this tab found, and the repair of what can be."""
    if not found:
        st.success("The project is whole.", icon=":material/check_circle:")
        return
    for finding in found[:SHOWN]:
        with st.container(border=True):
            told = notices.plain(f"{finding.problem} {finding.remedy}")
            where = finding.where.removeprefix(f"{root}/")
            st.markdown(f"**{finding.kind.capitalize()}** · {told}")
            st.caption(notices.plain(where))
    if len(found) > SHOWN:
        st.caption(f"and {len(found) - SHOWN:,} more; sept check lists all.")
    if any(finding.aside for finding in found) and st.button(
        "Move away what can be made again",
        icon=":material/build:",
        help="Into the project's folder damaged/; nothing is deleted.",
    ):
        with st.spinner("Checking again…"), state.WRITING, state.project() as project:
            now = project_check.check_open(project)  # others may have mended it since
            moved = project_check.repair(root, now)
        state.keep(FOUND, None)
        st.success(notices.plain(f"{len(moved):,} moved to {root / 'damaged'}."))
