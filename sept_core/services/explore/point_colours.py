"""Colourings of the map's points: by source, cluster, similarity, decision, quality.

In: a map of `point_map` and a key of `choices`. Out: one class per point, a palette and a legend.
Each colouring is computed once per state of the project.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sept_core import errors
from sept_core.catalogue import (
    decision_table,
    image_table,
    selection_table,
    source_table,
    split_table,
)
from sept_core.features import feature_store
from sept_core.retrieval import neighbour_lists
from sept_core.services.curate import selections
from sept_core.services.project.project import Project
from sept_core.storage import hashing
from sept_core.storage.recent import Recent

CATEGORICAL = (
    "#0f8a80", "#c79a3b", "#b5577a", "#5470c6", "#73a04b", "#8e6bbf", "#d0734a", "#3aa0c8",
    "#9c7a5b", "#c05fb0", "#6b8e8a", "#b0a030", "#7d88d8", "#4a9a6a", "#cf5f63", "#8aa0b4",
)  # fmt: skip
"""Colours that are distinct on light and dark backgrounds; further groups reuse them."""

CONTINUOUS = (
    "#3b2a6b", "#3f4788", "#35608d", "#2a788e", "#21918c", "#28ae80", "#5ec962", "#addc30",
    "#f0e51d",
)  # fmt: skip
DECIDED = ("#c8503c", "#2f9e5f", "#4a7be0")
"""Colours of vetoed, kept and pinned, as on the Review page."""

PALE = "#9aa5a1"
"""Colour of points without a value."""

QUALITY = ("brightness", "contrast", "sharpness", "entropy")
KEPT = 12
"""Number of colourings in memory; a million points use a megabyte each."""


MOST_CLASSES = 250
"""Categories with a class of their own; of more, several share one."""


class Points(Protocol):
    """Points to colour: a map, or the rows of Curate."""

    @property
    def revision(self) -> str:
        """Hash of uids and clusters."""

    @property
    def uids(self) -> np.ndarray:
        """(N,) S32, ascending."""

    @property
    def clusters(self) -> np.ndarray:
        """(N,) int64, −1 for none."""

    @property
    def targets(self) -> Collection[str]:
        """Names of the target sets."""

    def rows_of(self, uids: np.ndarray) -> np.ndarray:
        """Return the rows of those uids that are among the points."""


@dataclass(frozen=True)
class Colouring:
    """One class per point, with palette and legend.

    Attributes:
        classes: (N,) uint8, rows of `palette`.
        palette: hex colours.
        legend: label, colour, count and class of each named class.
    """

    classes: np.ndarray
    palette: list[str]
    legend: list[dict[str, Any]]


_made = Recent[str, Colouring](KEPT)


def choices(project: Project, drawn: Points) -> dict[str, str]:
    """List the available colourings: key and display name."""
    found = {"cluster": "Cluster", "source": "Source"}
    found |= {f"similarity:{name}": f"Similarity to {name}" for name in drawn.targets}
    found |= {f"decision:{name}": f"Decisions for {name}" for name in drawn.targets}
    idents = [record["id"] for record in reversed(selection_table.every(project.db))]
    found |= {f"selection:{ident}": f"In {ident}" for ident in idents}
    return found | {f"quality:{name}": name.capitalize() for name in QUALITY}


def stamp(project: Project, encoder_id: str, drawn: Points, by: str) -> str:
    """Return a hash of what a colouring depends on: equal stamps mean equal colours.

    Raises:
        NotFoundError: the colouring is unknown.
    """
    kind, _, name = by.partition(":")
    known: list[Any] = []
    if kind in ("similarity", "decision"):
        known.append(source_table.find(project.db, "target", name).id)
    if kind == "similarity":
        known += [store.content_id() for store in _stores(project, encoder_id, name)]
        known.append(split_table.searching(project.db, known[0]).astype(str).tolist())
    elif kind == "decision":
        known.append(decision_table.last_position(project.db))
    elif kind in ("source", "quality"):
        known += [[record.id, record.name] for record in source_table.every(project.db, "pool")]
    root = str(project.paths.root)
    return hashing.fingerprint([root, encoder_id, drawn.revision, by, known])


def colour(project: Project, encoder_id: str, drawn: Points, by: str) -> Colouring:
    """Colour every point.

    Raises:
        NotFoundError: the colouring is unknown.
    """
    key = stamp(project, encoder_id, drawn, by)
    return _made.get(key, lambda: _colour(project, encoder_id, drawn, by))


def _colour(project: Project, encoder_id: str, drawn: Points, by: str) -> Colouring:
    kind, _, name = by.partition(":")
    if kind == "cluster":
        return _categories(drawn.clusters, _cluster_names(drawn.clusters))
    if kind == "source":
        return _by_source(project, drawn)
    if kind == "decision":
        return _by_decision(project, drawn, name)
    if kind == "selection":
        codes = np.full(len(drawn.uids), -1)
        codes[drawn.rows_of(hashing.uid_array(selections.picks(project, name)["uid"]))] = 0
        return _categories(codes, ["selected"])
    if kind == "similarity":
        return _continuous(_similarity(project, encoder_id, drawn, name))
    if kind == "quality" and name in QUALITY:
        table = image_table.quality(project.db)
        return _continuous(_aligned(drawn, hashing.uid_array(table["uid"]), table[name].to_numpy()))
    raise errors.NotFoundError(f"The map cannot be coloured by {by!r}.")


def _cluster_names(clusters: np.ndarray) -> list[str]:
    return [f"cluster {number}" for number in range(int(clusters.max(initial=-1)) + 1)]


def _by_source(project: Project, drawn: Points) -> Colouring:
    table = image_table.first_sources(project.db)
    encoded = table["source"].combine_chunks().dictionary_encode()
    names = sorted(encoded.dictionary.to_pylist())
    rank = np.array([names.index(name) for name in encoded.dictionary.to_pylist()])
    codes = _aligned(drawn, hashing.uid_array(table["uid"]), rank[encoded.indices.to_numpy()])
    return _categories(np.nan_to_num(codes, nan=-1).astype(np.int64), names)


def _by_decision(project: Project, drawn: Points, target: str) -> Colouring:
    record = source_table.find(project.db, "target", target)
    state = decision_table.log_of(project.db, [record.id]).state
    kept = [uid for uid, decision in state.decisions.items() if decision.action == "keep"]
    groups = {"vetoed": state.vetoed, "kept": kept, "pinned": state.pinned}
    codes = np.full(len(drawn.uids), -1)
    for code, members in enumerate(groups.values()):
        codes[drawn.rows_of(np.array(list(members), hashing.UID_DTYPE))] = code
    return _categories(codes, list(groups), DECIDED)


def _stores(
    project: Project, encoder_id: str, target: str
) -> tuple[feature_store.FeatureStore, feature_store.FeatureStore]:
    """Return the stores of the pool and of a target set."""
    paths, record = project.paths, source_table.find(project.db, "target", target)
    return (
        feature_store.FeatureStore(paths.pool_features(encoder_id)),
        feature_store.FeatureStore(paths.target_features(encoder_id, record.id)),
    )


def _similarity(project: Project, encoder_id: str, drawn: Points, target: str) -> np.ndarray:
    """Return (N,) cosine of each point's nearest target; NaN if the pool has changed since."""
    pool, theirs = _stores(project, encoder_id, target)
    known = pool.rows_of(drawn.uids) >= 0
    ident = source_table.find(project.db, "target", target).id
    rows = np.flatnonzero(np.isin(theirs.uids, split_table.searching(project.db, ident)))
    vectors, uids = theirs.gather(rows), theirs.uids[rows]
    found = neighbour_lists.nearest_targets(pool, drawn.uids[known], vectors, uids)
    values = np.full(len(drawn.uids), np.nan)
    values[known] = found.similarity
    return values


def _aligned(drawn: Points, uids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return (N,) float64 values of the map's points, NaN if there is none; `uids` ascend."""
    known = np.append(values.astype(np.float64), np.nan)  # −1 (no place) indexes the last entry
    aligned: np.ndarray = known[hashing.places_among(uids, drawn.uids)]
    return aligned


def _categories(
    codes: np.ndarray, labels: list[str], palette: tuple[str, ...] = CATEGORICAL
) -> Colouring:
    """Colour categories: code −1 is pale; the others cycle through the colours."""
    count = min(len(labels), MOST_CLASSES)
    shown = [palette[i % len(palette)] for i in range(count)]
    classes = np.where(codes < 0, count, codes % max(count, 1)).astype(np.uint8)
    sizes = np.bincount(codes[codes >= 0], minlength=len(labels))
    legend = [
        {"label": label, "colour": shown[i % count], "count": int(sizes[i]), "class": i % count}
        for i, label in enumerate(labels)
    ]
    if rest := int((codes < 0).sum()):
        legend.append({"label": "others", "colour": PALE, "count": rest, "class": count})
    return Colouring(classes, [*shown, PALE], legend)


def _continuous(values: np.ndarray) -> Colouring:
    """Colour values from the 2nd to the 98th percentile in equal steps; NaN is pale."""
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, [2, 98]) if len(known) else (0.0, 1.0)
    steps = len(CONTINUOUS)
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1 - 1e-9)
    classes = np.where(np.isnan(values), steps, np.nan_to_num(scaled) * steps).astype(np.uint8)
    edges = np.linspace(low, high, steps + 1)
    counts = np.bincount(classes, minlength=steps + 1)
    legend = [
        {"label": f"{edges[i]:.2f} to {edges[i + 1]:.2f}", "colour": c, "count": int(counts[i]),
         "class": i}
        for i, c in enumerate(CONTINUOUS)
    ]  # fmt: skip
    return Colouring(classes, [*CONTINUOUS, PALE], legend)
