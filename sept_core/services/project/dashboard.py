"""The numbers and pictures of Overview, from what is stored; nothing is computed over the pool.

In: an open project and its status. Out: a `Dashboard`. Gaps and distances are measured on request
and stored with the content ids of the features that they were made from.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from sept_core import targets as target_layout
from sept_core.catalogue import image_table, settings, source_table, split_table
from sept_core.features import feature_store
from sept_core.review.audit import Precision
from sept_core.selection import strategies
from sept_core.services.project import guidance, projects
from sept_core.services.project.guidance import NextStep
from sept_core.services.project.project import Project
from sept_core.services.project.project_status import PoolCounts, ProjectStatus, TargetStatus
from sept_core.services.train import advice_record, differences, evaluation_archive, runs
from sept_core.services.train.advice_record import Advice
from sept_core.services.train.differences import Difference
from sept_core.services.train.evaluations import RANDOM_INIT
from sept_core.storage import atomic, hashing, project_paths

MOSAIC, STRIP = 70, 14
"""Numbers of pictures."""

READOUTS = ("linear", "finetune", "knn")
"""Readouts in the order in which the evidence card prefers them."""

GAP, DISTANCE = "dashboard:gap:", "dashboard:distance:"


@dataclass(frozen=True)
class PoolCard:
    """The pool: counts, uids of a sample, and near-duplicates (None before they are detected)."""

    counts: PoolCounts
    sources: int
    mosaic: tuple[str, ...]
    duplicates: int | None


@dataclass(frozen=True)
class TargetCard:
    """One target set.

    Attributes:
        searching, heldout: numbers of images.
        strip: uids of some training images, one of each class first.
        gap: share of training images that the pool covers no better than chance; None if the pool
            is too small or it was not measured.
        measured: True if the gap is up to date.
    """

    name: str
    searching: int
    heldout: int
    waiting: int
    strip: tuple[str, ...]
    gap: float | None
    measured: bool


@dataclass(frozen=True)
class Distance:
    """Energy distance ×10³ to the held-out targets: of the subset, and of as many random images."""

    subset: float
    random: float


@dataclass(frozen=True)
class SelectionCard:
    """The latest selection that a person saved.

    Attributes:
        strip: uids of its first images.
        precision: None while nothing is judged.
        distance: None if it was not measured for these features.
        measurable: True if there are held-out images to compare with.
    """

    id: str
    targets: tuple[str, ...]
    strategy: str
    count: int
    created_at: float
    older_than_pool: bool
    strip: tuple[str, ...]
    precision: Precision | None
    distance: Distance | None
    measurable: bool


@dataclass(frozen=True)
class RunCard:
    """The latest pre-training run; `losses` are (step, loss), `seconds` None before it is done."""

    name: str
    state: str
    method: str
    backbone: str
    steps: int
    total: int
    losses: tuple[tuple[float, float], ...]
    seconds: float | None


@dataclass(frozen=True)
class EvidenceCard:
    """The latest paired difference to a random subset, as its evaluation concludes."""

    evaluation: str
    target: str
    difference: Difference

    @property
    def sentence(self) -> str:
        """The conclusion in one sentence."""
        found = self.difference
        value, low, high = (_points(share) for share in (found.value, *found.interval))
        points = f"{value} points ({low} to {high})"
        seeds = "1 seed" if found.seeds == 1 else f"{found.seeds} seeds"
        if not found.covers_seeds:
            return f"{points} over the test images; {seeds}: too few for a verdict."
        if found.better is None:
            return f"{points}: no difference to a random subset is seen with {seeds}."
        better = "better" if found.better else "worse"
        return f"{points}: {better} than a random subset of the same size, {seeds}."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Dashboard:
    """All cards; those without content are None.

    Attributes:
        advised: the target set of the advice: that of the evidence, or of the latest selection.
        advice: the stored advice from studies on it, if it is up to date.
    """

    pool: PoolCard
    targets: tuple[TargetCard, ...]
    selection: SelectionCard | None
    run: RunCard | None
    evidence: EvidenceCard | None
    advised: str
    advice: Advice | None
    next: NextStep


def assemble(project: Project, status: ProjectStatus) -> Dashboard:
    """Return the dashboard.

    Args:
        project: the open project.
        status: its status.
    """
    encoder = projects.find_encoder(project, None) if status.encoders else None
    records = {record.name: record for record in source_table.every(project.db, "target")}
    selection, evidence = _selection(project, status), _evidence(project.paths)
    named = [evidence.target] if evidence else list(selection.targets) if selection else []
    advised = next((name for name in [*named, *records] if name in records), "")
    return Dashboard(
        pool=PoolCard(
            status.pool,
            len(status.sources),
            tuple(image_table.sample(project.db, MOSAIC)),
            _duplicates(project, encoder),
        ),
        targets=tuple(
            _target(project, entry, records[entry.name].id, encoder) for entry in status.targets
        ),
        selection=selection,
        run=_run(project.paths),
        evidence=evidence,
        advised=advised,
        advice=advice_record.find(project, advised) if advised else None,
        next=guidance.next_step(status),
    )


def _duplicates(project: Project, encoder: str | None) -> int | None:
    if encoder is None:
        return None
    path = project.paths.index(encoder, "duplicates") / project_paths.HEADER
    return int(atomic.read_json(path)["images"]) if path.exists() else None


def _target(
    project: Project, entry: TargetStatus, target_id: str, encoder: str | None
) -> TargetCard:
    stored = settings.get(project.db, GAP + target_id) or {}
    fresh = encoder is not None and stored.get("made_from") == _gap_key(project, encoder, target_id)
    return TargetCard(
        entry.name,
        sum(entry.splits.get(split, 0) for split in target_layout.SEARCH_SPLITS),
        sum(entry.splits.get(split, 0) for split in target_layout.HELDOUT_SPLITS),
        entry.waiting,
        _strip(project, target_id),
        stored["gap"] if fresh else None,
        fresh,
    )


def _strip(project: Project, target_id: str) -> tuple[str, ...]:
    """Return training images, taken from the classes in turn."""
    rows = split_table.labelled(project.db, target_id, target_layout.SEARCH_SPLITS)
    turns: dict[str, int] = {}
    order = []
    pairs = zip(rows["label"].to_pylist(), rows["uid"].to_pylist(), strict=True)
    for label, uid in pairs:
        turns[label or ""] = turns.get(label or "", 0) + 1
        order.append((turns[label or ""], label or "", uid))
    return tuple(uid for _, _, uid in sorted(order)[:STRIP])


def _gap_key(project: Project, encoder: str, target_id: str) -> list[str]:
    """Return what a gap depends on: pool and training images, which a layout may change."""
    stores = project.paths.pool_features(encoder), project.paths.target_features(encoder, target_id)
    images = hashing.uid_of(split_table.searching(project.db, target_id).tobytes())
    return [encoder, *(feature_store.kept(store).content_id() for store in stores), images]


def measure_gap(project: Project, target: str) -> float | None:
    """Measure and store the share of a target set's training images in a gap of the pool.

    Raises:
        NotFoundError, InputError: see `inspection.reach`.
    """
    from sept_core.services.data import inspection  # imports faiss, which the first page avoids

    record = source_table.find(project.db, "target", target)
    gap = inspection.reach(project, target).at_random
    key = _gap_key(project, projects.find_encoder(project, None), record.id)
    settings.put(project.db, GAP + record.id, {"made_from": key, "gap": gap})
    return gap


def _selection(project: Project, status: ProjectStatus) -> SelectionCard | None:
    own = [record for record in status.selections if not record.get("study")]
    if not own:
        return None
    latest = own[-1]
    heldout = [t for t in status.targets if t.name in latest["targets"]]
    stored = settings.get(project.db, DISTANCE + latest["id"]) or {}
    fresh = stored.get("made_from") == _distance_key(project, latest)
    whole = _audited(project, latest["id"]) if latest["count"] and status.decisions else None
    return SelectionCard(
        latest["id"],
        tuple(latest["targets"]),
        strategies.name_of(latest["settings"]),
        latest["count"],
        latest["created_at"],
        latest["older_than_pool"],
        _first(project, latest),
        whole,
        Distance(stored["subset"], stored["random"]) if fresh and "subset" in stored else None,
        any(t.splits.get(s, 0) for t in heldout for s in target_layout.HELDOUT_SPLITS),
    )


def _audited(project: Project, selection_id: str) -> Precision | None:
    """Return the precision of the whole selection; None while nothing is judged."""
    from sept_core.services.curate import judging  # imports faiss, which a new project avoids

    found = judging.audited(project, selection_id)
    return found[-1] if found else None


def _first(project: Project, record: dict[str, Any]) -> tuple[str, ...]:
    """Return the first images; none if the file is missing, which Curate writes again."""
    path = project.paths.selection(record["id"])
    if not path.exists():
        return ()
    return tuple(pq.read_table(path, columns=["uid"])["uid"][:STRIP].to_pylist())


def _distance_key(project: Project, record: dict[str, Any]) -> list[str]:
    """Return what a distance depends on: the selection, the pool and the held-out images."""
    encoder, ids = record["encoder_id"], record["target_ids"]
    stores = [project.paths.pool_features(encoder)]
    stores += [project.paths.target_features(encoder, ident, heldout=True) for ident in ids]
    content = [feature_store.kept(store).content_id() for store in stores]
    heldout = [hashing.uid_of(split_table.held_out(project.db, ident).tobytes()) for ident in ids]
    return [record["id"], encoder, *content, *heldout]


def measure_distance(project: Project, selection_id: str) -> Distance | None:
    """Measure and store the distance of a selection to the held-out targets; None if too few.

    Raises:
        NotFoundError: no such selection.
    """
    from sept_core.services.curate import selections, subset_diagnostics

    record = selections.find(project, selection_id)
    found = subset_diagnostics.report(project, selection_id)
    subset, random = found.get("energy"), found.get("energy_random")
    stored: dict[str, Any] = {"made_from": _distance_key(project, record)}
    distance = None
    if subset is not None and random is not None:
        stored |= {"subset": subset, "random": random}
        distance = Distance(float(subset), float(random))
    settings.put(project.db, DISTANCE + record["id"], stored)
    return distance


def _run(paths: project_paths.ProjectPaths) -> RunCard | None:
    run = runs.latest(paths)
    if run is None:
        return None
    lines = runs.metrics(paths.run(run.name))
    losses = tuple((float(line["step"]), float(line["loss"])) for line in lines if "loss" in line)
    header = paths.run(run.name) / project_paths.RUN_HEADER
    seconds = atomic.read_json(header).get("seconds") if header.exists() else None
    chosen = run.settings
    return RunCard(
        run.name, run.state, chosen.method, chosen.backbone, run.steps, run.total, losses, seconds
    )


def _evidence(paths: project_paths.ProjectPaths) -> EvidenceCard | None:
    """Return the evidence of the latest evaluation that compares with a random subset."""
    for evaluation in evaluation_archive.every(paths):
        random = [arm for arm in evaluation.arms if _is_random(arm)]
        found = [one for arm in random for one in differences.of(evaluation, arm)]
        found = [one for one in found if one.arm != RANDOM_INIT and not _is_random(one.arm)]
        if found:
            target = str(evaluation.request["target"])
            return EvidenceCard(evaluation.id, target, min(found, key=_preference))
    return None


def _is_random(arm: str) -> bool:
    """Return True for the arm of a random subset; untrained weights are none."""
    return arm.startswith("random") and arm != RANDOM_INIT


def _is_baseline(arm: str) -> bool:
    """Return True for the arm of a baseline strategy, such as the whole pool."""
    strategy = strategies.STRATEGIES.get(arm.split(" ")[0])
    return strategy is not None and bool(strategy.baseline)


def _preference(one: Difference) -> tuple[bool, bool, int]:
    known = one.readout in READOUTS
    place = READOUTS.index(one.readout) if known else len(READOUTS)
    return _is_baseline(one.arm), one.labels != "all", place
