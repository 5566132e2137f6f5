"""Handle of a background job for Python callers: wait, inspect, cancel.

In: a project's paths, a job's id and a function of its result. Out: a `Job`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sept_core.jobs import launcher
from sept_core.jobs.launcher import JobStatus
from sept_core.services.data import foreground
from sept_core.storage import project_paths

Progress = Callable[[int, int, str], None]
"""Takes the finished amount, the total and the unit, such as `(1200, 50000, "images")`."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Job(Generic[Result]):
    """A running, waiting or ended job; it outlives this process.

    Attributes:
        id: as `sept jobs` lists it.
    """

    id: str
    _paths: project_paths.ProjectPaths = field(repr=False)
    _take: Callable[[dict[str, Any]], Result] = field(repr=False)

    def status(self) -> JobStatus:
        """Return its title, state (queued, running, done, failed, cancelled, lost) and progress."""
        return launcher.status(self._paths, self.id)

    def wait(self, progress: Progress | None = None) -> Result:
        """Wait for the job and return its result; an interrupt cancels it.

        Raises:
            JobError: it failed, was cancelled or was lost.
        """
        return self._take(waiting(progress)(self._paths, self.id))

    def cancel(self) -> JobStatus:
        """Cancel the job; finished work is kept."""
        return launcher.cancel(self._paths, self.id)

    def log(self, lines: int = 50) -> str:
        """Return the last lines of its log."""
        return launcher.tail(self._paths, self.id, lines)


def waiting(progress: Progress | None) -> foreground.Wait:
    """Return a function that waits for a job and calls `progress` whenever it advances."""

    def wait(paths: project_paths.ProjectPaths, job_id: str) -> dict[str, Any]:
        latest: tuple[int, int, str] | None = None

        def tell(status: JobStatus) -> None:
            nonlocal latest
            if progress is None or status.progress is None:
                return
            now = tuple(status.progress[name] for name in ("done", "total", "unit"))
            if now != latest:
                latest = now
                progress(*now)

        return foreground.to_end(paths, job_id, tell)

    return wait
