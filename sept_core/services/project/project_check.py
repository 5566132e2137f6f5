"""Check of a whole project for damaged, missing and moved files, and their repair.

In: a project's folder, the catalogue in it possibly damaged. Out: findings, in the order in which
to handle them. The check changes nothing.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.catalogue import connection, decision_table, selection_table, source_table
from sept_core.catalogue.connection import Connection
from sept_core.filesystem import folders
from sept_core.ingest.entries import SourceSpec
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.manifest import manifest, verification
from sept_core.remote import places
from sept_core.review import decision_log
from sept_core.services.project import integrity, projects
from sept_core.services.project.integrity import Finding
from sept_core.services.project.project import Project
from sept_core.storage import atomic, commands, project_paths
from sept_core.storage.project_paths import ProjectPaths

Told = Callable[[str], None]
"""Takes the name of what is being checked."""


def check(folder: Path, told: Told = lambda what: None) -> list[Finding]:
    """Check everything in a project: reads every checksum, row and file.

    Raises:
        NotFoundError: the folder is not a project.
        BusyError: another process holds it, or a job is running in it.
    """
    paths = projects.paths_of(folder)
    projects.check_idle(folder)
    found: list[Finding] = []
    try:
        with projects.using(folder) as project:
            found += _in_catalogue(paths, project.db, told)
    except errors.IntegrityError as problem:
        found.append(_catalogue_finding(paths, str(problem)))
    found += _on_disk(paths, told)
    told("leftovers")
    return [*found, *integrity.leftovers(paths.root)]


def check_open(project: Project, told: Told = lambda what: None) -> list[Finding]:
    """Check like `check`, in the process that holds the project.

    Leftovers are not reported, because another tab may be writing them now.

    Raises:
        BusyError: a job is running in it.
    """
    projects.check_idle(project.paths.root)
    return [*_in_catalogue(project.paths, project.db, told), *_on_disk(project.paths, told)]


def _on_disk(paths: ProjectPaths, told: Told) -> Iterator[Finding]:
    for what, look in ON_DISK.items():
        told(what)
        yield from look(paths)


def repair(folder: Path, found: list[Finding]) -> list[Path]:
    """Quarantine damaged files that can be rebuilt; nothing is deleted.

    Args:
        folder: folder of the project.
        found: recent findings of `check`.

    Returns:
        The new paths of the moved files.
    """
    return integrity.set_aside(projects.paths_of(folder).root, found)


def _catalogue_finding(paths: ProjectPaths, problem: str) -> Finding:
    return Finding(
        "catalogue",
        str(paths.catalogue),
        problem,
        "Restore a backup into a new project with sept restore; features and exports can be "
        "copied over.",
    )


def _in_catalogue(paths: ProjectPaths, db: Connection, told: Told) -> Iterator[Finding]:
    told("catalogue")
    try:
        connection.read_everything(db)
    except errors.IntegrityError as problem:
        yield _catalogue_finding(paths, str(problem))
        return
    yield from _log(paths, db)
    told("selections")
    yield from _selections(paths, db)
    told("sources")
    for role in ("pool", "target"):
        for record in source_table.every(db, role):
            yield from _source(paths, db, record, role)


def _log(paths: ProjectPaths, db: Connection) -> Iterator[Finding]:
    """Check that the decision log is complete and can be replayed."""
    expected = 1
    for entry in decision_table.log(db):
        problem = None
        if entry["position"] != expected:
            problem = f"Position {expected} of the decision log is missing."
        try:
            decision_log.Event(**{key: value for key, value in entry.items() if key != "target_id"})
        except errors.InputError as wrong:
            problem = f"Decision {entry['position']} cannot be replayed: {wrong}"
        if problem:
            remedy = "Restore a backup into a new project with sept restore."
            yield Finding("decisions", str(paths.catalogue), problem, remedy)
            return
        expected += 1


def _selections(paths: ProjectPaths, db: Connection) -> Iterator[Finding]:
    for record in selection_table.every(db):
        path = paths.selection(record["id"])
        if not path.exists():
            text = f"The picks of {record['id']} are missing."
            remedy = "They are recomputed when the selection is opened, if the pool is unchanged."
            yield Finding("selection", str(path), text, remedy)
        elif problem := integrity.table_problem(path, record.get("picks_sha256")):
            remedy = "Repair quarantines the picks; they are recomputed when needed."
            yield Finding("selection", str(path), problem, remedy, (path,))


def _source(
    paths: ProjectPaths, db: Connection, record: source_table.SourceRecord, role: str
) -> Iterator[Finding]:
    spec = record.spec
    if spec.kind == "features":
        return
    if not _is_there(spec):
        text = f"{role.capitalize()} {record.name!r} is not at {places.text(spec.path)}."
        move = commands.line(role, "move", paths.root, record.name, "PATH")
        remedy = f"Mount it, or set its new path: {move}"
        yield Finding("source", record.name, text, remedy)
        return
    if count := source_table.counts(db, record.id)["unreadable"]:
        text = f"{count} of the files of {role} {record.name!r} could not be read."
        remedy = f"Restore them, then run: {commands.line(role, 'retry', paths.root)}"
        yield Finding("source", record.name, text, remedy)
    add = commands.line(role, "add", paths.root, record.name, places.text(spec.path))
    again = f"List it again: {add}"
    yield from integrity.places(spec.root, source_table.files_on_disk(db, record.id), again)


def _is_there(spec: SourceSpec) -> bool:
    try:
        if places.is_remote(spec.path):
            is_pattern = folders.is_pattern(str(spec.path))
            return folders.exists(spec.root if is_pattern else spec.path)
        is_named = spec.path.exists() or folders.is_pattern(str(spec.path))
        return spec.root.is_dir() and is_named
    except (OSError, errors.SourceError):
        return False


def _manifests(paths: ProjectPaths) -> Iterator[Finding]:
    """Return the manifests below `exports/`, and those that export jobs wrote elsewhere."""
    folders = {path.parent for path in paths.exports.glob("**/manifest.json")}
    for status in launcher.all_jobs(paths):
        if status.kind == "export" and status.state == "done":
            asked = JobFolder(paths.job(status.id)).settings()
            if asked["format"] == "native" and Path(asked["out"]).is_dir():
                folders.add(Path(asked["out"]))
    for folder in sorted(folders):
        yield from _manifest(folder)


def _manifest(folder: Path) -> Iterator[Finding]:
    again = "Export the selection again; existing files are never overwritten."
    try:
        report = verification.verify(folder, images=False)
        roots = manifest.read(folder).roots() if not report.problems else {}
    except errors.SeptError as problem:
        yield Finding("manifest", str(folder), str(problem), again)
        return
    for fault in report.problems:
        yield Finding("manifest", str(folder), fault.message, again)
    for name, root in roots.items():
        if not (places.is_remote(root) or root.is_dir()):
            text = f"Its source {name!r} is no longer at {root}."
            remedy = f"Correct {folder / manifest.ROOTS}, which names each source's folder."
            yield Finding("manifest", str(folder), text, remedy)


def _jobs(paths: ProjectPaths) -> Iterator[Finding]:
    for folder in sorted(path for path in paths.jobs.glob("2*-*") if path.is_dir()):
        try:
            for name in ("settings", "status"):
                atomic.read_json(folder / f"{name}.json")
            status = launcher.status(paths, folder.name)
        except (errors.SeptError, KeyError, TypeError) as problem:
            text = f"Its record cannot be read: {problem}"
            remedy = "Repair quarantines it; the results of the job are kept elsewhere."
            yield Finding("job", str(folder), text, remedy, (folder,))
            continue
        if status.state == "lost":
            text = f"{status.title}: {status.reason}."
            resume = commands.line("job", "resume", paths.root, folder.name)
            remedy = f"Resume it where it stopped: {resume}"
            yield Finding("job", str(folder), text, remedy)


def _runs(paths: ProjectPaths) -> Iterator[Finding]:
    for header in sorted(paths.runs.glob(f"*/{project_paths.RUN_HEADER}")):
        try:
            known: dict[str, Any] = atomic.read_json(header)
            problem = integrity.altered(header.parent, known.get("sha256", {}))
        except (errors.IntegrityError, AttributeError):
            problem = f"Its {project_paths.RUN_HEADER} is damaged."
        if problem:
            remedy = "Repair quarantines the run; train it again with the same settings."
            yield Finding("run", str(header.parent), problem, remedy, (header.parent,))


ON_DISK: dict[str, Callable[[ProjectPaths], Iterator[Finding]]] = {
    "encoders": lambda paths: integrity.encoders(paths.root),
    "features": lambda paths: integrity.stores(paths.root),
    "renewals": lambda paths: integrity.renewals(paths.root),
    "indexes and maps": lambda paths: integrity.artefacts(paths.root),
    "exports": _manifests,
    "jobs": _jobs,
    "runs": _runs,
}
"""Checks that need no catalogue, in order."""
