"""Rejected rows of imported features: a table with the reasons, and its CSV download."""

import streamlit as st

from pages.shared import state
from sept_core.services.data import file_outcomes


def draw() -> None:
    """Draw the rejected rows with their reasons; nothing if there are none."""
    with state.project() as project:
        rows = file_outcomes.feature_rows(project)
    if not rows.num_rows:
        return
    st.markdown(f"Rejected rows of imported features: **{rows.num_rows:,}**")
    titles = {name: name.capitalize() for name in rows.column_names}
    st.dataframe(rows, hide_index=True, column_config=titles)
    st.download_button(
        "Download rejected rows (CSV)",
        file_outcomes.as_csv(rows),
        "rejected-feature-rows.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
