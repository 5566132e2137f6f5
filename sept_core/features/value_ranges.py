"""Value ranges on disk: those that were fitted on a pool, and those that features were made with.

In: a project's `encoders/` folder, feature stores. Out: `ValueRanges`, and for a shard's header the
ranges that its images of more than 8 bits were scaled from.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.features import feature_store
from sept_core.imaging import pixel_values
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.storage import atomic


def fitted(encoders: Path) -> ValueRanges:
    """Return the ranges that were fitted in a project; none before the first fit.

    Raises:
        IntegrityError: their file is damaged.
    """
    path = encoders / pixel_values.FILE
    if not path.exists():
        return ValueRanges()
    try:
        return pixel_values.from_json(atomic.read_json(path))
    except errors.InputError as problem:
        raise errors.IntegrityError(
            f"{path} is damaged ({problem}). Run sept check --repair."
        ) from None


def save(encoders: Path, ranges: ValueRanges) -> None:
    """Store the fitted ranges, whole or not at all."""
    atomic.write_json(encoders / pixel_values.FILE, ranges.to_json())


@dataclass(frozen=True)
class Use:
    """The range that a store's images of one pixel kind were scaled by.

    Attributes:
        range: what they were scaled from.
        embedded: how many files.
        clipped, flattened: how many of those the range does not suit, see `pixel_values.Scaled`.
    """

    range: ValueRange
    embedded: int
    clipped: int
    flattened: int


COUNTS = ("embedded", pixel_values.CLIPPED, pixel_values.FLATTENED)


def record(scaled: Iterable[tuple[str, str]], ranges: ValueRanges) -> dict[str, dict[str, Any]]:
    """Return the entry in a shard's header about its images of more than 8 bits; `uses` reads it.

    Args:
        scaled: the pixel kind and the loss of each.
        ranges: that they were scaled by.
    """
    counts: dict[str, Counter[str]] = {}
    for kind, loss in scaled:
        counts.setdefault(kind, Counter()).update(["embedded", loss])
    used = {kind: ranges.find(kind) or pixel_values.default(kind) for kind in counts}
    return {
        kind: used[kind].fields() | {name: counts[kind][name] for name in COUNTS}
        for kind in sorted(counts)
    }


def uses(store: feature_store.FeatureStore) -> list[Use]:
    """Return the uses that the headers of a store's shards record; none for 8-bit images.

    Raises:
        IntegrityError: a header is damaged.
    """
    counts: dict[ValueRange, Counter[str]] = {}
    for shard in store.shards:
        for found, numbers in _uses_of(shard):
            counts.setdefault(found, Counter()).update(numbers)
    return [
        Use(found, **{name: number[name] for name in COUNTS}) for found, number in counts.items()
    ]


def _uses_of(shard: feature_store.Shard) -> Iterator[tuple[ValueRange, dict[str, int]]]:
    values = shard.header.get("value_ranges", {})
    try:
        for found in pixel_values.from_json(values):
            yield found, {name: int(values[found.kind][name]) for name in COUNTS}
    except (errors.InputError, KeyError, TypeError, ValueError) as problem:
        raise errors.IntegrityError(
            f"The header of shard {shard.number} in {shard.folder} is damaged ({problem}). "
            f"{feature_store.MEND}"
        ) from None


def is_current(shard: feature_store.Shard, ranges: ValueRanges) -> bool:
    """Return whether a shard has images of more than 8 bits, scaled as they would be now."""
    found = [found for found, _ in _uses_of(shard)]
    now = [ranges.find(one.kind) for one in found]
    return bool(found) and all(n and n.ends == f.ends for n, f in zip(now, found, strict=True))


def outdated(
    store: feature_store.FeatureStore, ranges: ValueRanges
) -> list[tuple[Use, ValueRange]]:
    """Return the uses of a store that differ from the ranges in force now."""
    now = [(use, ranges.find(use.range.kind)) for use in uses(store)]
    return [(use, found) for use, found in now if found and found.ends != use.range.ends]


def refuse_outdated(store: feature_store.FeatureStore, ranges: ValueRanges) -> None:
    """Refuse to extend a store whose images were scaled by other ranges.

    Raises:
        InputError: names both ranges and the remedy.
    """
    for use, now in outdated(store, ranges):
        raise errors.InputError(
            f"{store.folder} contains features of {use.range.kind} images scaled from "
            f"{use.range.text}, but they would now be scaled from {now.text}. Embed all of them "
            f"again with --rebuild, or keep the first range with --value-range {use.range.option}."
        )
