"""Decision files: tables, tag exports and lists in which others have decided on images.

In: a csv, jsonl, json, parquet or list of paths; FiftyOne's `samples.json` or `labels.csv`, or the
folder of such an export; the paths of one tag that LightlyStudio exports. Out: one `Line` for each
row, in the words of the file: nothing is looked up in a project here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sept_core import errors
from sept_core.export.tables import FORMULA
from sept_core.review import decision_log
from sept_core.tables import tables
from sept_core.tables.formats import looks
from sept_core.tables.formats.rows import Numbered, Row, Table, shown

DECISIONS = tuple(action for action in decision_log.ACTIONS if action != "undo")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "uid": ("uid", "sept_uid"),
    "path": (*looks.PATH_COLUMNS, "name", "fname"),
    "key": ("source_uid", "source_key", "key", "image_id", "id"),
    "decision": ("decision", "action", "verdict"),
    "tags": ("tags", "tag", "sample_tags"),
    "reason": ("reason", "comment", "note", "notes"),
    "who": ("who", "decided_by", "reviewer", "annotator", "user"),
    "scope": ("scope",),
    "target": ("target", "target_set"),
}
"""Names under which each part of a row is found, in upper or lower case, tried in this order."""

NAMES = ("uid", "path", "key")

FIFTYONE = ("samples.json", "labels.csv")
"""Files of FiftyOne's exports, looked for in a folder."""


@dataclass(frozen=True)
class Line:
    """One row of a decision file.

    Attributes:
        number: of the row, from 1.
        names: of the image, the likeliest first: uid, path, key.
        decision: one of `DECISIONS`, or "" if the row has none.
        problem: why the row cannot be used, or "".
        reason: of the decision.
        who: the reviewer, "" for none.
        scope: one of `decision_log.SCOPES`.
        target: the target set that the row names, "" for none.
        tags: the tags that stand for no decision.
    """

    number: int
    names: tuple[str, ...]
    decision: str = ""
    problem: str = ""
    reason: str = ""
    who: str = ""
    scope: str = "image"
    target: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class DecisionFile:
    """A decision file that has been read.

    Attributes:
        path: of the file.
        read_as: the columns that were used, for the preview.
        lines: every row, in order.
    """

    path: Path
    read_as: str
    lines: tuple[Line, ...]

    @property
    def unmapped(self) -> dict[str, int]:
        """The tags that stand for no decision, with their numbers of rows, most frequent first."""
        return dict(Counter(tag for line in self.lines for tag in line.tags).most_common())


def read(path: Path, words: Mapping[str, str] | None = None, decision: str = "") -> DecisionFile:
    """Read a decision file.

    Args:
        path: the file, or the folder of a FiftyOne export.
        words: words of the file (tags, verdicts) and the decisions that they stand for; the names
            of the decisions always stand for themselves.
        decision: decision of the rows that name none.

    Raises:
        InputError: there is no such file, it names no images or no decisions, or a decision is
            unknown.
    """
    known = {word: word for word in DECISIONS} | {
        word.strip().lower(): _checked(made) for word, made in (words or {}).items()
    }
    usual = _checked(decision) if decision else ""
    file = _file(path)
    table = tables.open_table(tables.opener_of(file), file.name)
    columns = _columns(table, file)
    lines = tuple(_line(row, tags, columns, known, usual) for row, tags in _rows(table, columns))
    found = DecisionFile(file, _read_as(columns), lines)
    if not any(line.decision or line.problem for line in lines):
        raise _no_decision(found, columns)
    return found


def words_of(given: Iterable[str]) -> dict[str, str]:
    """Parse WORD=DECISION.

    Raises:
        InputError: one has another form.
    """
    found = {}
    for text in given:
        word, sign, decision = text.rpartition("=")
        if not sign or not word:
            raise errors.InputError(f"{text!r} is not of the form WORD=DECISION.")
        found[word] = decision
    return found


def _checked(decision: str) -> str:
    plain = decision.strip().lower()
    if plain not in DECISIONS:
        raise errors.InputError(
            f"The decision {decision!r} is unknown; use one of {', '.join(DECISIONS)}."
        )
    return plain


def _file(path: Path) -> Path:
    if path.is_dir():
        for name in FIFTYONE:
            if (path / name).is_file():
                return path / name
        raise errors.InputError(
            f"{path} contains neither {' nor '.join(FIFTYONE)}; give the file with the decisions."
        )
    if not path.is_file():
        raise errors.InputError(f"{path} does not exist.")
    if not tables.is_table(path.name):
        raise errors.InputError(
            f"{path} is not a table; give one of {', '.join(sorted(tables.SUFFIXES))}."
        )
    return path


def _columns(table: Table, path: Path) -> dict[str, str]:
    """Return the columns of the table by their meaning."""
    present = {column.name.strip().lower(): column.name for column in reversed(table.columns)}
    found = {
        meaning: present[name]
        for meaning, names in COLUMNS.items()
        for name in reversed(names)
        if name in present
    }
    if not any(meaning in found for meaning in NAMES):
        names = ", ".join(column.name for column in table.columns) or "none"
        raise errors.InputError(
            f"{path} has no column that names images ({names}); give one named uid, path or "
            "source_uid."
        )
    return found


def _rows(table: Table, columns: Mapping[str, str]) -> Iterator[tuple[Numbered, list[str]]]:
    """Yield each row with its tags: a list, or one text with commas, as FiftyOne's csv has them."""
    if "tags" not in columns:
        yield from ((row, []) for row in table.rows())
        return
    for row, cells in table.cells(columns["tags"]):
        texts = [cell.name for cell in cells if cell.name]
        yield row, [tag for text in texts for tag in _tags(text)]


def _tags(text: str) -> list[str]:
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):  # a list as Python writes it into a csv
        bare = bare[1:-1]
    return [tag for part in bare.split(",") if (tag := part.strip().strip("'\""))]


def _line(
    row: Numbered,
    tags: Sequence[str],
    columns: Mapping[str, str],
    known: Mapping[str, str],
    usual: str,
) -> Line:
    cells = {meaning: _text(row.values, column) for meaning, column in columns.items()}
    names = tuple(dict.fromkeys(cells[name] for name in NAMES if cells.get(name)))
    line = Line(row.number + 1, names, reason=cells.get("reason", ""), who=cells.get("who", ""),
                scope=cells.get("scope", "").lower() or "image",
                target=cells.get("target", ""))  # fmt: skip
    said = cells.get("decision", "")
    problem = row.problem or ("" if names else "the row names no image")
    if said and said.lower() not in known:
        problem = problem or f"the decision {shown(said)} is unknown"
    if line.scope not in decision_log.SCOPES:
        problem = problem or f"the scope {shown(line.scope)} is unknown"
    meant = dict.fromkeys(known[tag.lower()] for tag in tags if tag.lower() in known)
    if said.lower() in known:
        meant = {known[said.lower()]: None}
    if len(meant) > 1:
        problem = problem or f"its tags stand for {' and '.join(meant)}"
    if problem:
        return replace(line, problem=problem)
    decision = next(iter(meant), usual)
    others = tuple(tag for tag in tags if tag.lower() not in known)
    mapped = [tag for tag in tags if known.get(tag.lower()) not in (None, tag.lower())]
    reason = line.reason or (f"tag: {', '.join(mapped)}" if mapped else "")
    return replace(line, decision=decision, tags=others, reason=reason)


def _text(values: Row, column: str) -> str:
    value = values.get(column)
    text = "" if value is None else str(value).strip()
    # A csv that SEPT wrote has an apostrophe before what a spreadsheet would run as a formula.
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def _read_as(columns: Mapping[str, str]) -> str:
    return ", ".join(
        column if column == meaning else f"{column} as {meaning}"
        for meaning, column in columns.items()
    )


def _no_decision(found: DecisionFile, columns: Mapping[str, str]) -> errors.InputError:
    every = ", ".join(DECISIONS)
    if found.unmapped:
        tags = ", ".join(f"{tag} ({count:,})" for tag, count in list(found.unmapped.items())[:10])
        return errors.InputError(
            f"No tag in {found.path.name} is a decision ({tags}); say which one a tag stands for, "
            f"such as --map {next(iter(found.unmapped))}=veto."
        )
    if "decision" in columns or "tags" in columns:
        which = columns.get("decision", columns.get("tags"))
        return errors.InputError(
            f"The column {which} of {found.path.name} is empty; fill it with {every}, or give one "
            "of them for all rows with --decision."
        )
    return errors.InputError(
        f"{found.path.name} names images but no decisions; add a column named decision ({every}), "
        "or give one for all rows with --decision."
    )
