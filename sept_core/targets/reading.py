"""Reading: the splits and classes of a target set, their sources, and alternative readings.

In: a listing, and the options of its source. Out: a `Reading`, and the listing with `split` and
`label`. A target set that admits two sensible readings with different images to search with or to
hold out is ambiguous: it is refused until the user chooses. Pure but for lists and annotations.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sept_core import errors, targets
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.targets import columns, names
from sept_core.targets.beside import Beside
from sept_core.targets.folders import Folders, Found
from sept_core.targets.layout import FILE_NAMES, FLAT, Layout, folders_of, stem_of
from sept_core.targets.levels import quoted
from sept_core.targets.options import Options
from sept_core.targets.split_lists import Place


@dataclass(frozen=True)
class Taken:
    """The source of a split (a folder, a value of a column, a list) and its number of images."""

    what: str
    split: str
    files: int


@dataclass(frozen=True)
class Reading:
    """One way to read a target set.

    Attributes:
        options: under which a listing is read this way again.
        splits: images by split and label; an empty label means none.
        taken: the sources of each split, the largest first.
        mentions: files that are not read and, by their names, may define splits.
        why: the reason for the ambiguity, as a sentence; empty if there is none.
        others: the other sensible readings found, if it is ambiguous.
    """

    options: Options
    splits: Mapping[str, Mapping[str, int]]
    taken: tuple[Taken, ...]
    mentions: tuple[str, ...] = ()
    why: str = ""
    others: tuple["Reading", ...] = field(default=())

    @property
    def ambiguous(self) -> bool:
        """Return whether the user must choose."""
        return bool(self.why)


class AmbiguousError(errors.SourceError):
    """A target set has several sensible readings; `reading` shows those of `spec`."""

    def __init__(self, spec: SourceSpec, reading: Reading) -> None:
        self.spec = spec
        self.reading = reading
        super().__init__(
            f"The layout of {spec.name} is ambiguous ({reading.why.rstrip('.')}); choose a layout."
        )


def read(
    spec: SourceSpec,
    entries: Sequence[FileEntry],
    known: Mapping[Place, str] | None = None,
) -> tuple[Reading, list[FileEntry]]:
    """Read a listing: detect its layout, or apply the one in the options.

    Args:
        spec: the source, with its options.
        entries: its whole listing.
        known: splits that a fraction drew before; they stay.

    Raises:
        InputError: an option is invalid or matches nothing.
    """
    beside = Beside(spec, entries)
    usable = [entry for entry in entries if entry.problem is None]
    asked = Options.read(spec.options, usable, beside.settled)
    candidates, why = _candidates(usable, asked, beside)
    apply = partial(_apply, entries, known=known or {}, beside=beside)
    placed = [apply(candidate) for candidate in candidates]
    mentions = tuple(beside.mentioning())
    readings: dict[tuple[str | None, ...], Reading] = {}
    for candidate, (listing, taken) in zip(candidates, placed, strict=True):
        key = tuple(entry.split for entry in listing)
        readings.setdefault(key, Reading(candidate, counted(listing), taken, mentions))
    first, *others = readings.values()
    _check_column(first, usable)
    if others:
        first = replace(first, why=why, others=tuple(others))
    elif mentions and not asked.settled and not asked.rules.given and not _holds_out(first):
        unread = quoted(mentions)
        first = replace(
            first, why=f"{unread} may define the held-out images, and nothing else does."
        )
    return first, placed[0][0]


def _check_column(reading: Reading, entries: Sequence[FileEntry]) -> None:
    """Refuse a column of splits none of whose values is understood."""
    column = reading.options.layout.split_column
    if column and entries and set(reading.splits) == {targets.UNASSIGNED}:
        values = sorted(columns.distinct_values(entries).get(column, ()))
        raise errors.InputError(
            f"No value of column {column!r} is a known split name "
            f"({quoted(values) or 'too many'}); assign a split to each value, for example with "
            "--split-folder 0=train."
        )


def _holds_out(reading: Reading) -> bool:
    return any(split in reading.splits for split in targets.HELDOUT_SPLITS)


def counted(entries: Sequence[FileEntry]) -> dict[str, dict[str, int]]:
    """Count images by split, those to search with first, and label."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        if entry.split is not None:
            found[entry.split][entry.label or ""] += 1
    order = (*targets.SPLITS, targets.UNASSIGNED)
    return {split: dict(sorted(found[split].items())) for split in order if split in found}


def _apply(
    entries: Sequence[FileEntry], candidate: Options, known: Mapping[Place, str], beside: Beside
) -> tuple[list[FileEntry], tuple[Taken, ...]]:
    stated: Counter[tuple[str, str]] = Counter()
    found, by = [], []
    for entry in entries:
        if entry.problem is not None:
            found.append(entry)
            by.append("")
            continue
        split, label, stated_by = candidate.layout.place(entry)
        found.append(replace(entry, split=split, label=label))
        by.append(stated_by)
    ruled = candidate.rules.apply(found, known, beside.read)
    for before, after, stated_by in zip(found, ruled, by, strict=True):
        if after.split is not None:
            ruled_out = candidate.rules.lists and after.split == targets.UNASSIGNED
            by_rule = "in no list" if ruled_out else candidate.rules.title
            what = stated_by if after.split == before.split else by_rule
            stated[what, after.split] += 1
    taken = tuple(Taken(what, split, count) for (what, split), count in stated.most_common())
    return beside.labelled(ruled), taken


def _candidates(
    entries: Sequence[FileEntry], asked: Options, beside: Beside
) -> tuple[list[Options], str]:
    """Return every sensible reading, the likeliest first, and the reason for the ambiguity."""
    if asked.settled:
        return [asked], ""
    found = Folders(Counter(map(folders_of, entries)), asked.layout.assigned).read()
    if asked.rules.lists:  # they state every split, whatever else does
        found = replace(found, layouts=found.layouts[:1], certain=True)
    layouts, why = _layouts(entries, asked, found)
    label = asked.layout.label_column
    if "label_column" not in asked.given:
        label = columns.label_column(entries)
    candidates = [asked.with_layout(replace(own, label_column=label)) for own in layouts]
    certain = found.certain or any(own.split_column for own in layouts[:1])
    listed = [] if certain else [candidates[0].with_lists(own) for own in beside.lists(entries)]
    if listed:
        why = why or f"{listed[0].rules.title} may define the splits."
    return [*candidates, *listed], why


def _layouts(
    entries: Sequence[FileEntry], asked: Options, found: Found
) -> tuple[list[Layout], str]:
    """Return the layouts by folders, columns and file names."""
    whole = found.layouts[0]
    if given := asked.layout.split_column:
        assigned = {**whole.assigned, **asked.layout.assigned}
        return [replace(whole, split_column=given, assigned=assigned)], ""
    by_column = "split_column" not in asked.given and not asked.rules.lists
    if by_column and (stated := columns.split_columns(entries)):
        rivals = [whole] if found.certain else []
        why = f"{_listed(stated)} and other places define different splits."
        return [*(replace(whole, split_column=name) for name in stated), *rivals], why
    if found.certain:
        return list(found.layouts), found.why
    if named := _by_file_names(entries, whole):
        return [*found.layouts, named], found.why or "The file names may contain the splits."
    if by_column and (coded := columns.coded_columns(entries)):
        held = [_by_code(entries, name, whole) for name in coded]
        return [
            *found.layouts,
            *held,
        ], found.why or f"{_listed(coded)} may contain splits or folds."
    return list(found.layouts), found.why


def _listed(columns_named: Sequence[str]) -> str:
    word = "Columns" if len(columns_named) > 1 else "Column"
    return f"{word} {quoted(columns_named)}"


def _by_file_names(entries: Sequence[FileEntry], whole: Layout) -> Layout | None:
    """Return the layout by file names, if every name has a split and the splits are complete."""
    splits = {names.loose_split_of(stem_of(entry)) for entry in entries}
    if None in splits or "train" not in splits or len(splits) < 2:
        return None
    folders = FILE_NAMES if whole.folders == FLAT else f"{whole.folders}/{FILE_NAMES}"
    return replace(whole, folders=folders)


def _by_code(entries: Sequence[FileEntry], column: str, whole: Layout) -> Layout:
    """Guess the meaning of a column's values, for the user to correct."""
    values = sorted(columns.distinct_values(entries)[column])
    if names.column(column) not in columns.FOLDS and values == ["0", "1", "2"]:
        meant = dict(zip(values, targets.SPLITS, strict=True))
    else:
        own = names.split_of(column) or "test"
        meant = dict.fromkeys(values[:-1], "train") | {values[-1]: own}
    return replace(whole, split_column=column, assigned={**whole.assigned, **meant})
