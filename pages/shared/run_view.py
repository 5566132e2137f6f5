"""Pre-training runs on a page: a table, one run with live curves and its log, or a comparison."""

import dataclasses
from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, plain_table, state
from sept_core.figures import training as figures
from sept_core.jobs import launcher
from sept_core.pretrain.methods.registry import TITLES
from sept_core.pretrain.settings import COLLAPSED_STD
from sept_core.services.data import embedding
from sept_core.services.project.project import Project
from sept_core.services.train import runs
from sept_core.services.train.runs import Run
from sept_core.wording import quantities

POLL_SECONDS = 2.0


def draw(known: list[Run]) -> None:
    """Draw the table of all runs, then the chosen run, or the comparison of several."""
    active = any(run.active for run in known)
    st.fragment(_table, run_every=POLL_SECONDS if active else None)()
    names = _chosen(known)
    if len(names) > 1:
        _comparison([run for run in known if run.name in names])
    else:
        _one(names[0])


def _chosen(known: list[Run]) -> list[str]:
    """Return the runs that the URL names; the latest one without any."""
    named = state.parameters().get("run", [])
    return [run.name for run in known if run.name in named] or [known[0].name]


def _table() -> None:
    """Draw all runs as rows; chosen rows are named in the URL."""
    with notices.shown(), state.project() as project:
        known = runs.every(project.paths)
    shown = _chosen(known)
    names = [run.name for run in known]
    event = st.dataframe(
        [_row(run) for run in known],
        hide_index=True,
        placeholder="–",
        height=min(35 * (len(known) + 1) + 3, 230),
        column_config={
            "Loss": st.column_config.NumberColumn(format="%.3f"),
            "kNN probe, %": st.column_config.NumberColumn(format="%.1f"),
        },
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(name) for name in shown]}},
        key="runs table",
        alt="All runs; select one to see it, several to compare them",
    )
    rows = [names[row] for row in event["selection"]["rows"] if row < len(names)]
    if rows and rows != state.kept("runs shown"):
        state.keep("runs shown", rows)
        if set(rows) != set(shown):
            state.choose("run", rows)
            st.rerun()
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.caption("Select two or more rows to compare runs.")
    heads = list(_row(known[0]))
    right.download_button(
        "Download table (CSV)",
        lambda: plain_table.as_csv(heads, [list(_row(run).values()) for run in known]),
        "runs.csv", "text/csv", icon=":material/download:", on_click="ignore", type="tertiary",
    )  # fmt: skip


def _row(run: Run) -> dict[str, Any]:
    return {
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


def _comparison(compared: list[Run]) -> None:
    """Draw the curves of several runs over each other, and what differs between them."""
    st.subheader(f"{len(compared)} runs compared", anchor=False)
    with state.project() as project:
        lines = {run.name: runs.metrics(project.paths.run(run.name)) for run in compared}
    st.plotly_chart(figures.compared(lines), key="compared_curves", theme="streamlit")
    rows = [
        ["Loss", *(_text(run.last.get("loss"), ".3f") for run in compared)],
        ["kNN probe", *(_text(run.last.get("probe_knn"), ".1%") for run in compared)],
        ["Effective rank", *(_text(run.last.get("effective_rank"), ".1f") for run in compared)],
        *([name, *map(_value, held)] for name, held in runs.differing(compared).items()),
    ]
    heads = ["Result or differing setting", *(run.name for run in compared)]
    plain_table.draw(heads, rows)
    st.download_button(
        "Download comparison (CSV)", lambda: plain_table.as_csv(heads, rows), "comparison.csv",
        "text/csv", icon=":material/download:", on_click="ignore", type="tertiary",
    )  # fmt: skip


def _value(value: Any) -> str:
    return "–" if value in (None, "") else str(value)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _one(name: str) -> None:
    """Draw one run: figures, curves beside the log, checkpoint, settings."""
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
            "Speed": _speed(run),
        }
        if run.active and last.get("seconds_left") is not None:
            values["Time left"] = quantities.about(last["seconds_left"])
        for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
            column.metric(label, value)
        lines = runs.metrics(project.paths.run(name))
        log = _log(project, run)
        left, right = st.columns([3, 2] if log else [1, 0.001])
        if log:
            with right:
                st.caption("Log")
                st.code(log, language=None, height=figures.HEIGHT * 2 - 40)
        with left:
            if lines:
                st.plotly_chart(
                    figures.curves(
                        lines, run.total, probed="probe_knn" in last, collapsed_below=COLLAPSED_STD
                    ),
                    key="run_curves",
                    theme="streamlit",
                )
            elif run.active:
                st.caption("Curves appear after the first steps.")


def _speed(run: Run) -> str:
    rate = run.last.get("images_per_second")
    if not rate:
        return "–"
    seconds = run.settings.batch_size / rate
    return f"{seconds:.2g} s per step" if seconds >= 1 else f"{1000 * seconds:.0f} ms per step"


def _log(project: Project, run: Run) -> str:
    return launcher.tail(project.paths, run.job.id, 60).strip() if run.job else ""


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
