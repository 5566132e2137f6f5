"""The next step follows the state of the project."""

from typing import Any

import pytest

from sept_core.services.project import guidance

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
    ({"jobs": [{"title": "Embedding"}]}, "Embedding is running"),
]


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_each_stage_leads_to_the_next(stage: int) -> None:
    status = dict(EMPTY)
    for change, _ in STAGES[: stage + 1]:
        status |= change
    assert STAGES[stage][1] in guidance.next_step(status)[1]


def test_steps_are_done_one_after_the_other() -> None:
    status = EMPTY | {
        "pool": {"waiting": 0, "images": 9, "rejected": 2, "unreadable": 0},
        "maps": [],
        "exports": 0,
    }
    status |= {"evaluations": 0}
    assert not any(step.done for step in guidance.steps(status))
    done = guidance.steps(
        status
        | {
            "sources": [{}],
            "encoders": [{}],
            "targets": [{"name": "birds", "waiting": 0}],
            "maps": [{"older_than_pool": False}],
            "selections": [{"older_than_pool": False}],
            "decisions": 1,
            "exports": 1,
            "runs": ["r"],
            "evaluations": 1,
        }
    )
    assert all(step.done for step in done)
    assert done[0].told == "9 images in 1 source · 2 rejected files"
    assert [step.name for step in done][:2] == ["Pool", "Targets"]
