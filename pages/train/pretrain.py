"""Pre-train: choose a subset and settings, see the cost, start runs, watch and compare them."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.shared import draft, job_panel, notices, page_list, run_form, run_view, state
from pages.shared.draft import DRAFT
from sept_core import errors
from sept_core.pretrain.settings import PretrainSettings
from sept_core.services.curate import manifests
from sept_core.services.project.project import Project
from sept_core.services.train import costs, pretraining, runs
from sept_core.services.train.pretraining import Subset
from sept_core.wording import quantities

MANIFEST = "manifest"
VIEWS = ("New run", "Runs")
UNREAD_SIDE = 224
"""Assumed shorter side of a draft's images, in pixels."""


@dataclass(frozen=True)
class Source:
    """The chosen subset: a selection's id, `DRAFT` or `MANIFEST` with its path."""

    id: str
    path: str = ""


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        known = runs.every(project.paths)
    if state.kept("started"):  # before the widgets of these keys are drawn
        state.keep("runs view", VIEWS[1])
        state.keep(run_form.NAME, "")
        state.keep("started", False)
    watched = bool(state.named("run")) or any(run.active for run in known)
    if (
        state.kept("runs view") is None
    ):  # a default would change, and the tab with it, as a run ends
        state.keep("runs view", VIEWS[bool(known) and watched])
    new, old = st.tabs(VIEWS, key="runs view", on_change="rerun")
    if new.open:
        with new:
            _new_run()
    else:
        with old:
            _runs(known)


def _new_run() -> None:
    form, card = st.columns([5, 2], gap="large")
    with form:
        source = _source()
    if source.id == MANIFEST and not source.path:
        return
    with notices.shown():
        subset = _subset(source)
        with form:
            wanted = run_form.draw(subset)
        with card, st.container(border=True):
            _start_card(source, subset, wanted)


def _source() -> Source:
    """Draw the choice of the draft, a selection or a manifest."""
    with state.project() as project:
        titles = draft.choices(project) | {MANIFEST: "Exported manifest"}
    chosen = state.chosen("selection", list(titles), "Train on", titles)
    if chosen != MANIFEST:
        if chosen != DRAFT:
            with state.project() as project:
                notice = manifests.notice(project, chosen)
            if notice:
                st.info(notices.plain(notice), icon=":material/history:")
        draft.pictures(chosen)
        return Source(chosen)
    if len(titles) == 1:
        page_list.link("Curate", "No selection yet: make one in Curate")
    path = st.text_input(
        "Manifest", key="manifest_path", persist_state="session",
        placeholder="/path/to/manifest",
        help="Folder of a manifest on this machine, from this project or another.",
    ).strip()  # fmt: skip
    return Source(MANIFEST, path)


def _subset(source: Source) -> Subset:
    if source.id == MANIFEST:
        return pretraining.of_manifest(Path(source.path))
    with state.project() as project:
        if source.id == DRAFT:
            held = draft.current(project)
            assert held is not None, "the option exists only with a draft"
            return Subset("-".join(held.request.targets), held.budget, UNREAD_SIDE)
        return pretraining.of_selection(project, source.id)


def _start_card(source: Source, subset: Subset, wanted: run_form.Wanted) -> None:
    """Draw the cost of the run, its name, and the two buttons."""
    chosen = pretraining.plan(subset, wanted.method, wanted.backbone, wanted.changes)
    problem = _problem(subset, chosen, wanted)
    st.markdown("**Cost on this machine**")
    if problem:
        st.error(notices.plain(problem), icon=":material/error:")
    else:
        _cost(subset, chosen)
    measure = st.button(
        "Measure", icon=":material/timer:", disabled=problem is not None, type="tertiary",
        help="Trains a few steps on this subset to measure time and memory. It waits for running "
        "jobs, which would distort the timing.",
    )  # fmt: skip
    job_panel.draw(("dryrun",))
    name = st.text_input(
        "Run name", key=run_form.NAME, persist_state="session", placeholder=_suggested(subset),
        help="Letters, digits, dots, dashes; leave empty to use the suggestion.",
    ).strip()  # fmt: skip
    started = st.button(
        "Save and pre-train" if source.id == DRAFT else "Start pre-training", type="primary",
        icon=":material/play_arrow:", width="stretch", disabled=problem is not None,
    )  # fmt: skip
    if started:
        _start(source, name or _suggested(subset), wanted)
    if measure:
        _measure(source, wanted)


def _problem(subset: Subset, chosen: PretrainSettings, wanted: run_form.Wanted) -> str | None:
    try:
        pretraining.check(subset, chosen, wanted.where)
    except errors.InputError as problem:
        return str(problem)
    return None


def _cost(subset: Subset, chosen: PretrainSettings) -> None:
    with state.project() as project:
        found = costs.of_run(project.paths, subset, chosen)
        measured = pretraining.estimated(project.paths, subset, chosen)
    steps = chosen.total_steps(subset.images)
    epochs = steps / max(1, subset.images // chosen.batch_size)
    length = (
        f"{subset.images:,} images · {steps:,} steps of {chosen.batch_size:,} images "
        f"({epochs:,.4g} epochs) · views of {chosen.image_size} px"
    )
    if found is None:
        st.markdown("## not known yet")
        st.markdown(length)
        st.caption("The speed of this network is unknown here; Measure finds it in a minute.")
        return
    st.markdown(f"## {quantities.about(found.seconds)}")
    st.markdown(f"{length} · {_per_step(found.per_step)}")
    if measured:
        st.markdown(_memory(measured))
    st.caption(run_form.source(found.source))


def _memory(measured: dict[str, float]) -> str:
    text = f"Memory {quantities.size(measured['memory_bytes'])}"
    if measured["gpu_memory_bytes"] is not None:
        text += f" · GPU memory {quantities.size(measured['gpu_memory_bytes'])}"
    cached = "cached in memory" if measured["packed"] else "decoded again at every step"
    return f"{text} · images are {cached}"


def _per_step(seconds: float) -> str:
    text = f"{seconds:.2g} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
    return f"{text} per step"


def _suggested(subset: Subset) -> str:
    with state.project() as project:
        return pretraining.free_name(project.paths, Path(subset.name).name)


def _selection(project: Project, source: Source) -> str:
    """Return the id of the selection to train on; a draft is saved first."""
    if source.id != DRAFT:
        return source.id
    held = draft.current(project)
    assert held is not None, "the option exists only with a draft"
    return draft.save(project, held)


def _start(source: Source, name: str, wanted: run_form.Wanted) -> None:
    how = (name, wanted.method, wanted.backbone, wanted.changes, wanted.where)
    with state.WRITING, state.project() as project, st.spinner("Writing the manifest…"):
        if source.id == MANIFEST:
            pretraining.start_manifest(project.paths, Path(source.path), *how)
        else:
            pretraining.start_selection(project, _selection(project, source), *how)
    state.choose("run", name)
    state.keep("started", True)
    st.rerun()


def _measure(source: Source, wanted: run_form.Wanted) -> None:
    how = (wanted.method, wanted.backbone, wanted.changes)
    with state.WRITING, state.project() as project, st.spinner("Writing the manifest…"):
        if source.id == MANIFEST:
            pretraining.estimate_manifest(project.paths, Path(source.path), *how)
        else:
            pretraining.estimate_selection(project, _selection(project, source), *how)
    st.rerun()


def _runs(known: list[runs.Run]) -> None:
    if not known:
        st.info("No runs yet. Start one on the New run tab.", icon=":material/info:")
        return
    with state.project() as project:
        waiting = runs.queue(project.paths)
    if len(waiting) > 1:
        order = " → ".join(notices.plain(job.title) for job in waiting)
        st.caption(f"Queue: {order}. It continues when the app is closed.")
    job_panel.draw(("pretrain",))
    run_view.draw(known)


with notices.shown():
    draw()
