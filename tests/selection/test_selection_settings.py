import dataclasses
import json

import pytest

from sept_core import errors
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES


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
