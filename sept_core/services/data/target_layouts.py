"""Layouts of target sets: stored with each set, and summarised with warnings for the user.

In: the catalogue. Out: listings with splits and classes, and `Shown`, which `status` and the
Targets page are made from.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from sept_core import targets
from sept_core.catalogue import scans, settings, source_table, split_table
from sept_core.catalogue.connection import Connection
from sept_core.catalogue.source_table import SourceRecord
from sept_core.ingest import sources
from sept_core.targets import before, cautions, reading
from sept_core.targets.options import FLAGS, Options
from sept_core.targets.reading import AmbiguousError, Reading, Taken

VERSION = 1
"""Version of the layout detection: results stored by another version are recomputed."""


@dataclass(frozen=True)
class Listed:
    """Files of a collection, with the options to store; `reading` is that of a target set."""

    spec: sources.SourceSpec
    files: pa.Table
    reading: Reading | None = None


@dataclass(frozen=True)
class Shown:
    """Summary of how a target set is read.

    Attributes:
        layout: of its folders; empty for a set that an earlier version added.
        words: its reading options, as words of a command line.
        splits: images by split and label; an empty label means none.
        taken: names interpreted as splits.
        warnings: warnings for the user, as sentences.
        outdated: the current version would read it differently; it can be adopted.
    """

    layout: str
    words: list[str]
    splits: dict[str, dict[str, int]]
    taken: list[Taken]
    warnings: list[str]
    outdated: bool


def listed(db: Connection, spec: sources.SourceSpec, record: SourceRecord | None = None) -> Listed:
    """List a target set and read it.

    Args:
        db: the catalogue.
        spec: the source to list, with its reading options.
        record: the set in the catalogue; None reads it as a new one.

    Raises:
        AmbiguousError: a new set can be read in several ways.
    """
    entries = list(sources.scan(spec))
    known = source_table.known(db, record.id) if record else {}
    if known and "layout" not in spec.options:
        return Listed(spec, scans.scan_table(before.keep(entries, known)))
    splits = {place: split for place, (split, _) in known.items()}
    found, entries = reading.read(spec, entries, splits)
    if found.ambiguous:
        raise AmbiguousError(spec, found)
    settled = replace(spec, options={**_others(spec.options), **found.options.stored()})
    return Listed(settled, scans.scan_table(entries), found)


def forgotten(spec: sources.SourceSpec, options: Mapping[str, str]) -> sources.SourceSpec:
    """Return the source with other reading options."""
    return replace(spec, options={**_others(spec.options), **options})


def other_option(record: SourceRecord, given: Mapping[str, str]) -> str:
    """Return the first option that differs from those of the target set, or empty."""
    if record.role != "target" or not FLAGS.keys() & given.keys():
        return ""
    if "layout" not in record.spec.options:
        return "reading"
    stored = Options.read(record.spec.options, (), str)
    wanted = Options.read(given, (), str)
    return next((FLAGS[name] for name in given if not wanted.agrees(stored, name)), "")


def _others(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if name not in FLAGS}


def keep(db: Connection, source_id: str, spec: sources.SourceSpec, found: Reading) -> None:
    """Store how a target set is read, for the next listing and for display."""
    source_table.set_options(db, source_id, spec.options)
    settings.put(db, _key(source_id), _stored(found.taken, found.mentions))


def forget(db: Connection, source_id: str) -> None:
    """Delete what `keep` stored for display."""
    settings.remove(db, _key(source_id))


def holding_out(record: SourceRecord, share: float) -> dict[str, str]:
    """Return the options of a target set with a share of each class held out as its test split."""
    known = {name: value for name, value in record.spec.options.items() if name in FLAGS}
    return known | {"split_fraction": f"test={share:g}"}


def splits(db: Connection, name: str) -> dict[str, dict[str, int]]:
    """Count images of a target set by split and label, training first."""
    return _ordered(source_table.classes(db, source_table.find(db, "target", name).id))


def shown(db: Connection, record: SourceRecord) -> Shown:
    """Return how a target set is read, with warnings."""
    splits = _ordered(source_table.classes(db, record.id))
    kept = settings.get(db, _key(record.id))
    if kept is None or kept["version"] != VERSION:
        kept = _recomputed(db, record)
        settings.put(db, _key(record.id), kept)
    taken = [Taken(**one) for one in kept["taken"]]
    warnings = cautions.of(splits, taken, kept["mentions"])
    if both := split_table.in_both(db, record.id):
        subject = "1 image lies" if both == 1 else f"{both:,} images lie"
        warnings.append(
            f"{subject} in the training split and in a held-out split: counted as held-out."
        )
    settled = "layout" in record.spec.options
    options = Options.read(record.spec.options, (), str) if settled else None
    return Shown(
        layout=record.spec.options.get("layout", ""),
        words=options.words() if options else [],
        splits=splits,
        taken=taken,
        warnings=[*([kept["today"]] if kept["today"] else []), *warnings],
        outdated=bool(kept["today"]),
    )


def _ordered(splits: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    order = (*targets.SPLITS, targets.UNASSIGNED)
    return {split: splits[split] for split in order if split in splits}


def _key(source_id: str) -> str:
    return f"reading:{source_id}"


def _stored(taken: tuple[Taken, ...], mentions: tuple[str, ...], today: str = "") -> dict[str, Any]:
    return {
        "version": VERSION,
        "taken": [asdict(one) for one in taken],
        "mentions": list(mentions),
        "today": today,
    }


def _recomputed(db: Connection, record: SourceRecord) -> dict[str, Any]:
    """Compute the stored summary from the catalogue, without listing the files again."""
    entries = source_table.listed(db, record.id)
    if not entries:
        return _stored((), ())
    found, today = reading.read(record.spec, entries)
    if "layout" in record.spec.options:
        return _stored(found.taken, found.mentions)
    changed = [
        (old.split, new.split)
        for old, new in zip(entries, today, strict=True)
        if (old.split, old.label) != (new.split, new.label)
    ]
    taken = () if changed else found.taken
    return _stored(taken, found.mentions, _outdated(found, changed))


def _outdated(found: Reading, changed: list[tuple[str | None, str | None]]) -> str:
    """Describe how the current version would read an earlier one's set; empty if unchanged."""
    if found.ambiguous:
        return (
            "This set was read by an earlier version; the current one needs a choice of layout: "
            f"{found.why}"
        )
    if not changed:
        return ""
    searched = sum(old == "train" and new in targets.HELDOUT_SPLITS for old, new in changed)
    what = (
        f"{searched:,} training images would be held out"
        if searched
        else (f"{len(changed):,} images would be in another split or class")
    )
    return f"This set was read by an earlier version; if it is read again, {what}."
