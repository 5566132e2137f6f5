"""A few kills of every kind of work; `python -m benchmarks.crash` does hundreds.

Embedding and training are killed in tests/features/test_embedding_worker.py and tests/pretrain/.
"""

import random
from pathlib import Path

from benchmarks.crash import scenarios, trials

TRIALS = {"adding": 2, "deciding": 3, "exporting": 2, "migrating": 3}


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    for name, count in TRIALS.items():
        stage = trials.Stage(scenarios.SCENARIOS[name], tmp_path)
        draw = random.Random(name)
        for _ in range(count):
            assert stage.trial(draw.random()).losses == [], name
