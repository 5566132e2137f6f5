"""Metadata filters: a small language over files and images, turned into bound SQL.

`width >= 256 and source = web and caption ~ "red fox"`: conditions joined by `and`, each
`FIELD OPERATOR VALUE`. Fields are those of `COLUMNS` or any column of the source's own
metadata; values never become part of the SQL text.
"""

import re
from dataclasses import dataclass

from sept_core import errors

COLUMNS = {
    "source": "s.name",
    "path": "f.rel_path",
    "label": "f.label",
    "width": "i.width",
    "height": "i.height",
    "bytes": "i.bytes",
    "format": "i.format",
    "brightness": "i.brightness",
    "contrast": "i.contrast",
    "sharpness": "i.sharpness",
    "entropy": "i.entropy",
}
"""Field → column of the join of files `f`, sources `s` and images `i`."""

TEXT = {"source", "path", "label", "format"}
OPERATORS = ("<=", ">=", "!=", "=", "<", ">", "~")

_CONDITION = re.compile(
    r"""\s*(?P<field>[^\s<>=!~"']+|"[^"]+")\s*(?P<operator><=|>=|!=|=|<|>|~)\s*"""
    r"""(?P<value>"[^"]*"|'[^']*'|[^\s<>=!~"'][^\s]*)\s*(?:(?P<joint>\band\b)|$)""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Condition:
    """One comparison; `~` is "contains", ignoring case."""

    field: str
    operator: str
    value: str


def parse(text: str) -> list[Condition]:
    """Read a filter; the empty text is no condition.

    Raises:
        InputError: the filter is malformed; the message shows where.
    """
    conditions, place = [], 0
    while place < len(text) and text[place:].strip():
        match = _CONDITION.match(text, place)
        if match is None or (match["joint"] and not text[match.end() :].strip()):
            raise errors.InputError(
                f"The filter cannot be parsed at {text[place:].strip()!r}; write conditions such "
                'as: width >= 256 and source = web and caption ~ "red fox".'
            )
        field, value = match["field"].strip('"'), match["value"]
        if value[0] in "\"'":
            value = value[1:-1]
        conditions.append(Condition(field, match["operator"], value))
        place = match.end()
    return conditions


def column(field: str) -> tuple[str, list[str]]:
    """Return a field of the join as an SQL expression with `?` marks, and the values for them."""
    if field in COLUMNS:
        return COLUMNS[field], []
    return "json_extract_string(f.metadata, ?)", ['$."' + field.replace('"', "") + '"']


def fields(conditions: list[Condition]) -> list[str]:
    """Return the fields that the conditions name, each once."""
    return list(dict.fromkeys(condition.field for condition in conditions))


def to_sql(conditions: list[Condition]) -> tuple[str, list[str | float]]:
    """Return the conditions as an SQL expression with `?` marks, and the values for them.

    It is over a table whose columns c0, c1, … are those of `fields`.

    Raises:
        InputError: a number is compared with something that is not one.
    """
    known = fields(conditions)
    parts, values = ["TRUE"], list[str | float]()
    for condition in conditions:
        expression, value = _one(condition, f"c{known.index(condition.field)}")
        parts.append(expression)
        values.append(value)
    return " AND ".join(parts), values


def _one(condition: Condition, column: str) -> tuple[str, str | float]:
    own = condition.field not in COLUMNS
    number = _number(condition.value)
    if condition.operator == "~":
        return f"contains(lower(CAST({column} AS TEXT)), lower(?))", condition.value
    if condition.field in TEXT or (own and number is None):
        return f"{column} {condition.operator} ?", condition.value
    if number is None:
        raise errors.InputError(
            f"The field {condition.field} is numeric, but {condition.value!r} is not a number; "
            "give a number."
        )
    if own:  # a column that holds numbers and words: words never match a number
        column = f"TRY_CAST({column} AS DOUBLE)"
    return f"{column} {condition.operator} ?", number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
