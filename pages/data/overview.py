"""Overview: where the project stands, and what to do next."""

from typing import Any

import streamlit as st

from pages.shared import notices, state
from sept_core import jobs
from sept_core.pipeline import collections, guidance, projects, serving


def draw() -> None:
    """The whole page."""
    with state.project() as project:
        status = projects.status(project)
        st.title(project.paths.root.name, anchor=False)
        st.caption(status["project"])
        st.info(guidance.next_step(status), icon=":material/arrow_forward:")
        _figures(status)
        if status["jobs"]:
            _running()
        _collections(status)
        _selections(status)
        _rejected(project)


def _figures(status: dict[str, Any]) -> None:
    pool = status["pool"]
    figures = {
        "Images in the pool": pool["images"],
        "Waiting to be read": pool["waiting"],
        "Rejected files": pool["rejected"],
        "Target sets": len(status["targets"]),
        "Selections": len(status["selections"]),
        "Decisions": status["decisions"],
        "Training runs": len(status["runs"]),
    }
    for column, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(label, f"{value:,}")


@st.fragment(run_every=2)
def _running() -> None:
    """Progress of what runs; the page is drawn anew when one of them ends."""
    with notices.shown(), state.project() as project:
        running = [job for job in jobs.all_jobs(project.paths) if not job.ended]
        st.subheader("Under way", anchor=False)
        for job in running:
            progress = job.progress or {"done": 0, "total": 0, "unit": ""}
            share = progress["done"] / progress["total"] if progress["total"] else 0.0
            told = f"{progress['done']:,} of {progress['total']:,} {progress['unit']}"
            st.progress(min(share, 1.0), f"{job.title} · {told if job.progress else job.state}")
        ids = [job.id for job in running]
        if state.kept("running") not in (None, ids):
            projects.adopt(project)
            state.keep("running", ids)
            st.rerun()
        state.keep("running", ids)


def _collections(status: dict[str, Any]) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("Pool", anchor=False)
        _table(
            [
                {
                    "Source": source["name"],
                    "Images": source["images"],
                    "Waiting": source["waiting"],
                    "Rejected": source["rejected"],
                    "Gone": source["gone"],
                    "Path": source["path"],
                }
                for source in status["sources"]
            ],
            "No source yet; add one with: sept pool add",
        )
    with right:
        st.subheader("Target sets", anchor=False)
        _table(
            [
                {
                    "Target set": target["name"],
                    "Images": target["images"],
                    "Splits": ", ".join(f"{k} {v:,}" for k, v in target["splits"].items()),
                    "Path": target["path"],
                }
                for target in status["targets"]
            ],
            "No target set yet; add one with: sept target add",
        )
    st.subheader("Encoders", anchor=False)
    _table(
        [
            {
                "Encoder": encoder["spec"],
                "Kind": encoder["kind"],
                "Dimensions": encoder["dim"],
                "Pool images embedded": encoder["pool_images"],
            }
            for encoder in status["encoders"]
        ],
        "Nothing is embedded yet; do it with: sept embed",
    )


def _selections(status: dict[str, Any]) -> None:
    st.subheader("Selections", anchor=False)
    _table(
        [
            {
                "Selection": record["id"],
                "Strategy": record["settings"]["strategy"],
                "Images": record["count"],
                "Pool": "has changed since" if record["older_than_pool"] else "as it is now",
            }
            for record in reversed(status["selections"])
        ],
        "No selection yet; make one with: sept select",
    )


def _rejected(project: projects.Project) -> None:
    rows = collections.rejected(project)
    if not rows.num_rows:
        return
    st.subheader("Rejected files", anchor=False)
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "source": "Source",
            "rel_path": "File",
            "member": "Member",
            "reason": "Reason",
        },
    )
    st.download_button(
        "Download as csv",
        serving.rejected_csv(project),
        "rejected.csv",
        "text/csv",
        icon=":material/download:",
    )


def _table(rows: list[dict[str, Any]], empty: str) -> None:
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption(empty)


with notices.shown():
    draw()
