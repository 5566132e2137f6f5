"""Components drawn in the browser by the modules in `assets/`.

In: the name of a component. Out: a function that draws it. Every component has the same one-line
script, so that a browser tab loads the tree once and the modules of all components share state.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared import asset_tree

_SCRIPT = (
    "let address;\n"
    "export default async (component) => (await import("
    "address ??= location.origin + component.data.modules))[component.name](component);\n"
)
"""Keeps the first address: after an edit, new modules could not handle the old elements."""


def declare(name: str) -> Callable[..., None]:
    """Return a function that draws the component `name`, which `assets/index.js` exports.

    Its arguments are `key`, `data` and the callbacks `on_…_change`. It draws into an element of the
    class `name`, with hyphens.
    """
    markup = f'<div class="{name.replace("_", "-")}">\n</div>'
    render = st.components.v2.component(name, html=markup, js=_SCRIPT)

    def draw(*, key: str, data: dict[str, Any], **callbacks: Any) -> None:
        modules = {"modules": asset_tree.address()}
        render(key=key, data=data | modules, height="content", **callbacks)

    return draw
