"""Facts of a selection for a page that others read: numbers, pictures, provenance, decisions.

In: an open project, a selection. Out: `Facts`, without absolute paths, and without the names of
reviewers unless they are asked for. The manifest is written to a temporary folder first, so that a
page describes what an export would contain, and the contamination guard has run.
"""

import base64
import io
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from sept_core import errors, targets
from sept_core.catalogue import split_table
from sept_core.review import decision_log
from sept_core.review.audit import Precision
from sept_core.services.curate import judging, manifests, selections
from sept_core.services.data.image_server import ImageServer
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.wording import paths

PICTURES = 240
TARGET_PICTURES = 12
SIDE, QUALITY = 224, 72
"""Longest side in pixels and WebP quality of an embedded picture: about 6 kB each."""

MOST_BYTES = 12_000_000
BINS = 60
MOST_CLASSES = 20
NO_LABEL = "no label"


@dataclass(frozen=True)
class Picture:
    """One embedded picture: its data URI, "" if its file cannot be read, and its caption."""

    data: str
    caption: str
    note: str


@dataclass(frozen=True)
class Curve:
    """Similarity by rank.

    Attributes:
        ranks: centre of each bin of ranks.
        low, median, high: 10th, 50th and 90th percentile of the similarities in each.
        middle: median of all similarities.
    """

    ranks: list[float]
    low: list[float]
    median: list[float]
    high: list[float]
    middle: float


@dataclass(frozen=True)
class Facts:
    """The content of the page.

    Attributes:
        title: of the project.
        record: of the selection, see `selections.describe`.
        header: of its manifest.
        encoder: its description for people.
        pictures: some of the selection, evenly spaced by rank.
        targets: some images of the target sets' search splits.
        curve: None if no image has a similarity.
        classes: images by target set and label of the target that retrieved them.
        decisions: images by standing decision in the target sets.
        reasons: decision, reason, images; and reviewer if names are asked for.
        reviewers: whether reasons name reviewers.
        precision: rows of the audit, see `judging.audited`.
        unreadable: pictures without a readable file.
        notice: a sentence about later vetoes, see `manifests.notice`.
    """

    title: str
    record: Mapping[str, Any]
    header: Mapping[str, Any]
    encoder: str
    pictures: Sequence[Picture]
    targets: Sequence[Picture]
    curve: Curve | None
    classes: Sequence[tuple[str, int]]
    decisions: Mapping[str, int]
    reasons: Sequence[tuple[str, ...]]
    reviewers: bool
    precision: Sequence[Precision]
    unreadable: int
    notice: str


def gather(
    project: Project, selection_id: str, *, names: bool = False, pictures: int = PICTURES
) -> Facts:
    """Collect the facts of a selection.

    Args:
        project: the open project.
        selection_id: the selection.
        names: include the names of reviewers.
        pictures: maximum number of pictures.

    Raises:
        NotFoundError: there is no such selection.
        InputError, LeakError: see `manifests.write_manifest`.
    """
    record = selections.find(project, selection_id)
    with tempfile.TemporaryDirectory() as folder:
        written = manifests.write_manifest(project, record["id"], Path(folder) / "manifest")
    labels, sets = _targets(project, record)
    server = ImageServer(project.paths.root)
    try:
        shown = _pictures(server, _spaced(written.rows, pictures), labels)
        own = [(uid, labels.get(uid, "")) for uid in _some(sorted(sets), TARGET_PICTURES)]
        examples = _embedded(server, [(uid, label, "") for uid, label in own])
    finally:
        server.close()
    state = selections.log_of(project, record).state
    return Facts(
        title=projects.title(project),
        record=record,
        header=written.header,
        encoder=paths.without_paths(str(written.header["encoder"]["spec"])),
        pictures=shown,
        targets=[picture for picture in examples if picture.data],
        curve=_curve(written.rows["similarity"].to_pylist()),
        classes=_classes(written.rows, labels, sets),
        decisions=_counts(state),
        reasons=_reasons(state, names),
        reviewers=names,
        precision=judging.audited(project, record["id"]),
        notice=manifests.notice(project, record["id"]),
        unreadable=sum(not picture.data for picture in shown),
    )


def _targets(project: Project, record: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return label and name of the target set of each search image, by uid."""
    labels: dict[str, str] = {}
    sets: dict[str, str] = {}
    pairs = zip(record["target_ids"], record["targets"], strict=True)
    for ident, name in reversed(list(pairs)):
        rows = split_table.labelled(project.db, ident, targets.SEARCH_SPLITS)
        for uid, label in zip(rows["uid"].to_pylist(), rows["label"].to_pylist(), strict=True):
            labels[uid], sets[uid] = label or "", name
    return labels, sets


def _some(items: Sequence[Any], count: int) -> list[Any]:
    """Return at most `count` items, evenly spaced."""
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places.tolist()]


def _spaced(rows: pa.Table, count: int) -> list[tuple[int, dict[str, Any]]]:
    places = _some(range(len(rows)), count) if len(rows) and count > 0 else []
    return list(zip(places, rows.take(pa.array(places, pa.int64())).to_pylist(), strict=True))


def _pictures(
    server: ImageServer, rows: Sequence[tuple[int, dict[str, Any]]], labels: Mapping[str, str]
) -> list[Picture]:
    wanted = []
    for place, row in rows:
        similarity = row["similarity"]
        caption = f"{place + 1:,}"
        if similarity is not None and np.isfinite(similarity):
            caption += f" · {similarity:.2f}"
        label = labels.get(row["target_uid"] or "", "")
        wanted.append((row["uid"], caption, row["decision"] or label))
    return _embedded(server, wanted)


def _embedded(server: ImageServer, wanted: Sequence[tuple[str, str, str]]) -> list[Picture]:
    """Embed pictures until they take `MOST_BYTES`."""
    found: list[Picture] = []
    size = 0
    with ThreadPoolExecutor(4) as pool:
        for data, (_, caption, note) in zip(
            pool.map(lambda one: _data(server, one[0]), wanted), wanted, strict=True
        ):
            size += len(data)
            if size > MOST_BYTES:
                break  # which cancels the others
            found.append(Picture(data, caption, note))
    return found


def _data(server: ImageServer, uid: str) -> str:
    """Return a picture as a data URI, "" if its file cannot be read now."""
    try:
        thumbnail = server.thumbnail(uid).data
    except errors.SeptError:
        return ""
    small = io.BytesIO()
    with Image.open(io.BytesIO(thumbnail)) as image:
        image.thumbnail((SIDE, SIDE))
        image.convert("RGB").save(small, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(small.getvalue()).decode()}"


def _curve(similarities: Sequence[float | None]) -> Curve | None:
    known = [
        (rank, value)
        for rank, value in enumerate(similarities, 1)
        if value is not None and np.isfinite(value)
    ]
    if len(known) < 2:
        return None
    ranks, values = np.array(known).T
    parts = np.array_split(np.arange(len(known)), min(BINS, len(known)))
    low, median, high = np.array([np.percentile(values[p], (10, 50, 90)) for p in parts]).T
    return Curve(
        [float(ranks[part].mean()) for part in parts],
        low.tolist(),
        median.tolist(),
        high.tolist(),
        float(np.median(values)),
    )


def _classes(
    rows: pa.Table, labels: Mapping[str, str], sets: Mapping[str, str]
) -> list[tuple[str, int]]:
    """Count the images by the set and label of their target, most frequent first."""
    several = len(set(sets.values())) > 1
    counts: Counter[str] = Counter()
    for uid in rows["target_uid"].to_pylist():
        if uid not in sets:
            counts["no target (fill, random, pins)"] += 1
            continue
        label = labels[uid] or NO_LABEL
        counts[f"{sets[uid]} / {label}" if several else label] += 1
    common = counts.most_common()
    rest = sum(count for _, count in common[MOST_CLASSES:])
    others = [(f"{len(common) - MOST_CLASSES:,} others", rest)] if rest else []
    return common[:MOST_CLASSES] + others


def _counts(state: decision_log.ReviewState) -> dict[str, int]:
    made = Counter(one.action for one in state.decisions.values())
    found = {name: made[name] for name in ("veto", "negative", "keep", "pin") if made[name]}
    if state.vetoed_targets:
        found["target images vetoed"] = len(state.vetoed_targets)
    return found


def _reasons(state: decision_log.ReviewState, names: bool) -> list[tuple[str, ...]]:
    """Return decision, reason (reviewer) and number of images, most frequent first."""
    counts = Counter(
        (one.action, paths.without_paths(one.reason), *((one.who,) if names else ()))
        for one in state.decisions.values()
    )
    return [(*key, f"{count:,}") for key, count in counts.most_common(MOST_CLASSES)]
