"""Overview: the state of the project, its next step, and the other projects."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared import job_panel, notices, page_list, project_menu, state
from pages.shared.page_list import PAGES
from sept_core.jobs import launcher
from sept_core.services.data import chain
from sept_core.services.project import guidance, projects
from sept_core.storage import atomic
from sept_core.wording import quantities


def draw() -> None:
    """Draw the page."""
    if state.project_key() is not None:
        with notices.shown():
            _project()
            return
    else:
        st.title("SEPT", anchor=False)
        st.write("Choose the part of an unlabelled image pool that is worth pre-training on.")
    project_menu.draw()  # also when the project in the URL cannot be opened


def _project() -> None:
    _go_on()
    with state.WRITING, state.project() as project:
        projects.adopt(project)
        status = projects.status(project)
    size = _head(status)
    job_panel.draw(tuple(launcher.WORKERS))
    _next(status)
    _steps(status)
    menu = st.expander("Projects", icon=":material/folder:", key="projects", on_change="rerun")
    if menu.open:
        with menu:
            project_menu.draw()
    menu = st.expander("Backup and check", icon=":material/shield:", key="kept", on_change="rerun")
    if menu.open:
        from pages.shared import safety  # imports pydantic, which the first paint does not need

        with menu:
            safety.draw()
    with state.project() as project:  # last, because it visits every file
        used = atomic.folder_size(project.paths.root)
    size.caption(f"{status['project']} · {quantities.size(used)}")


def _go_on() -> None:
    """Start the next automatic step: of the demo, or of the preparation after an embedding."""
    with state.project() as project:
        if not projects.is_unfinished_demo(project):
            with state.WRITING:
                chain.advance(project)
            return
        from sept_core.services.project import (
            demo_project,  # imports faiss, only while the demo is created
        )

        with st.spinner("Continuing the demo…"), state.WRITING:
            demo_project.go_on(project)


def _head(status: dict[str, Any]) -> DeltaGenerator:
    """Draw the title and the project's actions; return the placeholder for its size."""
    title, rename, delete = st.columns([7, 1.3, 1.3], vertical_alignment="center")
    title.title(notices.plain(status["title"]), anchor=False)
    size = st.empty()
    size.caption(status["project"])
    if rename.button("Rename", icon=":material/edit:", width="stretch"):
        project_menu.rename(status["title"])
    if delete.button("Delete…", icon=":material/delete:", width="stretch"):
        contents = f"{status['decisions']:,} decisions and {len(status['selections']):,} selections"
        with state.project() as project:
            project_menu.delete(project.paths.root, status["title"], contents)
    return size


def _next(status: dict[str, Any]) -> None:
    name, sentence = guidance.next_step(status)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Next step:** {sentence}" if name in PAGES else sentence)
        if name in PAGES:
            page_list.link(name, f"Go to {name}")


def _steps(status: dict[str, Any]) -> None:
    st.subheader("Steps", anchor=False)
    for step in guidance.steps(status):
        link, progress = st.columns([2, 8], vertical_alignment="center")
        icon = "check_circle" if step.done else "radio_button_unchecked"
        with link:
            page_list.link(step.name, step.name, icon, width="stretch")
        progress.caption(step.told)


with notices.shown():
    draw()
