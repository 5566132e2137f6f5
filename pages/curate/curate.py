"""Curate: see, judge and refine the subset on one screen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, page_list, state, wishes, workspace
from sept_core import errors
from sept_core.services.curate import outbox, selections, views
from sept_core.services.curate import workspace as data_of
from sept_core.services.curate.views import Place
from sept_core.services.data import collections, preparation
from sept_core.services.project.project import Project
from sept_core.services.train import rounds

KEY = "workspace"
WRITTEN = "place written"
"""Client and number of the last wish that changed the URL, and its parameters since."""

ARRIVED = "from"
"""URL parameter of old links: the page that they were made for."""

STYLE = """<style>
[data-testid="stMainBlockContainer"]:has(.st-key-workspace_frame) {padding-bottom: 0}
[data-testid="stMainBlockContainer"]:has(.st-key-workspace_frame)
  > [data-testid="stVerticalBlock"] {gap: 0}
[data-testid="stLayoutWrapper"]:has(> .st-key-workspace_frame) {
  margin: 0 calc(-1 * var(--sept-edge, 0px)); max-width: none;
  width: calc(100% + 2 * var(--sept-edge, 0px))}
.st-key-workspace_frame {gap: 0}
.st-key-workspace_frame > .stElementContainer:has(> .stHtml) {display: none}
</style>"""


@st.fragment
def draw() -> None:
    """Draw the workspace; decisions and wishes rerun only this."""
    _leave()
    with st.container(key="workspace_frame"):
        st.html(STYLE)
        with notices.shown():
            with state.project() as project:
                data = _data(project)
            workspace.draw(KEY, data, _save, _fulfil)


def _data(project: Project) -> dict[str, Any]:
    place = _place(project)
    found = data_of.data(project, place).json()
    if state.kept("preparing"):
        found["map"] |= {"preparing": _prepare(project, found)}
    client = state.kept("wishing client")
    return found | {
        "query": state.query(),
        "client": client,
        "round": _round(project, found["request"]["targets"]),
        "done": state.kept(f"done:{client}") or 0,
        "error": state.kept("not saved"),
        "notice": state.kept("curate notice"),
    }


def _round(project: Project, targets: list[str]) -> dict[str, Any] | None:
    """Return number and selection of the last trained round of a single target set."""
    series = rounds.find(project, targets[0]) if len(targets) == 1 else None
    last = series.last_trained if series else None
    if last is None or not selections.exists(project, last.selection):
        return None
    return {"number": last.number, "selection": last.selection}


def _place(project: Project) -> Place:
    """Return the place of the URL; without target sets in it, the first one is searched for."""
    given = state.parameters()
    if page := given.get(ARRIVED):
        place = views.of_old_link(project, page[0], given)
    else:
        place = views.read(project, given)
    if "target" not in given and not place.request.targets:
        first = tuple(collections.names(project, "target")[:1])
        place = replace(place, request=replace(place.request, targets=first))
    if ARRIVED in given or "target" not in given:
        _write(project, place)
    return place


def _write(project: Project, place: Place) -> None:
    """Put a place into the URL; no target set at all is written as an empty one."""
    written: dict[str, Sequence[str]] = {"target": [""]} | views.write(project, place)
    given = state.parameters()
    old = [name for name in given if name != "project"] if ARRIVED in given else []
    state.replace_parameters([*state.PLACE, *old], written)


def _catch_up(message: str) -> None:
    """Put the place of the last wish into the URL again, if a message was sent before its browser
    had received that URL: it came with the one before.
    """
    written = state.kept(WRITTEN)
    client, seen = workspace.seen(KEY, message)
    if isinstance(written, tuple) and written[0] == client and seen < written[1]:
        state.replace_parameters(state.PLACE, written[2])


def _parameters() -> dict[str, list[str]]:
    return {name: value for name, value in state.parameters().items() if name in state.PLACE}


def _prepare(project: Project, found: dict[str, Any]) -> str | None:
    """Start the next preparation if none runs; return a sentence on it, None at the end."""
    if found["pool"]["prepared"]:
        state.keep("preparing", None)
        return None
    if not job_panel.active(project, preparation.KINDS):
        preparation.next_job(project, found["encoder"])
    return "Preparing the pool: near-duplicates and thresholds."


def _save() -> None:
    """Commit the browser's decisions before anything is drawn."""
    _catch_up("outbox")
    sent = workspace.sent(KEY)
    if sent is None or not sent.steps:
        return
    problem = None
    try:
        with state.WRITING, state.project() as project:
            outbox.apply(project, sent.context, sent.steps)
    except errors.SeptError as raised:
        problem = str(raised)
    state.keep("not saved", problem)


def _fulfil() -> None:
    """Fulfil the browser's wishes that are new, each once, in order."""
    _catch_up("wishes")
    client, asked = workspace.wishes(KEY)
    done = int(str(state.kept(f"done:{client}") or 0))
    new = [wish for wish in asked if wish.number > done]
    if not new:
        return
    state.keep("wishing client", client)
    try:
        with state.WRITING, state.project() as project:
            _fulfil_all(wishes.Turn(project, _place(project)), client, new)
    except errors.SeptError as raised:  # the project is busy, or its URL cannot be read
        _tell({"text": str(raised), "kind": "error", "link": None})
        state.keep(f"done:{client}", new[-1].number)


def _fulfil_all(turn: wishes.Turn, client: str, new: Sequence[workspace.Wish]) -> None:
    before = turn.place
    for wish in new:
        _fulfil_one(turn, wish)
        state.keep(f"done:{client}", wish.number)
    if turn.place != before:
        _write(turn.project, turn.place)
        state.keep(WRITTEN, (client, new[-1].number, _parameters()))
    if turn.preparing:
        state.keep("preparing", True)
    if turn.notice:
        _tell(turn.notice)
    if turn.leave:
        state.keep("leave curate", turn.leave)


def _fulfil_one(turn: wishes.Turn, wish: workspace.Wish) -> None:
    try:
        wishes.fulfil(turn, wish.kind, wish.payload)
    except errors.SeptError as raised:
        turn.notice = {"text": str(raised), "kind": "error", "link": None}
    except OSError as raised:
        turn.notice = {"text": f"{raised.strerror or raised}.", "kind": "error", "link": None}


def _tell(notice: dict[str, Any]) -> None:
    """Number a notice, so that the browser shows it once."""
    number = int(str(state.kept("curate notices") or 0)) + 1
    state.keep("curate notices", number)
    state.keep("curate notice", notice | {"n": number})


def _leave() -> None:
    """Go to the page that a wish asked for."""
    leave: Any = state.kept("leave curate")
    if leave:
        state.keep("leave curate", None)
        page, query = leave
        page_list.go(page, query)


draw()
