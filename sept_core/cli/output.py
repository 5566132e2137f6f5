"""What commands print: JSON on stdout for machines, or tables for people; logs on stderr."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
"""For people, on stdout."""

notes = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, hints and errors: never mixed with what a machine reads."""

MOST = 5
"""Values of a list that people are shown."""


def as_json(value: Any) -> None:
    """Print one JSON document; NaN, which JSON lacks, becomes null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def facts(title: str, values: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    for name, value in values.items():
        table.add_row(name.replace("_", " "), text(value))
    console.print(table)


def rows(title: str, columns: Sequence[str], values: Iterable[Sequence[Any]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left", box=None, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")  # an id that is cut short is of no use
    for row in values:
        table.add_row(*(text(value) for value in row))
    console.print(table)


def text(value: Any) -> str:
    """A value as a person reads it, safe against markup in file names."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(item)}" for key, item in value.items())
    if isinstance(value, list) and len(value) > MOST:
        return f"{text(value[:MOST])} and {len(value) - MOST:,} more (--json lists all)"
    return str(value).replace("[", r"\[")
