"""Strategies that order the whole pool: by a score, at random, or by uid.

In: scores over the pool, or nothing. Out: picks in that order.
"""

from dataclasses import replace

import numpy as np

from sept_core.selection import evidence as ev
from sept_core.selection import gate, settings
from sept_core.storage import hashing


def scored(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Take images by (−score, uid), for `classifier` and `hub-corrected`."""
    scores = evidence.scores(options.strategy)
    taken = ledger.take_ranked(ledger.ground.codes_of_pool(evidence.pool_uids), scores)
    return ev.Outcome([owned_by_nearest(evidence, ledger, taken)], "pool_exhausted")


def random(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Take images in the hash order of the seed, as a baseline."""
    taken = ledger.take_in_order(ledger.ground.hashed_order(options.seed))
    return ev.Outcome([ev.unowned(taken)], "pool_exhausted")


def whole_pool(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Take every eligible image by uid, as a baseline."""
    taken = ledger.take_in_order(np.arange(len(ledger.uids)))
    return ev.Outcome([ev.unowned(taken)], "pool_exhausted")


def target_images(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Take the targets by uid, as a baseline; `ledger` is over them, not over the pool."""
    codes = ledger.take_in_order(np.arange(len(ledger.uids)))
    return ev.Outcome([own(ledger, codes)], "pool_exhausted")


def own(ledger: gate.Ledger, codes: np.ndarray) -> ev.Picks:
    """Build the picks of target images: each belongs to itself."""
    n = len(codes)
    return ev.Picks(
        codes=codes,
        targets=ledger.uids[codes],
        ranks=np.zeros(n, np.int32),
        similarity=np.ones(n),
        n_targets=np.ones(n, np.int32),
        phase="core",
    )


def owned_by_nearest(evidence: ev.Evidence, ledger: gate.Ledger, codes: np.ndarray) -> ev.Picks:
    """Build the picks of strategies without lists: each belongs to its nearest target."""
    picks = ev.unowned(codes)
    if not len(codes):
        return picks
    targets, similarity = evidence.nearest_targets(ledger.uids[codes])
    return replace(
        picks,
        targets=np.asarray(targets, hashing.UID_DTYPE),
        similarity=np.asarray(similarity, np.float64),
    )
