"""Recipe files: the parts of a subset as TOML.

    unfilled_part = "donate"    # optional: leave (default) or donate
    with_target = true          # optional: begin with the target's own images

    [[part]]
    name = "search"
    strategy = "instance-search"
    share = 0.7

In: the path of a file. Out: `RecipeFile`; `SelectionSettings` checks strategies and shares.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.selection.recipes import Part

ENTRIES = {"part": list, "unfilled_part": str, "with_target": bool}
PART_ENTRIES = ("name", "strategy", "share")


@dataclass(frozen=True)
class RecipeFile:
    """Content of a recipe file; None stands for an entry that it does not have."""

    parts: tuple[Part, ...]
    unfilled_part: str | None = None
    with_target: bool | None = None


def settings(
    path: Path | None, unfilled_part: str | None = None, with_target: bool = False
) -> dict[str, Any]:
    """Return the entries of `SelectionSettings` that a recipe file and options give.

    Args:
        path: of the file; None without a recipe.
        unfilled_part: replaces that of the file; None keeps it.
        with_target: True begins with the target's own images, whatever the file says.

    Raises:
        InputError: see `read`.
    """
    found = RecipeFile(()) if path is None else read(path)
    return {
        "recipe": found.parts,
        "unfilled_part": unfilled_part or found.unfilled_part or "leave",
        "with_target": with_target or bool(found.with_target),
    }


def read(path: Path) -> RecipeFile:
    """Read a recipe file.

    Raises:
        InputError: it cannot be read, or an entry is unknown or missing.
    """
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise errors.InputError(f"{path} cannot be read as a recipe: {problem}.") from None
    for name, value in given.items():
        if name not in ENTRIES or not isinstance(value, ENTRIES[name]):
            raise errors.InputError(
                f"{path}: {name} = {value!r} is not a valid entry of a recipe, which has [[part]] "
                'tables, unfilled_part = "leave" or "donate", and with_target = true or false.'
            )
    parts = tuple(_part(path, number, part) for number, part in enumerate(given.get("part", []), 1))
    if not parts:
        raise errors.InputError(f"{path} has no part; add a [[part]] table for each part.")
    return RecipeFile(parts, given.get("unfilled_part"), given.get("with_target"))


def _part(path: Path, number: int, given: Any) -> Part:
    if not isinstance(given, dict) or set(given) != set(PART_ENTRIES):
        found = ", ".join(given) if isinstance(given, dict) else repr(given)
        raise errors.InputError(
            f"{path}: part {number} must have exactly the entries {', '.join(PART_ENTRIES)}, but "
            f"it has {found or 'none'}."
        )
    return Part(**given)
