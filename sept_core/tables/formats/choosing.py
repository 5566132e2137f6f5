"""Choosing: the column of a table that names or contains the images.

In: an opened table, the user's options, and a function that looks up files. Out: the column to read
by, or one sentence on what was found and how to choose a column. A label is never mistaken for a
path: the images and files behind the values decide, then the name of the column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from sept_core import errors
from sept_core.imaging import image_formats
from sept_core.tables.formats import looks
from sept_core.tables.formats.rows import Column, Look, Match, Table, shown

_PROBED_IMAGES = 8
_PROBED_ROWS = 1000
_PROBED_VALUES = 20
_PROBED_COLUMNS = 200
_HEAD_BYTES = 1024
_SHOWN_COLUMNS = 20
_TELLING = frozenset(looks.IMAGE_COLUMNS) - {"bytes", "data"}
"""Names under which bytes are images."""

_OPTIONAL = ("file", "image", "img")
"""Names of `looks.PATH_COLUMNS` that also stand for other things."""


@dataclass(frozen=True)
class Choice:
    """The column by which a table is read: its `images`, or the `paths` of their files.

    Attributes:
        others: further columns of images, which are not read.
        is_usual: it is found by name alone: neither places in the table nor options need to name
        it.
    """

    column: str
    holds: Literal["images", "paths"]
    others: tuple[str, ...] = ()
    is_usual: bool = False


def usual_column(columns: Sequence[Column]) -> str | None:
    """Return the column of images that places in the table need not name, by column names."""
    names = [
        column.name
        for column in columns
        if (column.kind == "bytes" and column.is_simple)
        or (column.kind == "packed" and column.name in looks.PACKED_COLUMNS)
    ]
    return best_named(names, looks.IMAGE_COLUMNS) or (names[0] if len(names) == 1 else None)


def choose_column(table: Table, path: str, options: Mapping[str, str], look: Look) -> Choice:
    """Choose the column by which a table is read.

    Args:
        table: opened.
        path: its name, for messages.
        options: `image_column` or `path_column`, if the user named one.
        look: checks whether a value names a file.

    Raises:
        SourceError: there is no such column, or several candidates.
    """
    for option in ("image_column", "path_column"):
        if option in options:
            return _named(table, path, options[option], option)
    usual = usual_column(table.columns)
    held, empty = _columns_of_images(table, usual)
    if held:
        first = best_named(held, looks.IMAGE_COLUMNS) or (held[0] if len(held) == 1 else None)
        if first is None:
            raise _several(path, "images", held, "--image-column")
        others = (c.name for c in table.columns if c.kind in ("bytes", "packed"))
        return Choice(first, "images", tuple(n for n in others if n != first), first == usual)
    texts = [c for c in table.columns if c.kind in ("text", "plain") or c.name in empty]
    if found := _column_of_paths(texts, path, look):
        return found
    if usual is not None:  # bytes that are no image known here: each is listed with its reason
        return Choice(usual, "images", is_usual=True)
    raise _refusal(table, path)


def best_named(names: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the first known name, in upper or lower case."""
    by_name = {name.strip().lower(): name for name in reversed(names)}
    return next((by_name[name] for name in known if name in by_name), None)


def _named(table: Table, path: str, wanted: str, option: str) -> Choice:
    column = next((column for column in table.columns if column.name == wanted), None)
    if column is None:
        names = ", ".join(column.name for column in table.columns[:_SHOWN_COLUMNS])
        raise errors.SourceError(f"{path} has no column {wanted!r}; its columns are {names}.")
    is_held = option == "image_column" and column.kind in ("bytes", "packed")
    return Choice(wanted, "images" if is_held else "paths")


def _columns_of_images(table: Table, usual: str | None) -> tuple[list[str], list[str]]:
    """Return the columns whose first values are images, and those without values.

    A usual column with a known name is accepted unread: reading images while their shards are
    listed would take as long as embedding them.
    """
    is_filled = any(column.name == usual and column.is_filled for column in table.columns)
    if usual is not None and is_filled and usual.lower() in _TELLING:
        return [usual], []
    held, empty = list[str](), list[str]()
    for column in table.columns:
        if column.kind in ("bytes", "packed"):
            heads = _heads(table, column.name)
            if any(image_formats.recognise(head) for head in heads):
                held.append(column.name)
            elif not heads:
                empty.append(column.name)
    return held, empty


def _heads(table: Table, column: str) -> list[bytes]:
    """The first bytes of the first few images."""
    payloads = islice(table.payloads(column), _PROBED_ROWS)
    found = (data[:_HEAD_BYTES] for _, _, data in payloads if isinstance(data, bytes))
    return list(islice(found, _PROBED_IMAGES))


def _column_of_paths(columns: Sequence[Column], path: str, look: Look) -> Choice | None:
    """Choose by the files behind the values, then by name and by the form of the values."""
    names = [column.name for column in columns]
    known = [
        name
        for wanted in (*looks.PATH_COLUMNS, *looks.MORE_PATH_COLUMNS)
        if (name := best_named(names, [wanted]))
    ]
    by_name = {column.name: column for column in columns}
    ordered = [*known, *(name for name in names if name not in known)][:_PROBED_COLUMNS]
    matches = {}
    for name in ordered:
        matches[name] = _matches(by_name[name], look)
        if name in known and matches[name] is Match.FILE:
            return Choice(name, "paths", is_usual=name in known)
    files = [name for name in ordered if matches[name] is Match.FILE]
    alike = [name for name in ordered if _looks_like_paths(by_name[name])]
    stems = [name for name in ordered if matches[name] is Match.STEM]
    sure = [n for n in known if n.strip().lower() in looks.PATH_COLUMNS and _may_be(by_name[n])]
    for found in (files, sure, [n for n in known if n in alike], alike, stems):
        first = found[0] if found and (found[0] in known or len(found) == 1) else None
        if first is not None:
            return Choice(first, "paths", is_usual=first in known)
        if found:
            raise _several(path, "paths", found, "--path-column")
    return None


def _matches(column: Column, look: Look) -> Match:
    """The best match of some values; without suffixes, only where all of them match."""
    values = [v for v in map(str, column.samples) if not looks.is_address(v)][:_PROBED_VALUES]
    found = [look(value) for value in values]
    if Match.FILE in found:
        return Match.FILE
    is_id = len(set(values)) == len(values)  # a label, which repeats, can be a file's stem too
    return Match.STEM if found and all(found) and is_id else Match.NONE


def _looks_like_paths(column: Column) -> bool:
    values = list(map(str, column.samples))
    return sum(looks.is_path(v) and not looks.is_address(v) for v in values) * 2 > len(values)


def _may_be(column: Column) -> bool:
    """Return whether a column with a usual name of paths may contain paths."""
    values = list(map(str, column.samples))
    if column.name.strip().lower() not in _OPTIONAL or column.kind == "bytes":
        return not values or not all(map(looks.is_address, values))
    return _looks_like_paths(column) or any("/" in value for value in values)


def _several(path: str, what: str, names: Sequence[str], option: str) -> errors.SourceError:
    return errors.SourceError(
        f"{path} has several columns of {what}: {', '.join(names[:_SHOWN_COLUMNS])}; choose one "
        f"with {option} NAME."
    )


def _refusal(table: Table, path: str) -> errors.SourceError:
    """Return the error that lists what was found instead of paths or images."""
    for column in table.columns:
        if column.samples and all(looks.is_address(str(value)) for value in column.samples):
            return errors.SourceError(
                f"{path} has URLs in its column {column.name!r}, not files "
                f"({shown(column.samples[0])}); download them first, for example with img2dataset."
            )
    columns = table.columns[:_SHOWN_COLUMNS]
    found = ", ".join(f"{c.name} ({shown(c.samples[0])})" if c.samples else c.name for c in columns)
    return errors.SourceError(
        f"{path} has no recognised column of paths or images; choose one with --path-column "
        "NAME or --image-column NAME, and give the folder of the files with --root FOLDER if it "
        f"is a different one. Its columns: {found or 'none'}."
    )
