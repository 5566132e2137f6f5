"""Rows: the common interface of all table formats.

In: an opener of the table's file. Out: its columns, its rows as plain values, and the cells of
one column: the names of files, or the images themselves.
"""

import datetime
import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol

Scalar = str | int | float | bool | None
Row = dict[str, Scalar]

Opener = Callable[[], BinaryIO]
"""Opens the table's file again, at its beginning."""


class Match(enum.IntEnum):
    """The match of a value with a file: none, without the file's suffix, or complete."""

    NONE = 0
    STEM = 1
    FILE = 2


Look = Callable[[str], Match]
"""Checks whether a value from a table names a file."""

Kind = Literal["bytes", "packed", "text", "plain"]

SAMPLE_ROWS = 50
"""Rows that are examined before a table is read."""

MAX_SHOWN = 60
"""Characters of a value that a message shows: a cell may hold a whole image as text."""


class Numbered(NamedTuple):
    """One row: its number from 0, its values, and the problem if they could not be read."""

    number: int
    values: Row
    problem: str | None = None


class Cell(NamedTuple):
    """One image of a row.

    Attributes:
        item: its place in the list that the row holds, or None where it holds one image.
        is_held: its bytes are in the table.
        name: of its file, used where the bytes are not in the table.
    """

    item: int | None
    is_held: bool
    name: str | None


Cells = Iterator[tuple[Numbered, list[Cell]]]
"""The rows without the column itself, each with the images of that column."""

Payloads = Iterator[tuple[int, int | None, bytes | str]]
"""The images of a column in the order of rows: row number, place in the list, bytes or the reason
why none."""

NO_IMAGE = "no image in this row"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: its name; `outer.inner` for a field of a nested value.
        kind: `bytes` (binary values), `packed` (base64 of images), `text` or `plain`.
        samples: the first few values of `text` and `plain`.
        is_simple: not nested, no list, no numbers that stand for bytes.
        is_filled: it certainly holds bytes, known without reading them.
    """

    name: str
    kind: Kind
    samples: tuple[Any, ...] = ()
    is_simple: bool = True
    is_filled: bool = False


class Table(Protocol):
    """A table of any format, reopened for each pass.

    Attributes:
        columns: in the table's order; those that hold neither images nor plain values are not
            among them.
        notes: how it was read, where that is not obvious.
    """

    columns: list[Column]
    notes: list[str]

    def rows(self) -> Iterator[Numbered]:
        """Every row, with all its plain values.

        Raises:
            SourceError: the file as a whole is not such a table.
        """
        ...

    def cells(self, column: str) -> Cells:
        """Every row with the images of one column; raises as `rows`."""
        ...

    def names(self, column: str) -> Iterator[str]:
        """The file names in one column, nothing else being read; raises as `rows`."""
        ...

    def payloads(self, column: str) -> Payloads:
        """The images of one column; raises as `rows`."""
        ...


def scalars(values: dict[str, Any]) -> Row:
    """The plain values of a JSON object; lists and nested objects are left out."""
    return {str(k): scalar(v) for k, v in values.items() if not isinstance(v, (dict, list))}


def scalar(value: Any) -> Scalar:
    """Return a value that JSON, parquet and DuckDB all can hold."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)


def shown(text: object) -> str:
    """Return a value as messages quote it, shortened."""
    plain = str(text)
    if len(plain) <= MAX_SHOWN:
        return repr(plain)
    return f"{plain[: MAX_SHOWN // 2]!r}… ({len(plain):,} characters)"


def columns_named(columns: list[Column], *kinds: Kind) -> list[str]:
    """The names of the columns of some kinds."""
    return [column.name for column in columns if column.kind in kinds]
