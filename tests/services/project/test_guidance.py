"""The next step follows the state of the project."""

from typing import Any

import pytest

from sept_core.services.project import guidance
from sept_core.services.project.project_status import (
    CollectionStatus,
    PoolCounts,
    ProjectStatus,
    TargetStatus,
    UnfinishedJob,
)


def pool(waiting: int) -> PoolCounts:
    return PoolCounts(9, waiting, 0, 0, 9, "f")


def target(waiting: int) -> TargetStatus:
    counts = waiting, 0, 0, 0, 0, 0
    return TargetStatus("birds", "folder", "/birds", "", *counts, {}, {}, None, [], [], [], False)


SOURCE = CollectionStatus("web", "folder", "/web", "", 0, 9, 0, 0, 0, 9)
STAGES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "Pool", "Add a source"),
    ({"sources": [SOURCE]}, "Targets", "Add a target set"),
    ({"targets": [target(3)], "pool": pool(4)}, "Pool", "7 files"),
    ({"targets": [target(0)], "pool": pool(0), "encoders": [{}]}, "Curate", "Select"),
    ({"selections": [{"older_than_pool": False}]}, "Curate", "Review"),
    ({"decisions": 5}, "Pre-train", "export it"),
    ({"runs": ["r"]}, "Evaluate", "Evaluate"),
    ({"evaluations": 1}, "Curate", "Refine"),
    ({"selections": [{"older_than_pool": True}]}, "Curate", "The pool has changed"),
    ({"jobs": [UnfinishedJob("1", "embed", "Embedding", "running")]}, "Overview", "is running"),
]


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_each_stage_leads_to_the_next(stage: int) -> None:
    state: dict[str, Any] = {"project": "/p", "title": "p", "pool": pool(0)}
    for change, _, _ in STAGES[: stage + 1]:
        state |= change
    step = guidance.next_step(ProjectStatus(**state))
    assert step.page == STAGES[stage][1] and STAGES[stage][2] in step.sentence
