"""Selections without recipe and weights, as `tests/fixtures/plain_selections.json` holds them.

The file was written by this module at the commit before recipes and weights, with
`dataclasses.asdict` in place of `to_json`. It is never written again.
"""

import hashlib
import json

import numpy as np
import pyarrow as pa
from selection_worlds import random_gate, random_world

from sept_core.manifest import manifest_tables
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings
from sept_core.storage import hashing

STRATEGIES = (
    "instance-search", "hub-corrected", "classifier", "clusters", "class-balanced", "coverage",
    "importance", "random", "random-per-cluster", "whole-pool", "target-images-only",
)  # fmt: skip
SEEDS = range(8)


def options(strategy, seed):
    """Settings that vary with the seed."""
    return SelectionSettings(
        strategy=strategy,
        budget=30,
        seed=seed,
        floor_percentile=(None, 60.0, 90.0)[seed % 3],
        expand_percentiles=(30.0,) if seed % 3 and seed % 2 else (),
        fill=seed % 4 == 3,
        local_scaling=seed % 5 == 4,
        max_neighbours=(8, 4096)[seed % 2],
        duplicate_cap=1 + seed % 3 // 2,
        min_targets=1 + seed % 2,
        within_cluster=("hash", "distance")[seed % 2],
        unfilled_quota=("leave", "donate")[seed % 2],
    )


def made(strategy, seed, to_json):
    """One selection and the names that the project gives it."""
    world = random_world(np.random.default_rng(seed), 20 + 9 * seed, 1 + seed % 6)
    entry = random_gate(np.random.default_rng([seed, 1]), world)
    chosen = select(options(strategy, seed), world, entry)
    settings = to_json(chosen.settings)
    rows = _manifest_rows(chosen.picks)
    return {
        "settings": json.dumps(settings, sort_keys=True),
        "fingerprint": hashing.fingerprint({"settings": settings}),
        "picks": _sha(chosen.picks),
        "funnel": chosen.funnel,
        "short_because": chosen.short_because,
        "shortfall": chosen.shortfall,
        "content_hash": manifest_tables.content_hash(manifest_tables.conform(rows, "manifest")),
    }


def _sha(picks):
    return hashlib.sha256(json.dumps([str(picks.schema), picks.to_pydict()]).encode()).hexdigest()


def _manifest_rows(picks):
    rows = [
        dict.fromkeys(manifest_tables.SCHEMA.names)
        | pick
        | {"sha256": pick["uid"] * 2, "source": "pool", "rel_path": f"{pick['uid']}.png"}
        for pick in picks.to_pylist()
    ]
    return pa.Table.from_pylist(rows, manifest_tables.SCHEMA)


def every(to_json):
    """All cases by `strategy:seed`."""
    return {f"{name}:{seed}": made(name, seed, to_json) for name in STRATEGIES for seed in SEEDS}
