"""Evaluate: compare runs and baselines on a target set, with confidence intervals."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, page_list, state, study_form
from sept_core.figures import evaluation as figures
from sept_core.jobs import launcher
from sept_core.services.train import evaluation_archive, evaluations, report, runs
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.services.train.evaluations import READOUTS, Request, Task
from sept_core.wording import quantities

VIEWS = ("Compare runs", "Train and compare", "Results")
JOBS = ("evaluate", "study")


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        found = evaluation_archive.every(project.paths)
    if state.kept("evaluated"):  # before the widget of this key is drawn
        state.keep("show", VIEWS[2])
        state.keep("evaluated", False)
    runs_at, study_at, results_at = st.tabs(
        VIEWS, default=VIEWS[2 if found else 0], key="show", on_change="rerun", bind="query-params"
    )
    for tab, form in ((runs_at, _form), (study_at, study_form.draw)):
        if tab.open:
            with tab:
                _new(form)
    if results_at.open:
        with results_at:
            job_panel.draw(JOBS, _show)
            _results(found)


def _show(job: launcher.JobStatus) -> None:
    """Show the results of an evaluation as soon as it ends."""
    if job.state == "done":
        with state.project() as project:
            state.choose("evaluation", evaluations.evaluations_of(project.paths, job.id)[0])
            state.keep("evaluated", True)


def _new(form: Callable[[str, Task], None]) -> None:
    """Draw the choice of a labelled target set and the form of a comparison on it."""
    with state.project() as project:
        targets = evaluations.targets(project)
    if not targets:
        st.info("There is no target set to evaluate on.", icon=":material/info:")
        page_list.link("Targets", "Add a target set")
        return
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        target = state.chosen("target", targets, "Target set")
    with state.project() as project:
        task = evaluations.task(project, target)
    if task.problem:
        st.warning(task.problem, icon=":material/warning:")
        page_list.link("Targets", "Go to Targets")
        return
    right.caption(
        f"{task.classes:,} classes · {task.train:,} training images · {task.test:,} test images, "
        "read only by evaluation, the contamination guard and the held-out diagnostics."
    )
    form(target, task)
    job_panel.draw(JOBS, _show)


def _form(target: str, task: Task) -> None:
    """Draw the choice of finished runs and other checkpoints as arms."""
    with state.project() as project:
        finished = [run.name for run in runs.every(project.paths) if run.done]
    if not finished:
        st.info("There is no finished run to evaluate.", icon=":material/info:")
        page_list.link("Pre-train", "Start a run in Pre-train")
    arms, folders = st.columns([3, 2])
    chosen = arms.multiselect(
        "Runs", finished, default=finished[:4], key="arms", persist_state="session",
        help="Each run is an arm. Random initialisation is always included as the baseline.",
    )  # fmt: skip
    others = folders.multiselect(
        "Other checkpoints", [], key="folders", accept_new_options=True, persist_state="session",
        placeholder="/path/to/checkpoint",
        help="Checkpoint folders of pre-training runs, from this machine or another.",
    )  # fmt: skip
    request = Request(target, tuple(chosen), tuple(others), *study_form.measures(task))
    st.markdown(_summary(request))
    alone = not request.runs and not request.folders
    if st.button("Evaluate", type="primary", icon=":material/play_arrow:", disabled=alone):
        with notices.shown():
            with state.project() as project:
                evaluations.start(project, request)
            st.rerun()


def _summary(request: Request) -> str:
    count, whole = request.scores(), request.fine_tunings()
    parts = {
        "arm": 1 + len(request.runs) + len(request.folders),
        "readout": len(request.readouts),
        "label count": len(request.labels),
        "seed": request.seeds,
    }
    product = " × ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in parts.items())
    text = f"**{count:,} scores**: {product}"
    return f"{text}, including {whole:,} fine-tunings." if whole else f"{text}."


def _results(found: list[Evaluation]) -> None:
    if not found:
        st.info(
            "No finished evaluations yet. Start one on another tab.",
            icon=":material/info:",
        )
        return
    titles = {evaluation.id: _title(evaluation) for evaluation in found}
    left, right = st.columns([3, 2])
    with left:
        chosen = state.chosen("evaluation", list(titles), "Evaluation", titles)
    evaluation = next(known for known in found if known.id == chosen)
    with right:
        reference = state.chosen("reference", evaluation.arms, "Reference arm")
    rows = evaluation_archive.table(evaluation, reference)
    st.markdown(
        "\n".join(f"- {said}" for said in evaluation_archive.sentences(evaluation, reference))
    )
    if unmatched := evaluation.unmatched():
        st.warning(unmatched, icon=":material/balance:")
    st.plotly_chart(figures.intervals(rows, READOUTS), key="intervals")
    _table(rows, reference)
    for note in (*evaluation_archive.cost_sentences(evaluation), *evaluation.summary["notes"]):
        st.caption(note)
    _unreadable(evaluation)
    _files(evaluation, rows)


def _title(evaluation: Evaluation) -> str:
    when = quantities.moment(evaluation.at)
    ident, count = evaluation.id[-6:], len(evaluation.arms)
    return f"{evaluation.request['target']} · {count} arms · {when} · {ident}"


def _table(rows: list[dict[str, Any]], reference: str) -> None:
    shown = [
        {
            "Arm": row["arm"],
            "Readout": READOUTS[row["readout"]],
            "Labels": row["labels"],
            "Steps": row["steps"],
            "Images seen": row["images_seen"],
            "Accuracy, %": 100 * row["mean"],
            "95% interval": _interval(row["low"], row["high"], "{:.1f}"),
            f"vs {reference}, points": _points(row["difference"]),
            "Difference, 95% interval": _interval(
                row["difference_low"], row["difference_high"], "{:+.1f}"
            ),
            "Distinguishable": {True: "yes", False: "no", None: "–"}[row["distinguishable"]],
        }
        for row in rows
    ]
    form = st.column_config.NumberColumn
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="–",
        column_config={
            "Steps": form(format="localized", help="Optimiser steps of pre-training."),
            "Images seen": form(format="localized", help="In pre-training: steps × batch size."),
            "Accuracy, %": form(format="%.1f", help="Mean over the seeds."),
            f"vs {reference}, points": form(
                format="%+.1f", help="Paired difference on the same seeds and test images."
            ),
        },
    )


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _interval(low: float | None, high: float | None, form: str) -> str:
    if low is None or high is None:
        return "–"
    return f"{form.format(100 * low)} to {form.format(100 * high)}"


def _unreadable(evaluation: Evaluation) -> None:
    names = evaluation.summary["target"]["unreadable"]
    if names:
        with st.expander(f"{len(names):,} unreadable images, excluded for every arm"):
            st.code("\n".join(names), language=None)


def _files(evaluation: Evaluation, rows: list[dict[str, Any]]) -> None:
    table, whole, page, delete, _ = st.columns([1.3, 1.3, 1.5, 1.5, 1.5])
    table.download_button(
        "Download CSV", evaluation_archive.as_csv(rows), f"{evaluation.id}.csv", "text/csv",
        icon=":material/download:", on_click="ignore", width="stretch",
    )  # fmt: skip
    whole.download_button(
        "Download JSON", evaluation_archive.as_json(evaluation), f"{evaluation.id}.json",
        "application/json", icon=":material/download:", on_click="ignore", width="stretch",
    )  # fmt: skip
    page.download_button(
        "Download report", lambda: report.page(evaluation), f"{evaluation.id}.html", "text/html",
        icon=":material/download:", on_click="ignore", width="stretch",
        help="HTML: plots, tables, costs and findings in one file that works offline.",
    )  # fmt: skip
    with delete.popover("Delete…", icon=":material/delete:", width="stretch"):
        _delete(evaluation)


def _delete(evaluation: Evaluation) -> None:
    with state.project() as project:
        size = quantities.size(evaluation_archive.size(project.paths, evaluation.id))
    count = len(evaluation.summary["means"])
    st.write(f"This deletes {count:,} results ({size} on disk). The runs are kept.")
    if st.button("Delete evaluation", type="primary", icon=":material/delete:"):
        with state.project() as project:
            evaluation_archive.delete(project.paths, evaluation.id)
        st.rerun()


with notices.shown():
    draw()
