"""Retries of files that could not be read: their delays and heartbeat.

In: a job and a function that reads the unread files again. Imports no library, since the launcher
of the job takes its delays from here.
"""

import time
from collections.abc import Callable, Sequence

from sept_core.jobs import job_folder

DELAYS = (5.0, 15.0, 40.0)
"""Seconds before each try: three over a minute, by when a share that dropped out is often back."""


def run(
    job: job_folder.JobFolder,
    delays: Sequence[float],
    unread: Callable[[], int],
    again: Callable[[Callable[[int], None]], None],
) -> None:
    """Retry once after each delay, as long as files are left.

    Args:
        job: receives the progress; cancelling it ends the waiting.
        delays: in seconds.
        unread: counts the files that are left.
        again: reads them; calls its argument with the number of files done since the last call.
    """
    for number, delay in enumerate(delays, 1):
        left = unread()
        if not left:
            return
        job.new_phase()
        steps = _Steps(job, left, f"that could not be read, try {number} of {len(delays)}")
        _wait(delay, steps)
        again(steps)


class _Steps:
    """Counts the files of one try."""

    def __init__(self, job: job_folder.JobFolder, total: int, note: str) -> None:
        self._job, self._done, self._total, self._note = job, 0, total, note

    def __call__(self, files: int) -> None:
        self._done += files
        self._job.progress(self._done, self._total, "files", self._note)


def _wait(seconds: float, steps: _Steps) -> None:
    """Sleep, with a heartbeat at least once a second."""
    end = time.monotonic() + seconds
    steps(0)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        steps(0)
