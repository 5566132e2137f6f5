"""Overview's record: stored figures only, measured on request, stale after a change."""

import re
from pathlib import Path
from typing import Any

import pytest

from sept_core.catalogue import revision, settings
from sept_core.selection import recipes
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import selections
from sept_core.services.curate.requests import Request
from sept_core.services.project import dashboard, projects
from sept_core.storage import atomic, project_paths


def assembled(project: projects.Project) -> dashboard.Dashboard:
    return dashboard.assemble(project, projects.status(project))


def test_a_new_project_has_empty_cards(tmp_path: Path) -> None:
    projects.init(tmp_path / "new")
    with projects.opened(tmp_path / "new") as project:
        shown = assembled(project)
    assert shown.pool.mosaic == () and shown.targets == () and shown.next.page == "Pool"
    assert (shown.selection, shown.run, shown.evidence) == (None, None, None)


def test_pictures_and_counts_come_from_the_catalogue(project: Path) -> None:
    with projects.opened(project) as opened:
        shown = assembled(opened)
    assert shown.pool.counts.images == 161 and len(shown.pool.mosaic) == dashboard.MOSAIC
    (toys,) = shown.targets
    assert (toys.name, toys.searching, toys.heldout, len(toys.strip)) == ("toys", 12, 9, 12)


def test_a_gap_is_measured_on_request_only(project: Path) -> None:
    with projects.opened(project) as opened:
        assert not assembled(opened).targets[0].measured
        gap = dashboard.measure_gap(opened, "toys")
        card = assembled(opened).targets[0]
        assert card.measured and card.gap == gap is not None
        (key,) = settings.keys(opened.db, dashboard.GAP)
        stored = settings.get(opened.db, key)
        settings.put(opened.db, key, stored | {"made_from": ["another pool"]})
        assert not assembled(opened).targets[0].measured


def test_figures_are_stale_once_images_of_the_target_set_are_gone(project: Path) -> None:
    with projects.opened(project) as opened:
        made = selections.select(opened, Request(("toys",), SelectionSettings(budget=150)))
        dashboard.measure_gap(opened, "toys")
        assert dashboard.measure_distance(opened, made["id"]) is not None
        card = assembled(opened).selection
        assert card is not None and card.distance is not None
        for split in ("test", "train"):
            opened.db.execute(f"UPDATE files SET gone = TRUE WHERE rel_path LIKE '{split}/blue/%'")
            revision.renew(opened.db)
            shown = assembled(opened)
            assert shown.selection is not None and shown.selection.distance is None
            assert shown.targets[0].measured is (split == "test"), "the test split is not its part"


def test_a_recipe_is_named_as_one(project: Path) -> None:
    parts = (recipes.Part("near", "instance-search", 0.5), recipes.Part("any", "random", 0.5))
    with projects.opened(project) as opened:
        selections.select(opened, Request(("toys",), SelectionSettings(budget=10, recipe=parts)))
        card = assembled(opened).selection
        assert card is not None and card.strategy == "recipe"


def test_the_latest_selection_that_no_study_made_is_shown(project: Path) -> None:
    with projects.opened(project) as opened:
        request = Request(("toys",), SelectionSettings(budget=20))
        made = selections.select(opened, request)
        card = assembled(opened).selection
        assert card is not None and (card.id, card.count) == (made["id"], 20)
        assert card.precision is None and card.distance is None and card.measurable
        dashboard.measure_distance(opened, card.id)
        assert len(card.strip) == dashboard.STRIP


def test_the_evidence_is_the_difference_to_random(trained_once: Path) -> None:
    with projects.opened(trained_once) as opened:
        shown = assembled(opened)
    assert shown.run is not None and shown.run.state == "done" and shown.run.seconds is not None


def evaluated(
    paths: project_paths.ProjectPaths, others: tuple[str, ...] = (), **changes: Any
) -> None:
    """Write the summary of an evaluation of the arms `mine` and `random`, and of `others`."""
    row = {
        "arm": "random", "other": "mine", "readout": "knn", "labels": "all", "seeds": 3,
        "value": -0.1, "interval": [-0.2, -0.05], "over_images": [-0.15, -0.06],
        "distinguishable": True, "holds": True,
    } | changes  # fmt: skip
    rows = [row | {"other": arm} for arm in others] + [row]
    means = [{"arm": arm, "readout": "knn", "labels": "all"} for arm in (*others, "mine", "random")]
    folder = paths.runs / project_paths.EVALUATIONS / "mine"
    atomic.write_json(folder / "request.json", {"target": "toys"})
    atomic.write_json(folder / "summary.json", {"means": means, "differences": rows})


@pytest.mark.parametrize(
    ("changes", "conclusion"),
    [
        ({}, r"\+10.0 points \(\+5.0 to \+20.0\): better than a random subset"),
        ({"seeds": 1}, r"\(\+6.0 to \+15.0\) over the test images; 1 seed: too few for a verdict"),
        ({"holds": False}, "no difference to a random subset is seen with 3 seeds"),
        ({"distinguishable": False}, "no difference to a random subset is seen"),
        ({"value": 0.1, "interval": [0.05, 0.2]}, "worse than a random subset"),
    ],
)
def test_the_evidence_claims_no_more_than_its_evaluation(
    project: Path, changes: dict[str, Any], conclusion: str
) -> None:
    with projects.opened(project) as opened:
        evaluated(opened.paths, **changes)
        card = assembled(opened).evidence
        assert card is not None and (card.evaluation, card.target) == ("mine", "toys")
        assert card.difference.arm == "mine" and re.search(conclusion, card.sentence)


def test_the_evidence_is_of_a_selection_rather_than_of_a_baseline(project: Path) -> None:
    with projects.opened(project) as opened:
        evaluated(opened.paths, others=("whole-pool", "target-images-only"))
        card = assembled(opened).evidence
    assert card is not None and card.difference.arm == "mine"


def test_untrained_weights_are_no_random_subset(project: Path) -> None:
    with projects.opened(project) as opened:
        evaluated(opened.paths, arm="random-init")
        assert assembled(opened).evidence is None
