"""Decisions made elsewhere: match a decision file with the project, preview, commit.

In: a `DecisionFile`, target sets. Out: a `Preview` with an outcome for every row, and, when it is
committed, further events of the decision log. No row is skipped without an outcome that says why.
"""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sept_core import errors
from sept_core.catalogue import decision_table, image_ids, place_table
from sept_core.catalogue.connection import transaction
from sept_core.review import decision_log
from sept_core.services.curate import decisions
from sept_core.services.curate.decision_file import DecisionFile, Line
from sept_core.services.curate.outbox import MOST_REASON
from sept_core.services.project.project import Project
from sept_core.tables import references

NEW = "new"
REPLACES = "replaces"
CONFLICT = "conflict"
SAME = "same"
REPEATED = "repeated"
CONTRADICTION = "contradiction"
UNDECIDED = "undecided"
NOT_FOUND = "not found"
AMBIGUOUS = "ambiguous"
OTHER_TARGET = "other target"
INVALID = "invalid"

OUTCOMES: Mapping[str, str] = {
    NEW: "to import",
    REPLACES: "to import in place of another decision",
    CONFLICT: "decided otherwise in the project, and left as they are",
    SAME: "decided like this already",
    REPEATED: "repeat an earlier row",
    CONTRADICTION: "contradict another row about the same image",
    UNDECIDED: "without a decision",
    NOT_FOUND: "name no image of the project",
    AMBIGUOUS: "name several images of the project",
    OTHER_TARGET: "of another target set",
    INVALID: "invalid",
}
"""The possible outcomes of a row, in the order of the preview, and their wording."""

IMPORTED = (NEW, REPLACES)

WAYS = {
    "uid": "by uid",
    "key": "by source key",
    "path": "by path",
    "end": "by the end of a path",
    "file": "by file name",
}
"""Ways to match a row with an image, the surest first."""

_UID = re.compile(r"[0-9a-f]{32}")
_MOST_WHO = 100


@dataclass(frozen=True)
class Row:
    """One row of the file and its outcome.

    Attributes:
        line: as the file has it.
        outcome: a key of `OUTCOMES`.
        uid: its image, "" if unknown.
        way: a key of `WAYS`, "" if unknown.
        note: details of the outcome, or "".
        targets: the target sets that it is imported for: the one that it names, or all.
    """

    line: Line
    outcome: str
    uid: str = ""
    way: str = ""
    note: str = ""
    targets: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the row as a table shows it."""
        line = self.line
        return {
            "row": line.number,
            "name": line.names[0] if line.names else "",
            "decision": line.decision,
            "outcome": self.outcome,
            "note": self.note,
            "uid": self.uid,
            "matched": self.way,
            "reason": line.reason,
            "who": line.who,
        }


@dataclass(frozen=True)
class Preview:
    """Outcome of every row of a file before it is imported.

    Attributes:
        file: the decision file.
        targets: names of the target sets.
        rows: every row of the file, in order.
        position: last position of the decision log when this was computed.
    """

    file: DecisionFile
    targets: tuple[str, ...]
    rows: tuple[Row, ...]
    position: int

    @property
    def planned(self) -> list[Row]:
        """The rows that would be imported."""
        return [row for row in self.rows if row.outcome in IMPORTED]

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each outcome that occurs."""
        found = Counter(row.outcome for row in self.rows)
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}

    @property
    def ways(self) -> dict[str, int]:
        """The number of matched rows for each way that occurs."""
        found = Counter(row.way for row in self.rows if row.way)
        return {way: found[way] for way in WAYS if found[way]}

    @property
    def decisions(self) -> dict[str, int]:
        """The number of planned decisions of each kind."""
        return dict(Counter(row.line.decision for row in self.planned).most_common())

    def to_json(self) -> dict[str, Any]:
        """Return the preview with all rows that would not be imported."""
        return {
            "file": str(self.file.path),
            "read_as": self.file.read_as,
            "targets": list(self.targets),
            "rows": len(self.rows),
            "outcomes": self.counts,
            "decisions": self.decisions,
            "matched": self.ways,
            "unmapped_tags": self.file.unmapped,
            "not_imported": [row.to_json() for row in self.rows if row.outcome not in IMPORTED],
        }


@dataclass(frozen=True)
class Imported:
    """Number of imported rows and of their events, and the last position of the log."""

    imported: int
    events: int
    position: int


def preview(
    project: Project, targets: Sequence[str], file: DecisionFile, *, replacing: bool = False
) -> Preview:
    """Match every row with an image and with the decisions that stand; changes nothing.

    Args:
        project: the open project.
        targets: names of the target sets.
        file: the decision file.
        replacing: a row replaces a different decision in the project.

    Raises:
        NotFoundError: a target set does not exist.
    """
    ids = decisions.ids_of(project, targets)
    found = _images(project, ids, file.lines)
    rows = [_judged(line, targets, match) for line, match in zip(file.lines, found, strict=True)]
    rows = _among_themselves(rows)
    states = {
        name: decision_table.log_of(project.db, [ident]).state
        for name, ident in zip(targets, ids, strict=True)
    }
    rows = [_against(row, states, replacing) for row in rows]
    position = decision_table.last_position(project.db)
    return Preview(file, tuple(targets), tuple(rows), position)


def commit(project: Project, shown: Preview, who: str | None = None) -> Imported:
    """Commit the planned rows of a preview, all or none of them.

    A row keeps its reviewer; behind a login the importing person is named as well.

    Args:
        project: the open project.
        shown: the preview.
        who: reviewer of the rows that name none; default: the project's.

    Raises:
        InputError: decisions were made since the preview, or it imports nothing.
    """
    if not shown.planned:
        raise errors.InputError(f"{shown.file.path.name} has no decision to import.")
    if decision_table.last_position(project.db) != shown.position:
        raise errors.InputError("Decisions were made since this preview; preview the file again.")
    usual = who or decisions.signature(project)
    groups = _groups(project, shown.planned, usual)
    with transaction(project.db):
        for targets, group in itertools.groupby(groups, key=lambda one: one[0][-1]):
            made = [_event(*key[:-1], [row.uid for row in rows]) for key, rows in group]
            decision_table.append_all(project.db, decisions.ids_of(project, targets), made)
    return Imported(len(shown.planned), len(groups), decision_table.last_position(project.db))


def _event(action: str, scope: str, reason: str, who: str, uids: list[str]) -> dict[str, Any]:
    decision_log.Event(1, "", who, action, scope, reason, tuple(uids))  # validates the values
    return {"who": who, "action": action, "scope": scope, "reason": reason, "uids": uids}


_Group = tuple[str, str, str, str, tuple[str, ...]]


def _groups(project: Project, rows: Iterable[Row], usual: str) -> list[tuple[_Group, list[Row]]]:
    """Group rows into events; pins keep the order of the file, which matters for budgets."""

    def group(row: Row) -> _Group:
        line = row.line
        name = (line.who or usual)[:_MOST_WHO]
        if project.who and name != project.who:
            name = f"{name}, imported by {project.who}"
        return line.decision, line.scope, line.reason[:MOST_REASON], name, row.targets

    def order(row: Row) -> _Group:
        return ("", "", "", "", ()) if row.line.decision == "pin" else group(row)

    ordered = sorted(rows, key=order)
    return [(key, list(found)) for key, found in itertools.groupby(ordered, key=group)]


@dataclass(frozen=True)
class _Match:
    uids: tuple[str, ...] = ()
    way: str = ""


def _images(project: Project, ids: Sequence[str], lines: Sequence[Line]) -> list[_Match]:
    """Find the image of each line, by the surest way that finds one."""
    own = {uid for ident in ids for uid in image_ids.of_source(project.db, ident)}
    names = list(dict.fromkeys(name for line in lines for name in line.names))
    matches = _known(project, names)
    found = []
    for line in lines:
        if line.scope == "target":
            uid = next((name for name in line.names if name in own), "")
            found.append(_Match((uid,), "uid") if uid else _Match())
            continue
        each = (matches.get(name, _Match()) for name in line.names)
        found.append(next((match for match in each if match.uids), _Match()))
    return found


def _known(project: Project, names: Sequence[str]) -> dict[str, _Match]:
    """Match names: uids, then keys and whole paths, then the ends of paths, then file names."""
    found: dict[str, _Match] = {}
    uids = {name: uid for name in names if (uid := _uid_in(name))}
    unknown = set(image_ids.unknown(project.db, set(uids.values())))
    for name, uid in uids.items():
        if uid not in unknown:
            found[name] = _Match((uid,), "uid")
    for way in ("whole", "end", "file"):
        left = {name: _readings(name, way) for name in names if name not in found}
        known = _looked_up(project, {text for texts in left.values() for text in texts}, way)
        for name, texts in left.items():
            if text := next((text for text in texts if text in known), None):
                match = known[text]
                found[name] = match if way == "whole" else replace(match, way=way)
    return found


def _uid_in(name: str) -> str:
    """Return the uid that a name is, or that names its file, as in SEPT's exports."""
    stem = name.replace("\\", "/").rpartition("/")[2].partition(".")[0].lower()
    return stem if _UID.fullmatch(stem) else ""


def _readings(name: str, way: str) -> list[str]:
    """Return the texts to look up for a name, the likeliest first."""
    slashed = references.plain(name).replace("\\", "/")
    spelled = [name, slashed, *(unicodedata.normalize(f, slashed) for f in ("NFC", "NFD"))]
    if way == "whole":
        return list(dict.fromkeys(spelled))
    if way == "file":
        return list(dict.fromkeys(text.rpartition("/")[2] for text in spelled[1:]))
    ends = []
    for text in spelled[1:]:
        parts = text.split("/")
        ends += ["/".join(parts[start:]) for start in range(1, len(parts))]
    return sorted(dict.fromkeys(filter(None, ends)), key=lambda text: -text.count("/"))


def _looked_up(project: Project, texts: Iterable[str], way: str) -> dict[str, _Match]:
    """Return the images that have these names: keys before paths, or file names alone."""
    wanted = sorted(texts)
    if not wanted:
        return {}
    ways = ("file",) if way == "file" else ("key", "path") if way == "whole" else ("path",)
    by_way: dict[str, dict[str, list[str]]] = {name: {} for name in ways}
    for row in place_table.named(project.db, wanted).to_pylist():
        if row["way"] in by_way:
            by_way[row["way"]].setdefault(row["name"], []).append(row["uid"])
    found: dict[str, _Match] = {}
    for name in ways:
        for text, uids in by_way[name].items():
            found.setdefault(text, _Match(tuple(uids), name))
    return found


def _judged(line: Line, targets: Sequence[str], match: _Match) -> Row:
    """Return the outcome of a line by itself."""
    if line.problem:
        return Row(line, INVALID, note=line.problem)
    if line.target and line.target not in targets:
        return Row(line, OTHER_TARGET, note=line.target)
    if not line.decision:
        return Row(line, UNDECIDED, note=", ".join(line.tags))
    if line.scope == "target" and line.decision not in decision_log.TARGET_ACTIONS:
        return Row(line, INVALID, note="a target image can only be vetoed or kept")
    if not match.uids:
        return Row(line, NOT_FOUND)
    if len(match.uids) > 1:
        return Row(line, AMBIGUOUS, way=match.way, note=f"{len(match.uids):,} images")
    about = (line.target,) if line.target else tuple(targets)
    return Row(line, NEW, match.uids[0], match.way, targets=about)


def _among_themselves(rows: Sequence[Row]) -> list[Row]:
    """Mark rows about one image: all that contradict each other, and repetitions."""
    said: dict[_Key, set[str]] = {}
    for row in rows:
        for key in _keys(row):
            said.setdefault(key, set()).add(row.line.decision)
    seen: set[_Key] = set()
    found = []
    for row in rows:
        if row.outcome != NEW:
            found.append(row)
            continue
        made = set().union(*(said[key] for key in _keys(row)))
        if len(made) > 1:
            row = replace(row, outcome=CONTRADICTION, note=" and ".join(sorted(made)))
        elif seen.issuperset(_keys(row)):
            row = replace(row, outcome=REPEATED)
        seen.update(_keys(row))
        found.append(row)
    return found


_Key = tuple[bool, str, str]


def _keys(row: Row) -> list[_Key]:
    """Return a key for each target set that a row decides on an image for."""
    is_target = row.line.scope == "target"
    return [(is_target, row.uid, target) for target in row.targets]


def _against(row: Row, known: Mapping[str, decision_log.ReviewState], replacing: bool) -> Row:
    """Compare a row with the decisions that stand for each of its target sets."""
    if row.outcome != NEW:
        return row
    states = [known[target] for target in row.targets]
    if row.line.scope == "target":
        wanted = row.line.decision == "veto"
        same = all((row.uid in state.vetoed_targets) == wanted for state in states)
        return replace(row, outcome=SAME) if same else row
    made = [state.decisions.get(row.uid) for state in states]
    if all(one and one.action == row.line.decision for one in made):
        return replace(row, outcome=SAME)
    others = sorted({one.action for one in made if one and one.action != row.line.decision})
    if not others:
        return row
    outcome = REPLACES if replacing else CONFLICT
    return replace(row, outcome=outcome, note=f"{' and '.join(others)} in the project")
