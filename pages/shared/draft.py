"""The draft of Curate on other pages: what the URL says, saved when a button uses it.

In: the parameters of the URL, as Curate writes them. Out: a `Draft`, and its selection once saved.
"""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared import sketches, state
from sept_core.selection import strategies
from sept_core.services.curate import drafts, selections, views
from sept_core.services.curate.requests import Request
from sept_core.services.project.project import Project
from sept_core.wording import quantities

DRAFT = "draft"
"""Option of `choices` that stands for the draft."""
PICTURES = 16
USUAL_BUDGET = 1000
"""Budget of Curate before one was chosen."""


@dataclass(frozen=True)
class Draft:
    """The unsaved selection that Curate shows: it has no id and is not listed."""

    request: Request
    budget: int

    @property
    def title(self) -> str:
        """Return `Current draft in Curate: nature · instance-search · 400 images`."""
        strategy = self.request.settings.name
        names = " + ".join(self.request.targets)
        return f"Current draft in Curate: {names} · {strategy} · {self.budget:,} images"


def current(project: Project) -> Draft | None:
    """Return the draft of the URL; None if it names no target set."""
    place = views.read(project, state.parameters())
    if not place.request.targets:
        return None
    return Draft(place.request, place.budget or USUAL_BUDGET)


def save(project: Project, draft: Draft) -> str:
    """Make the selection of a draft under today's decisions, and name it in the URL; return its id.

    Raises:
        InputError, LeakError: see `selections.select`.
    """
    made = str(drafts.save(project, draft.request, draft.budget)["selection"])
    state.choose("selection", made)
    return made


def choices(project: Project) -> dict[str, str]:
    """Return the titles of what can be exported or trained on: the draft, then saved selections.

    Selections that a study made for its arms come last and say so.
    """
    found = current(project)
    titles = {DRAFT: found.title} if found else {}
    listed = drafts.by_target_sets(project)
    rows = [(names, record) for names, records in listed.items() for record in records]
    for study in (False, True):
        titles |= {
            record["id"]: _title(names, record)
            for names, record in rows
            if bool(record.get("study")) is study
        }
    return titles


def pictures(subset: str) -> None:
    """Draw the first images of a selection in a row; nothing for a draft."""
    if subset == DRAFT:
        return
    with state.project() as project:
        uids = selections.picks(project, subset)["uid"].to_pylist()[:PICTURES]
    st.html(sketches.images(uids, "strip", "The first images of the selection"))


def _title(names: str, record: dict[str, Any]) -> str:
    strategy, when = strategies.name_of(record["settings"]), quantities.moment(record["created_at"])
    arm = " · arm of a study" if record.get("study") else ""
    return f"{names} · {strategy} · {record['count']:,} images · {when} · {record['id'][-8:]}{arm}"
