"""Review: go through a selection and keep, veto or pin images by keyboard."""

from typing import Any

import streamlit as st

from pages.shared import gallery, grid, notices, page_list, state
from sept_core import errors
from sept_core.services.curate import decisions, judging, outbox, review_sheet, selections
from sept_core.wording import quantities

GRID = "review_grid"
ORDERS = {
    "by-target": "By target",
    "by-doubt": "By doubt",
    "by-cluster": "By cluster",
    "audit": "Audit a random sample",
}
SCOPES = {
    "image": "This image",
    "group": "Its near-duplicates",
    "cluster": "Its cluster on the map",
    "radius": "Pool images above a similarity",
}


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        choices = review_sheet.choices(project)
    if not choices:
        st.info("There is no selection to review yet.", icon=":material/info:")
        page_list.link("Retrieve", "Create a selection")
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
        f"{quantities.moment(record['created_at'])} · {ident[-8:]}"
        for ident, record in records.items()
    }


@st.fragment
def _reviewer(selection: str, order: str) -> None:
    """Draw the grid and all that depends on its decisions, apart from the rest of the page."""
    with notices.shown(), state.project() as project:
        record = selections.find(project, selection)
        _toolbar(record, order)
        position = _doubt_position(selection) if order == "by-doubt" else 0
        grid.draw(
            GRID,
            {
                "selection": selection,
                "sheet": state.url(f"/sheets/{selection}/{order}/{position}"),
                "query": state.query(),
                "marks": review_sheet.marks(project, selection),
                "acknowledged": outbox.acknowledged(project),
                "fresh": state.kept(f"came:{selection}") or [],
                "error": state.kept("not saved"),
            },
            _save,
            _asked,
        )
        if uid := state.kept("scope of"):
            state.keep("scope of", None)
            _scope(record, str(uid))
        if order == "audit":
            _audit(selection)
        _history(record["targets"])


def _save() -> None:
    """Commit the steps from the browser before anything is drawn."""
    sent = grid.sent(GRID)
    if sent is None:
        return
    problem = None
    try:
        with state.WRITING, state.project() as project:
            review_sheet.apply(project, sent.selection, sent.steps)
    except errors.SeptError as raised:
        problem = str(raised)
    state.keep("not saved", problem)


def _asked() -> None:
    state.keep("scope of", grid.asked(GRID))


@st.dialog("Decide for a scope", width="large")
def _scope(record: dict[str, Any], uid: str) -> None:
    """Draw the dialog for one decision on all images in a scope, with their number."""
    scope = st.radio("Scope", list(SCOPES), format_func=SCOPES.get, horizontal=True)
    least = None
    if scope == "radius":
        least = st.slider("Minimum cosine similarity to this image", 0.0, 1.0, 0.6, 0.01)
    targets, encoder = record["targets"], record["encoder_id"]
    with notices.shown(), state.project() as project:
        uids = decisions.preview(
            project, targets, [uid], scope, encoder=encoder, least_similarity=least
        )
        st.markdown(f"**{len(uids):,}** images of the pool:")
        gallery.draw(uids, height=240)
        reason = st.text_input("Reason")
        for column, action in zip(st.columns(3), review_sheet.ACTIONS, strict=True):
            label = f"{action.capitalize()} {len(uids):,}"
            if column.button(label, width="stretch", key=f"scope {action}"):
                with state.WRITING:
                    decisions.decide(project, targets, action, uids, scope=scope, reason=reason)
                st.rerun()


def _audit(selection: str) -> None:
    """Draw the precision so far; keeps and vetoes on the sample are the judgements."""
    with state.project() as project:
        found = judging.audit_plan(project, selection)
    left = len(found["to_judge"])
    st.markdown(
        f"**{len(found['uids']) - left:,}** of {len(found['uids']):,} judged. Keep relevant "
        "images, veto irrelevant ones."
    )
    if found["precision"]:
        st.dataframe(
            [
                {
                    "Budget": row["budget"],
                    "Precision": f"{row['estimate']:.1%}",
                    "95% interval": f"{row['low']:.1%} to {row['high']:.1%}",
                    "Judged": row["judged"],
                }
                for row in found["precision"]
            ],
            hide_index=True,
        )


def _history(targets: list[str]) -> None:
    """Draw the history, only while it is open: every decision reruns this fragment."""
    menu = st.expander(
        "History of decisions", icon=":material/history:", key="history_open", on_change="rerun"
    )
    if not menu.open:
        return
    with menu:
        with state.project() as project:
            events = decisions.history(project, targets)[::-1]
            who, logged_in = decisions.signature(project), project.who is not None
        name = st.text_input("Your name, used to sign decisions", who, disabled=logged_in)
        if name != who:
            with state.WRITING, state.project() as project:
                decisions.sign_as(project, name)
        if not events:
            st.caption("No decisions yet.")
            return
        rows = st.dataframe(
            [
                {
                    "No.": event["position"],
                    "When": event["at"],
                    "Who": event["who"],
                    "Decision": event["action"],
                    "Scope": event["scope"],
                    "Images": len(event["uids"]),
                    "Reason": event["reason"],
                    "In effect": event["stands"],
                }
                for event in events
            ],
            hide_index=True, on_select="rerun", selection_mode="single-row", key="history",
        )["selection"]["rows"]  # fmt: skip
        _undo(targets, events, rows)


def _undo(targets: list[str], events: list[dict[str, Any]], rows: list[int]) -> None:
    back, forward, hint = st.columns([2, 1, 5], vertical_alignment="center")
    if rows:
        to = events[rows[0]]["position"]
        later = sum(e["stands"] and e["action"] != "undo" for e in events if e["position"] > to)
        label = f"Undo {later:,} decisions after no. {to}"
        if back.button(label, disabled=not later, width="stretch"):
            with state.WRITING, state.project() as project:
                decisions.undo(project, targets, to=to)
            st.rerun()
    else:
        hint.caption("Select a decision to undo all later ones.")
    if forward.button("Redo", width="stretch", help="Revert the latest undo."):
        with state.WRITING, state.project() as project:
            decisions.undo(project, targets, redo=True)
        st.rerun()


def _doubt_position(selection: str) -> int:
    """Return the position of the decision log from which this tab's order was computed."""
    name = f"doubt:{selection}"
    if state.kept(name) is None:
        with state.project() as project:
            state.keep(name, review_sheet.position(project))
    return int(str(state.kept(name)))


def _toolbar(record: dict[str, Any], order: str) -> None:
    selection = record["selection"]
    state_at, rank, update = st.columns([6, 1.2, 1.8], vertical_alignment="center")
    churn = state.kept(f"churn:{selection}")
    if record["older_than_decisions"]:
        state_at.caption("Decisions were made after this selection; update it to replace vetoes.")
    elif churn:
        state_at.caption(f"Updated: {churn}")
    else:
        state_at.caption("This selection reflects all decisions.")
    if went := state.kept(f"went:{selection}"):
        assert isinstance(went, list)
        with st.popover(f"Show {len(went):,} removed images"):
            gallery.draw(went, height=300)
    if order == "by-doubt" and rank.button("Rank again", width="stretch"):
        state.keep(f"doubt:{selection}", None)
    if update.button(
        "Update selection",
        type="primary",
        width="stretch",
        icon=":material/refresh:",
        disabled=not record["older_than_decisions"],
        help="Excludes vetoed images, includes pinned ones, and refills to the budget.",
    ):
        _update(selection)


def _update(selection: str) -> None:
    with st.spinner("Updating the selection…"), state.project() as project:
        made = selections.update(project, selection)
    came, went = made["churn"]["came"], made["churn"]["went"]
    state.keep(f"came:{made['selection']}", list(came))
    state.keep(f"went:{made['selection']}", list(went))
    state.keep(
        f"churn:{made['selection']}",
        f"{len(came):,} images added (marked new), {len(went):,} removed.",
    )
    state.choose("selection", made["selection"])
    st.rerun()


with notices.shown():
    draw()
