"""The audit: the sample is stratified, the interval covers the truth as often as it says."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core.review import audit, decision_log


def uids(count: int) -> list[str]:
    return [f"{number:032x}" for number in range(count)]


def judged(right: dict[str, bool]) -> decision_log.ReviewState:
    actions = {True: "keep", False: "veto"}
    return decision_log.replay(
        decision_log.Event(position, "", "ada", actions[fine], "image", "", (uid,))
        for position, (uid, fine) in enumerate(right.items(), start=1)
    )


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 200), st.integers(1, 60), st.integers(0, 3))
def test_every_prefix_of_the_sample_is_stratified(count: int, size: int, seed: int) -> None:
    plan = audit.plan(uids(count), size, seed)
    assert len(set(plan.uids)) == len(plan.uids) == min(size, count)
    assert [uids(count)[rank] for rank in plan.ranks] == list(plan.uids)
    strata = len(plan.edges) - 1
    for length in range(len(plan.uids) + 1):
        taken = [
            sum(low <= rank < high for rank in plan.ranks[:length])
            for low, high in zip(plan.edges, plan.edges[1:], strict=False)
        ]
        if count % strata == 0:
            assert max(taken) - min(taken) <= 1


def test_the_seed_draws_the_sample() -> None:
    assert audit.plan(uids(500), 50, 1) == audit.plan(uids(500), 50, 1)
    assert audit.plan(uids(500), 50, 1).uids != audit.plan(uids(500), 50, 2).uids


def test_a_fully_judged_prefix_is_known_exactly() -> None:
    ranked = uids(40)
    plan = audit.plan(ranked, 40, 0)
    state = judged({uid: rank % 4 > 0 for rank, uid in enumerate(ranked)})
    found = audit.precision(plan, state, 20)
    assert found == audit.Precision(20, 0.75, 0.75, 0.75, 20)


def test_nothing_judged_within_the_prefix_says_nothing() -> None:
    plan = audit.plan(uids(100), 10, 0)
    last = max(zip(plan.ranks, plan.uids, strict=True))[1]
    assert audit.precision(plan, judged({}), 100) is None
    assert audit.precision(plan, judged({last: True}), 10) is None


def test_equal_weights_are_clopper_and_pearson() -> None:
    """18 of 20 right: the textbook's 95% interval is 0.683 to 0.988."""
    plan = audit.plan(uids(20_000), 20, 0)
    state = judged({uid: number not in (3, 8) for number, uid in enumerate(plan.uids)})
    found = audit.precision(plan, state, 20_000)
    assert found is not None
    assert (found.estimate, found.judged) == (pytest.approx(0.9), 20)
    assert (found.low, found.high) == (
        pytest.approx(0.683, abs=2e-3),
        pytest.approx(0.988, abs=2e-3),
    )


def test_strata_weigh_by_their_size_and_empty_ones_join_a_neighbour() -> None:
    plan = audit.Plan(uids=("a", "b", "c"), ranks=(1, 2, 61), edges=(0, 10, 60, 100))
    state = judged({"a": True, "b": True, "c": False})
    found = audit.precision(plan, state, 100)
    assert found is not None  # the middle 50 images join the last 40
    assert found.estimate == pytest.approx(0.1)
    early = audit.precision(plan, state, 40)
    assert early is not None
    assert (early.estimate, early.judged) == (1.0, 2)


def test_all_right_still_leaves_doubt() -> None:
    plan = audit.plan(uids(1000), 30, 0)
    found = audit.precision(plan, judged(dict.fromkeys(plan.uids, True)), 1000)
    assert found is not None
    assert found.estimate == found.high == 1.0
    assert 0.87 < found.low < 0.95


def test_the_interval_covers_the_truth() -> None:
    """95% intervals on 300 random selections whose precision falls with rank."""
    covered = 0
    ranked = uids(600)
    for seed in range(300):
        draw = random.Random(seed)
        truth = {uid: draw.random() < 0.95 - rank / 1000 for rank, uid in enumerate(ranked)}
        plan = audit.plan(ranked, 60, seed)
        state = judged({uid: truth[uid] for uid in plan.uids})
        found = audit.precision(plan, state, 400)
        assert found is not None
        covered += found.low <= sum(truth[uid] for uid in ranked[:400]) / 400 <= found.high
    assert covered >= 285
