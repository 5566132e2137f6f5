"""Columns: the columns of a table with the split and the class of an image.

In: the metadata of a listing. Out: names of columns, and the meaning of their values. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence

from sept_core.ingest.entries import FileEntry
from sept_core.tables import tables
from sept_core.targets import names

LABELS = (
    *("classname", "labelname", "categoryname", "label", "class", "category", "cls", "target"),
    *("species", "breed", "classlabel", "classid", "labelid", "categoryid", "labels", "y"),
)
"""Columns and side-cars that give an image's class, as `names.column` writes them, best first."""

SPLITS = (
    *("split", "splits", "splitname", "datasplit", "datasetsplit", "partition", "subset", "set"),
    *("setname", "usage", "phase", "stage", "fold", "folds", "purpose"),
)
"""Columns that give an image's split, best first; any other column serves if all values are splits.
"""

_CERTAIN = ("split", "partition", "fold", "folds", "subset", "datasplit")

FOLDS = ("fold", "folds")

_MOST_VALUES = 24
"""A column with more values than this holds no splits."""

_YES, _NO = ("1", "1.0", "true", "yes", "y", "t"), ("0", "0.0", "false", "no", "n", "f")


def label_column(entries: Iterable[FileEntry]) -> str:
    """Return the column of classes; empty if there is none."""
    present = {name for entry in entries for name, value in entry.metadata.items() if value != ""}
    by_name = {names.column(name): name for name in sorted(present, reverse=True)}
    return next((by_name[name] for name in LABELS if name in by_name), "")


def split_columns(entries: Sequence[FileEntry]) -> list[str]:
    """Return the columns with splits, the best first."""
    values = distinct_values(entries)
    named = [name for name, found in values.items() if _states_splits(name, found)]
    return sorted(named, key=lambda name: (_rank(name), name))


def coded_columns(entries: Sequence[FileEntry]) -> list[str]:
    """Return columns that may contain splits in values that only their author can explain.

    Examples are numbers in `partition`, folds, and `is_valid`, which may refer to the file.
    """
    return [
        name
        for name, found in sorted(distinct_values(entries).items())
        if len(found) > 1 and not _states_splits(name, found) and _may_be_coded(name, found)
    ]


def _may_be_coded(name: str, values: set[str]) -> bool:
    yes_or_no = all(value.lower() in (*_YES, *_NO) for value in values)
    return names.column(name) in _CERTAIN or (names.split_of(name) == "val" and yes_or_no)


def distinct_values(entries: Iterable[FileEntry]) -> dict[str, set[str]]:
    """Return the values of each column that has few of them."""
    found: dict[str, set[str]] = {}
    many: set[str] = set()
    for entry in entries:
        for name, value in entry.metadata.items():
            if name not in many and value not in (None, ""):
                values = found.setdefault(name, set())
                values.add(str(value))
                if len(values) > _MOST_VALUES:
                    many.add(name)
                    del found[name]
    return found


def split_in(column: str, metadata: Mapping[str, tables.Scalar]) -> str | None:
    """Return the split in a row's column; None if there is none."""
    value = metadata.get(column)
    return None if value in (None, "") else split_of(column, str(value))


def split_of(column: str, value: str) -> str | None:
    """Return the split that a value of a column means: `Test`, or 1 in `is_test`."""
    own = names.split_of(column)
    if own in ("train", "test") and value.lower() in _YES:
        return own
    if own in ("train", "test") and value.lower() in _NO:
        return "test" if own == "train" else "train"
    return names.split_of(value)


def _states_splits(name: str, values: set[str]) -> bool:
    found = {value: split_of(name, value) for value in values}
    kinds = set(found.values()) - {None}
    if _rank(name) < len(SPLITS):
        return bool(kinds)
    whole = None not in found.values() and len(kinds) > 1 and "train" in kinds
    return whole and names.column(name) not in LABELS


def _rank(name: str) -> int:
    plain = names.column(name)
    return SPLITS.index(plain) if plain in SPLITS else len(SPLITS)
