"""Rows of imported features that could not be used: a table with the reasons, and a csv of it."""

import streamlit as st

from pages.shared import state
from sept_core.services.data import file_outcomes


def draw() -> None:
    """Draw the rows with their reasons; nothing if every row was used."""
    with state.project() as project:
        rows = file_outcomes.feature_rows(project)
    if not rows.num_rows:
        return
    st.markdown(f"Rejected rows of imported features: **{rows.num_rows:,}**")
    titles = {name: name.capitalize() for name in rows.column_names}
    st.dataframe(rows, hide_index=True, column_config=titles)
    st.download_button(
        "Download rejected rows as csv",
        file_outcomes.as_csv(rows),
        "rejected-feature-rows.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
