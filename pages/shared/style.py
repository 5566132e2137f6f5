"""The style of the whole app, applied in one place; the theme is in `.streamlit/config.toml`."""

import streamlit as st

from sept_core.storage import app_files


def apply() -> None:
    """Load the style sheet; it takes no room on the page."""
    st.html(app_files.assets() / "frame" / "frame.css")
