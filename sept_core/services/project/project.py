"""An open project, as every function of `services` takes it.

In: nothing. Out: the record `Project`.
"""

from dataclasses import dataclass

from sept_core.catalogue import connection
from sept_core.storage import project_paths


@dataclass(frozen=True)
class Project:
    """An open project: its paths, its catalogue, and who is logged in, where the app knows."""

    paths: project_paths.ProjectPaths
    db: connection.Connection
    who: str | None = None
