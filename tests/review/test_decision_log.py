"""Decisions: replay against a slow reference, undo and redo, what a log may not hold."""

import dataclasses
import hashlib
import itertools
import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.review import decision_log, scopes
from sept_core.storage import hashing

UIDS = [f"{number:032x}" for number in range(6)]


def event(position: int, action: str, *uids: str, **changes: object) -> decision_log.Event:
    fields: dict = {"at": f"2030-01-01T00:00:{position:02d}Z", "who": "ada", "scope": "image"}
    fields |= {"reason": "", "uids": uids, "undoes": None} | changes
    return decision_log.Event(position=position, action=action, **fields)


def undo(position: int, *undoes: int) -> decision_log.Event:
    return event(position, "undo", undoes=undoes)


@st.composite
def logs(draw: st.DrawFn, least: int = 0) -> list[decision_log.Event]:
    log: list[decision_log.Event] = []
    for position in range(1, draw(st.integers(least, 12)) + 1):
        if log and draw(st.booleans()):
            earlier = st.integers(1, position - 1)
            log.append(undo(position, *draw(st.lists(earlier, min_size=1, max_size=3))))
            continue
        scope = draw(st.sampled_from(decision_log.SCOPES))
        actions = ("veto", "keep") if scope == "target" else decision_log.ACTIONS[:4]
        uids = draw(st.lists(st.sampled_from(UIDS), min_size=1, max_size=3, unique=True))
        log.append(event(position, draw(st.sampled_from(actions)), *uids, scope=scope))
    return log


def stands(log: list[decision_log.Event], position: int) -> bool:
    """The definition, as directly as it can be put: no standing undo names the event."""
    return not any(
        position in (other.undoes or ()) and stands(log, other.position)
        for other in log
        if other.position > position
    )


def reference(log: list[decision_log.Event]) -> tuple[dict[str, str], set[str]]:
    """The last standing event on an image gives its action."""
    decided: dict[str, str] = {}
    targets: dict[str, str] = {}
    for one in log:
        if one.action != "undo" and stands(log, one.position):
            for uid in one.uids:
                (targets if one.scope == "target" else decided)[uid] = one.action
    return decided, {uid for uid, action in targets.items() if action == "veto"}


@settings(deadline=None, max_examples=80)
@given(logs(), st.randoms())
def test_replay_is_the_definition_in_any_order(
    log: list[decision_log.Event], shuffler: random.Random
) -> None:
    shuffled = log.copy()
    shuffler.shuffle(shuffled)
    state = decision_log.replay(shuffled)
    decided, targets = reference(log)
    assert {uid: made.action for uid, made in state.decisions.items()} == decided
    assert state.vetoed_targets == targets
    assert state == decision_log.replay(log)
    assert list(state.decisions) == list(decision_log.replay(log).decisions)
    assert state.position == len(log)
    assert decision_log.Log(shuffled).hash == decision_log.Log(log).hash


@settings(deadline=None, max_examples=80)
@given(logs(), st.data())
def test_a_log_that_grew_is_the_same_as_one_read_at_once(
    log: list[decision_log.Event], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    grown = decision_log.Log()
    for start, end in itertools.pairwise([0, *cuts, len(log)]):
        grown = decision_log.Log(log[start:end], grown)
        if data.draw(st.booleans()):
            assert grown.state == decision_log.replay(log[:end])
    assert grown.events == tuple(log)
    assert grown.state == decision_log.replay(log)
    assert list(grown.state.decisions) == list(decision_log.replay(log).decisions), (
        "their order, too"
    )
    lines = "".join(json.dumps(dataclasses.asdict(e), sort_keys=True) + "\n" for e in log)
    assert grown.hash == decision_log.Log(log).hash == hashlib.sha256(lines.encode()).hexdigest()


@settings(deadline=None, max_examples=60)
@given(logs(least=1), st.data())
def test_undoing_everything_after_a_point_gives_that_point(
    log: list[decision_log.Event], data: st.DataObject
) -> None:
    point = data.draw(st.integers(0, len(log) - 1))
    back = undo(len(log) + 1, *decision_log.positions_after(log, point))
    state, then = decision_log.replay([*log, back]), decision_log.replay(log[:point])
    assert dict(state.decisions) == dict(then.decisions)
    assert state.vetoed_targets == then.vetoed_targets


@settings(deadline=None, max_examples=60)
@given(logs(), st.integers(1, 5))
def test_redo_takes_back_as_many_undos(log: list[decision_log.Event], steps: int) -> None:
    before = decision_log.replay(log)
    done = 0
    for _ in range(steps):
        last = decision_log.last_undoable(log)
        if last is None:
            break
        log = [*log, undo(len(log) + 1, last)]
        done += 1
    for _ in range(done):
        again = decision_log.last_redoable(log)
        assert again is not None
        log = [*log, undo(len(log) + 1, again)]
    after = decision_log.replay(log)
    assert dict(after.decisions) == dict(before.decisions)
    assert after.vetoed_targets == before.vetoed_targets


def test_latest_decision_wins_and_undo_brings_the_earlier_one_back() -> None:
    log = [
        event(1, "keep", UIDS[0]),
        event(2, "veto", UIDS[0], UIDS[1], scope="group", reason="blurred"),
    ]
    state = decision_log.replay(log)
    assert state.vetoed == (UIDS[0], UIDS[1])
    assert state.decisions[UIDS[1]] == decision_log.Decision(
        "veto", "ada", "2030-01-01T00:00:02Z", "blurred", "group", 2
    )
    state = decision_log.replay([*log, undo(3, 2)])
    assert state.vetoed == ()
    assert state.verdict(UIDS[0]) is True
    assert state.verdict(UIDS[1]) is None


def test_negatives_are_vetoes_and_pins_keep_their_order() -> None:
    state = decision_log.replay(
        [
            event(1, "pin", UIDS[3]),
            event(2, "pin", UIDS[1]),
            event(3, "negative", UIDS[2]),
            event(4, "pin", UIDS[3]),
        ]
    )
    assert state.pinned == (UIDS[1], UIDS[3])
    assert state.negatives == state.vetoed == (UIDS[2],)
    assert state.verdict(UIDS[2]) is False


def test_a_target_is_vetoed_apart_from_the_pool_image_of_that_name() -> None:
    veto = event(1, "veto", UIDS[0], scope="target")
    assert decision_log.replay([veto]).vetoed_targets == {UIDS[0]}
    assert decision_log.replay([veto]).vetoed == ()
    back = event(2, "keep", UIDS[0], scope="target")
    assert decision_log.replay([veto, back]).vetoed_targets == frozenset()


def test_nothing_to_redo_after_a_new_decision() -> None:
    log = [event(1, "veto", UIDS[0]), undo(2, 1)]
    assert decision_log.last_undoable(log) is None
    assert decision_log.last_redoable(log) == 2
    log.append(event(3, "keep", UIDS[1]))
    assert decision_log.last_undoable(log) == 3
    assert decision_log.last_redoable(log) is None


def test_an_undone_decision_is_not_the_one_to_undo() -> None:
    log = [event(1, "veto", UIDS[0]), event(2, "keep", UIDS[1]), undo(3, 2)]
    assert decision_log.last_undoable(log) == 1


@pytest.mark.parametrize("field", ["at", "who", "reason", "scope", "uids"])
def test_the_hash_covers_every_field(field: str) -> None:
    one = event(1, "veto", UIDS[0])
    changed = dataclasses.replace(one, **{field: ("x",) if field == "uids" else "cluster"})
    assert decision_log.Log([one]).hash != decision_log.Log([changed]).hash


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"action": "like"}, "The action 'like' is unknown; use one of veto, keep"),
        ({"scope": "world"}, "The scope 'world' is unknown"),
        ({"action": "pin", "scope": "target"}, "cannot have the decision 'pin'"),
        ({"action": "undo"}, "names positions"),
        ({"undoes": (1,)}, "names positions"),
        ({"action": "undo", "undoes": (7,)}, "cannot undo position 7"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(fields: dict, message: str) -> None:
    base = {"action": "veto", "scope": "image", "undoes": None} | fields
    with pytest.raises(errors.InputError, match=message):
        decision_log.Event(7, "2030-01-01T00:00:00Z", "ada", reason="", uids=(UIDS[0],), **base)


def test_two_events_at_one_position_are_a_damaged_log() -> None:
    with pytest.raises(errors.IntegrityError, match="two events at position 1"):
        decision_log.replay([event(1, "veto", UIDS[0]), event(1, "keep", UIDS[0])])


def test_churn_keeps_the_orders_of_both_selections() -> None:
    churn = decision_log.churn(["d", "a", "b", "c"], ["b", "f", "d", "e"])
    assert churn == decision_log.Churn(came=("f", "e"), went=("a", "c"))


def test_expanding_to_a_label() -> None:
    uids = np.array(UIDS[::-1], hashing.UID_DTYPE)
    labels = np.array([4, -1, 4, 7, -1, 4])
    assert scopes.same_label(UIDS[3], uids, labels) == (UIDS[3], UIDS[0], UIDS[5])
    assert scopes.same_label(UIDS[4], uids, labels) == (UIDS[4],)  # −1 is no label
    assert scopes.same_label("f" * 32, uids, labels) == ("f" * 32,)


def test_expanding_to_a_radius_is_nearest_first() -> None:
    uids = np.array(UIDS, hashing.UID_DTYPE)
    similarities = np.array([1.0, 0.5, 0.9, 0.7, 0.9, 0.7])
    found = scopes.within_radius(UIDS[0], uids, similarities, 0.7)
    assert found == (UIDS[0], UIDS[2], UIDS[4], UIDS[3], UIDS[5])


def test_an_earlier_log_is_found_by_the_beginning_of_its_hash() -> None:
    events = [event(n, "veto", UIDS[n]) for n in range(1, 4)]
    log = decision_log.Log(events)
    for count in range(4):
        name = decision_log.Log(events[:count]).hash[:16]
        found = decision_log.earlier(log, name)
        assert found is not None and found.events == tuple(events[:count])
    assert decision_log.earlier(log, "0123456789abcdef") is None
