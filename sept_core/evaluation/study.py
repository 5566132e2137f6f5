"""The job of a study: `python -m sept_core.evaluation.study JOB_FOLDER`.

In (job settings): `runs`, each what `pretrain.launch` takes, and `evaluations`, each what
`evaluation.worker` takes. Out: the run folders, one after the other, then the evaluations. Complete
parts are skipped, so a study that was interrupted, or shares runs with another, does only the
missing parts.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sept_core.evaluation import worker as evaluation
from sept_core.jobs import job_folder
from sept_core.pretrain import launch

Work = Callable[[job_folder.JobFolder], dict[str, Any]]


class Part(job_folder.JobFolder):
    """One run or evaluation as its worker sees it: own settings, progress of the whole study."""

    def __init__(
        self,
        job: job_folder.JobFolder,
        settings: dict[str, Any],
        title: str,
        place: tuple[int, int],
    ) -> None:
        super().__init__(job.path)
        self._job, self._own, self._title, self._place = job, settings, title, place

    def settings(self) -> dict[str, Any]:
        """The settings of the part."""
        return self._own

    def progress(self, done: int, total: int, unit: str, note: str = "") -> None:
        """Report the number of finished parts; the note has the progress of this one."""
        before, parts = self._place
        text = f"{self._title}: {done:,} of {total:,} {unit}"
        self._job.progress(before, parts, "parts", f"{text}, {note}" if note else text)


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Train the missing runs, then evaluate.

    Raises:
        SeptError: raised by a worker; finished parts are kept.
    """
    asked = job.settings()
    parts: list[tuple[Work, dict[str, Any], str]] = [
        (launch.main, run, f"training {Path(run['run']).name}") for run in asked["runs"]
    ]
    parts += [(evaluation.main, one, "evaluating") for one in asked["evaluations"]]
    for number, (work, settings, title) in enumerate(parts):
        job.progress(number, len(parts), "parts", title)
        work(Part(job, settings, title, (number, len(parts))))
    job.progress(len(parts), len(parts), "parts")
    return {
        "runs": [Path(run["run"]).name for run in asked["runs"]],
        "evaluations": [Path(one["out"]).name for one in asked["evaluations"]],
    }


if __name__ == "__main__":
    job_folder.run(main)
