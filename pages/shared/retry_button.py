"""Unreadable files with their reasons, and the button that retries them."""

import streamlit as st

from pages.shared import job_panel, notices, state
from sept_core.services.data import chain, collections, embedding

TITLES = {"source": "Source", "rel_path": "File", "member": "Member", "reason": "Reason"}


def draw(role: str) -> None:
    """Draw the unreadable files of a role; nothing if there are none."""
    with state.project() as project:
        rows = collections.unreadable(project, role)
        busy = job_panel.active(project, chain.KINDS)
    if not rows.num_rows:
        return
    st.warning(
        f"{rows.num_rows:,} files are unreadable. Restore access to them and retry; the next "
        "embedding retries them too.",
        icon=":material/sync_problem:",
    )
    with st.expander("Unreadable files", icon=":material/list:"):
        st.dataframe(rows, hide_index=True, column_config=TITLES)
    if st.button("Retry", key=f"retry {role}", disabled=busy, icon=":material/refresh:"):
        with notices.shown():
            with state.WRITING, state.project() as project:
                embedding.retry(project, role)
                chain.ask(project)
            st.rerun()
