"""One selection from start to end: gate, pins, strategy or recipe, fill, and the table of picks.

In: settings, evidence, gate. Out: `Selection`. Equal inputs give equal selections, for any order of
the pool and layout of the evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from sept_core.selection import clusters, gate, mixing, recipes, settings, shortfall, simple
from sept_core.selection import evidence as ev
from sept_core.selection.strategies import STRATEGIES

PICKS_SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("target_uid", pa.string()),
        pa.field("target_rank", pa.int32()),
        pa.field("similarity", pa.float64()),
        pa.field("n_targets", pa.int32(), nullable=False),
        pa.field("phase", pa.string(), nullable=False),
        pa.field("dup_group", pa.int64()),
    ]
)

PART = pa.field("part", pa.string())
"""Column after those of `PICKS_SCHEMA` if there is a recipe or the target's own images: the part
that an image belongs to, `target` for the target's own, null for pins and the fill."""

WEIGHT = pa.field("weight", pa.float64())
"""Last column if a weight is not 1: the weight of the owning target, null without one."""

OPTIONAL = (PART.name, WEIGHT.name)

Order = Callable[[settings.SelectionSettings, ev.Evidence, gate.Ledger], ev.Outcome]
"""The function of a strategy, which takes images from the ledger in order."""


@dataclass(frozen=True)
class Selection:
    """An ordered subset and its provenance.

    Attributes:
        picks: rows of `PICKS_SCHEMA` (and perhaps `PART`, `WEIGHT`) in selected order: pins first
            (by uid), then the target's own images. `target_uid` is null if no target led to the
            image, `target_rank` (from 1) if no list did.
        funnel: the counts of `gate.Ledger.funnel`, in order.
        short_because: why there are fewer images than the budget: `similarity_floor`,
            `neighbour_cap`, `quota`, `stop_rule` or `pool_exhausted`; None if the budget is full.
        shortfall: the same as a sentence with the remedy; None if the budget is full.
        lost_pins: uid (hex) of every pinned image that is not selected, with the reason.
        settings: the requested settings.
    """

    picks: pa.Table
    funnel: dict[str, int]
    short_because: str | None
    shortfall: str | None
    lost_pins: dict[str, str]
    settings: settings.SelectionSettings


def select(
    options: settings.SelectionSettings,
    evidence: ev.Evidence,
    entry: gate.Gate,
    ground: Callable[[gate.Gate], gate.Ground] = gate.Ground,
) -> Selection:
    """Select images under all contracts of docs/method.md §2.

    Args:
        options: the strategy and its settings.
        evidence: queried only for the data that the strategy needs.
        entry: the gate that decides which images may be selected.
        ground: returns the part of the gate that no decision changes; a caller that selects often
            keeps it.

    Raises:
        InputError: more pins than budget, no targets, or labels missing where needed.
    """
    strategy = STRATEGIES[options.strategy]
    if strategy.from_targets:
        entry = _targets_as_pool(evidence, entry)
    ledger = gate.Ledger(entry, ground(entry), options.budget, options.duplicate_cap)
    tables = [_table([simple.owned_by_nearest(evidence, ledger, ledger.pins)], ledger)]
    tables += [_table([simple.own(ledger, ledger.own)], ledger, recipes.OWN_IMAGES)]
    reason, dry = "pool_exhausted", None
    if ledger.room and ledger.any_open:
        if options.recipe:
            rows, reason, dry = _mixed(options, evidence, ledger)
        else:
            found, reason = _ordered(options, evidence, ledger)
            rows = _table(found, ledger)
        tables.append(rows)
    if options.fill and ledger.room and ledger.any_open:
        tables.append(_table([clusters.fill(options, evidence, ledger)], ledger))
    if not ledger.any_open:
        reason, dry = "pool_exhausted", None
    return Selection(
        picks=_finished(pa.concat_tables(tables), options, evidence),
        funnel=ledger.funnel(),
        short_because=reason if options.budget and ledger.room else None,
        shortfall=shortfall.sentence(reason, options, ledger, dry) if ledger.room else None,
        lost_pins=ledger.lost_pins,
        settings=options,
    )


def _ordered(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> tuple[list[ev.Picks], str]:
    """Run one strategy; return its picks and the reason why it stopped."""
    order: Order = STRATEGIES[options.strategy].load()
    outcome = order(options, evidence, ledger)
    return outcome.picks, outcome.short_because


def _mixed(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> tuple[pa.Table, str, str | None]:
    """Run the parts of a recipe; return rows, and the reason and name of the first dry part."""
    tables, sequences, reasons, forks = [], [], [], []
    for part in options.recipe:
        fork = ledger.fork()
        picks, reason = _ordered(options.of_part(part), evidence, fork)
        tables.append(_table(picks, fork, part.name))
        sequences.append(np.concatenate([some.codes for some in picks]))
        reasons.append(reason)
        forks.append(fork)
    mixed = mixing.mix(options.recipe, sequences, ledger, options.unfilled_part)
    for fork in forks:
        ledger.consider_refused(fork)
    starts = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    rows = pa.concat_tables(tables).take(pa.array(starts[mixed.parts] + mixed.places))
    if not mixed.dry:
        return rows, "pool_exhausted", None
    return rows, reasons[mixed.dry[0]], options.recipe[mixed.dry[0]].name


def _finished(
    rows: pa.Table, options: settings.SelectionSettings, evidence: ev.Evidence
) -> pa.Table:
    """Add the weights of the owners, and drop the columns that say nothing."""
    rows = rows.combine_chunks()  # the bytes of the file that is written do not depend on parts
    if not (options.recipe or options.with_target):
        rows = rows.drop_columns([PART.name])
    weights = evidence.target_weights
    if (weights == 1).all():
        return rows
    known = dict(zip(evidence.target_uids.astype(str).tolist(), weights.tolist(), strict=True))
    owners = rows["target_uid"].to_pylist()
    return rows.append_column(WEIGHT, pa.array([known.get(uid) for uid in owners], WEIGHT.type))


def _targets_as_pool(evidence: ev.Evidence, entry: gate.Gate) -> gate.Gate:
    """Return the gate over the target set itself, without the filter and pins of the pool."""
    kept = ~np.isin(evidence.target_uids, entry.vetoed_targets)
    return replace(
        entry,
        decodable=evidence.target_uids[kept],
        pool_count=len(evidence.target_uids),
        featureless=0,
        in_filter=None,
        pinned=entry.pinned[:0],
    )


def _table(parts: list[ev.Picks], ledger: gate.Ledger, name: str | None = None) -> pa.Table:
    """Build the rows of `PICKS_SCHEMA` and `PART`."""
    codes, targets, ranks, similarity, n_targets = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("codes", "targets", "ranks", "similarity", "n_targets")
    )
    phases = np.concatenate([np.full(len(part.codes), part.phase, "S6") for part in parts])
    groups = ledger.groups[codes]
    ids = np.append(ledger.group_ids, 0)[groups]  # −1 (no group) indexes the last entry
    columns = [
        _text(ledger.uids[codes]),
        _text(targets, missing=targets == ev.NO_UID),
        pa.array(ranks, pa.int32(), mask=ranks == 0),
        pa.array(similarity, pa.float64(), mask=np.isnan(similarity)),
        pa.array(n_targets, pa.int32()),
        _text(phases),
        pa.array(ids, pa.int64(), mask=groups < 0),
        pa.array([name] * len(codes), PART.type),
    ]
    return pa.Table.from_arrays(columns, schema=PICKS_SCHEMA.append(PART))


def _text(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(values.tolist(), pa.binary(), mask=missing).cast(pa.string())
