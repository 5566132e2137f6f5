"""Review decisions: an append-only log of events, and the state that follows from it.

In: events in any order (the catalogue stores them). Out: `ReviewState`, the same from every replay,
which a selection obeys, and the changes of a selection by decisions (`churn`). A replay needs no
clusters, thresholds or features: an event carries the expanded list of uids that its preview showed
(docs/method.md §3, Decisions of the reviewer). Pure: no files, no clock.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sept_core import errors
from sept_core.compat.hash_type import RunningHash

ACTIONS = ("veto", "keep", "pin", "negative", "undo")
SCOPES = ("image", "group", "cluster", "radius", "target")
TARGET_ACTIONS = ("veto", "keep", "undo")


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes:
        position: place in the log of one (project, target set), ascending from 1.
        at: ISO 8601 time.
        who: login, or the name set once per project.
        action: one of `ACTIONS`. `negative` is a veto that also serves as a negative
            example; `undo` reverts the effect of the events in `undoes`.
        scope: how `uids` were chosen, one of `SCOPES`. Under `target` they name target images,
            under every other scope pool images.
        reason: free text, may be empty.
        uids: all images that the event applies to, as previewed.
        undoes: for `undo`, the positions it undoes; undoing an undo restores its events. Positions
            of another log are skipped.

    Raises:
        InputError: the values do not fit together.
    """

    position: int
    at: str
    who: str
    action: str
    scope: str
    reason: str
    uids: tuple[str, ...] = ()
    undoes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check_word("action", self.action, ACTIONS)
        _check_word("scope", self.scope, SCOPES)
        if self.scope == "target" and self.action not in TARGET_ACTIONS:
            raise errors.InputError(
                f"A target image cannot have the decision {self.action!r}; veto it or keep it."
            )
        if (self.action == "undo") != (self.undoes is not None):
            raise errors.InputError(
                "Only an undo names positions to undo, and it must name at least one."
            )
        late = [position for position in self.undoes or () if position >= self.position]
        if late:
            raise errors.InputError(
                f"Event {self.position} cannot undo position {late[0]}; only earlier ones."
            )


@dataclass(frozen=True)
class Decision:
    """The latest standing decision on one image."""

    action: str
    who: str
    at: str
    reason: str
    scope: str
    position: int


@dataclass(frozen=True)
class ReviewState:
    """State that follows from a log.

    Attributes:
        decisions: by pool uid, in the order in which they were last decided.
        vetoed_targets: target images whose lists are removed.
        position: position of the last event replayed, 0 for an empty log.
    """

    decisions: Mapping[str, Decision]
    vetoed_targets: frozenset[str]
    position: int

    def having(self, *actions: str) -> tuple[str, ...]:
        """List the uids whose decision is one of `actions`, in the order they were decided."""
        return tuple(uid for uid, made in self.decisions.items() if made.action in actions)

    def verdict(self, uid: str) -> bool | None:
        """Return True for a correct image (keep, pin), False for a wrong one, None if unjudged."""
        made = self.decisions.get(uid)
        return None if made is None else made.action in ("keep", "pin")

    @property
    def vetoed(self) -> tuple[str, ...]:
        """Images that must not be selected; negative examples are among them."""
        return self.having("veto", "negative")

    @property
    def pinned(self) -> tuple[str, ...]:
        """Images that are always selected and count towards the budget."""
        return self.having("pin")

    @property
    def negatives(self) -> tuple[str, ...]:
        """Negative examples; images similar to them are penalised: s − β·max(0, cos − m)."""
        return self.having("negative")


NOTHING = ReviewState({}, frozenset(), 0)
"""State before any decision."""


@dataclass(frozen=True)
class Churn:
    """Difference of two selections.

    Attributes:
        came: added uids, in the order of the later selection.
        went: removed uids, in the order of the earlier one.
    """

    came: tuple[str, ...]
    went: tuple[str, ...]


def replay(events: Iterable[Event]) -> ReviewState:
    """Replay the standing events, oldest first: the latest decision on an image wins.

    Raises:
        IntegrityError: two events have the same position.
    """
    ordered = _in_order(events)
    return _folded(NOTHING, ordered, standing(ordered))


def _folded(
    before: ReviewState, events: Sequence[Event], effective: Sequence[Event]
) -> ReviewState:
    """Return the state after `before` and those of the events that no undo reverts."""
    decisions, targets = dict(before.decisions), set(before.vetoed_targets)
    for event in effective:
        if event.action == "undo":
            continue
        if event.scope == "target":
            change = targets.update if event.action == "veto" else targets.difference_update
            change(event.uids)
            continue
        decision = Decision(
            event.action, event.who, event.at, event.reason, event.scope, event.position
        )
        for uid in event.uids:
            decisions.pop(uid, None)  # deciding again moves an image to the end
            decisions[uid] = decision
    position = events[-1].position if events else before.position
    return ReviewState(decisions, frozenset(targets), position)


class Log:
    """Events in the order of their positions, and the state that follows from them.

    A log grows by one decision at a time: the state of the earlier events is reused, so a click
    does not replay hours of work.

    Args:
        events: in any order, all later than those of `before`.
        before: the log that they follow.

    Raises:
        IntegrityError: two events have the same position.
    """

    def __init__(self, events: Iterable[Event] = (), before: "Log | None" = None) -> None:
        own = _in_order(events)
        self.events: tuple[Event, ...] = (*(before.events if before else ()), *own)
        self._digest: RunningHash = before._digest.copy() if before else hashlib.sha256()
        for event in own:
            self._digest.update(_line(event))
        if before is None or any(event.action == "undo" for event in own):
            self._base, self._own = NOTHING, None  # an undo affects only earlier events
        else:
            self._base, self._own = before.state, own

    @property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of the whole log, independent of the order of storage."""
        return self._digest.hexdigest()

    @functools.cached_property
    def state(self) -> ReviewState:
        """State after all events; see `replay`."""
        if self._own is None:
            return replay(self.events)
        return _folded(self._base, self._own, self._own)


def earlier(log: Log, name: str) -> Log | None:
    """Return a log as it was when its hash began with `name`; None if it never did."""
    if log.hash.startswith(name):
        return log
    running = hashlib.sha256()
    for count, event in enumerate(log.events):
        if running.hexdigest().startswith(name):
            return Log(log.events[:count])
        running.update(_line(event))
    return None


def standing(events: Iterable[Event]) -> tuple[Event, ...]:
    """Events whose effect no standing undo reverts, oldest first, including undos."""
    ordered = _in_order(events)
    undone: set[int] = set()
    for event in reversed(ordered):  # undos affect only earlier events, so later ones are final
        if event.position not in undone:
            undone.update(event.undoes or ())
    return tuple(event for event in ordered if event.position not in undone)


def last_undoable(events: Iterable[Event]) -> int | None:
    """Position of the latest standing decision, which "undo" reverts; None if there is none."""
    made = [event.position for event in standing(events) if event.action != "undo"]
    return made[-1] if made else None


def last_redoable(events: Iterable[Event]) -> int | None:
    """Position of the undo that "redo" would revert; None if there is none.

    As in any editor, nothing can be redone after a new decision.
    """
    ordered = _in_order(events)
    decided = {event.position for event in ordered if event.action != "undo"}
    undos = [e.position for e in standing(ordered) if decided.intersection(e.undoes or ())]
    return undos[-1] if undos and undos[-1] > max(decided) else None


def positions_after(events: Iterable[Event], position: int) -> tuple[int, ...]:
    """List the positions that one undo must name to return to the state at `position`."""
    return tuple(event.position for event in _in_order(events) if event.position > position)


def _line(event: Event) -> bytes:
    return json.dumps(vars(event), sort_keys=True).encode() + b"\n"


def churn(before: Sequence[str], after: Sequence[str]) -> Churn:
    """List the images added and removed between two selections, both in selected order."""
    earlier, later = set(before), set(after)
    return Churn(
        came=tuple(uid for uid in after if uid not in earlier),
        went=tuple(uid for uid in before if uid not in later),
    )


def _in_order(events: Iterable[Event]) -> list[Event]:
    ordered = sorted(events, key=lambda event: event.position)
    for before, after in itertools.pairwise(ordered):
        if before.position == after.position:
            raise errors.IntegrityError(
                f"The decision log holds two events at position {after.position}; "
                "restore the catalogue from a backup."
            )
    return ordered


def _check_word(what: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise errors.InputError(f"The {what} {word!r} is unknown; use one of {', '.join(words)}.")
