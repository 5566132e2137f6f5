"""Background jobs with rate, time left, cancel and resume; any page may draw the panel."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import notices, state
from sept_core.jobs import launcher
from sept_core.jobs.launcher import JobStatus
from sept_core.services.project.project import Project
from sept_core.wording import quantities

POLL_SECONDS = 1.0
SHOWN_ENDED = 3
"""Interrupted jobs stay listed until this many newer jobs of their kinds have ended."""

STATES = {
    "queued": ":material/schedule: queued",
    "running": ":material/progress_activity: running",
    "failed": ":material/error: failed",
    "cancelled": ":material/cancel: cancelled",
    "lost": ":material/help: exited unexpectedly",
}


def draw(kinds: Sequence[str], on_end: Callable[[JobStatus], None] | None = None) -> None:
    """Draw the jobs of some kinds; nothing if there are none to show.

    Args:
        kinds: of `jobs.WORKERS`.
        on_end: called once in this tab for each job that ended while it was shown, before the
            whole page is rerun.
    """
    with state.project() as project:
        busy = active(project, kinds)
    st.fragment(_panel, run_every=POLL_SECONDS if busy else None)(tuple(kinds), on_end)


def active(project: Project, kinds: Sequence[str]) -> bool:
    """Return whether a job of some kinds is running or queued."""
    return any(not job.ended for job in launcher.all_jobs(project.paths) if job.kind in kinds)


def _panel(kinds: tuple[str, ...], on_end: Callable[[JobStatus], None] | None) -> None:
    with notices.shown():
        with state.project() as project:
            known = [job for job in launcher.all_jobs(project.paths) if job.kind in kinds]
        _notice_ends(kinds, known, on_end)
        rows(known)


def worth_showing(jobs: Sequence[JobStatus]) -> bool:
    """Return whether `rows` would draw anything."""
    return bool(_interrupted(jobs)) or any(not job.ended for job in jobs)


def rows(jobs: Sequence[JobStatus], place: str = "page") -> None:
    """Draw unfinished jobs in the order of the queue, then those that were interrupted.

    Args:
        jobs: latest first, as `launcher.all_jobs` lists them.
        place: part of the window, which may show a job twice.
    """
    for job in sorted(jobs, key=lambda job: job.place):
        if not job.ended:
            _running(job, place)
    for job in _interrupted(jobs):
        _resumable(job, place)


def _interrupted(jobs: Sequence[JobStatus]) -> list[JobStatus]:
    return [job for job in jobs[:SHOWN_ENDED] if job.ended and job.state != "done"]


def _notice_ends(
    kinds: tuple[str, ...], known: list[JobStatus], on_end: Callable[[JobStatus], None] | None
) -> None:
    """Rerun the page as soon as a watched job has ended."""
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


def _running(job: JobStatus, place: str) -> None:
    progress = job.progress
    share = min(1.0, progress["done"] / progress["total"]) if progress and progress["total"] else 0
    with st.container(border=True):
        st.progress(share, f"**{notices.plain(job.title)}**  \n:small[{detail(job)}]")
        with st.container(horizontal=True, gap="small"):
            queued = job.state == "queued"
            if queued and st.button("Run next", key=f"next:{place}:{job.id}", type="tertiary"):
                with state.project() as project:
                    launcher.move_to(project.paths, job.id, 1)
                st.rerun()
            if st.button("Cancel", key=f"cancel:{place}:{job.id}", type="tertiary"):
                with state.project() as project, st.spinner("Cancelling…"):
                    launcher.cancel(project.paths, job.id)
            with (
                st.popover("Log", key=f"log:{place}:{job.id}", type="tertiary"),
                state.project() as project,
            ):
                log = launcher.tail(project.paths, job.id, 30) or "The log is empty."
                st.code(log, language=None)


def _resumable(job: JobStatus, place: str) -> None:
    text, button = st.columns([8, 1], vertical_alignment="center")
    reason = notices.plain(job.reason)
    text.warning(f"**{notices.plain(job.title)}** · {STATES[job.state]}: {reason}")
    if button.button("Resume", key=f"resume:{place}:{job.id}", width="stretch"):
        with state.project() as project:
            launcher.relaunch(project.paths, job.id)
        st.rerun()


def detail(job: JobStatus) -> str:
    """Return a job's progress: `1,200 of 50,000 images · 340 images/s · 2 min left`."""
    progress = job.progress
    if progress is None:
        return STATES[job.state]
    parts = [f"{progress['done']:,} of {progress['total']:,} {progress['unit']}"]
    if progress["rate"]:
        parts.append(quantities.pace(progress["rate"], progress["unit"]))
    if progress["seconds_left"] is not None:
        parts.append(f"{quantities.roughly(progress['seconds_left'])} left")
    return " · ".join([*parts, *([progress["note"]] if progress["note"] else [])])
