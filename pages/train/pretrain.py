"""Pre-train: choose a subset and settings, estimate the cost, start runs and monitor them."""

from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, page_list, run_form, run_view, state
from sept_core import errors
from sept_core.pretrain.methods.registry import TITLES
from sept_core.services.curate import review_sheet, selections
from sept_core.services.project.project import Project
from sept_core.services.train import pretraining, runs
from sept_core.wording import quantities

MANIFEST = "manifest"
VIEWS = ("New run", "Runs")


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        known = runs.every(project.paths)
    if state.kept("started"):  # before the widgets of these keys are drawn
        state.keep("view", VIEWS[1])
        state.keep(run_form.NAME, "")
        state.keep("started", False)
    new, old = st.tabs(
        VIEWS, default=VIEWS[bool(known)], key="view", on_change="rerun", bind="query-params"
    )
    if new.open:
        with new:
            _new_run()
    else:
        with old:
            _runs(known)


def _new_run() -> None:
    chosen, where = st.columns(2, vertical_alignment="bottom")
    with chosen, state.project() as project:
        titles = _selections(project) | {MANIFEST: "Exported manifest"}
        subset_id = state.chosen("selection", list(titles), "Subset", titles)
    with where:
        path = _path(subset_id, len(titles) == 1)
    if subset_id == MANIFEST and not path:
        return
    _older(subset_id)
    with notices.shown():
        subset = _subset(subset_id, path)
        _form(subset, subset_id, path)


def _selections(project: Project) -> dict[str, str]:
    """Return the title of each selection by id, the latest first."""
    return {
        record["id"]: f"{names} · {record['settings']['strategy']} · {record['count']:,} images · "
        f"{quantities.moment(record['created_at'])} · "
        f"{record['id'][-8:]}"
        for names, records in review_sheet.choices(project).items()
        for record in records
    }


def _path(subset_id: str, alone: bool) -> str:
    if subset_id != MANIFEST:
        return ""
    if alone:
        page_list.link("Curate", "No selection yet: create one in Curate")
    return st.text_input(
        "Manifest",
        key="manifest_path",
        persist_state="session",
        placeholder="/path/to/manifest",
        help="Folder of a manifest on this machine, from this project or another.",
    ).strip()


def _older(subset_id: str) -> None:
    """Warn if the selection does not reflect the latest decisions."""
    if subset_id == MANIFEST:
        return
    with state.project() as project:
        older = selections.find(project, subset_id)["older_than_decisions"]
    if older:
        st.warning(
            "Decisions were made after this selection; update it in Review to exclude vetoed "
            "images.",
            icon=":material/warning:",
        )
        page_list.link("Curate", "Go to Curate")


def _subset(subset_id: str, path: str) -> pretraining.Subset:
    if subset_id == MANIFEST:
        return pretraining.of_manifest(Path(path))
    with state.project() as project:
        return pretraining.of_selection(project, subset_id)


def _form(subset: pretraining.Subset, subset_id: str, path: str) -> None:
    """Draw the settings, a summary of the run, and the two buttons."""
    wanted = run_form.draw(subset, _suggested(subset))
    chosen = pretraining.plan(subset, wanted.method, wanted.backbone, wanted.changes)
    problem = _problem(subset, chosen, wanted)
    if problem:
        st.error(problem, icon=":material/error:")
    else:
        epochs = chosen.total_steps(subset.images) / (subset.images // chosen.batch_size)
        st.markdown(
            f"**{subset.images:,} images · {chosen.total_steps(subset.images):,} steps of "
            f"{chosen.batch_size:,} images ({epochs:,.4g} epochs) · views of "
            f"{chosen.image_size} px**, trained with {TITLES[chosen.method]}."
        )
    start, estimate, _ = st.columns([1, 1, 4])
    started = start.button(
        "Start", type="primary", icon=":material/play_arrow:", width="stretch",
        disabled=problem is not None,
    )  # fmt: skip
    dry = estimate.button(
        "Estimate", icon=":material/timer:", width="stretch", disabled=problem is not None,
        help="Runs a few training steps on this subset to measure time and memory. "
        "It waits for running jobs, which would distort the timing.",
    )  # fmt: skip
    if started:
        _start(subset_id, path, wanted)
    if dry:
        _estimate(subset_id, path, wanted)
    job_panel.draw(("dryrun",))
    with state.project() as project:
        found = pretraining.estimated(project.paths, subset, chosen)
    if found:
        _estimated(found)


def _suggested(subset: pretraining.Subset) -> str:
    with state.project() as project:
        return pretraining.free_name(project.paths, Path(subset.name).name)


def _problem(subset: pretraining.Subset, chosen: Any, wanted: run_form.Wanted) -> str | None:
    try:
        pretraining.check(subset, chosen, wanted.where)
    except errors.InputError as problem:
        return str(problem)
    return None


def _start(subset_id: str, path: str, wanted: run_form.Wanted) -> None:
    how = (wanted.name, wanted.method, wanted.backbone, wanted.changes, wanted.where)
    with state.WRITING, state.project() as project, st.spinner("Writing the manifest…"):
        if subset_id == MANIFEST:
            pretraining.start_manifest(project.paths, Path(path), *how)
        else:
            pretraining.start_selection(project, subset_id, *how)
    state.choose("run", wanted.name)
    state.keep("started", True)
    st.rerun()


def _estimate(subset_id: str, path: str, wanted: run_form.Wanted) -> None:
    how = (wanted.method, wanted.backbone, wanted.changes)
    with state.WRITING, state.project() as project, st.spinner("Writing the manifest…"):
        if subset_id == MANIFEST:
            pretraining.estimate_manifest(project.paths, Path(path), *how)
        else:
            pretraining.estimate_selection(project, subset_id, *how)
    st.rerun()


def _estimated(found: dict[str, Any]) -> None:
    figures = {
        "Time per step": _seconds(found["seconds_per_step"]),
        "Images per second": f"{found['images_per_second']:,.0f}",
        "Total time": quantities.duration(found["seconds"]),
        "Memory": quantities.size(found["memory_bytes"]),
    }
    if found["gpu_memory_bytes"] is not None:
        figures["GPU memory"] = quantities.size(found["gpu_memory_bytes"])
    for column, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(label, value)
    cached = "cached in memory" if found["packed"] else "decoded again at every step"
    st.caption(
        f"Measured over {found['steps_timed']} steps on {found['device']}; images are {cached}. "
        "kNN probes are not included."
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def _runs(known: list[runs.Run]) -> None:
    if not known:
        st.info("No runs yet. Start one on the New run tab.", icon=":material/info:")
        return
    with state.project() as project:
        waiting = runs.queue(project.paths)
    if len(waiting) > 1:
        order = " → ".join(job.title for job in waiting)
        st.caption(f"Queue: {order}. It continues when the app is closed.")
    job_panel.draw(("pretrain",))
    run_view.table(known)
    name = state.chosen("run", [run.name for run in known], "Run")
    run_view.draw(name)


with notices.shown():
    draw()
