"""The weakest classes of a run on the Evaluate page, with a button that opens Curate for them.

In: an evaluation. Out: a table of the classes that the run's features confuse most, by
cross-validation on the training images of its target set, and the weights that follow from it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import streamlit as st

from pages.shared import notices, page_list, plain_table, state
from sept_core.services.curate import views
from sept_core.services.curate.views import Place
from sept_core.services.project.project import Project
from sept_core.services.train import round_subset, rounds, runs, weakest
from sept_core.services.train.evaluation_archive import Evaluation

SHOWN = 8


def draw(evaluation: Evaluation) -> None:
    """Draw the choice of a run, the button that computes, and the table."""
    st.subheader("Weakest classes", anchor=False)
    target = str(evaluation.request["target"])
    st.caption(
        f"Classes of {notices.plain(target)} that a run's features confuse most, by "
        "cross-validation on its training images; the test images are not read. Their weights give "
        "them more of the next subset."
    )
    names = _runs(evaluation)
    if not names:
        st.info("This project has no finished run.", icon=":material/info:")
        return
    with notices.shown():
        run_at, find_at = st.columns([3, 2], vertical_alignment="bottom")
        with run_at:
            run = state.chosen("weak", names, "Run")
        with state.project() as project:
            found = weakest.stored(project, run, target)
        if find_at.button("Find weakest classes", icon=":material/troubleshoot:", width="stretch"):
            with st.spinner("Embedding the training images…"), state.project() as project:
                found = weakest.find(project, run, target)
        if found is not None:
            _table(found)


def _runs(evaluation: Evaluation) -> list[str]:
    """Return the finished runs, those of the evaluation's last arm first."""
    with state.project() as project:
        names = [run.name for run in runs.every(project.paths) if run.done]
    own = tuple(reversed(evaluation.arms))
    return sorted(names, key=lambda name: next(
        (place for place, arm in enumerate(own) if name.startswith(arm)), len(own)
    ))  # fmt: skip


def _table(found: weakest.WeakClasses) -> None:
    st.markdown(
        f"**{100 * found.error:.0f}%** of {found.images:,} training images of "
        f"{notices.plain(found.target)} are classified wrongly with the features of "
        f"{notices.plain(found.run)}."
    )
    by_class = {one.name: one.error for one in found.classes}
    weights = rounds.weights_of(by_class, found.error)
    table(found.classes[:SHOWN], weights)
    if len(found.classes) > SHOWN:
        st.caption(f"The weakest {SHOWN} of {len(found.classes):,} classes; the file has all.")
    curate(
        "weak",
        lambda project: round_subset.weighted(project, found.run, found.target, weights),
        help="Opens the subset of this run with these weights, which Settings can change.",
    )
    heads = ("class", "error", "wrong", "images", "taken for", "weight")
    whole = [
        [c.name, f"{c.error:.4f}", c.wrong, c.images, c.taken_for, weights.get(c.name, 1)]
        for c in found.classes
    ]
    st.download_button(
        "Download table (CSV)", plain_table.as_csv(heads, whole), f"weakest-{found.run}.csv",
        "text/csv", icon=":material/download:", on_click="ignore", type="tertiary",
    )  # fmt: skip


def table(classes: Sequence[weakest.ClassError], weights: Mapping[str, float]) -> None:
    """Draw classes with their errors and weights."""
    rows = [
        [
            one.name,
            f"{100 * one.error:.0f}%",
            f"{one.wrong:,} of {one.images:,}",
            one.taken_for or "–",
            f"{weights.get(one.name, 1):g}",
        ]
        for one in classes
    ]
    heads = ("Class", "Error, shrunk", "Wrong", "Most often taken for", "Weight")
    plain_table.draw(heads, rows)


def curate(
    key: str,
    place: Callable[[Project], Place],
    label: str = "Curate with these weights",
    help: str | None = None,
    kind: Literal["primary", "secondary"] = "primary",
) -> None:
    """Draw the button that opens a place of Curate."""
    if st.button(label, key=f"curate:{key}", type=kind, icon=":material/grid_view:", help=help):
        with notices.shown():
            with state.project() as project:
                given = views.write(project, place(project))
            page_list.go("Curate", given, without=state.PLACE)
