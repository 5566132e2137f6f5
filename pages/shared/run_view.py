"""One pre-training run on a page: curves while it is active, its checkpoint when it is done."""

import dataclasses
from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, state
from sept_core.figures import training as figures
from sept_core.jobs import launcher
from sept_core.pretrain.methods.registry import TITLES
from sept_core.pretrain.settings import COLLAPSED_STD
from sept_core.services.data import embedding
from sept_core.services.train import runs
from sept_core.services.train.runs import Run
from sept_core.wording import quantities

POLL_SECONDS = 2.0


def table(known: list[Run]) -> None:
    """Draw a table of all runs, refreshed while one of them is active."""
    active = any(run.active for run in known)
    st.fragment(_table, run_every=POLL_SECONDS if active else None)()


def _table() -> None:
    with notices.shown(), state.project() as project:
        known = runs.every(project.paths)
    rows = [
        {
            "Run": run.name,
            "State": run.state,
            "Method": TITLES[run.settings.method],
            "Backbone": run.settings.backbone,
            "Steps": f"{run.steps:,} of {run.total:,}" if run.total else "–",
            "Batch size": run.settings.batch_size,
            "Image size, px": run.settings.image_size,
            "Seed": run.settings.seed,
            "Loss": run.last.get("loss"),
            "kNN probe, %": _percent(run.last.get("probe_knn")),
            "Started": quantities.moment(run.job.launched_at) if run.job else "–",
        }
        for run in known
    ]
    st.dataframe(
        rows,
        hide_index=True,
        placeholder="–",
        column_config={
            "Loss": st.column_config.NumberColumn(format="%.3f"),
            "kNN probe, %": st.column_config.NumberColumn(format="%.1f"),
        },
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def draw(name: str) -> None:
    """Draw the chosen run."""
    with state.project() as project:
        run = runs.find(project.paths, name)
    st.fragment(_progress, run_every=POLL_SECONDS if run.active else None)(name)
    if run.done:
        _checkpoint(run)
    _settings(run)
    if not run.active:
        with st.popover("Delete run…", icon=":material/delete:"):
            _delete(run)


def _progress(name: str) -> None:
    """Draw metrics and curves, the only part that is refreshed while the run is active."""
    with notices.shown(), state.project() as project:
        run = runs.find(project.paths, name)
        _alarm(run)
        last = run.last
        values = {
            "Steps": f"{run.steps:,} of {run.total:,}" if run.total else "–",
            "Loss": _text(last.get("loss"), ".3f"),
            "kNN probe": _text(last.get("probe_knn"), ".1%"),
            "Effective rank": _text(last.get("effective_rank"), ".1f"),
            "Images per second": _text(last.get("images_per_second"), ",.0f"),
        }
        for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
            column.metric(label, value)
        lines = runs.metrics(project.paths.run(name))
        if lines:
            st.plotly_chart(
                figures.curves(
                    lines,
                    run.total,
                    probed="probe_knn" in last,
                    collapsed_below=COLLAPSED_STD,
                ),
                key="run_curves",
            )
        elif run.active:
            st.caption("Curves appear after the first steps.")


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _alarm(run: Run) -> None:
    job = run.job
    if run.active and run.near_collapse:
        st.warning(
            "The features are close to collapse: the network maps all images to similar features. "
            "The run stops automatically if this continues after the warm-up.",
            icon=":material/warning:",
        )
    elif job is not None and job.state == "failed" and not run.done:
        st.error(
            notices.plain(job.reason or "The run failed without a recorded reason; see its log."),
            icon=":material/error:",
        )


def _checkpoint(run: Run) -> None:
    """Draw the downloads, a snippet that loads them, and the button that embeds the pool."""
    with state.project() as project:
        paths = project.paths
        folder = runs.finished(paths, run.name)
        snippet = runs.snippet(paths, run.name)
    whole, weights, card, embed, _ = st.columns([1.7, 1.6, 1.4, 2.2, 0.1])
    with whole:
        _download("Download checkpoint", lambda: runs.archive(paths, run.name), f"{run.name}.zip",
                  "Weights, card and load.py in one zip.")  # fmt: skip
    with weights:
        _download("Download weights", (folder / runs.CHECKPOINT[0]).read_bytes,
                  f"{run.name}.safetensors", "A plain state dict as safetensors.")  # fmt: skip
    with card:
        _download("Download card", (folder / runs.CHECKPOINT[1]).read_bytes, f"{run.name}.json",
                  "Settings, preprocessing and the origin of the images.")  # fmt: skip
    if embed.button(
        "Embed pool with this run", icon=":material/blur_on:", width="stretch",
        help="Retrieval then uses this checkpoint as its encoder.",
    ):  # fmt: skip
        with state.WRITING, state.project() as project:
            embedding.start(project, runs.embedding(project.paths, run.name))
    job_panel.draw(("embed",), _take_over)
    with st.expander("Load without SEPT", key="snippet"):
        st.caption(
            "Unpack the checkpoint and run its load.py; it needs torch, timm and safetensors."
        )
        st.code(snippet, language="python")


def _download(label: str, data: Any, file: str, hint: str) -> None:
    st.download_button(
        label, data, file, "application/octet-stream", icon=":material/download:", help=hint,
        on_click="ignore", width="stretch",
    )  # fmt: skip


def _take_over(job: launcher.JobStatus) -> None:
    if job.state == "done":
        with state.WRITING, state.project() as project:
            embedding.finish(project, job.id)


def _settings(run: Run) -> None:
    with st.expander("Settings", key="run_settings"):
        values = dataclasses.asdict(run.settings)
        values |= {f"augment.{key}": value for key, value in values.pop("augment").items()}
        rows = [{"Setting": key, "Value": str(value)} for key, value in values.items()]
        st.dataframe(rows, hide_index=True)
    if run.job is not None and not run.active:
        with st.expander("Log", key="run_log"), state.project() as project:
            st.code(
                launcher.tail(project.paths, run.job.id, 100) or "The log is empty.", language=None
            )


def _delete(run: Run) -> None:
    with state.project() as project:
        size = quantities.size(runs.size(project.paths, run.name))
    st.write(
        f"**{run.name}** takes {size} on disk. This deletes its checkpoint and curves; results of "
        "its evaluations and the pool's features are kept."
    )
    if st.button("Delete run", type="primary", icon=":material/delete:"):
        with state.project() as project:
            runs.delete(project.paths, run.name)
        st.rerun()
