"""Jobs in the bar: the one that runs with its time left, and a panel with all of them.

In: the job folders of this tab's project. Out: a menu that updates itself. When a job has ended, it
starts the next automatic step.
"""

import streamlit as st

from pages.shared import continuation, job_panel, notices, state
from sept_core.jobs import job_folder, launcher
from sept_core.jobs.launcher import JobStatus
from sept_core.storage.project_paths import ProjectPaths
from sept_core.wording import quantities

BUSY_SECONDS, IDLE_SECONDS = 2.0, 10.0

BRIEF = {
    "demo": "Drawing the demo",
    "embed": "Embedding",
    "speed": "Measuring speed",
    "graph": "Neighbour graph",
    "index": "Index",
    "calibrate": "Calibration",
    "duplicates": "Near-duplicates",
    "map": "Map",
    "export": "Export",
    "dryrun": "Estimate",
    "pretrain": "Pre-training",
    "evaluate": "Evaluation",
    "study": "Study",
}
"""Name of each kind of job in the bar."""

LANES = ("Data and export", "Training and evaluation")
"""Jobs of one lane run one after the other; both lanes run at the same time."""


def draw(page: str) -> None:
    """Draw the menu.

    Args:
        page: title of the current page; the front page is drawn anew when a job has ended.
    """
    folder = state.folder()
    if folder is None:
        return
    busy = any(not job.ended for job in launcher.all_jobs(ProjectPaths(folder)))
    seconds = BUSY_SECONDS if busy else IDLE_SECONDS
    st.fragment(_menu, run_every=seconds)(ProjectPaths(folder), page)


def _menu(paths: ProjectPaths, page: str) -> None:
    jobs = launcher.all_jobs(paths)
    if _ended(paths, jobs):
        with notices.shown():
            continuation.go_on()
        if page in continuation.PAGES:
            st.rerun()
        jobs = launcher.all_jobs(paths)
    menu = st.popover(summary(jobs), type="tertiary", key="job-menu", on_change="rerun")
    if menu.open:
        with menu, notices.shown():
            _lanes(jobs)


def _ended(paths: ProjectPaths, jobs: list[JobStatus]) -> bool:
    """Return whether a job that this tab saw running has ended."""
    name = f"running:{paths.root}"
    before = state.kept(name) or []
    state.keep(name, [job.id for job in jobs if not job.ended])
    assert isinstance(before, list)
    return any(job.ended and job.id in before for job in jobs)


def summary(jobs: list[JobStatus]) -> str:
    """Return the label of the menu: `Embedding 43% · 2 min left`."""
    unfinished = [job for job in jobs if not job.ended]
    running = [job for job in unfinished if job.state == "running"] or unfinished
    if running:
        others = f" +{len(unfinished) - 1}" if len(unfinished) > 1 else ""
        return f":primary[●] {_brief(running[0])}{others}"
    failed = [job for job in jobs[: job_panel.SHOWN_ENDED] if job.state in ("failed", "lost")]
    if failed:
        return f":orange[:material/warning:] {BRIEF[failed[0].kind]} failed"
    return ":gray[No jobs running]"


def _brief(job: JobStatus) -> str:
    name, progress = BRIEF[job.kind], job.progress
    if job.state == "queued":
        return f"{name} queued"
    if not progress or not progress["total"]:
        return name
    text = f"{name} {min(1.0, progress['done'] / progress['total']):.0%}"
    left = progress["seconds_left"]
    return text if left is None else f"{text} · {quantities.roughly(left)} left"


def _lanes(jobs: list[JobStatus]) -> None:
    lanes = zip(LANES, (False, True), strict=True)
    shown = 0
    with st.container(key="job-list"):
        for title, training in lanes:
            mine = [job for job in jobs if (job.kind in job_folder.TRAINING) == training]
            if job_panel.worth_showing(mine):
                st.markdown(f"**{title}**")
                job_panel.rows(mine, "bar")
                shown += 1
        if not shown:
            st.caption("No jobs are running. Jobs continue when you close this window.")
