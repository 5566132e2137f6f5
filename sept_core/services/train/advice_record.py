"""The last advice from studies, stored in the project, so that Overview computes nothing.

In: an `Advice`. Out: the same with a mark that says what it was made from.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sept_core.catalogue import settings, source_table
from sept_core.jobs import launcher
from sept_core.services.project.project import Project

PREFIX = "study-advice:"


@dataclass(frozen=True)
class Advice:
    """Summary of the project's own studies on a target set.

    Attributes:
        sentences: which arm did best with its interval, "No difference seen …", or that there is
            no study.
        unscored: finished runs of studies without a validation score.
        pilot: the cheapest conclusive pilot, its cost first; empty if a difference was seen.
        command: runs the pilot; empty without one.
    """

    target: str
    sentences: tuple[str, ...]
    unscored: int
    pilot: str
    command: str


def store(project: Project, advice: Advice) -> None:
    """Store advice for the target set."""
    record = source_table.find(project.db, "target", advice.target)
    held = asdict(advice) | {"made_from": _stamp(project)}
    settings.put(project.db, PREFIX + record.id, held)


def find(project: Project, target: str) -> Advice | None:
    """Return the stored advice on a target set; None if there is none or a study ended since."""
    record = source_table.find(project.db, "target", target)
    held: dict[str, Any] | None = settings.get(project.db, PREFIX + record.id)
    if held is None or held.pop("made_from") != _stamp(project):
        return None
    return Advice(**held | {"target": target, "sentences": tuple(held["sentences"])})


def _stamp(project: Project) -> list[list[str]]:
    """Return the studies that there are, and their states."""
    jobs = launcher.all_jobs(project.paths)
    return [[job.id, job.state] for job in jobs if job.kind == "study"]
