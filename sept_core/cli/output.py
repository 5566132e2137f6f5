"""Output of commands: JSON or tables on stdout; progress, notes and errors on stderr."""

import io
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

UNBROKEN = 100_000
"""Line width, in characters, of output that goes to a file or another program."""


def _console(stream: IO[str], stderr: bool) -> Console:
    width = None if stream.isatty() else UNBROKEN
    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False, width=width)


console = _console(sys.stdout, False)
"""Console on stdout."""

notes = _console(sys.stderr, True)
"""Console on stderr, for progress, notes and errors."""

MOST = 5
"""Maximum number of values of a list that are printed."""


def survive_any_encoding() -> None:
    """Let stdout and stderr escape characters that their encoding lacks instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def as_json(value: Any) -> None:
    """Print one JSON document, with null for NaN."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(_plain_json(value), indent=2, ensure_ascii=not unicode)
    sys.stdout.write(text + "\n")


def _plain_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def say(sentence: str, *, style: str | None = None, to: Console | None = None) -> None:
    """Print a line literally: no markup, no control characters.

    Args:
        sentence: the line; may hold names of files.
        style: of the whole line, such as "yellow".
        to: `console` (the default) or `notes`.
    """
    (to or console).print(Text(plain(sentence)), style=style)


def say_lines(text: str) -> None:
    """Print several lines, each as `say` does."""
    for line in text.splitlines():
        say(line)


def facts(title: str, values: Mapping[str, Any]) -> None:
    """Print names and values, one per line; the values of a mapping are indented below its name."""
    lines = list(_lines(values))
    width = max((len(name) for name, _ in lines), default=0)
    say(title)
    for name, value in lines:
        said = Text(f"  {name:<{width}}", "dim").append(f"  {plain(value)}", "default")
        console.print(said)


def _lines(values: Mapping[str, Any], indent: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        name = indent + plain(key.replace("_", " "))
        if isinstance(value, Mapping):
            yield name, ""
            yield from _lines(value, indent + "  ")
        else:
            yield name, value


def rows(title: str, columns: Sequence[str], values: Iterable[Sequence[Any]]) -> None:
    """Print a table, or `TITLE: none.` if it is empty."""
    table = Table(title=Text(title), title_justify="left", box=None, header_style="dim")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")  # an id must not be truncated
    for row in values:
        table.add_row(*(Text(plain(value)) for value in row))
    if table.row_count:
        console.print(table)
    else:
        say(f"{title}: none.")


def text(value: Any) -> str:
    """Return `plain(value)` escaped for rich markup."""
    return escape(plain(value))


def plain(value: Any) -> str:
    """Return a value as text for people; control characters in file names are escaped."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(key)} {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return _listed(value)
    return "".join(_shown(letter) for letter in str(value))


def _listed(values: Sequence[Any]) -> str:
    sign = "; " if any(isinstance(value, Mapping) for value in values) else ", "
    text = sign.join(plain(value) for value in values[:MOST])
    if len(values) > MOST:
        return f"{text} and {len(values) - MOST:,} more (--json lists all)"
    return text or "none"


def _shown(letter: str) -> str:
    """Return a printable character unchanged, any other as a Python escape sequence."""
    if letter.isprintable():
        return letter
    return letter.encode("unicode_escape", "surrogatepass").decode()


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 image`, `2 images`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
