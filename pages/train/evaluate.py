"""Evaluate: what pre-training on a subset is worth, results first, then new comparisons."""

from collections.abc import Callable

import streamlit as st

from pages.shared import (
    evaluation_view,
    job_panel,
    notices,
    page_list,
    rounds_view,
    state,
    study_form,
)
from sept_core.jobs import launcher
from sept_core.services.train import evaluation_archive, evaluations, report, runs
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.services.train.evaluations import Request, Task
from sept_core.wording import quantities

VIEWS = ("Results", "Train and compare", "Compare runs", "Rounds")
JOBS = ("evaluate", "study", "pretrain")
"""Kinds of jobs whose end changes what the page offers."""


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        found = evaluation_archive.every(project.paths)
    if state.kept("evaluated"):  # before the widget of this key is drawn
        state.keep("show", VIEWS[0])
        state.keep("evaluated", False)
    # The default stays in a tab: with another one the widget would forget that Results were set.
    first = f"first view of {state.project_key()}"
    default = str(state.kept(first) or VIEWS[0 if found else 1])
    state.keep(first, default)
    results_at, study_at, runs_at, rounds_at = st.tabs(
        VIEWS, default=default, key="show", on_change="rerun", bind="query-params"
    )
    if results_at.open:
        with results_at:
            job_panel.draw(JOBS, _show)
            _results(found)
    if rounds_at.open:
        with rounds_at:
            rounds_view.draw()
    for tab, form in ((study_at, study_form.draw), (runs_at, _form)):
        if tab.open:
            with tab:
                _new(form)


def _show(job: launcher.JobStatus) -> None:
    """Show the results of an evaluation as soon as it ends."""
    if job.state == "done" and job.kind != "pretrain":
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
    which, against, files, delete = st.columns([5, 3, 2, 2], vertical_alignment="bottom")
    with which:
        chosen = state.chosen("evaluation", list(titles), "Evaluation", titles)
    evaluation = next(known for known in found if known.id == chosen)
    first = report.reference(evaluation)
    others = [arm for arm in evaluation.arms if arm != first]
    with against:
        reference = state.chosen("reference", [first, *others], "Compare with")
    with files:
        evaluation_view.downloads(evaluation, reference)
    with delete:
        evaluation_view.delete(evaluation)
    evaluation_view.draw(evaluation, reference)


def _title(evaluation: Evaluation) -> str:
    when = quantities.moment(evaluation.at)
    ident, count = evaluation.id[-6:], len(evaluation.arms)
    return f"{evaluation.request['target']} · {count} arms · {when} · {ident}"


with notices.shown():
    draw()
