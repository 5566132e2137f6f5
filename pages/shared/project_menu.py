"""Choosing, making, renaming and deleting projects, and the demo."""

from pathlib import Path

import streamlit as st

from pages.shared import state
from sept_core.pipeline import projects, recent, uploading


def draw() -> None:
    """The menu of projects: those known here, and the ways to another one."""
    known = recent.every()
    current = state.project_key()
    for entry in known:
        told, button = st.columns([8, 1], vertical_alignment="center")
        told.markdown(f"**{entry.title}**")
        told.caption(str(entry.folder))
        if entry.key == current:
            button.caption("open")
        elif button.button("Open", key=f"open {entry.key}", width="stretch"):
            state.open_folder(entry.folder)
            st.rerun()
    new, other, demo = st.tabs(["New project", "Open a folder", "Demo"])
    with new:
        folder = st.text_input("Folder of the new project", str(_home() / "sept-project"))
        if st.button("Make the project", type="primary", icon=":material/add:"):
            projects.init(_inside(folder))
            state.open_folder(_inside(folder))
            st.rerun()
    with other:
        folder = st.text_input("Project folder", key="other folder")
        if st.button("Open it", type="primary", icon=":material/folder_open:"):
            state.open_folder(_inside(folder))
            st.rerun()
    with demo:
        _demo()


def _demo() -> None:
    st.write(
        "About 4,300 drawn pictures of 26 families with two target sets, embedded, mapped and "
        "curated: two to three minutes on two cores, offline."
    )
    folder = st.text_input("Folder of the demo", str(_home() / "sept-demo"))
    if st.button("Make the demo", type="primary", icon=":material/auto_awesome:"):
        from sept_core.pipeline import showcase  # brings faiss, which the first paint does without

        showcase.begin(_inside(folder))
        state.open_folder(_inside(folder))
        st.rerun()


def _home() -> Path:
    """Beside the open project, or else at home."""
    known = recent.every()
    return known[0].folder.parent if known else Path.home()


def _inside(text: str) -> Path:
    """A folder that was typed, if the app may touch it."""
    folder = Path(text).expanduser()
    uploading.check_allowed(folder, uploading.roots(_home()))
    return folder


@st.dialog("Rename the project")
def rename(title: str) -> None:
    """Ask for another title."""
    wanted = st.text_input("Title", title)
    if st.button("Rename", type="primary"):
        with state.WRITING, state.project() as project:
            projects.rename(project, wanted)
            recent.remember(project.paths.root, projects.title(project))
        st.rerun()


@st.dialog("Delete the project")
def delete(folder: Path, title: str, told: str) -> None:
    """Ask for the title before everything in the folder is deleted."""
    st.write(f"**{folder}** will be deleted with {told}. Images outside this folder stay.")
    typed = st.text_input(f"Type {title} to confirm")
    if st.button("Delete for good", type="primary", disabled=typed != title):
        state.close_folder(folder)
        projects.delete(folder)
        recent.forget(folder)
        st.rerun()
