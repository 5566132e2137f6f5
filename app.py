"""The app: its frame, its menu, and the routes that serve images. Start it with `sept app DIR`."""

import streamlit as st

from pages.shared import access, routes, streamlit_compat

MENU = {
    "Data": [
        ("pages/data/overview.py", "Overview", "home"),
        ("pages/data/pool.py", "Pool", "photo_library"),
        ("pages/data/targets.py", "Targets", "target"),
        ("pages/data/map.py", "Map", "scatter_plot"),
    ],
    "Curate": [
        ("pages/curate/retrieve.py", "Retrieve", "image_search"),
        ("pages/curate/review.py", "Review", "grid_view"),
        ("pages/curate/export.py", "Export", "output"),
    ],
    "Train": [
        ("pages/train/pretrain.py", "Pre-train", "model_training"),
        ("pages/train/evaluate.py", "Evaluate", "monitoring"),
    ],
}
"""File, title and icon (Material Symbols) of each page; the first one is the front page."""


def main() -> None:
    """Draw the frame and run the page that the URL names."""
    st.set_page_config(page_title="SEPT", page_icon="assets/icon.svg", layout="wide")
    access.require()
    pages = {
        section: [
            st.Page(file, title=title, icon=f":material/{icon}:", default=title == "Overview")
            for file, title, icon in entries
        ]
        for section, entries in MENU.items()
    }
    st.navigation(pages, position="sidebar").run()


if st.runtime.exists():
    main()
else:
    streamlit_compat.use_menu_only()
    access.check_address()
    app = st.App(__file__, routes=routes.ROUTES, middleware=routes.MIDDLEWARE)
