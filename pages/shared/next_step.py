"""The next step of the project, as one line with a link.

In: the status of the project, or its step. Out: a line at the top of a page.
"""

import streamlit as st

from pages.shared import notices, page_list
from sept_core.services.project import guidance
from sept_core.services.project.guidance import NextStep
from sept_core.services.project.project_status import ProjectStatus


def draw(step: NextStep) -> None:
    """Draw a step; the last one before training also leads to the export."""
    with st.container(key="next-step", horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Next:** {notices.plain(step.sentence)}")
        if step.label:
            page_list.link(step.page, step.label, "arrow_forward")
        if step.page == "Pre-train":
            page_list.link("Export", "Export", "arrow_forward")


def elsewhere(here: str, status: ProjectStatus) -> None:
    """Draw the next step if it is on another page than `here`."""
    step = guidance.next_step(status)
    if step.label and step.page != here:
        draw(step)
