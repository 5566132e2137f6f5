"""Statistics of the pool (quality, sizes, near-duplicates) and of target sets (labels, reach).

In: an open project. Out: plain values and arrays for figures and galleries.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import decision_table, image_table, source_table, split_table
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import contamination_guard, rankings
from sept_core.services.curate.pool_view import PoolEvidence
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.services.project.project import Project

QUALITY = ("brightness", "contrast", "sharpness", "entropy")
BINS = 50
EXTREMES = 12
LARGEST = 5
EXAMPLES = 60
FEW = 4
"""Number of images of each label if all labels are shown."""


@dataclass(frozen=True)
class Spread:
    """Distribution of one figure over the pool, and the images at both ends."""

    counts: np.ndarray
    edges: np.ndarray
    lowest: list[str]
    highest: list[str]


def quality(project: Project) -> dict[str, Spread]:
    """Return the distribution of each quality figure, and of the shorter side in pixels."""
    table = image_table.quality(project.db)
    uids = table["uid"].to_pylist()
    if not uids:
        return {}
    columns = {name: table[name].to_numpy() for name in QUALITY}
    columns["shorter side"] = np.minimum(table["width"].to_numpy(), table["height"].to_numpy())
    return {name: _spread(values, uids) for name, values in columns.items()}


def _spread(values: np.ndarray, uids: list[str]) -> Spread:
    counts, edges = np.histogram(values, BINS)
    order = np.argsort(values, kind="stable")
    lowest = [uids[i] for i in order[:EXTREMES]]
    return Spread(counts, edges, lowest, [uids[i] for i in order[::-1][:EXTREMES]])


def copies(project: Project) -> dict[str, Any]:
    """Count exact and near-duplicates in the pool.

    Returns:
        exact: files beyond the first of their bytes; groups, grouped: near-duplicate groups and
        the images in them, None before they were searched for; largest: uids of the largest groups.
    """
    counts = image_table.pool_counts(project.db)
    exact = counts["files"] - sum(
        counts[state] for state in ("waiting", "unreadable", "rejected", "images")
    )
    try:
        groups = preparation.groups_by_uid(project, projects.find_encoder(project, None))
    except (errors.InputError, errors.NotFoundError):
        return {"exact": exact, "groups": None, "grouped": None, "largest": []}
    members: dict[int, list[str]] = defaultdict(list)
    for uid, group in groups.items():
        members[group].append(uid.decode())
    largest = sorted(members.values(), key=lambda found: (-len(found), found))[:LARGEST]
    return {
        "exact": exact,
        "groups": len(members),
        "grouped": len(groups),
        "largest": [sorted(found) for found in largest],
    }


def labels(project: Project, target: str) -> dict[str, dict[str, int]]:
    """Count images by split, training first, and label; no label is an empty text."""
    record = source_table.find(project.db, "target", target)
    listed = source_table.splits(project.db, record.id)
    counted: dict[str, Counter[str]] = {}
    for split in (split for split in target_layout.SPLITS if split in listed):
        rows = split_table.labelled(project.db, record.id, (split,))["label"].to_pylist()
        counted[split] = Counter(label or "" for label in rows)
    return {split: dict(sorted(found.items())) for split, found in counted.items()}


def examples(project: Project, target: str, split: str, label: str | None) -> list[tuple[str, str]]:
    """Return uids in a split with their labels: some of one label, or a few of each for None."""
    record = source_table.find(project.db, "target", target)
    rows = split_table.labelled(project.db, record.id, (split,)).to_pylist()
    most, taken = (FEW if label is None else EXAMPLES), Counter[str]()
    found = []
    for uid, own in sorted(((row["uid"], row["label"] or "") for row in rows), key=_by_label):
        if label in (None, own) and taken[own] < most:
            taken[own] += 1
            found.append((uid, own))
    return found[:EXAMPLES]


def _by_label(pair: tuple[str, str]) -> str:
    return pair[1]


@dataclass(frozen=True)
class Reach:
    """Similarity of the pool to a target set's training images.

    Attributes:
        edges: (BINS + 1,) similarities.
        nearest: (BINS,) counts of each target's nearest pool image.
        background: (BINS,) counts of target–random similarities.
        weakest: uids of the targets with the least similar nearest pool image, with the similarity.
        at_random: share of targets whose nearest image is no nearer than 99% of random pairs; None
            if the pool has too few images.
    """

    edges: np.ndarray
    nearest: np.ndarray
    background: np.ndarray
    weakest: list[tuple[str, float]]
    at_random: float | None


GAP_PERCENTILE = 99
"""A target has a gap in the pool where its nearest pool image is no nearer than this share of
random pairs of a target and a pool image."""

FEWEST = 100
"""Pool images from which on the nearest differs from one in a hundred random ones."""


def reach(project: Project, target: str) -> Reach:
    """Find gaps of the pool for this target set, without using held-out images.

    Raises:
        NotFoundError, InputError: see `rankings.ranking`.
    """
    request = Request((target,), SelectionSettings(budget=1), guard=False)
    ranking = rankings.ranking(project, request)
    vetoed = decision_table.log_of(project.db, ranking.target_ids).state.vetoed_targets
    evidence = ranking.evidence(vetoed)
    lists = evidence.neighbours(1)
    nearest, background = lists.similarity[:, 0], evidence.background
    low, high = (f(np.concatenate([nearest, background])) for f in (np.min, np.max))
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    order = np.argsort(nearest, kind="stable")[:EXTREMES]
    uids = lists.targets
    return Reach(
        edges=edges,
        nearest=np.histogram(nearest, edges)[0],
        background=np.histogram(background, edges)[0],
        weakest=[(uids[i].decode(), float(nearest[i])) for i in order],
        at_random=_share_at_random(evidence, nearest),
    )


def _share_at_random(evidence: PoolEvidence, nearest: np.ndarray) -> float | None:
    if len(evidence.pool_uids) < FEWEST:
        return None
    return float(np.mean(nearest <= evidence.floor_similarity(GAP_PERCENTILE)))


def leaks(project: Project, target: str) -> dict[str, Any]:
    """List pool images that are copies of the target set's held-out images.

    Returns:
        state (`on` or `none`), heldout_images, pairs (uid, heldout_uid, how, distance).

    Raises:
        LeakError: held-out images have not been embedded yet.
    """
    record = source_table.find(project.db, "target", target)
    found = contamination_guard.check(
        project, projects.find_encoder(project, None), (record.id,), wanted=True
    )
    return {
        "state": found.state,
        "heldout_images": found.heldout.num_rows,
        "pairs": found.found.to_pylist(),
    }
