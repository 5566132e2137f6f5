"""What the app uses of Streamlit though Streamlit promises nothing of it.

`tests/compat/test_streamlit_compat.py` fails when a new version changes it. The same for other
libraries is in `sept_core/compat/`.
"""

HEALTH = "/_stcore/health"
"""The address at which Streamlit says that it is up; it tells nothing else."""


def use_menu_only() -> None:
    """Keep Streamlit from looking for its own kind of pages in the folder `pages`.

    It does so until the first `st.navigation`; the first deep link to a fresh server would then
    say "Page not found".
    """
    from streamlit.runtime.pages_manager import PagesManager

    PagesManager.uses_pages_directory = False
