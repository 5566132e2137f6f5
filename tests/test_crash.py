"""A few kills of every kind of work; `python -m benchmarks.crash` does hundreds.

Embedding and training are killed in tests/test_embeddings.py and tests/pretrain/.
"""

import random
from pathlib import Path

import pytest

from benchmarks.crash import scenarios, trials

TRIALS = {"adding": 2, "deciding": 3, "exporting": 2, "migrating": 3}


@pytest.mark.parametrize("name", TRIALS)
def test_a_kill_loses_nothing(name: str, tmp_path: Path) -> None:
    stage = trials.Stage(scenarios.SCENARIOS[name], tmp_path / name)
    draw = random.Random(name)
    for _ in range(TRIALS[name]):
        assert stage.trial(draw.random()).losses == []
