"""The app: its frame, its menu, and the routes that serve images. Start it with `sept app DIR`."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pages.shared import access, page_list, routes


def main() -> None:
    """Draw the frame and run the page that the URL names."""
    st.set_page_config(page_title="SEPT", page_icon="assets/icon.svg", layout="wide")
    access.require()
    st.navigation(page_list.menu(), position="sidebar").run()


if st.runtime.exists():
    main()
else:
    # A folder named `pages` makes Streamlit look for its own kind of pages there until the first
    # st.navigation, so that the first deep link to a fresh server would say "Page not found".
    PagesManager.uses_pages_directory = False
    access.check_address()
    app = st.App(__file__, routes=routes.ROUTES, middleware=routes.MIDDLEWARE)
