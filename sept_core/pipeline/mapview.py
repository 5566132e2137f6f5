"""The map as the app draws it: points to send, colours, what lies inside an area.

In: a finished map of `projection`. Out: quantised points in a hashed order, so that every
beginning of them is a fair sample; one colour class a point; row numbers inside a polygon.
Coordinates are 0..1 over the map's square, y upwards.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sept_core import errors, features, files, retrieval, review
from sept_core.catalogue import decisions, images, sources
from sept_core.pipeline import curation
from sept_core.pipeline.projects import Project

CATEGORICAL = (
    "#0f8a80", "#c79a3b", "#b5577a", "#5470c6", "#73a04b", "#8e6bbf", "#d0734a", "#3aa0c8",
    "#9c7a5b", "#c05fb0", "#6b8e8a", "#b0a030", "#7d88d8", "#4a9a6a", "#cf5f63", "#8aa0b4",
)  # fmt: skip
"""Distinct on light and dark grounds; groups beyond their number share them."""

CONTINUOUS = (
    "#3b2a6b", "#3f4788", "#35608d", "#2a788e", "#21918c", "#28ae80", "#5ec962", "#addc30",
    "#f0e51d",
)  # fmt: skip
DECIDED = ("#c8503c", "#2f9e5f", "#c79a3b")
"""Vetoed, kept, pinned."""

PALE = "#9aa5a1"
"""What does not take part."""

QUALITY = ("brightness", "contrast", "sharpness", "entropy")
MARGIN = 0.03


@dataclass(frozen=True)
class Map:
    """One map, ready to be drawn and asked.

    Attributes:
        revision: names its content.
        uids: (N,) S32 in hashed order.
        places: (N, 2) float32 in 0..1.
        clusters: (N,) int64, −1 for none.
        targets: name, uids and (n, 2) places of each target set's images.
    """

    revision: str
    uids: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    targets: dict[str, tuple[list[str], np.ndarray]]

    def points(self) -> bytes:
        """x and y of every point as little-endian uint16, interleaved: 4 bytes a point."""
        return np.round(self.places * 65535).astype("<u2").tobytes()


@dataclass(frozen=True)
class Colouring:
    """One class a point, and what the classes mean.

    Attributes:
        classes: (N,) uint8, rows of `palette`.
        palette: hex colours.
        legend: label, colour and count of each class that is named.
    """

    classes: np.ndarray
    palette: list[str]
    legend: list[dict[str, Any]]


def load(project: Project, encoder_id: str) -> Map:
    """The map of an encoder.

    Raises:
        NotFoundError: it has not been drawn.
    """
    header = project.paths.map(encoder_id) / "header.json"
    if not header.exists():
        raise errors.NotFoundError("The map has not been drawn yet; draw it on the Map page.")
    revision = files.fingerprint([encoder_id, header.stat().st_mtime_ns])
    names = {record.id: record.name for record in sources.every(project.db, "target")}
    drawn = _load(str(header.parent), revision)
    named = {names[ident]: value for ident, value in drawn.targets.items() if ident in names}
    return Map(drawn.revision, drawn.uids, drawn.places, drawn.clusters, named)


@lru_cache(maxsize=4)
def _load(folder: str, revision: str) -> Map:
    table = pq.read_table(Path(folder) / "map.parquet")
    shown = pq.read_table(Path(folder) / "targets.parquet")
    uids = curation.uids_of(table)
    order = files.hashed_order(0, uids)
    places, theirs = _square(_xy(table), _xy(shown))
    owner = np.array(shown["target"].to_pylist(), object)
    target_uids = np.array(shown["uid"].to_pylist(), object)
    targets = {
        str(name): (target_uids[owner == name].tolist(), theirs[owner == name])
        for name in dict.fromkeys(owner.tolist())
    }
    clusters = table["cluster"].to_numpy().astype(np.int64)
    return Map(revision, uids[order], places[order], clusters[order], targets)


def _xy(table: Any) -> np.ndarray:
    return np.stack([table["x"].to_numpy(), table["y"].to_numpy()], 1).astype(np.float64)


def _square(pool: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both into 0..1 with a margin, one scale for x and y."""
    both = np.concatenate([pool, targets])
    low, high = both.min(0), both.max(0)
    side = float((high - low).max()) * (1 + 2 * MARGIN) or 1.0
    start = (low + high) / 2 - side / 2
    return ((pool - start) / side).astype(np.float32), ((targets - start) / side).astype(np.float32)


def colour_choices(project: Project, drawn: Map) -> dict[str, str]:
    """What the points can be coloured by: a key and how it is called."""
    choices = {"cluster": "Cluster", "source": "Source"}
    choices |= {f"similarity:{name}": f"Similarity to {name}" for name in drawn.targets}
    choices |= {f"decision:{name}": f"Decisions for {name}" for name in drawn.targets}
    records = curation.every(project)
    choices |= {f"selection:{r['selection']}": f"In {r['selection']}" for r in records}
    return choices | {f"quality:{name}": name.capitalize() for name in QUALITY}


def colour(project: Project, encoder_id: str, drawn: Map, by: str) -> Colouring:
    """Colour every point.

    Raises:
        NotFoundError: there is nothing by that name to colour by.
    """
    kind, _, name = by.partition(":")
    if kind == "cluster":
        labels = [f"cluster {c}" if c >= 0 else "none" for c in range(drawn.clusters.max() + 1)]
        return _categories(drawn.clusters, labels)
    if kind == "source":
        return _by_source(project, drawn)
    if kind == "decision":
        return _by_decision(project, drawn, name)
    if kind == "selection":
        chosen = curation.uids_of(curation.picks(project, name))
        return _categories(np.where(np.isin(drawn.uids, chosen), 0, -1), ["selected"])
    if kind == "similarity":
        return _continuous(_similarity(project, encoder_id, drawn, name))
    if kind == "quality" and name in QUALITY:
        table = images.quality(project.db)
        return _continuous(_aligned(drawn.uids, curation.uids_of(table), table[name].to_numpy()))
    raise errors.NotFoundError(f"The map cannot be coloured by {by!r}.")


def colour_revision(project: Project, encoder_id: str, drawn: Map, by: str) -> str:
    """Names what a colouring depends on, so that a browser may keep it for ever."""
    names = [record.id for record in sources.every(project.db, "target")]
    return files.fingerprint(
        [drawn.revision, by, decisions.last_position(project.db), names, encoder_id]
    )


def _by_source(project: Project, drawn: Map) -> Colouring:
    table = images.first_sources(project.db)
    names = sorted(set(table["source"].to_pylist()))
    index = np.array([names.index(name) for name in table["source"].to_pylist()], np.float64)
    codes = _aligned(drawn.uids, curation.uids_of(table), index)
    return _categories(np.nan_to_num(codes, nan=-1).astype(np.int64), names)


def _by_decision(project: Project, drawn: Map, target: str) -> Colouring:
    record = sources.find(project.db, "target", target)
    state = review.replay(decisions.events(project.db, [record.id]))
    groups = {"vetoed": state.vetoed, "kept": [], "pinned": state.pinned}
    groups["kept"] = [uid for uid, d in state.decisions.items() if d.action == "keep"]
    codes = np.full(len(drawn.uids), -1)
    for code, members in enumerate(groups.values()):
        codes[np.isin(drawn.uids, np.array(list(members), files.UID_DTYPE))] = code
    return _categories(codes, list(groups), DECIDED)


def _similarity(project: Project, encoder_id: str, drawn: Map, target: str) -> np.ndarray:
    record = sources.find(project.db, "target", target)
    folders = (
        project.paths.pool_features(encoder_id),
        project.paths.target_features(encoder_id, record.id),
    )
    pool, theirs = (features.FeatureStore(folder) for folder in folders)
    return _nearest(str(folders[0]), str(folders[1]), pool.content_id(), theirs.content_id(), drawn)


_similarities: dict[tuple[str, ...], np.ndarray] = {}


def _nearest(pool: str, target: str, first: str, second: str, drawn: Map) -> np.ndarray:
    """(N,) cosine of each point's nearest target; computed once for one state of both stores."""
    key = (pool, target, first, second, drawn.revision)
    if key not in _similarities:
        store = features.FeatureStore(Path(target))
        found = retrieval.nearest_targets(
            features.FeatureStore(Path(pool)), drawn.uids, store.gather(np.arange(len(store))),
            store.uids,
        )  # fmt: skip
        while len(_similarities) >= 8:
            _similarities.pop(next(iter(_similarities)))
        _similarities[key] = found.similarity
    return _similarities[key]


def _aligned(wanted: np.ndarray, uids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of the wanted uids, NaN where there is none; `uids` is sorted."""
    order = np.argsort(uids, kind="stable")
    place = np.clip(np.searchsorted(uids[order], wanted), 0, max(0, len(uids) - 1))
    if not len(uids):
        return np.full(len(wanted), np.nan)
    rows = order[place]
    return np.where(uids[rows] == wanted, values[rows].astype(np.float64), np.nan)


def _categories(
    codes: np.ndarray, labels: list[str], colours: tuple[str, ...] = CATEGORICAL
) -> Colouring:
    """Codes −1 are pale; the others take turns with the colours."""
    count = len(colours)
    classes = np.where(codes < 0, count, codes % count).astype(np.uint8)
    sizes = np.bincount(codes[codes >= 0], minlength=len(labels))
    legend = [
        {"label": label, "colour": colours[i % count], "count": int(sizes[i])}
        for i, label in enumerate(labels)
    ]
    if rest := int((codes < 0).sum()):
        legend.append({"label": "others", "colour": PALE, "count": rest})
    return Colouring(classes, [*colours, PALE], legend)


def _continuous(values: np.ndarray) -> Colouring:
    """From the 2nd to the 98th percentile in equal steps; NaN is pale."""
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, [2, 98]) if len(known) else (0.0, 1.0)
    steps = len(CONTINUOUS)
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1 - 1e-9)
    classes = np.where(np.isnan(values), steps, np.nan_to_num(scaled) * steps).astype(np.uint8)
    edges = np.linspace(low, high, steps + 1)
    counts = np.bincount(classes, minlength=steps + 1)
    legend = [
        {"label": f"{edges[i]:.2f} to {edges[i + 1]:.2f}", "colour": c, "count": int(counts[i])}
        for i, c in enumerate(CONTINUOUS)
    ]
    return Colouring(classes, [*CONTINUOUS, PALE], legend)


def inside(drawn: Map, polygon: list[tuple[float, float]]) -> np.ndarray:
    """Rows (int64, ascending) of the points inside a polygon, by the even-odd rule.

    Args:
        drawn: the map.
        polygon: its corners in 0..1; the last is joined to the first.
    """
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    if len(corners) < 3:
        return np.empty(0, np.int64)
    low, high = corners.min(0), corners.max(0)
    near = np.flatnonzero(((drawn.places >= low) & (drawn.places <= high)).all(1))
    x, y = drawn.places[near].T.astype(np.float64)
    odd = np.zeros(len(near), bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            odd ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return near[odd]


def nearest(drawn: Map, x: float, y: float, within: float) -> str | None:
    """The uid of the point nearest to a place, or None where none is within a distance."""
    distance, row = _tree(drawn.revision, drawn).query([x, y])
    return str(drawn.uids[int(row)].decode()) if distance <= within else None


_trees: dict[str, Any] = {}


def _tree(revision: str, drawn: Map) -> Any:
    from scipy.spatial import cKDTree

    if revision not in _trees:
        if len(_trees) >= 4:
            _trees.pop(next(iter(_trees)))
        _trees[revision] = cKDTree(drawn.places)
    return _trees[revision]


def neighbours(project: Project, encoder_id: str, uid: str, count: int) -> list[tuple[str, float]]:
    """The pool images most similar to one of them, with their cosines.

    Raises:
        NotFoundError: the image has no features under this encoder.
    """
    store = features.FeatureStore(project.paths.pool_features(encoder_id))
    query = np.array([uid], files.UID_DTYPE)
    if store.rows_of(query)[0] < 0:
        raise errors.NotFoundError(f"Image {uid} has no features under {encoder_id}.")
    found = retrieval.find_neighbours(store, store.vectors_of(query), query, count + 1)
    rows = zip(found.uids[0].tolist(), found.similarity[0].tolist(), strict=True)
    return [(other.decode(), value) for other, value in rows if other and other != query[0]][:count]
