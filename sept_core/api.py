"""SEPT from Python: all steps in a notebook or a script (docs/python.md).

In: a project's folder and arguments. Out: frozen records, with Arrow tables for rows. Each method
does the same as the command of its name, with the same errors (`errors`).

    from sept_core.api import Project, SelectionSettings

    with Project.open("project") as project:
        selection = project.select("birds", SelectionSettings(budget=5000))
        project.export(selection, "subset", "webdataset")
"""

from pathlib import Path

import pyarrow as pa

from sept_core import errors
from sept_core.manifest.verification import VerifyReport
from sept_core.pretrain.launch import Launch
from sept_core.selection.recipes import Part
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.weights import Weights
from sept_core.services.data.source_options import SourceOptions, TargetOptions
from sept_core.services.notebook import results
from sept_core.services.notebook.handle import Job, Progress
from sept_core.services.notebook.results import (
    Advice,
    Decided,
    Diagnostics,
    Embedded,
    Evaluation,
    Exported,
    ImportedDecisions,
    Listing,
    Run,
    Selection,
    Status,
    Undone,
)
from sept_core.services.notebook.train import Train
from sept_core.services.project import projects
from sept_core.services.train.comparison import Comparison
from sept_core.services.train.recipe import Recipe
from sept_core.storage import project_paths
from sept_core.targets.reading import AmbiguousError

__all__ = [
    "Advice", "AmbiguousError", "Comparison", "Decided", "Diagnostics", "Embedded", "Evaluation",
    "Exported", "ImportedDecisions", "Job", "Launch", "Listing", "Part", "Progress", "Project",
    "Recipe", "Run", "Selection", "SelectionSettings", "SourceOptions", "Status", "TargetOptions",
    "Undone", "VerifyReport", "Weights", "errors",
]  # fmt: skip


class Project(Train):
    """A project folder; `create` and `open` return one.

    It holds nothing between two calls, so that a terminal and the app can use the project at the
    same time. Long steps are background jobs of the project's queue; an interrupted call cancels
    its job, and finished work is kept. After a `with` block it refuses further calls.

    Attributes:
        folder: absolute.
    """

    @classmethod
    def create(cls, path: str | Path) -> "Project":
        """Create an empty project in a new or empty folder.

        Raises:
            InputError: the folder is not empty, or is already a project.
        """
        folder = project_paths.expanded(path)
        projects.init(folder)
        return cls(folder.absolute())

    @classmethod
    def open(cls, path: str | Path) -> "Project":
        """Open an existing project.

        Raises:
            NotFoundError: the folder is not a project.
        """
        return cls(projects.paths_of(project_paths.expanded(path)).root)

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Project({str(self.folder)!r})"

    def status(self) -> Status:
        """Return the project's state: counts, sources, target sets, encoders, selections, jobs."""
        with self._opened() as project:
            return results.status(projects.status(project))

    def sources(self) -> pa.Table:
        """Return the sources of the pool, with counts of their files by state."""
        return self.status().sources

    def targets(self) -> pa.Table:
        """Return the target sets, with counts by state and split, and warnings."""
        return self.status().targets

    def encoders(self) -> pa.Table:
        """Return the encoders that have embedded something."""
        return self.status().encoders

    def selections(self) -> pa.Table:
        """Return the selections, in the order in which they were made."""
        return self.status().selections
