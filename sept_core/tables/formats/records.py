"""Records of JSON: an object on each line, or one document with a list of them.

In: a file of text. Out: its records as rows. Fields of nested objects are columns `outer.inner`;
a list can name or hold several images, and is not a value otherwise.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sept_core import errors
from sept_core.tables.formats import looks, packed
from sept_core.tables.formats.rows import (
    NO_IMAGE,
    SAMPLE_ROWS,
    Cell,
    Cells,
    Column,
    Kind,
    Numbered,
    Payloads,
    Row,
    scalar,
)
from sept_core.tables.formats.text import Text

_DEEPEST = 4
_MAX_DOCUMENT = 1 << 31
"""Characters: a document is held whole, unlike lines."""

_LISTS = ("images", "data", "records", "items", "samples", "files", "rows", "annotations")
"""Names of the list of records in a document, tried in this order; COCO's comes first."""

_Fields = dict[str, Any]


class RecordTable:
    """A table of JSON records, see `rows.Table`."""

    def __init__(self, text: Text, suffix: str) -> None:
        """Detect whether it is one document or lines, and its columns.

        Raises:
            SourceError: it cannot be read, or is a document without a list of records.
        """
        self._text = text
        self._document = _document(text) if _is_document(text, suffix) else None
        samples: dict[str, list[Any]] = {}
        for _, fields, _ in islice(self._records(), SAMPLE_ROWS):
            for name, value in fields.items():
                samples.setdefault(name, []).extend(_listed(value))
        self.columns = [
            Column(name, _kind(name, values), tuple(values[:SAMPLE_ROWS]))
            for name, values in samples.items()
        ]
        self.notes = [text.note] if text.note else []

    def rows(self) -> Iterator[Numbered]:
        """Every record, with its plain values."""
        return (
            Numbered(number, self._plain(fields, None), problem)
            for number, fields, problem in self._records()
        )

    def cells(self, column: str) -> Cells:
        """Every record, with the paths or packed images in one field."""
        is_packed = any(c.name == column and c.kind == "packed" for c in self.columns)
        for number, fields, problem in self._records():
            row = Numbered(number, self._plain(fields, column), problem)
            value = fields.get(column)
            many = isinstance(value, list)
            yield (
                row,
                [
                    Cell(place if many else None, is_packed, str(item))
                    for place, item in enumerate(_listed(value))
                ],
            )

    def names(self, column: str) -> Iterator[str]:
        """The paths in one field."""
        for _, fields, _ in self._records():
            yield from map(str, _listed(fields.get(column)))

    def payloads(self, column: str) -> Payloads:
        """The images packed in one field."""
        for number, fields, _ in self._records():
            value = fields.get(column)
            many = isinstance(value, list)
            for place, item in enumerate(_listed(value)):
                try:
                    yield number, place if many else None, packed.unpack(str(item))
                except ValueError as problem:
                    yield number, place if many else None, str(problem)
            if not _listed(value):
                yield number, None, NO_IMAGE

    def _plain(self, fields: _Fields, without: str | None) -> Row:
        heavy = {c.name for c in self.columns if c.kind == "packed"}
        return {
            name: scalar(value)
            for name, value in fields.items()
            if name != without and name not in heavy and not isinstance(value, list)
        }

    def _records(self) -> Iterator[tuple[int, _Fields, str | None]]:
        """Yield number, fields and problem of every record; blank lines are skipped."""
        if self._document is not None:
            for number, record in enumerate(self._document):
                is_object = isinstance(record, dict)
                problem = None if is_object else "not a JSON object"
                yield number, _fields(record) if is_object else {}, problem
            return
        for number, line in enumerate(self._text.lines()):
            if line.isspace():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as problem:
                yield number, {}, f"not a line of JSON ({problem})"
                continue
            if isinstance(values, dict):
                yield number, _fields(values), None
            else:
                yield number, {}, "not a JSON object"


def _is_document(text: Text, suffix: str) -> bool:
    """Return whether it is one document, by its first line: many `.json` files are lines of
    records.
    """
    lines = [line for line in text.sample(SAMPLE_ROWS)[0] if not line.isspace()]
    if not lines:
        return False
    try:
        first = json.loads(lines[0])
    except (ValueError, RecursionError):
        return suffix == ".json" or lines[0].lstrip().startswith("[")
    is_list = isinstance(first, list) and any(isinstance(item, (dict, str)) for item in first)
    holds_list = suffix == ".json" and isinstance(first, dict) and not _is_record(first)
    return len(lines) == 1 and (is_list or holds_list)


def _is_record(values: _Fields) -> bool:
    return any(looks.is_known(name) and isinstance(v, (str, int)) for name, v in values.items())


def _document(text: Text) -> list[Any]:
    """The records of one document.

    Raises:
        SourceError: it is not JSON, too large, or holds no list of records.
    """
    whole: list[str] = []
    size = 0
    for line in text.lines():
        whole.append(line)
        size += len(line)
        if size > _MAX_DOCUMENT:
            raise errors.SourceError(
                f"{text.path} is too large to read as one document; convert it to jsonl."
            )
    try:
        document = json.loads("".join(whole))
    except (ValueError, RecursionError) as problem:
        raise errors.SourceError(f"{text.path} is not JSON ({problem}).") from problem
    found = _list_in(document)
    if found is None:
        raise errors.SourceError(
            f"{text.path} contains no list of records; write one object per line (jsonl)."
        )
    return [{"path": item} if isinstance(item, str) else item for item in found]


def _list_in(document: Any) -> list[Any] | None:
    """The list of records: the document itself, one of its fields, or its paths as keys."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    names = sorted(document, key=lambda name: _LISTS.index(name) if name in _LISTS else 99)
    for name in names:
        value = document[name]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return _with_classes(value, document) if name == "images" else value
    if document and all(map(looks.is_path, document)):
        return [
            {"path": path} | (value if isinstance(value, dict) else {"label": value})
            for path, value in document.items()
        ]
    return None


def _with_classes(records: list[Any], document: _Fields) -> list[Any]:
    """COCO: images with the class of their annotations, where all have the same."""
    try:
        classes = {kind["id"]: kind["name"] for kind in document["categories"]}
        found: dict[Any, set[Any]] = {}
        for note in document["annotations"]:
            found.setdefault(note["image_id"], set()).add(classes[note["category_id"]])
        labels = {image: min(names) for image, names in found.items() if len(names) == 1}
        return [
            {"label": labels[record["id"]]} | record if record["id"] in labels else record
            for record in records
        ]
    except (KeyError, TypeError):
        return records


def _fields(values: _Fields, prefix: str = "", depth: int = 0) -> _Fields:
    """The values by name, those of nested objects too; lists of objects as lists of fields."""
    found: _Fields = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            if depth < _DEEPEST:
                found |= _fields(value, f"{name}.", depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value if depth < _DEEPEST else ():
                inner = _fields(item, f"{name}.", depth + 1) if isinstance(item, dict) else {}
                for field, content in inner.items():
                    earlier = found.get(field)
                    found[field] = [*(earlier if isinstance(earlier, list) else []), content]
        else:
            found[name] = value
    return found


def _listed(value: Any) -> list[Any]:
    """Return the item or items of a value that can name or hold images."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item not in (None, "") and not isinstance(item, list)]


def _kind(name: str, values: list[Any]) -> Kind:
    texts = [value for value in values if isinstance(value, str)]
    if texts and looks.are_packed(name, texts):
        return "packed"
    return "text" if texts else "plain"
