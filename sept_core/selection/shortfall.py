"""Explanation of why a selection has fewer images than its budget, with the remedy. Pure.

In: the reason from the strategy, and the ledger that it took images from. Out: a sentence.
"""

import numpy as np

from sept_core.selection import gate, settings

SENTENCES = {
    "similarity_floor": "No more images are above the similarity floor; lower it.",
    "neighbour_cap": "The targets' neighbour lists are exhausted; allow longer lists "
    "(--max-neighbours).",
    "quota": "The quotas are exhausted, and the strategy takes no more images.",
    "stop_rule": "The similarity of the rounds has fallen below the stop (--stop-ratio), or the "
    "targets have 50 images each.",
    "pool_exhausted": "No more images are eligible.",
}


def sentence(
    reason: str,
    options: settings.SelectionSettings,
    ledger: gate.Ledger,
    dry: str | None = None,
) -> str | None:
    """Explain one of `SENTENCES`; if near-duplicates are the cause, with the cap that helps.

    Without a budget, only near-duplicates and the stop by similarity give a sentence.

    Args:
        reason: a key of `SENTENCES`.
        options: the settings.
        ledger: the ledger after the selection.
        dry: the first part of a recipe that ran dry for this reason, if one did.
    """
    if dry is not None:
        if options.unfilled_part == "donate":
            return f"All parts have run out of images, {dry!r} first. {SENTENCES[reason]}"
        return f"Part {dry!r} has no more images, and its seats stay open. {SENTENCES[reason]}"
    sizes = ledger.group_sizes()
    crowded = sizes[sizes > options.duplicate_cap]
    if reason != "pool_exhausted" or not len(crowded):
        return SENTENCES[reason] if options.budget or reason == "stop_rule" else None
    return f"{_crowds(crowded, options.duplicate_cap)} {_remedy(options, ledger, crowded)}"


def _crowds(sizes: np.ndarray, cap: int) -> str:
    """`60 images are near-duplicates of one another; 1 remains under a duplicate cap of 1.`"""
    kept = len(sizes) * cap
    among = "are near-duplicates of one another"
    if len(sizes) > 1:
        among = f"fall into {len(sizes):,} groups of near-duplicates"
    remain = "1 remains" if kept == 1 else f"{kept:,} remain"
    return f"{int(sizes.sum()):,} images {among}; {remain} under a duplicate cap of {cap}."


def _remedy(options: settings.SelectionSettings, ledger: gate.Ledger, crowded: np.ndarray) -> str:
    largest = int(crowded.max())
    apart = ledger.eligible - int(crowded.sum())
    for cap in range(options.duplicate_cap + 1, largest + 1):
        if options.budget and apart + int(np.minimum(crowded, cap).sum()) >= options.budget:
            return f"Raise it to {cap:,} to fill the budget (--duplicate-cap {cap})."
    return f"Raise it to {largest:,} to take them all (--duplicate-cap {largest})."
