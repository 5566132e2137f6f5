"""Outcomes of files and of feature rows: counts by state, reasons for files not embedded.

In: an open project. Out: plain counts, tables of reasons, csv.
"""

import csv
import io
from typing import Any

import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import image_table, outcome_table, source_table
from sept_core.export import tables
from sept_core.features import feature_store
from sept_core.services.project import projects
from sept_core.services.project.project import Project

STATES = ("waiting", "ok", "unreadable", "rejected")
"""States of live files in the catalogue."""

ROWS = pa.schema([(name, pa.string()) for name in ("encoder", "collection", "key", "reason")])


def counts(project: Project, role: str, name: str) -> dict[str, int]:
    """Count the live files of one source or target set by state, and `files`, their sum.

    Raises:
        NotFoundError: the name is unknown.
    """
    known = source_table.counts(project.db, source_table.find(project.db, role, name).id)
    found = {state: known[state] for state in STATES if state in known}
    return {"files": sum(found.values()), **found}


def check_listing(project: Project, role: str, name: str, see: str) -> dict[str, int]:
    """Return the counts of a source or target set that has just been listed.

    Args:
        project: the open project.
        role: `pool` or `target`.
        name: name of the source or target set.
        see: a command that lists the reasons of rejections.

    Raises:
        SourceError: all of its files are rejected.
    """
    known = counts(project, role, name)
    if 0 < known["files"] == known["rejected"]:
        first = reasons(project, role, name).slice(0, 1).to_pylist()[0]
        raise errors.SourceError(
            f"All files of {name} are rejected ({known['files']:,}; first: "
            f"{first['member'] or first['rel_path']}: {first['reason']}); see: {see}"
        )
    return known


def reasons(project: Project, role: str, name: str | None = None) -> pa.Table:
    """Return the files that are not embedded, with the reason; see `catalogue.outcomes`.

    Raises:
        NotFoundError: there is no source or target set of that name.
    """
    if name is not None:
        source_table.find(project.db, role, name)
    return outcome_table.with_reasons(project.db, role, name)


def more(project: Project, role: str, name: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return further tables of outcomes: `no_features` by encoder, and `partly_taken`."""
    tables = {
        "no_features": image_table.featureless_places(project.db, role),
        "partly_taken": image_table.partly_taken(project.db, role),
    }
    return {
        key: [row for row in table.to_pylist() if name in (None, row["source"])]
        for key, table in tables.items()
    }


def feature_rows(project: Project) -> pa.Table:
    """Return the rows of imported features that could not be used.

    Columns: encoder (its id), collection (`pool` or the name of a target set), key, reason; each
    row once, even if it was imported several times.
    """
    names = {record.id: record.name for record in source_table.every(project.db, "target")}
    found: dict[tuple[str, str, str], str] = {}
    for card in projects.encoders(project):
        root = project.paths.features(card["id"])
        folders = {path.parent for path in root.glob("**/[0-9]*.json")}
        for folder in sorted(folders) if card["kind"] == "imported" else ():
            place = folder.relative_to(root).parts
            collection = names.get(place[1], place[1]) if len(place) > 1 else place[0]
            for key, reason in _refused(feature_store.FeatureStore(folder)):
                found[card["id"], collection, key] = reason
    rows = [(*where, reason) for where, reason in found.items()]
    return pa.Table.from_pylist([dict(zip(ROWS.names, row, strict=True)) for row in rows], ROWS)


def _refused(store: feature_store.FeatureStore) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for shard in store.shards:
        table = shard.outcomes(refused=True)
        rows += zip(table["rel_path"].to_pylist(), table["reason"].to_pylist(), strict=True)
    return rows


def as_csv(table: pa.Table) -> str:
    """Write a table with a header, safe to open in a spreadsheet; see `export.tables.write_csv`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([tables.cell(value) for value in row.values()])
    return out.getvalue()


def by_state(table: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Group the rows of `reasons` by state; `rejected` is always included."""
    found: dict[str, list[dict[str, Any]]] = {"rejected": []}
    for row in table.to_pylist():
        found.setdefault(row.pop("state"), []).append(row)
    return found
