"""Fields: the content of an Arrow schema's columns, nested ones included.

In: a schema as parquet and Arrow files carry it. Out: one `Field` for each column, or field of a
nested column, that holds images or plain values; and their values in a batch of rows.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa

from sept_core.tables.formats import packed
from sept_core.tables.formats.rows import NO_IMAGE, Cell, Kind, Payloads, Scalar, scalar

_DEEPEST = 6

_LISTS = (
    *(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
    *(pa.types.is_list_view, pa.types.is_large_list_view),
)
_BINARY = (
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
    pa.types.is_fixed_size_binary,
)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


@dataclass(frozen=True)
class Field:
    """One column, or one field of a nested column.

    Attributes:
        name: as users write it, `outer.inner` if it is nested.
        steps: names from the top-level column down; lists on the way are not among them.
        form: `bytes`; `packed` as base64; `struct` of bytes and path as Hugging Face has it;
            `located`, a struct with a path and no bytes; `numbers`, a list of bytes as numbers;
            `text`; `plain`.
        is_many: a list of such values.
        classes: names of the classes that its whole numbers stand for.
    """

    name: str
    steps: tuple[str, ...]
    form: Literal["bytes", "packed", "struct", "located", "numbers", "text", "plain"]
    is_many: bool = False
    classes: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """The kind of the column."""
        if self.form in ("bytes", "struct", "numbers"):
            return "bytes"
        if self.form == "plain" or self.form == "packed":
            return self.form
        return "text"

    def cells(self, value: Any) -> list[Cell]:
        """Return the images of one row from its Python value."""
        return [
            Cell(place if self.is_many else None, self._is_held(item), self.path(item))
            for place, item in enumerate(self._items(value))
        ]

    def payloads(self, number: int, value: Any) -> Payloads:
        """The images of one row of some number."""
        for place, item in enumerate(self._items(value)):
            yield number, place if self.is_many else None, self.unpack(item)

    def unpack(self, item: Any) -> bytes | str:
        """Return the bytes of one image, or the reason why there are none."""
        try:
            return self._bytes(item) or NO_IMAGE
        except ValueError as problem:
            return str(problem)

    def path(self, item: Any) -> str | None:
        """Return the path in one value, if there is one."""
        if self.form in ("struct", "located"):
            item = item.get("path") if item else None
        elif self.form not in ("text", "plain"):
            return None
        return None if item is None else str(item)

    def _items(self, value: Any) -> list[Any]:
        return (value or []) if self.is_many else [value]

    def _is_held(self, item: Any) -> bool:
        if self.form == "struct":
            return bool(item and item.get("bytes"))
        return bool(item) and self.form in ("bytes", "packed", "numbers")

    def _bytes(self, item: Any) -> bytes | None:
        if self.form == "struct":
            item = item.get("bytes") if item else None
        if self.form == "numbers" and item:
            return bytes((number or 0) & 0xFF for number in item)
        return packed.unpack(str(item)) if item and self.form == "packed" else item


def of_schema(schema: pa.Schema) -> list[Field]:
    """The fields that hold images or plain values, in the order of the schema.

    Columns with the same name are ambiguous and are left out.
    """
    classes, times = _class_names(schema), Counter(schema.names)
    return [
        replace(field, classes=tuple(classes.get(field.name, ())))
        for column in schema
        if times[column.name] == 1
        for field in _below((column.name,), column.type, False)
    ]


def scalars(batch: pa.RecordBatch, field: Field) -> list[Scalar]:
    """The plain values of a field, one a row."""
    found = values(batch, field)
    if field.form in ("struct", "located"):
        return [field.path(item) for item in found]
    if field.classes:
        return [_named(scalar(value), field.classes) for value in found]
    kind = batch.column(field.steps[0]).type
    as_is = pa.types.is_signed_integer(kind) or _is(kind, _TEXT)
    return found if as_is else [scalar(value) for value in found]


def values(batch: pa.RecordBatch, field: Field) -> list[Any]:
    """Return a field's Python values, one per row, or a list of values if the field is many."""
    column: list[Any] = batch.column(field.steps[0]).to_pylist()
    inner = field.steps[1:]
    return [descend(value, inner) for value in column] if inner else column


def descend(value: Any, steps: tuple[str, ...]) -> Any:
    """Return the nested value below a value, or below each item of a list."""
    for number, step in enumerate(steps):
        if isinstance(value, list):
            return [descend(item, steps[number:]) for item in value]
        value = value.get(step) if value else None
    return value


def _below(steps: tuple[str, ...], kind: pa.DataType, is_many: bool) -> Iterator[Field]:
    kind, name = _stored(kind), ".".join(steps)
    if _is(kind, _LISTS):
        inner = _stored(kind.value_type)
        if inner in (pa.uint8(), pa.int8()):
            yield Field(name, steps, "numbers", is_many)
        elif not is_many and (pa.types.is_struct(inner) or _is(inner, (*_BINARY, *_TEXT))):
            yield from _below(steps, inner, True)
    elif pa.types.is_struct(kind):
        yield from _in_struct(steps, kind, is_many)
    elif _is(kind, _BINARY):
        yield Field(name, steps, "bytes", is_many)
    elif not pa.types.is_nested(kind):
        yield Field(name, steps, "text" if _is(kind, _TEXT) else "plain", is_many)


def _in_struct(steps: tuple[str, ...], kind: pa.StructType, is_many: bool) -> Iterator[Field]:
    inner = {field.name: _stored(field.type) for field in kind}
    if _is(inner.get("bytes", pa.null()), _BINARY):
        yield Field(".".join(steps), steps, "struct", is_many)
    elif _is(inner.get("path", pa.null()), _TEXT):
        yield Field(".".join(steps), steps, "located", is_many)
    elif len(steps) < _DEEPEST:
        for field in kind:
            yield from _below((*steps, field.name), field.type, is_many)


def _is(kind: pa.DataType, tests: tuple[Callable[[pa.DataType], bool], ...]) -> bool:
    return any(test(kind) for test in tests)


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type of the values behind dictionaries and extension types."""
    while True:
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        elif pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            kind = kind.value_type
        else:
            return kind


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of integer classes, as Hugging Face's `ClassLabel` keeps them in the schema."""
    try:
        kept = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = kept["info"]["features"].items()
        return {name: list(map(str, kind["names"])) for name, kind in features if "names" in kind}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _named(value: Scalar, names: tuple[str, ...]) -> Scalar:
    known = isinstance(value, int) and 0 <= value < len(names)
    return names[value] if known else value  # type: ignore[index]
