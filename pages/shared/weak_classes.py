"""The weakest classes of a run on the Evaluate page, with a link that opens Curate for them.

In: an evaluation. Out: a table of the classes that the run's features confuse most, by
cross-validation on the training images of its target set.
"""

import streamlit as st

from pages.shared import notices, page_list, plain_table, state
from sept_core.services.train import runs, weakest
from sept_core.services.train.evaluation_archive import Evaluation

SHOWN = 8


def draw(evaluation: Evaluation) -> None:
    """Draw the choice of a run, the button that computes, and the table."""
    st.subheader("Weakest classes", anchor=False)
    target = str(evaluation.request["target"])
    st.caption(
        f"Classes of {notices.plain(target)} that a run's features confuse most, by "
        "cross-validation on its training images; the test images are not read. Collect more "
        "images for them in Curate."
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
    rows = [
        [
            one.name,
            f"{100 * one.error:.0f}%",
            f"{one.wrong:,} of {one.images:,}",
            one.taken_for or "–",
        ]
        for one in found.classes[:SHOWN]
    ]
    plain_table.draw(("Class", "Error, shrunk", "Wrong", "Most often taken for"), rows)
    page_list.link(
        "Curate", "Open Curate with this target set", query_params={"target": found.target}
    )
    heads = ("class", "error", "wrong", "images", "taken for")
    whole = [[c.name, f"{c.error:.4f}", c.wrong, c.images, c.taken_for] for c in found.classes]
    st.download_button(
        "Download table (CSV)", plain_table.as_csv(heads, whole), f"weakest-{found.run}.csv",
        "text/csv", icon=":material/download:", on_click="ignore", type="tertiary",
    )  # fmt: skip
