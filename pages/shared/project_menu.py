"""Forms that open, create, rename and delete projects, and create the demo."""

from pathlib import Path

import streamlit as st

from pages.shared import folder_browser, notices, state
from sept_core.services.project import projects, recent
from sept_core.storage import atomic, project_paths
from sept_core.wording import quantities


def draw() -> None:
    """Draw the known projects, and the forms that open or create another one."""
    for entry in recent.every():
        _known(entry)
    new, other, demo = st.tabs(["New project", "Open project", "Demo"])
    with new, notices.shown():
        _new()
    with other, notices.shown():
        path = folder_browser.pick("other project", "Project folder", archives=False)
        if st.button("Open project", type="primary", icon=":material/folder_open:"):
            _open(folder_browser.chosen(path))
    with demo, notices.shown():
        _demo()


def _known(entry: recent.Known) -> None:
    text, button = st.columns([8, 1], vertical_alignment="center")
    title, folder = notices.plain(entry.title), notices.plain(entry.folder)
    text.markdown(f"**{title}**  \n:small[:gray[{folder}]]")
    if entry.key == state.project_key():
        button.caption("current")
    elif button.button("Open", key=f"open {entry.key}", width="stretch"):
        _open(entry.folder)


def _new() -> None:
    name = st.text_input("Name", placeholder="letters, digits, - _ .", key="new project name")
    parent = folder_browser.pick(
        "new project", "Parent folder", archives=False, start=folder_browser.home()
    )
    if st.button("Create project", type="primary", icon=":material/add:"):
        folder = folder_browser.chosen(parent) / project_paths.check_name(name, "Project")
        projects.init(folder)
        _open(folder)


def _demo() -> None:
    st.write(
        "About 4,300 drawn pictures of 26 families with two target sets, embedded, mapped and "
        "curated. Takes two to three minutes on two cores, offline, and continues while a page is "
        "open."
    )
    name = st.text_input("Name", "sept-demo", key="demo name")
    parent = folder_browser.pick(
        "demo", "Parent folder", archives=False, start=folder_browser.home()
    )
    if st.button("Create demo", type="primary", icon=":material/auto_awesome:"):
        from sept_core.services.project import (
            demo_project,  # imports faiss, which the first paint does not need
        )

        folder = folder_browser.chosen(parent) / project_paths.check_name(name, "Project")
        demo_project.begin(folder)
        _open(folder)


def _open(folder: Path) -> None:
    state.open_folder(folder)
    st.rerun()


@st.dialog("Rename project")
def rename(title: str) -> None:
    """Draw the dialog that renames the project."""
    wanted = st.text_input("Title", title)
    if st.button("Rename", type="primary"):
        with notices.shown():
            with state.WRITING, state.project() as project:
                projects.rename(project, wanted)
                recent.remember(project.paths.root, projects.title(project))
            st.rerun()


@st.dialog("Delete project")
def delete(folder: Path, title: str, told: str) -> None:
    """Draw the dialog that deletes a project once its title is typed.

    Args:
        folder: of the project.
        title: that the user must type.
        told: what is lost, with counts.
    """
    with st.spinner("Measuring the folder…"):
        size = quantities.size(atomic.folder_size(folder))
    st.write(f"This deletes `{folder}`: {size} with {told}. Images outside it are unchanged.")
    typed = st.text_input(f"Type **{notices.plain(title)}** to confirm")
    if st.button("Delete project", type="primary", disabled=typed != title):
        with notices.shown():
            projects.check_idle(folder)
            state.close_folder(folder)
            projects.delete(folder)
            recent.forget(folder)
            st.rerun()
