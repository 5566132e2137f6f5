"""The record of an open project, the first argument of functions of `services`.

In: nothing. Out: the record `Project`.
"""

from dataclasses import dataclass

from sept_core.catalogue import connection
from sept_core.storage import project_paths


@dataclass(frozen=True)
class Project:
    """An open project: its paths, its catalogue, and the logged-in user, if the app knows."""

    paths: project_paths.ProjectPaths
    db: connection.Connection
    who: str | None = None
