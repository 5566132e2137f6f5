"""Results for Python callers: frozen records, with Arrow tables where there are rows.

In: results of functions of `services`. Out: results of `sept_core.api`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from sept_core.catalogue.source_table import ScanReport
from sept_core.review.decision_log import Churn
from sept_core.selection import diagnostics
from sept_core.services.data import embedding
from sept_core.services.project.project_status import ProjectStatus, TargetStatus
from sept_core.services.train import evaluation_archive, report, runs
from sept_core.storage import project_paths

_TEXT, _COUNT, _YES, _REAL = pa.string(), pa.int64(), pa.bool_(), pa.float64()
_FILES = [(n, _COUNT) for n in ("images", "waiting", "unreadable", "rejected", "gone")]
_SOURCE = [("name", _TEXT), ("kind", _TEXT), ("path", _TEXT), ("note", _TEXT), *_FILES]

SOURCES = pa.schema(_SOURCE)
TARGETS = pa.schema(
    [
        *_SOURCE,
        ("layout", _TEXT),
        *((split, _COUNT) for split in ("train", "val", "test", "unassigned")),
        ("warnings", pa.list_(_TEXT)),
    ]
)
ENCODERS = pa.schema(
    [("id", _TEXT), ("spec", _TEXT), ("kind", _TEXT), ("dim", _COUNT), ("pool_images", _COUNT),
     ("no_features", _COUNT)]
)  # fmt: skip
SELECTIONS = pa.schema(
    [("id", _TEXT), ("targets", pa.list_(_TEXT)), ("strategy", _TEXT), ("budget", _COUNT),
     ("images", _COUNT), ("encoder_id", _TEXT), ("older_than_pool", _YES)]
)  # fmt: skip
RUNS = pa.schema(
    [("name", _TEXT), ("state", _TEXT), ("method", _TEXT), ("backbone", _TEXT), ("steps", _COUNT),
     ("total", _COUNT)]
)  # fmt: skip
JOBS = pa.schema([("id", _TEXT), ("kind", _TEXT), ("title", _TEXT), ("state", _TEXT)])
DECISIONS = pa.schema(
    [("position", _COUNT), ("at", _TEXT), ("who", _TEXT), ("action", _TEXT), ("scope", _TEXT),
     ("reason", _TEXT), ("uids", pa.list_(_TEXT)), ("stands", _YES)]
)  # fmt: skip
OUTCOMES = pa.schema(
    [("row", _COUNT), ("name", _TEXT), ("decision", _TEXT), ("outcome", _TEXT), ("note", _TEXT),
     ("uid", _TEXT), ("matched", _TEXT), ("reason", _TEXT), ("who", _TEXT)]
)  # fmt: skip
DIAGNOSTICS = pa.schema([("name", _TEXT), ("value", _REAL), ("meaning", _TEXT)])
ADVICE = pa.schema(
    [("rank", _COUNT), ("budget", _COUNT), ("lower_quartile", _REAL), ("median", _REAL),
     ("upper_quartile", _REAL)]
)  # fmt: skip
SCORES = pa.schema(
    [("arm", _TEXT), ("readout", _TEXT), ("labels", _TEXT), ("seeds", _COUNT), ("draws", _COUNT),
     ("steps", _REAL), ("images_seen", _REAL), ("mean", _REAL), ("low", _REAL), ("high", _REAL),
     ("over", _TEXT), ("sd_seeds", _REAL), ("sd_draws", _REAL), ("by_seed", pa.list_(_REAL)),
     ("difference", _REAL), ("difference_low", _REAL), ("difference_high", _REAL),
     ("distinguishable", _YES), ("p", _REAL), ("p_holm", _REAL),
     ("difference_by_seed", pa.list_(_REAL))]
)  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """Result of listing a source or target set, in files.

    Attributes:
        files: live files, of which `rejected` and `unreadable` could not be used.
        new, changed, returned, unchanged, gone: since the previous listing.
        layout: meaning of the folders of a target set; None for a source.
        splits: images of a target set by split and class; an empty class means none.
        notes: how a list or table is read.
        warnings: warnings about a target set.
    """

    name: str
    files: int
    new: int
    changed: int
    returned: int
    unchanged: int
    gone: int
    rejected: int
    unreadable: int
    layout: str | None = None
    splits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def listing(
    name: str,
    scan: ScanReport,
    counts: Mapping[str, int],
    notes: Iterable[str],
    target: TargetStatus | None = None,
) -> Listing:
    """Build a listing, with the target set's entry of `projects.status` if it is one."""
    return Listing(
        name,
        counts["files"],
        scan.new,
        scan.changed,
        scan.returned,
        scan.unchanged,
        scan.gone,
        counts["rejected"],
        counts["unreadable"],
        target.layout if target else None,
        target.classes if target else {},
        tuple(notes),
        tuple(target.warnings) if target else (),
    )


@dataclass(frozen=True)
class Status:
    """State of a project.

    Attributes:
        pool: counts of images and files.
        sources, targets, encoders, selections, jobs: tables; jobs are the unfinished ones.
        decisions: position of the latest one.
        runs: names of the pre-training runs.
    """

    title: str
    folder: Path
    pool: Mapping[str, int]
    sources: pa.Table = field(repr=False)
    targets: pa.Table = field(repr=False)
    encoders: pa.Table = field(repr=False)
    selections: pa.Table = field(repr=False)
    jobs: pa.Table = field(repr=False)
    decisions: int
    runs: tuple[str, ...]


def status(state: ProjectStatus) -> Status:
    """Build the record of a result of `projects.status`."""
    found = state.json()
    counts = {name: value for name, value in found["pool"].items() if isinstance(value, int)}
    return Status(
        found["title"],
        Path(found["project"]),
        counts,
        table(found["sources"], SOURCES),
        table(({**one, **_by_split(one)} for one in found["targets"]), TARGETS),
        table(found["encoders"], ENCODERS),
        table(map(_selection_row, found["selections"]), SELECTIONS),
        table(found["jobs"], JOBS),
        found["decisions"],
        tuple(found["runs"]),
    )


def _by_split(target: Mapping[str, Any]) -> dict[str, int]:
    return {split: target["splits"].get(split, 0) for split in TARGETS.names if split in _SPLITS}


_SPLITS = ("train", "val", "test", "unassigned")


def _selection_row(record: Mapping[str, Any]) -> dict[str, Any]:
    settings = {"strategy": record["strategy"], "budget": record["settings"]["budget"]}
    return {**record, **settings, "images": record["count"]}


@dataclass(frozen=True)
class Embedded:
    """Result of an embedding.

    Attributes:
        encoder: id of the encoder.
        images_per_second: speed over all images.
        table: counts of files by collection (the pool, and each part of a target set).
        sentence: the counts as a sentence.
    """

    encoder: str
    images_per_second: float
    table: pa.Table = field(repr=False)
    sentence: str


def embedded(result: Mapping[str, Any], told: embedding.Summary) -> Embedded:
    """Build the record of an embedding's result."""
    schema = pa.schema([("collection", _TEXT), *((name, _COUNT) for name in embedding.COUNTED)])
    rows = ({**part, "collection": name} for name, part in told.parts.items())
    speed = float(result["images_per_second"])
    return Embedded(result["encoder_id"], speed, table(rows, schema), told.sentence)


@dataclass(frozen=True)
class Selection:
    """A selection.

    Attributes:
        id: its id in all commands.
        targets: its target sets.
        count: number of images.
        shortfall: why it has fewer images than its budget, as a sentence, or None.
        churn: added and removed images, if it updates an earlier selection.
        record: its inputs: settings, encoder, filter, guard, funnel, pool, decisions.
        table: the picks in order, with their provenance: uid, target_uid (the target image that
            brought it in), target_rank, similarity, n_targets, phase, dup_group; with parts or
            weights also part and weight.
    """

    id: str
    targets: tuple[str, ...]
    count: int
    shortfall: str | None
    churn: Churn | None = field(repr=False)
    record: Mapping[str, Any] = field(repr=False)
    table: pa.Table = field(repr=False)

    @property
    def uids(self) -> list[str]:
        """Return the uids of its images, in selected order."""
        uids: list[str] = self.table["uid"].to_pylist()
        return uids

    def to_pandas(self) -> Any:
        """Return the table as a pandas DataFrame."""
        return self.table.to_pandas()


def selection(record: Mapping[str, Any], picks: pa.Table) -> Selection:
    """Build the record of a selection with its picks."""
    churn = record.get("churn")
    return Selection(
        record["selection"],
        tuple(record["targets"]),
        record["count"],
        record.get("shortfall"),
        Churn(tuple(churn["came"]), tuple(churn["went"])) if churn else None,
        record,
        picks,
    )


@dataclass(frozen=True)
class Decided:
    """A committed decision.

    Attributes:
        position: in the project's log.
        uids: all images that it applies to, including those of its group, cluster or radius.
    """

    action: str
    scope: str
    position: int
    uids: tuple[str, ...]


@dataclass(frozen=True)
class ImportedDecisions:
    """Result of an import of decisions.

    Attributes:
        imported: number of decisions that were committed.
        outcomes: rows of the file by outcome.
        table: the outcome of every row.
    """

    imported: int
    outcomes: Mapping[str, int]
    table: pa.Table


@dataclass(frozen=True)
class Undone:
    """Positions of undone decisions, and the position of the undo."""

    positions: tuple[int, ...]
    position: int


@dataclass(frozen=True)
class Exported:
    """An export: its path, its number of images, and its number of files."""

    path: Path
    format: str
    images: int
    copied: int
    linked: int
    notes: tuple[str, ...]


def exported(result: Mapping[str, Any]) -> Exported:
    """Build the record of an export's result."""
    return Exported(
        Path(result["out"]),
        result["format"],
        result["images"],
        result["copied"],
        result["linked"],
        tuple(result["notes"]),
    )


@dataclass(frozen=True)
class Run:
    """A pre-training run.

    Attributes:
        folder: contains backbone.safetensors, card.json and load.py once it is done.
        state: done, or that of its latest job.
        steps, total: optimiser steps taken and planned.
        metrics: the latest value of each metric.
        table: the metrics over the steps.
    """

    name: str
    folder: Path
    state: str
    steps: int
    total: int
    metrics: Mapping[str, Any] = field(repr=False)
    table: pa.Table = field(repr=False)


def run(paths: project_paths.ProjectPaths, name: str) -> Run:
    """Build the record of a run; see `runs.find`."""
    found, folder = runs.find(paths, name), paths.run(name)
    lines = runs.metrics(folder)
    names = dict.fromkeys(key for line in lines for key in line)
    columns = {key: [line.get(key) for line in lines] for key in names}
    metrics = pa.table(columns)
    return Run(name, folder, found.state, found.steps, found.total, found.last, metrics)


def all_runs(paths: project_paths.ProjectPaths) -> pa.Table:
    """Return all runs, latest first."""
    rows = (
        {"name": one.name, "state": one.state, "method": one.settings.method,
         "backbone": one.settings.backbone, "steps": one.steps, "total": one.total}
        for one in runs.every(paths)
    )  # fmt: skip
    return table(rows, RUNS)


@dataclass(frozen=True)
class Diagnostics:
    """Diagnostics of a selection, computed without training; they are not evidence.

    Attributes:
        funnel: pool images that remain after each rule.
        parts: images by part of a recipe; "" is pins and fill. Empty without parts.
        table: name, value (null where it could not be measured) and meaning.
    """

    selection: str
    funnel: Mapping[str, int]
    parts: Mapping[str, int]
    table: pa.Table = field(repr=False)


def diagnosed(found: Mapping[str, Any]) -> Diagnostics:
    """Build the record of a diagnostics report."""
    rows = (
        {"name": name, "value": value, "meaning": diagnostics.meaning(name)}
        for name, value in found.items()
        if name not in ("selection", "funnel", "parts")
    )
    parts = found.get("parts", {})
    return Diagnostics(found["selection"], found["funnel"], parts, table(rows, DIAGNOSTICS))


@dataclass(frozen=True)
class Advice:
    """Advice on the budget.

    Attributes:
        flattens_at: budget beyond which similarity falls only slowly; None without one.
        hint: a sentence about the strategy, or None.
        table: by rank: the budget that it fills and the quartiles of the similarity.
    """

    flattens_at: int | None
    hint: str | None
    table: pa.Table = field(repr=False)


def advice(found: Mapping[str, Any]) -> Advice:
    """Build the record of `selections.advise`."""
    pairs = enumerate(zip(found["budgets"], found["quartiles"], strict=True), 1)
    rows = ([rank, budget, *quartiles] for rank, (budget, quartiles) in pairs)
    named = (dict(zip(ADVICE.names, row, strict=True)) for row in rows)
    return Advice(found["flattens_at"], found["hint"], table(named, ADVICE))


@dataclass(frozen=True)
class Evaluation:
    """Result of a comparison on one target set.

    Attributes:
        reference: the arm that the others are compared with.
        table: accuracy of each arm, readout and label count with its 95% interval, and the
            difference to the reference; see `evaluation_archive.COLUMNS`.
        sentences: the conclusions as sentences.
        notes: caveats as sentences.
        page: the report as HTML.
    """

    id: str
    target: str
    reference: str
    table: pa.Table = field(repr=False)
    sentences: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    page: Path


def evaluation(found: evaluation_archive.Evaluation) -> Evaluation:
    """Build the record of a finished evaluation; writes its HTML report."""
    reference = report.reference(found)
    return Evaluation(
        found.id,
        found.request["target"],
        reference,
        table(evaluation_archive.table(found, reference), SCORES),
        tuple(found.summary["sentences"]),
        tuple(found.summary["notes"]),
        report.write(found),
    )


def table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return the rows as a table with a schema's columns."""
    named = [{name: row.get(name) for name in schema.names} for row in rows]
    return pa.Table.from_pylist(named, schema)
