"""The bar on top of every page: project, pages, and running jobs.

In: the title of the page. Out: one row that is the same on every page, so that a page change moves
nothing. On a narrow window the links become a menu.
"""

import html

import streamlit as st

from pages.shared import job_menu, project_menu, state, style
from pages.shared.page_list import PAGES


def tab_title(title: str) -> str:
    """Return the title of the browser's tab: `Curate · demo · SEPT`."""
    return f"{title} · {project_menu.current()} · SEPT" if state.project_key() else "SEPT"


def draw(title: str) -> None:
    """Draw the bar.

    Args:
        title: of the current page, a key of `PAGES`.
    """
    style.apply()
    state.arrive(title)
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        heading = f'<h1 class="sept-unseen">{html.escape(title)}</h1>'
        st.html(f'<div class="sept-mark"><b>SEPT</b></div>{heading}', width="content")
        project_menu.draw()
        if state.project_key() is not None:
            _pages(title)
            job_menu.draw(title)


def _pages(title: str) -> None:
    """Draw the links twice: in a row, and in a menu; the style shows one of them."""
    parameters = state.carried()
    titles = [name for name, page in PAGES.items() if page.in_bar]
    here = f"bar-page-{titles.index(title) + 1}" if title in titles else "bar-page-none"
    row = st.container(key="bar-pages", horizontal=True, gap=None, width="stretch")
    with row:
        st.html(f'<span class="{here}"></span>', width="content")
        _links(parameters)
    menu = st.popover(title, type="tertiary", key="bar-menu")
    with menu:
        _links(parameters)


def _links(parameters: dict[str, list[str]]) -> None:
    for name, page in PAGES.items():
        if page.in_bar:
            st.page_link(page.file, label=name, query_params=parameters)
