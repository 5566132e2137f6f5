"""Commands that are imported when they run: `sept --help` must not load numpy, DuckDB or torch.

In: a table of command names and where their functions stand. Out: a click group whose help shows
the first line of each docstring, read from the source without importing it. Typer keeps click's own
types private, hence `Any`.
"""

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class LazyGroup(TyperGroup):
    """A group that imports the module of a command when the command is asked for.

    Attributes:
        table: command name → `module:attribute`, in the order in which help lists them. The
            attribute is a function, or a `typer.Typer` for a group of commands.
    """

    table: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and build one command; None where there is none of that name."""
        place = self.table.get(cmd_name)
        return None if place is None else load(cmd_name, place)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help of the group from summaries alone."""
        summaries = _Summaries(self.table, name=self.name, params=self.params, help=self.help)
        summaries.rich_markup_mode = self.rich_markup_mode
        summaries.format_help(ctx, formatter)


class _Summaries(TyperGroup):
    """Stands in for a `LazyGroup` while its help is printed."""

    def __init__(self, table: dict[str, str], **values: object) -> None:
        super().__init__(**values)  # type: ignore[arg-type]
        self._table = table

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return TyperCommand(cmd_name, help=summary(self._table[cmd_name]))


def load(name: str, place: str) -> Any:
    """Build the command that stands at `module:attribute`, importing the module."""
    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = get_command(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(found)
    return get_command(alone)


def summary(place: str) -> str:
    """Return the first line of help of what stands at `module:attribute`, without importing it."""
    module, _, attribute = place.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, f"{module} is missing"
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == attribute:
            return (ast.get_docstring(node) or "").partition("\n\n")[0]
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == attribute:
            return _help_of(node.value)
    raise AssertionError(f"{place} is missing")


def _help_of(call: ast.expr) -> str:
    """The `help` that a call `typer.Typer(help="…")` gives."""
    assert isinstance(call, ast.Call)
    values = {keyword.arg: keyword.value for keyword in call.keywords}
    return str(ast.literal_eval(values["help"]))
