import dataclasses
import json

import pytest

from sept_core import errors
from sept_core.selection.recipes import Part
from sept_core.selection.settings import NAMED_IF_SET, SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.selection.weights import Weights


def test_settings_survive_json():
    chosen = SelectionSettings(
        budget=7, floor_percentile=90.0, expand_percentiles=(50.0, 10.0), fill=True
    )
    text = json.dumps(dataclasses.asdict(chosen))
    assert SelectionSettings(**json.loads(text)) == chosen


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"strategy": "nearest"}, "strategy 'nearest' is unknown; choose one of instance-search"),
        ({"budget": None}, "needs a budget"),
        ({"budget": 0}, "budget is 0"),
        ({"duplicate_cap": 0}, "duplicate_cap is 0"),
        ({"floor_percentile": 101.0}, "between 0 and 100"),
        ({"expand_percentiles": (5.0,)}, "floor_percentile is not set"),
        ({"floor_percentile": 50.0, "expand_percentiles": (60.0,)}, "must decrease"),
        ({"within_cluster": "size"}, "within_cluster 'size'"),
        ({"unfilled_quota": "keep"}, "unfilled_quota 'keep'"),
    ],
)
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(errors.InputError, match=words):
        SelectionSettings(**{"budget": 5, **wrong})


def test_every_strategy_is_described_in_one_line():
    for strategy in STRATEGIES.values():
        assert strategy.description.endswith(".") and "\n" not in strategy.description


def test_settings_with_a_recipe_survive_json():
    chosen = SelectionSettings(
        budget=7,
        recipe=(Part("a", "instance-search", 0.7), Part("b", "random", 0.3)),
        unfilled_part="donate",
        with_target=True,
        stop_ratio=0.9,
        stop_round=5,
        weights=Weights({"pets": 2}, {"food/ramen": 3}),
    )
    assert SelectionSettings(**json.loads(json.dumps(chosen.to_json()))) == chosen
    assert SelectionSettings(**json.loads(json.dumps(dataclasses.asdict(chosen)))) == chosen
    assert (chosen.name, chosen.is_prefix) == ("recipe", True)


def test_what_is_not_set_stays_out_of_the_json():
    plain = SelectionSettings(budget=7, weights=Weights({"pets": 1.0})).to_json()
    assert not set(NAMED_IF_SET) & set(plain)
    assert set(SelectionSettings(budget=7, with_target=True).to_json()) - set(plain) == {
        "with_target"
    }
