"""The pages of the app, and links between them.

In: nothing. Out: `PAGES`, from which the menu, the steps on Overview and every link are derived. A
new page is one file and one record here.
"""

from dataclasses import dataclass
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class Page:
    """One page of the app.

    Attributes:
        file: Its script, relative to the folder of `app.py`.
        icon: A name from Material Symbols.
        section: Its heading in the menu.
    """

    file: str
    icon: str
    section: str


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


def menu() -> dict[str, list[Any]]:
    """Return Streamlit's pages by section."""
    sections: dict[str, list[Any]] = {}
    for title, page in PAGES.items():
        made = st.Page(
            page.file, title=title, icon=f":material/{page.icon}:", default=title == FRONT
        )
        sections.setdefault(page.section, []).append(made)
    return sections


def link(title: str, label: str, icon: str = "", **options: Any) -> None:
    """Draw a link to a page.

    Args:
        title: A key of `PAGES`.
        label: Text of the link.
        icon: A name from Material Symbols; the page's own by default.
        options: Passed to `st.page_link`.
    """
    page = PAGES[title]
    st.page_link(page.file, label=label, icon=f":material/{icon or page.icon}:", **options)


def go(title: str, query_params: dict[str, Any]) -> None:
    """Show another page, with URL parameters."""
    st.switch_page(PAGES[title].file, query_params=query_params)
