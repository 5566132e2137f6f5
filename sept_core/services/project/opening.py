"""Opening a project: a folder with a catalogue, which several processes use in turn.

In: a folder. Out: a `Project` that every other function of `services` takes as its first argument.
Short commands such as `sept veto` spend most of their time on imports, so nothing here imports
numpy or Arrow unless there is something to adopt.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sept_core import errors
from sept_core.catalogue import adopted, sharing
from sept_core.services.project.project import Project
from sept_core.storage import atomic, commands, project_paths


def paths_of(folder: Path) -> project_paths.ProjectPaths:
    """Return the paths of an existing project, without opening its catalogue.

    Raises:
        NotFoundError: the folder is not a project.
    """
    paths = project_paths.ProjectPaths(folder.absolute())
    if not paths.catalogue.exists():
        make = commands.line("init", folder)
        raise errors.NotFoundError(f"{folder} is not a SEPT project; create one with: {make}")
    return paths


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Project]:
    """Use a project for one action, after adopting the results of finished workers.

    Raises:
        NotFoundError: the folder is not a project.
        BusyError: another process held it for too long.
    """
    with using(folder) as project:
        adopt(project)
        yield project


@contextlib.contextmanager
def using(folder: Path, who: str | None = None) -> Iterator[Project]:
    """Use a project for one action, with its own cursor; see `catalogue.sharing`.

    Raises:
        NotFoundError, BusyError: as in `opened`.
    """
    paths = paths_of(folder)
    with sharing.shared(paths.catalogue).use() as db:
        yield Project(paths, db, who)


def stay_open(seconds: float) -> None:
    """Keep projects open for some seconds after an action, unless another process waits."""
    sharing.keep_open_when_idle(seconds)


def adopt(project: Project) -> int:
    """Store the outcomes of new feature shards in the catalogue; return the number of shards."""
    if not _has_news(project):
        return 0
    # Imported here, because reading shards needs Arrow and most commands have nothing to adopt.
    from sept_core.services.data import adoption

    return adoption.adopt_all(project)


def _has_news(project: Project) -> bool:
    """Return True if a shard may be new to the catalogue; `adoption` reports damaged headers."""
    if adopted.is_unsettled(project.db):
        return True
    known = adopted.keys(project.db)
    for header in project.paths.root.glob("features/*/**/[0-9]*.json"):
        name = header.parent.relative_to(project.paths.root).as_posix()
        try:
            sha256 = atomic.read_json(header)["outcomes_sha256"]
            key = adopted.key(name, int(header.stem), sha256)
        except (errors.SeptError, KeyError, TypeError, ValueError):
            return True
        if key not in known:
            return True
    return False
