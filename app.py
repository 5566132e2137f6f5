"""The app: frame, menu, and the routes that serve images. Start it with `sept app DIR`."""

import streamlit as st

from pages.shared import access, frame, page_list, routes, streamlit_compat


def main() -> None:
    """Draw the frame and run the page of the URL."""
    st.set_page_config(page_title="SEPT", page_icon="assets/icon.svg", layout="wide")
    access.require()
    page = st.navigation(page_list.menu(), position="hidden")
    st.set_page_config(page_title=frame.tab_title(page.title))
    frame.draw(page.title)
    page.run()


if st.runtime.exists():
    main()
else:
    streamlit_compat.use_menu_only()
    access.check_address()
    app = st.App(__file__, routes=routes.ROUTES, middleware=routes.MIDDLEWARE)
