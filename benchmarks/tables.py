"""Write the tables of the documents from the records that the program itself reads.

    python -m benchmarks.tables

In: families of encoders, strategies, formats, methods, pages. Out: in each document, the text
between `<!-- table: NAME -->` and `<!-- end of table -->`. A test checks that they are up to date.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from pages.shared import page_list
from sept_core.encoders.families import FAMILIES
from sept_core.export.formats import FORMATS
from sept_core.pretrain.methods.registry import METHODS
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def main() -> None:
    """Bring all documents up to date and name those that changed."""
    for path in DOCUMENTS:
        old = path.read_text()
        new = updated(old)
        if new != old:
            path.write_text(new)
            print(path.relative_to(ROOT))


def updated(text: str) -> str:
    """Return a document with its tables made again."""
    return _TABLE.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}{match[3]}", text)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _encoders() -> str:
    default = next(iter(FAMILIES))
    return _table(
        ("spec", "kind", "needs"),
        (
            (
                ", ".join(f"`{spec}`" for spec in family.usage)
                + (" (default)" if name == default else ""),
                family.about,
                family.needs,
            )
            for name, family in FAMILIES.items()
        ),
    )


def _strategies() -> str:
    return _table(
        ("strategy", "what it does", "budget", "weights"),
        (
            (
                f"`{name}`" + (" (default)" if name == DEFAULT_STRATEGY else ""),
                one.description,
                "needed" if one.needs_budget else "optional",
                "used" if one.weighted else "–",
            )
            for name, one in STRATEGIES.items()
        ),
    )


def _formats() -> str:
    return _table(
        ("format", "writes", "images", "options"),
        (
            (
                f"`{name}`",
                one.about,
                one.images,
                ", ".join(f"`{option}`: {o.about}" for option, o in one.options.items()),
            )
            for name, one in FORMATS.items()
        ),
    )


def _methods() -> str:
    return _table(
        ("method", "name", "settings of its own"),
        (
            (f"`{name}`", one.title, ", ".join(f"`{setting}`" for setting in one.own))
            for name, one in METHODS.items()
        ),
    )


def _pages() -> str:
    return _table(
        ("page", "section", "file"),
        ((title, page.section, f"`{page.file}`") for title, page in page_list.PAGES.items()),
    )


TABLES: dict[str, Callable[[], str]] = {
    "encoders": _encoders,
    "strategies": _strategies,
    "formats": _formats,
    "methods": _methods,
    "pages": _pages,
}

if __name__ == "__main__":
    main()
