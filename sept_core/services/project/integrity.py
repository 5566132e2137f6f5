"""Integrity checks of a project's files, and the quarantine of damaged ones.

In: folders. Out: `Finding`s, one per problem, in sentences; nothing is changed until `set_aside`,
which only moves files within the project.
"""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.features import feature_store
from sept_core.filesystem import remote_folders, safe_paths
from sept_core.imaging import pixel_values
from sept_core.remote.places import is_remote
from sept_core.remote.places import text as text_of
from sept_core.storage import atomic, project_paths

ASIDE = "damaged"
"""Folder in the project that repair moves files into."""

SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        kind: `catalogue`, `decisions`, `features`, `artefact`, `encoder`, `selection`,
            `manifest`, `source`, `job`, `run` or `leftover`.
        where: the file or folder, or the name of a source.
        problem: the problem, one sentence.
        remedy: the remedy, one sentence.
        aside: files that `set_aside` moves so that they are rebuilt; empty if only a user can help.
    """

    kind: str
    where: str
    problem: str
    remedy: str
    aside: tuple[Path, ...] = ()


def set_aside(root: Path, findings: Iterable[Finding]) -> list[Path]:
    """Move the files of the findings into a new folder below `damaged/`.

    Args:
        root: the project's folder, which contains all files to move.
        findings: recent findings.

    Returns:
        The new path of each.
    """
    moved = []
    folder = root / ASIDE / time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for path in dict.fromkeys(path for finding in findings for path in finding.aside):
        if not os.path.lexists(path):
            continue
        home = folder / path.relative_to(root)
        home.parent.mkdir(parents=True, exist_ok=True)
        path.rename(home)
        moved.append(home)
    return moved


def leftovers(root: Path) -> Iterator[Finding]:
    """Yield files of interrupted writes; call it only while nothing writes."""
    for path in sorted(root.rglob(".*.tmp")):
        if ASIDE not in path.relative_to(root).parts:
            yield Finding(
                "leftover",
                str(path),
                "It was left by an interrupted write; nothing reads it.",
                "Repair quarantines it.",
                (path,),
            )


def stores(root: Path) -> Iterator[Finding]:
    """Check every feature store below `features/`: cards, headers, checksums, unfinished shards."""
    for folder in sorted(path for path in root.glob("features/*") if path.is_dir()):
        again = "Repair quarantines the shard; embedding again recomputes its features."
        try:
            card = feature_store.read_card(folder)
            if card["kind"] == "imported":
                again = "Repair quarantines the shard; import the features again."
        except (errors.SeptError, KeyError, TypeError) as problem:
            yield Finding(
                "features",
                str(folder),
                f"Its card, which names the encoder of the features, cannot be read: {problem}",
                "Repair quarantines the features; embed again.",
                (folder,),
            )
            continue
        for store in sorted({path.parent for path in folder.rglob("[0-9]*.*")}):
            yield from _store(store, again)


def renewals(root: Path) -> Iterator[Finding]:
    """Yield renewals that were interrupted while older shards were being replaced."""
    for ready in sorted((root / feature_store.RENEWAL).glob(f"**/{feature_store.READY}")):
        encoder_id = ready.relative_to(root / feature_store.RENEWAL).parts[0]
        yield Finding(
            "features",
            str(ready.parent),
            f"The renewal of the features of {encoder_id} was interrupted in its last step.",
            f"Finish it: sept embed {root} --renew --encoder {encoder_id}",
        )


def _store(folder: Path, again: str) -> Iterator[Finding]:
    numbers = sorted({path.name.split(".")[0] for path in folder.glob("[0-9]*.*")})
    for number in numbers:
        base = folder / number
        parts = tuple(
            path
            for suffix in feature_store.PARTS.values()
            if (path := Path(f"{base}{suffix}")).exists()
        )
        header = base.with_suffix(".json")
        if not header.exists():
            yield Finding(
                "leftover",
                str(base),
                "A shard without its header: writing it was interrupted; nothing reads it.",
                "Repair quarantines it; embedding again rebuilds it.",
                parts,
            )
        elif problem := _shard_problem(base, header):
            yield Finding("features", str(base), problem, again, (*parts, header))


def _shard_problem(base: Path, header: Path) -> str | None:
    try:
        known = atomic.read_json(header)
        expected = {
            f"{base.name}{suffix}": known[f"{part}_sha256"]
            for part, suffix in feature_store.PARTS.items()
        }
    except (errors.IntegrityError, KeyError, TypeError):
        return f"Its header {header.name} is damaged."
    return altered(base.parent, expected)


def altered(folder: Path, expected: dict[str, Any]) -> str | None:
    """Return the problem of files with a known SHA-256, or None."""
    for name, sha256 in expected.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing."
        if atomic.sha256_file(path) != sha256:
            return f"{name} was altered: its checksum differs."
    return None


def artefacts(root: Path) -> Iterator[Finding]:
    """Check every derived artefact: indexes, graphs, groups, thresholds, maps."""
    folders = (*root.glob("indexes/*/*"), *root.glob("maps/*"))
    for folder in sorted(path for path in folders if path.is_dir()):
        problem = _artefact_problem(folder)
        if problem:
            where = "draw the map again" if folder.parent.name == "maps" else "prepare again"
            remedy = f"Repair quarantines it; {where}."
            yield Finding("artefact", str(folder), problem, remedy, (folder,))


def _artefact_problem(folder: Path) -> str | None:
    header = folder / project_paths.HEADER
    if not header.exists():
        return _tables_problem(folder)
    try:
        known = atomic.read_json(header)
        expected = known.get("sha256")
    except (errors.IntegrityError, AttributeError):
        return f"Its {project_paths.HEADER} is damaged."
    # Earlier versions wrote no checksums, so their tables are only read.
    return _tables_problem(folder) if expected is None else altered(folder, expected)


def _tables_problem(folder: Path) -> str | None:
    """Return the problem of tables without a header: guard's cache or unfinished artefact."""
    for path in sorted(folder.rglob("*.parquet")):
        if problem := table_problem(path):
            return problem
    return None


def table_problem(path: Path, sha256: str | None = None) -> str | None:
    """Return the problem of a parquet file, or None."""
    if sha256 is not None:
        return altered(path.parent, {path.name: sha256})
    try:
        pq.read_table(path)
    except (pa.ArrowException, OSError) as problem:
        return f"{path.name} cannot be read: {problem}."
    return None


def encoders(root: Path) -> Iterator[Finding]:
    """Check what was fitted on this pool: the value ranges, and encoders with weights and card."""
    yield from _value_ranges(root / "encoders" / pixel_values.FILE)
    for folder in sorted(path for path in root.glob("encoders/*") if path.is_dir()):
        for header in folder.glob("fit.json"):
            try:
                known = atomic.read_json(header)
                weights = next(path.name for path in folder.glob("*.safetensors"))
                problem = altered(folder, {weights: known["sha256"]})
            except (errors.IntegrityError, KeyError, TypeError, StopIteration):
                problem = "Its weights or its card are missing or damaged."
            if problem:
                remedy = "Repair quarantines it; embedding again fits an identical one."
                yield Finding("encoder", str(folder), problem, remedy, (folder,))


def _value_ranges(path: Path) -> Iterator[Finding]:
    try:
        pixel_values.from_json(atomic.read_json(path))
    except errors.NotFoundError:
        return  # before the first image of more than 8 bits
    except errors.SeptError as problem:
        remedy = "Repair quarantines it; the ranges of the existing features are then used."
        yield Finding("encoder", str(path), str(problem), remedy, (path,))


def places(root: Path, rows: pa.Table, again: str) -> Iterator[Finding]:
    """Check that the files of a source are as they were listed, without opening them.

    Args:
        root: the folder that the paths are relative to.
        rows: rel_path, size (of the file itself, −1 where unknown) and mtime_ns.
        again: the command that lists this source again.
    """
    missing, changed = [], []
    columns = (rows[name].to_pylist() for name in ("rel_path", "size", "mtime_ns"))
    looked = _looked_up(root, rows["rel_path"].to_pylist())
    for rel_path, size, mtime, found in zip(*columns, looked, strict=True):
        if found is None:
            missing.append(rel_path)
        elif (size >= 0 and found[0] != size) or found[1] != mtime:
            changed.append(rel_path)
    for names, what in ((missing, "are gone"), (changed, "have changed since they were listed")):
        if names:
            first = ", ".join(repr(name) for name in names[:SHOWN])
            text = f"{len(names)} of its {rows.num_rows} files {what} (first: {first})."
            yield Finding("source", text_of(root), text, again)


def _looked_up(root: Path, rel_paths: list[str]) -> Iterator[tuple[int, int] | None]:
    """Yield size and time of each file, None for one that is gone."""
    if is_remote(root):
        for found in remote_folders.look_all(root, rel_paths):
            yield None if found.problem else (found.size, found.mtime_ns)
        return
    for rel_path in rel_paths:
        try:
            status = os.stat(os.path.join(root, safe_paths.original(rel_path)))  # noqa: PTH116, PTH118
            yield status.st_size, status.st_mtime_ns
        except (OSError, ValueError):
            yield None
