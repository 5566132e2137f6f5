"""What runs in the background, with rate, time left, cancel and resume; any page may draw it."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import notices, state
from sept_core.jobs import launcher
from sept_core.jobs.launcher import JobStatus
from sept_core.services.project.project import Project
from sept_core.wording import quantities

POLL_SECONDS = 1.0
SHOWN_ENDED = 3
"""Interrupted jobs stay listed until as many newer ones of their kinds have ended."""

STATES = {
    "queued": ":material/schedule: waiting for its turn",
    "running": ":material/progress_activity: running",
    "failed": ":material/error: failed",
    "cancelled": ":material/cancel: cancelled",
    "lost": ":material/help: lost",
}


def draw(kinds: Sequence[str], on_end: Callable[[JobStatus], None] | None = None) -> None:
    """Draw the jobs of some kinds; nothing at all when there is none to show.

    Args:
        kinds: of `jobs.WORKERS`.
        on_end: called once in this tab for each job that ended while it was watched, before the
            whole page runs again.
    """
    with state.project() as project:
        busy = active(project, kinds)
    st.fragment(_panel, run_every=POLL_SECONDS if busy else None)(tuple(kinds), on_end)


def active(project: Project, kinds: Sequence[str]) -> bool:
    """Whether a job of some kinds runs or waits for its turn."""
    return any(not job.ended for job in launcher.all_jobs(project.paths) if job.kind in kinds)


def _panel(kinds: tuple[str, ...], on_end: Callable[[JobStatus], None] | None) -> None:
    with notices.shown():
        with state.project() as project:
            known = [job for job in launcher.all_jobs(project.paths) if job.kind in kinds]
        _notice_ends(kinds, known, on_end)
        for job in sorted(known, key=lambda job: job.place):  # as their turns come
            if not job.ended:
                _running(job)
        for job in known[:SHOWN_ENDED]:
            if job.ended and job.state != "done":
                _interrupted(job)


def _notice_ends(
    kinds: tuple[str, ...], known: list[JobStatus], on_end: Callable[[JobStatus], None] | None
) -> None:
    """Run the page again as soon as a watched job has ended."""
    name = "watched:" + ",".join(kinds)
    watched = state.kept(name) or []
    state.keep(name, [job.id for job in known if not job.ended])
    assert isinstance(watched, list)
    ended = [job for job in known if job.ended and job.id in watched]
    for job in ended:
        if on_end is not None:
            on_end(job)
    if ended:
        st.rerun()


def _running(job: JobStatus) -> None:
    told, earlier, button = st.columns([8, 1, 1], vertical_alignment="bottom")
    progress = job.progress
    share = min(1.0, progress["done"] / progress["total"]) if progress and progress["total"] else 0
    told.progress(share, f"**{job.title}** · {detail(job)}")
    if job.state == "queued" and earlier.button("Run next", key=f"next:{job.id}", width="stretch"):
        with state.project() as project:
            launcher.move_to(project.paths, job.id, 1)
        st.rerun()
    if button.button("Cancel", key=f"cancel:{job.id}", width="stretch"):
        with state.project() as project, st.spinner("Cancelling…"):
            launcher.cancel(project.paths, job.id)
    with st.expander("Log", key=f"log:{job.id}"), state.project() as project:
        st.code(launcher.tail(project.paths, job.id, 30) or "Nothing yet.", language=None)


def _interrupted(job: JobStatus) -> None:
    told, button = st.columns([8, 1], vertical_alignment="center")
    reason = notices.plain(job.reason)
    told.warning(f"**{notices.plain(job.title)}** · {STATES[job.state]}: {reason}")
    if button.button("Resume", key=f"resume:{job.id}", width="stretch"):
        with state.project() as project:
            launcher.relaunch(project.paths, job.id)
        st.rerun()


def detail(job: JobStatus) -> str:
    """`1,200 of 50,000 images, 340/s, 2 min 05 s left`."""
    progress = job.progress
    if progress is None:
        return STATES[job.state]
    text = f"{progress['done']:,} of {progress['total']:,} {progress['unit']}"
    if progress["rate"]:
        text += f", {progress['rate']:,.3g}/s"
    if progress["seconds_left"] is not None:
        text += f", {quantities.duration(progress['seconds_left'])} left"
    return f"{text} {progress['note']}".rstrip()
