"""Internals of Streamlit that the app uses, without a promise that they stay.

`tests/compat/test_streamlit_compat.py` fails when a new version changes them. Those of other
libraries are in `sept_core/compat/`.
"""

HEALTH = "/_stcore/health"
"""The path of Streamlit's health check, which reveals nothing else."""


def use_menu_only() -> None:
    """Keep Streamlit from treating the folder `pages` as its own kind of pages.

    It does so until the first `st.navigation`, and the first deep link to a fresh server would
    show "Page not found".
    """
    from streamlit.runtime.pages_manager import PagesManager

    PagesManager.uses_pages_directory = False
