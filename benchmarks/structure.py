"""Count the packages and modules of `sept_core`, imports between them, and circles between files.

Usage: python -m benchmarks.structure [CHECKOUT …]; several checkouts are compared side by side.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "sept_core"
PLACE = re.compile(rf"({PACKAGE}(?:\.\w+)+):\w+")
"""Pattern of the names in a table that are imported later, such as commands."""


@dataclass(frozen=True)
class Structure:
    """The modules of a checkout and what each imports, lazy imports and tables included.

    Attributes:
        imports: module → modules of the same package that it imports, by dotted name.
    """

    imports: dict[str, set[str]]

    @property
    def loose(self) -> list[str]:
        """Modules that lie directly in the package."""
        return sorted(name for name in self.imports if name.count(".") == 1)

    @property
    def packages(self) -> set[str]:
        """Folders with modules, at any depth."""
        return {name.rpartition(".")[0] for name in self.imports} - {PACKAGE}

    @property
    def between_rooms(self) -> set[tuple[str, str]]:
        """Pairs of top-level rooms of which the first imports the second."""
        pairs = {(_room(a), _room(b)) for a, found in self.imports.items() for b in found}
        return {(a, b) for a, b in pairs if a != b}

    @property
    def circles(self) -> list[list[str]]:
        """Groups of files that import one another, directly or through others."""
        reach = {name: self._reach(name) for name in self.imports}
        rings = {
            tuple(sorted({name} | {other for other in reach[name] if name in reach[other]}))
            for name in self.imports
            if name in reach[name]
        }
        return [list(ring) for ring in sorted(rings)]

    def _reach(self, start: str) -> set[str]:
        seen: set[str] = set()
        stack = [start]
        while stack:
            for name in self.imports[stack.pop()] - seen:
                seen.add(name)
                stack.append(name)
        return seen


def read(checkout: Path) -> Structure:
    """Read every import of a checkout's `sept_core`; the app's files in a wheel are left out."""
    modules = {_name(checkout, path): path for path in _modules(checkout)}
    return Structure({name: _imported(path, set(modules)) for name, path in modules.items()})


def _modules(checkout: Path) -> Iterator[Path]:
    for path in sorted((checkout / PACKAGE).rglob("*.py")):
        if path.stem not in ("__init__", "__main__") and "_app" not in path.parts:
            yield path


def _name(checkout: Path, path: Path) -> str:
    return ".".join(path.relative_to(checkout).with_suffix("").parts)


def _imported(path: Path, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {place[1] for place in [PLACE.fullmatch(node.value)] if place}
    return found & modules


def _room(name: str) -> str:
    return name.split(".")[1]


def main() -> None:
    """Print one column a checkout."""
    found = [read(Path(folder)) for folder in sys.argv[1:] or ["."]]
    rows = {
        "modules": [len(one.imports) for one in found],
        "packages": [len(one.packages) for one in found],
        "loose modules": [len(one.loose) for one in found],
        "top-level rooms": [len({_room(name) for name in one.imports}) for one in found],
        "imports between modules": [sum(map(len, one.imports.values())) for one in found],
        "imports between rooms": [len(one.between_rooms) for one in found],
        "circles between files": [len(one.circles) for one in found],
    }
    for name, values in rows.items():
        print(f"{name:26}" + "".join(f"{value:8}" for value in values))
    for one in found:
        for circle in one.circles:
            print("circle:", ", ".join(circle))


if __name__ == "__main__":
    main()
