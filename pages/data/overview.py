"""Overview: where the project stands, what to do next, and the other projects."""

from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, project_menu, state
from sept_core import files, jobs
from sept_core.pipeline import guidance, projects

PAGES = {
    "Pool": "pages/data/pool.py",
    "Targets": "pages/data/targets.py",
    "Map": "pages/data/map.py",
    "Retrieve": "pages/curate/retrieve.py",
    "Review": "pages/curate/review.py",
    "Export": "pages/curate/export.py",
    "Pre-train": "pages/train/pretrain.py",
    "Evaluate": "pages/train/evaluate.py",
}


def draw() -> None:
    """The whole page."""
    if state.project_key() is None:
        st.title("SEPT", anchor=False)
        st.write("Choose the part of an unlabelled image pool that is worth pre-training on.")
        project_menu.draw()
        return
    try:
        _project()
    finally:  # a project that cannot be opened must not keep one from the others
        with st.expander("Projects", icon=":material/folder:"), notices.shown():
            project_menu.draw()


def _project() -> None:
    _demo_goes_on()
    with state.WRITING, state.project() as project:
        projects.adopt(project)
        status = projects.status(project)
        size = files.folder_size(project.paths.root)
    _head(status, size)
    _next(status)
    _figures(status)
    job_panel.draw(tuple(jobs.WORKERS))
    _steps(status)


def _demo_goes_on() -> None:
    """Take the demo's next step when the last one has ended."""
    with state.WRITING, state.project() as project:
        if not projects.is_unfinished_demo(project):
            return
        from sept_core.pipeline import showcase  # brings faiss, only while the demo is made

        showcase.go_on(project)


def _head(status: dict[str, Any], size: int) -> None:
    title, rename, delete = st.columns([7, 1.4, 1.4], vertical_alignment="bottom")
    title.title(status["title"], anchor=False)
    st.caption(f"{status['project']} · {size / 1e6:,.0f} MB")
    if rename.button("Rename", icon=":material/edit:", width="stretch"):
        project_menu.rename(status["title"])
    if delete.button("Delete…", icon=":material/delete:", width="stretch"):
        with state.project() as project:
            root = project.paths.root
        told = f"{status['decisions']:,} decisions and {len(status['selections']):,} selections"
        project_menu.delete(root, status["title"], f"{told} ({size / 1e6:,.0f} MB)")


def _next(status: dict[str, Any]) -> None:
    name, sentence = guidance.next_step(status)
    told, link = st.columns([8, 2], vertical_alignment="center")
    told.info(sentence, icon=":material/arrow_forward:")
    if name in PAGES:
        link.page_link(PAGES[name], label=f"Go to {name}", icon=":material/arrow_forward:")


def _figures(status: dict[str, Any]) -> None:
    pool = status["pool"]
    figures = {
        "Images in the pool": pool["images"],
        "Waiting to be read": pool["waiting"],
        "Rejected files": pool["rejected"],
        "Target sets": len(status["targets"]),
        "Selections": len(status["selections"]),
        "Decisions": status["decisions"],
        "Training runs": len(status["runs"]),
    }
    for column, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(label, f"{value:,}")


def _steps(status: dict[str, Any]) -> None:
    st.subheader("The way", anchor=False)
    for step in guidance.steps(status):
        link, told = st.columns([2, 8], vertical_alignment="center")
        icon = ":material/check_circle:" if step.done else ":material/radio_button_unchecked:"
        link.page_link(PAGES[step.name], label=step.name, icon=icon)
        told.caption(step.told)


with notices.shown():
    draw()
