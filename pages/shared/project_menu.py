"""The project menu of the bar, and the forms that open, create, rename and delete projects."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import streamlit as st

from pages.shared import folder_browser, notices, page_list, state
from sept_core.services.project import projects, recent
from sept_core.storage import atomic, project_paths
from sept_core.wording import quantities

MENU = "project-menu"
PRESSED = "project-menu-pressed"
"""Key of the pressed entry: a press closes the menu, and a closed menu draws no buttons."""

LISTED = 8
"""Longer lists scroll."""


@st.fragment
def draw() -> None:
    """Draw the menu: known projects, and what can be done with projects."""
    menu = st.popover(notices.plain(current()), type="tertiary", key=MENU, on_change="rerun")
    if menu.open:
        with menu:
            _list()
            _actions()
    pressed = cast("Callable[[], None] | None", state.kept(PRESSED))
    if pressed is not None:
        state.forget(PRESSED)
        pressed()


def current() -> str:
    """Return the title of this tab's project; nothing is opened for it."""
    key = state.project_key()
    if key is None:
        return "Choose a project"
    titles = {entry.key: entry.title for entry in recent.every()}
    folder = state.folder()
    return titles.get(key) or (folder.name if folder else key)


def _list() -> None:
    """Draw a button that opens each of the known projects."""
    known = recent.every()
    with st.container(
        key="project-list", height=320 if len(known) > LISTED else "content", border=False, gap=None
    ):
        for entry in known:
            current = entry.key == state.project_key()
            st.button(
                f"{notices.plain(entry.title)}  \n:small[:gray[{notices.plain(entry.folder)}]]",
                key=f"open {entry.key}",
                icon=":material/check:" if current else ":material/folder:",
                type="tertiary",
                width="stretch",
                on_click=_press,
                args=(partial(_open, entry.folder),),
            )


def _actions() -> None:
    """Draw the buttons that open the dialogs."""
    actions: dict[str, tuple[str, Callable[[], None]]] = {
        "New project": ("add", create),
        "Open project": ("folder_open", open_other),
        "Create demo": ("auto_awesome", demo),
    }
    if state.project_key() is not None:
        actions |= {
            "Rename": ("edit", rename),
            "Backup and check": ("shield", keep_safe),
            "Delete": ("delete", delete),
        }
    with st.container(key="project-actions", gap=None):
        for label, (icon, act) in actions.items():
            st.button(
                label, key=f"menu {label}", icon=f":material/{icon}:", type="tertiary",
                width="stretch", on_click=_press, args=(act,),
            )  # fmt: skip


def _press(act: Callable[[], None]) -> None:
    """Close the menu, and act in the run that follows."""
    state.keep(PRESSED, act)
    state.keep(MENU, False)


@st.dialog("New project")
def create() -> None:
    """Draw the dialog that creates an empty project."""
    with notices.shown():
        name = st.text_input("Name", placeholder="letters, digits, - _ .", key="new project name")
        parent = folder_browser.pick(
            "new project", "Parent folder", archives=False, start=folder_browser.home()
        )
        if st.button("Create project", type="primary", icon=":material/add:"):
            folder = folder_browser.chosen(parent) / project_paths.check_name(name, "Project")
            projects.init(folder)
            _open(folder)


@st.dialog("Open project")
def open_other() -> None:
    """Draw the dialog that opens a project by its folder."""
    with notices.shown():
        path = folder_browser.pick("other project", "Project folder", archives=False)
        if st.button("Open project", type="primary", icon=":material/folder_open:"):
            _open(folder_browser.chosen(path))


@st.dialog("Create the demo")
def demo() -> None:
    """Draw the dialog that creates the demo project."""
    st.write(
        "About 4,300 drawn pictures of 26 families with two target sets, embedded, mapped and "
        "curated. Takes two to three minutes on two cores, offline, and continues while a page is "
        "open."
    )
    with notices.shown():
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
    page_list.go(page_list.FRONT, {})


@st.dialog("Backup and check", width="large")
def keep_safe() -> None:
    """Draw the dialog for backup, restore and check."""
    from pages.shared import safety  # imports pydantic, which the first paint does not need

    safety.draw()


@st.dialog("Rename project")
def rename() -> None:
    """Draw the dialog that renames the project."""
    with notices.shown():
        with state.project() as project:
            title = projects.title(project)
        wanted = st.text_input("Title", title)
        if st.button("Rename", type="primary"):
            with state.WRITING, state.project() as project:
                projects.rename(project, wanted)
                recent.remember(project.paths.root, projects.title(project))
            st.rerun()


@st.dialog("Delete project")
def delete() -> None:
    """Draw the dialog that deletes the project once its title is typed."""
    with notices.shown():
        with state.project() as project, st.spinner("Measuring the folder…"):
            folder, title = project.paths.root, projects.title(project)
            contents = projects.contents(project)
            size = quantities.size(atomic.folder_size(folder))
        st.write(
            f"This deletes `{folder}`: {size} with {contents}. Images outside it are unchanged."
        )
        typed = st.text_input(f"Type **{notices.plain(title)}** to confirm")
        if st.button("Delete project", type="primary", disabled=typed != title):
            projects.check_idle(folder)
            state.close_folder(folder)
            projects.delete(folder)
            recent.forget(folder)
            st.rerun()
