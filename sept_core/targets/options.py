"""Options of a target set, given by the user or detected, as stored with its source.

In and out: options of a `SourceSpec`, which are texts. A set with a stored layout is read by it at
every further listing; one without has been added by a version that stored none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from sept_core import errors
from sept_core.ingest.entries import FileEntry
from sept_core.targets import columns
from sept_core.targets import rules as split_rules
from sept_core.targets.layout import CLASSES, FLAT, Layout
from sept_core.targets.rules import Rules
from sept_core.targets.split_lists import Lists

FLAGS = {
    "layout": "--layout",
    "split_column": "--split-column",
    "label_column": "--label-column",
    "split_folder": "--split-folder",
    "split_fraction": "--split-fraction",
    "split_group": "--split-group",
    "split_file": "--split-file",
}
"""Options of a target set, with their names on the command line."""

MANY = ("split_folder", "split_fraction", "split_file")
"""Options that can be given several times; stored with one value a line."""


@dataclass(frozen=True)
class Options:
    """Options for reading a target set.

    Attributes:
        layout: the meaning of folders and columns.
        rules: the user's rules on top of it.
        settled: the layout was chosen or stored, so nothing needs to be detected.
        given: names of the options that were given.
    """

    layout: Layout
    rules: Rules
    settled: bool = False
    given: frozenset[str] = frozenset()

    @classmethod
    def read(
        cls, given: Mapping[str, str], entries: Sequence[FileEntry], settled: Callable[[str], str]
    ) -> "Options":
        """Parse the options of a source.

        Args:
            given: as texts.
            entries: its usable ones, in which columns are looked up.
            settled: returns the stored name of a list of splits.

        Raises:
            InputError: an option is invalid, or names a missing column.
        """
        for option in ("split_column", "label_column"):
            _check_column(given.get(option, ""), entries)
        folders = given.get("layout", FLAT)
        label = given.get("label_column")
        if label is None and CLASSES not in folders.split("/"):
            label = columns.label_column(entries)
        layout = Layout(
            folders,
            given.get("split_column", ""),
            label or "",
            _assigned(given.get("split_folder", "")),
        )
        rules = _rules(given)
        rules = replace(rules, lists=tuple((s, settled(name)) for s, name in rules.lists))
        return cls(layout, rules, "layout" in given, frozenset(given))

    def stored(self) -> dict[str, str]:
        """Return the options to store with the source, all of them settled."""
        found = {
            "layout": self.layout.folders,
            "split_column": self.layout.split_column,
            "label_column": self.layout.label_column,
        }
        given = {
            "split_folder": "\n".join(f"{n}={s}" for n, s in sorted(self.layout.assigned.items())),
            "split_fraction": "\n".join(
                f"{s}={v:g}" for s, v in sorted(self.rules.fractions.items())
            ),
            "split_group": self.rules.group,
            "split_file": "\n".join(f"{s}={name}" if s else name for s, name in self.rules.lists),
        }
        return found | {name: value for name, value in given.items() if value}

    def words(self) -> list[str]:
        """Return the options as words of a command line."""
        found = []
        for name, value in self.stored().items():
            for part in value.split("\n") if name in MANY else [value]:
                found += [FLAGS[name], part] if part else []
        return found

    @property
    def title(self) -> str:
        """Describe the sources of splits and classes in words."""
        if not self.rules.title:
            return self.layout.described
        stated = self.layout.described.removesuffix(", no splits")
        return f"{stated}, splits by {self.rules.title}"

    def agrees(self, stored: "Options", name: str) -> bool:
        """Return whether one option agrees with the stored options, which may contain more."""
        if name == "split_folder":
            return self.layout.assigned.items() <= stored.layout.assigned.items()
        if name == "split_file":
            ours, theirs = self.rules.lists, stored.rules.lists
            return _base_names(ours) == _base_names(theirs)
        return self.stored().get(name, "") == stored.stored().get(name, "")

    def with_layout(self, layout: Layout) -> "Options":
        """Return the options with a detected layout."""
        return replace(self, layout=layout)

    def with_lists(self, lists: Lists) -> "Options":
        """Return the options with lists that define the splits."""
        return replace(self, rules=replace(self.rules, lists=lists))


def _base_names(lists: Lists) -> list[tuple[str, str]]:
    return [(split, PurePath(name).name) for split, name in lists]


def _assigned(text: str) -> dict[str, str]:
    found = {}
    for line in filter(None, text.split("\n")):
        name, equals, split = line.rpartition("=")
        if not equals or not name:
            raise errors.InputError(
                f"{line!r} does not assign a split to a folder; write for example extra=train."
            )
        found[name.strip("/")] = split
    return found


def _rules(given: Mapping[str, str]) -> Rules:
    return Rules(
        split_rules.read_fractions(given.get("split_fraction", "")),
        given.get("split_group", ""),
        split_rules.read_lists(given.get("split_file", "")),
    )


def _check_column(name: str, entries: Sequence[FileEntry]) -> None:
    if name and entries and not any(name in entry.metadata for entry in entries):
        known = sorted({column for entry in entries for column in entry.metadata})
        raise errors.InputError(
            f"There is no column {name!r}; available columns: {', '.join(known) or 'none'}."
        )
