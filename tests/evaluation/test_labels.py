"""Label budgets: read, refused, nested, and the same for every order of the images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.evaluation import labels

LABELS = np.array([0] * 10 + [1] * 20 + [2] * 5)
NAMES = [f"s/{i}.png/" for i in range(len(LABELS))]


@pytest.mark.parametrize("text", ["5-shot", "10%", "12.5%", "all"])
def test_names_are_read_back(text: str) -> None:
    assert labels.parse(text).name == text


def test_a_hundred_percent_is_all() -> None:
    assert labels.parse("100%").name == "all"


@pytest.mark.parametrize("text", ["", "5", "0-shot", "0%", "101%", "-3-shot", "few", "1.5-shot"])
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(errors.InputError, match="5-shot, 10% or all"):
        labels.parse(text)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 5), st.randoms(use_true_random=False))
def test_shots_are_per_class_nested_and_order_free(seed: int, shots: int, chance) -> None:
    few = labels.choose(labels.LabelBudget(shots, None), LABELS, NAMES, seed)
    assert np.bincount(LABELS[few]).tolist() == [shots] * 3
    more = labels.choose(labels.LabelBudget(5, None), LABELS, NAMES, seed)
    assert set(few) <= set(more)
    order = list(range(len(NAMES)))
    chance.shuffle(order)
    shuffled = labels.choose(
        labels.LabelBudget(shots, None), LABELS[order], [NAMES[i] for i in order], seed
    )
    assert {order[i] for i in shuffled} == set(few)


def test_shares_keep_the_classes_in_proportion() -> None:
    rows = labels.choose(labels.parse("20%"), LABELS, NAMES, 0)
    assert np.bincount(LABELS[rows]).tolist() == [2, 4, 1]
    assert np.bincount(LABELS[labels.choose(labels.parse("1%"), LABELS, NAMES, 0)]).min() == 1
    assert labels.choose(labels.parse("all"), LABELS, NAMES, 0).tolist() == list(range(35))


def test_too_many_shots_are_refused() -> None:
    with pytest.raises(errors.InputError, match="the smallest has 5"):
        labels.choose(labels.parse("6-shot"), LABELS, NAMES, 0)


def test_draws_differ_and_the_first_is_the_seeds_own() -> None:
    few = labels.LabelBudget(2, None)
    drawn = [labels.choose(few, LABELS, NAMES, labels.draw_seed(3, draw)) for draw in range(4)]
    assert drawn[0].tolist() == labels.choose(few, LABELS, NAMES, 3).tolist()
    assert len({tuple(rows) for rows in drawn}) == 4
    assert few.drawn and not labels.parse("all").drawn and not labels.parse("100%").drawn
