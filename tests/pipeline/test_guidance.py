"""The next step follows the state of the project."""

from typing import Any

import pytest

from sept_core.pipeline import guidance

EMPTY: dict[str, Any] = {
    "pool": {"waiting": 0},
    "sources": [],
    "targets": [],
    "encoders": [],
    "selections": [],
    "decisions": 0,
    "runs": [],
    "jobs": [],
}
STAGES: list[tuple[dict[str, Any], str]] = [
    ({}, "Add a source"),
    ({"sources": [{}]}, "Add a target set"),
    ({"targets": [{"waiting": 3}], "pool": {"waiting": 4}}, "7 files"),
    ({"targets": [{"waiting": 0}], "pool": {"waiting": 0}, "encoders": [{}]}, "Select"),
    ({"selections": [{"older_than_pool": False}]}, "Review"),
    ({"decisions": 5}, "Export"),
    ({"runs": ["r"]}, "Evaluate"),
    ({"selections": [{"older_than_pool": True}]}, "The pool has changed"),
    ({"jobs": [{"title": "Embedding"}]}, "Embedding is under way"),
]


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_each_stage_leads_to_the_next(stage: int) -> None:
    status = dict(EMPTY)
    for change, _ in STAGES[: stage + 1]:
        status |= change
    assert guidance.next_step(status).startswith(STAGES[stage][1]) or (
        STAGES[stage][1] in guidance.next_step(status)
    )
