"""The pages of the app, and links between them.

In: nothing. Out: `PAGES`, from which the bar and every link are derived. A
new page is one file and one record here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared import state


@dataclass(frozen=True)
class Page:
    """One page of the app.

    Attributes:
        file: Its script, relative to the folder of `app.py`.
        icon: A name from Material Symbols.
        section: Its heading in the documentation.
        in_bar: Whether the bar has a link to it.
    """

    file: str
    icon: str
    section: str
    in_bar: bool = True


FRONT = "Overview"

PAGES: dict[str, Page] = {
    FRONT: Page("pages/data/overview.py", "home", "Data"),
    "Pool": Page("pages/data/pool.py", "photo_library", "Data"),
    "Targets": Page("pages/data/targets.py", "target", "Data"),
    "Curate": Page("pages/curate/curate.py", "grid_view", "Curate"),
    "Export": Page("pages/curate/export.py", "output", "Curate"),
    "Pre-train": Page("pages/train/pretrain.py", "model_training", "Train"),
    "Evaluate": Page("pages/train/evaluate.py", "monitoring", "Train"),
}
"""Pages by title, in the order of the menu; `FRONT` is the start page."""


OLD = ("map", "retrieve", "review")
"""Paths of pages that Curate has replaced; links to them lead to the same state there."""


def menu() -> list[Any]:
    """Return Streamlit's pages, with the old paths that no page has any more."""
    pages = [
        st.Page(page.file, title=title, icon=f":material/{page.icon}:", default=title == FRONT)
        for title, page in PAGES.items()
    ]
    taken = {page.url_path for page in pages}
    return pages + [_moved(path) for path in OLD if path not in taken]


def _moved(path: str) -> Any:
    """Return a page without content that leads from an old path to Curate."""

    def go_there() -> None:
        st.switch_page(PAGES["Curate"].file, query_params=state.parameters() | {"from": [path]})

    return st.Page(go_there, title=path.capitalize(), url_path=path, visibility="hidden")


def link(
    title: str,
    label: str,
    icon: str = "",
    query_params: Mapping[str, str | Sequence[str]] | None = None,
    **options: Any,
) -> None:
    """Draw a link to a page that keeps project, target set and the other carried parameters.

    Args:
        title: A key of `PAGES`.
        label: Text of the link.
        icon: A name from Material Symbols; the page's own by default.
        query_params: Further parameters.
        options: Passed to `st.page_link`.
    """
    page = PAGES[title]
    parameters = state.carried() | dict(query_params or {})
    icon = f":material/{icon or page.icon}:"
    st.page_link(page.file, label=label, icon=icon, query_params=parameters, **options)


def go(
    title: str, query_params: Mapping[str, str | Sequence[str]], without: Sequence[str] = ()
) -> None:
    """Show another page with URL parameters and the carried ones, except those in `without`."""
    kept = {name: held for name, held in state.carried().items() if name not in without}
    parameters = kept | dict(query_params)
    st.switch_page(PAGES[title].file, query_params=parameters)
