"""Commands that are imported when they run: `sept --help` must not load numpy, DuckDB or torch.

In: a table of command names and the places of their functions. Out: a group whose help shows the
first paragraph of each docstring, read from the source without importing it.
"""

import ast
import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

_WORDS = {
    "<str>": "TEXT", "<list[str]>": "TEXT", "<int>": "NUMBER", "<list[int]>": "NUMBER",
    "<float>": "NUMBER", "<list[float]>": "NUMBER",
}  # fmt: skip
"""Words of the help for the types of values."""

_PLAIN: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,  # plain text: faster to print, and readable in logs
}


def group(*, help: str, **more: Any) -> typer.Typer:
    """Return a group of commands, such as `sept pool …`, whose help is plain text."""
    return typer.Typer(help=help, no_args_is_help=True, **({"cls": Group} | _PLAIN | more))


class Group(TyperGroup):
    """A group whose help shows the whole first paragraph of each command's help.

    Typer keeps the types of contexts, commands and formatters private, hence `Any`.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and summaries of the commands."""
        rows = [(name, _first(command.help)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class LazyGroup(Group):
    """A group that imports the module of a command when the command is called.

    Attributes:
        sections: title in the help → command name → `module:attribute`. The attribute is a
            function, or a `typer.Typer` with a group of commands.
        renamed: earlier names of commands → current names.
    """

    sections: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    renamed: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.commands = {name: TyperCommand(name) for name in places(self.sections)}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and build one command; None for an unknown name."""
        if cmd_name in self.renamed:
            ctx.fail(f"sept {cmd_name} is now: sept {self.renamed[cmd_name]}")
        place = places(self.sections).get(cmd_name)
        return None if place is None else load(cmd_name, place)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names and summaries of the commands, section by section."""
        width = max(map(len, places(self.sections)))
        for title, found in self.sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), summary(place)) for name, place in found.items()]
                )


def places(sections: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return command name → `module:attribute` of all sections, in the order of the help."""
    return {name: place for found in sections.values() for name, place in found.items()}


def load(name: str, place: str) -> Any:
    """Build the command at `module:attribute`, importing the module."""
    found = _imported(place)
    if isinstance(found, typer.Typer):
        group: Any = get_command(found)
        group.name = name
        for command in group.commands.values():
            _name_values(command)
        return group
    alone = typer.Typer(**_PLAIN)
    alone.command(name)(found)
    return _name_values(get_command(alone))


def _name_values(command: Any) -> Any:
    """Show the types of values in the help in plain words instead of Python's (`<list[str]>`)."""
    for param in command.params:
        if param.param_type_name == "argument":  # its own name says it
            param.display_type = lambda ctx: ""
        else:
            python_type = param.display_type
            param.display_type = lambda ctx, shown=python_type: _WORDS.get(shown(ctx), shown(ctx))
    return command


def functions(
    sections: Mapping[str, Mapping[str, str]],
) -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield the full name (`pool add`) and the function of every command, importing all of them."""
    for name, place in places(sections).items():
        found = _imported(place)
        if not isinstance(found, typer.Typer):
            yield name, found
            continue
        for command in found.registered_commands:
            assert command.callback is not None
            yield f"{name} {command.name}", command.callback


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def summary(place: str) -> str:
    """Return the first paragraph of the help at `module:attribute`, without importing it."""
    module, _, attribute = place.partition(":")
    for node in _statements(module):
        if isinstance(node, ast.FunctionDef) and node.name == attribute:
            return _first(ast.get_docstring(node))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == attribute:
            return _help_of(node.value)
    raise AssertionError(f"{place} is missing")


def _first(text: str | None) -> str:
    return (text or "").partition("\n\n")[0]


@functools.cache
def _statements(module: str) -> list[ast.stmt]:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, f"{module} is missing"
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body


def _help_of(call: ast.expr) -> str:
    """Return the `help` in a call `group(help="…")`."""
    assert isinstance(call, ast.Call)
    values = {keyword.arg: keyword.value for keyword in call.keywords}
    return str(ast.literal_eval(values["help"]))
