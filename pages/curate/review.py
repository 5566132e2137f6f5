"""Review: look through a selection and keep, veto or pin by keyboard."""

import time
from typing import Any

import streamlit as st

from pages.shared import grid, notices, state
from sept_core import errors
from sept_core.pipeline import curation, reviewing

GRID = "review_grid"
ORDERS = {"by-target": "By target", "by-doubt": "By doubt"}


def draw() -> None:
    """The whole page."""
    st.title("Review", anchor=False)
    with state.project() as project:
        choices = reviewing.choices(project)
    if not choices:
        st.info("There is no selection to review yet.", icon=":material/info:")
        st.page_link("pages/curate/retrieve.py", label="Make one", icon=":material/image_search:")
        return
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    with left:
        targets = state.chosen("target", list(choices), "Target set")
    records = {record["id"]: record for record in choices[targets]}
    with middle:
        selection = state.chosen("selection", list(records), "Selection", _label(records))
    with right:
        order = state.chosen("order", list(ORDERS), "Order", ORDERS)
    _reviewer(selection, order)


def _label(records: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {
        ident: f"{record['settings']['strategy']} · {record['count']:,} images · "
        f"{time.strftime('%d %b %H:%M', time.localtime(record['created_at']))} · {ident[-8:]}"
        for ident, record in records.items()
    }


@st.fragment
def _reviewer(selection: str, order: str) -> None:
    """The grid and what follows from its decisions; the rest of the page stays as it is."""
    with notices.shown(), state.project() as project:
        _toolbar(curation.find(project, selection), order)
        position = _doubt_position(selection) if order == "by-doubt" else 0
        grid.draw(
            GRID,
            {
                "selection": selection,
                "sheet": state.url(f"/sheets/{selection}/{order}/{position}"),
                "query": state.query(),
                "marks": reviewing.marks(project, selection),
                "acknowledged": reviewing.acknowledged(project),
                "fresh": state.kept(f"came:{selection}") or [],
                "error": state.kept("not saved"),
            },
            _save,
        )


def _save() -> None:
    """Commit what the browser sent, before anything is drawn."""
    sent = grid.sent(GRID)
    if sent is None:
        return
    problem = None
    try:
        with state.WRITING, state.project() as project:
            reviewing.apply(project, sent.selection, sent.steps)
    except errors.SeptError as raised:
        problem = str(raised)
    state.keep("not saved", problem)


def _doubt_position(selection: str) -> int:
    """The state of the log that this tab's order by doubt was made from."""
    name = f"doubt:{selection}"
    if state.kept(name) is None:
        with state.project() as project:
            state.keep(name, reviewing.position(project))
    return int(str(state.kept(name)))


def _toolbar(record: dict[str, Any], order: str) -> None:
    selection = record["selection"]
    told, rank, again = st.columns([6, 1.2, 1.6], vertical_alignment="center")
    churn = state.kept(f"churn:{selection}")
    if record["older_than_decisions"]:
        told.caption("Decisions were made since this selection: make it again to fill the gaps.")
    elif churn:
        told.caption(f"Made again: {churn}")
    else:
        told.caption("This selection obeys every decision so far.")
    if order == "by-doubt" and rank.button("Rank again", width="stretch"):
        state.keep(f"doubt:{selection}", None)
    if again.button(
        "Make again",
        type="primary",
        width="stretch",
        icon=":material/refresh:",
        disabled=not record["older_than_decisions"],
        help="Leave vetoed images out, take pinned ones in, and fill up to the budget.",
    ):
        _make_again(selection)


def _make_again(selection: str) -> None:
    with st.spinner("Selecting again…"), state.project() as project:
        made = curation.again(project, selection)
    came, went = made["churn"]["came"], made["churn"]["went"]
    state.keep(f"came:{made['selection']}", list(came))
    state.keep(
        f"churn:{made['selection']}",
        f"{len(came):,} images came (marked new), {len(went):,} went.",
    )
    state.choose("selection", made["selection"])
    st.rerun()


with notices.shown():
    draw()
