"""Without recipe and weights, selections keep their settings, picks, ids and content hashes."""

import json
from pathlib import Path

import plain_selections
import pytest

BEFORE = json.loads(
    (Path(__file__).parent.parent / "fixtures" / "plain_selections.json").read_text()
)


@pytest.mark.parametrize("strategy", plain_selections.STRATEGIES)
def test_plain_selections_are_as_before(strategy):
    for seed in plain_selections.SEEDS:
        made = plain_selections.made(strategy, seed, lambda settings: settings.to_json())
        assert made == BEFORE[f"{strategy}:{seed}"], seed
