"""Steps that follow a finished job: preparation after an embedding, stages of the demo."""

import streamlit as st

from pages.shared import state
from sept_core.services.project import projects

PAGES = ("Overview",)
"""Pages that are drawn anew after a job, since they show the state of the whole project."""


def go_on() -> None:
    """Adopt what workers have finished, and start the next step, if any."""
    with state.WRITING, state.project() as project:
        projects.adopt(project)
        if not projects.is_unfinished_demo(project):
            from sept_core.services.data import chain

            chain.advance(project)
            return
        from sept_core.services.project import demo_project  # imports faiss, for the demo only

        with st.spinner("Continuing the demo…"):
            demo_project.go_on(project)
