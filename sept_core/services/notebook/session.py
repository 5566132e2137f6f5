"""Session of a Python caller, who may keep a project for the lifetime of a notebook.

In: a project's folder. Out: the open project, for the length of one call.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sept_core import errors
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import project_paths


class Session:
    """A project folder; nothing is held between two calls.

    Attributes:
        folder: absolute.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._closed = False

    def close(self) -> None:
        """Refuse further calls; running jobs continue."""
        self._closed = True

    def _paths(self) -> project_paths.ProjectPaths:
        """Return the project's paths.

        Raises:
            InputError: the session was closed.
            NotFoundError: the folder is no longer a project.
        """
        if self._closed:
            raise errors.InputError(
                f"{self.folder} was closed; open it again with Project.open({str(self.folder)!r})."
            )
        return projects.paths_of(self.folder)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Project]:
        """Use the project for one action; see `projects.opened`.

        Raises:
            InputError, NotFoundError: as in `_paths`.
            BusyError: another process held the project for too long.
        """
        with projects.opened(self._paths().root) as project:
            yield project
