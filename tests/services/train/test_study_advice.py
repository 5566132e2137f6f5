"""Advice from studies: the best arm, no difference seen, or the cheapest conclusive pilot."""

import json
from pathlib import Path

import numpy as np
import pytest
import small_runs
from small_project import sept

from sept_core import errors
from sept_core.evaluation import study
from sept_core.services.project import dashboard, projects
from sept_core.services.train import advice_record, studies, study_advice, validation, weakest
from sept_core.services.train.studies import Study
from sept_core.services.train.study_advice import Scored
from sept_core.services.train.weakest import WeakClasses

METHOD, BACKBONE, TINY = small_runs.RECIPE
ASKED = Study("toys", ("random", "instance-search"), (16,), METHOD, BACKBONE, TINY, 3, ("knn",))


def scored(missed: range) -> WeakClasses:
    uids = tuple(f"{number:032x}" for number in missed)
    return WeakClasses("run", "toys", 200, len(uids) / 200, (), uids)


def a_study(**missed: list[range]) -> Scored:
    request = {"method": "moco", "backbone": "tiny", "budgets": [16], "changes": {"steps": 6}}
    scores = {name: tuple(map(scored, ranges)) for name, ranges in missed.items()}
    return Scored(request, dict.fromkeys(scores, ("r",) * 3), scores, ())


def test_differences_are_paired_by_image() -> None:
    same = validation.difference([scored(range(20))], [scored(range(20))])
    assert same.value == 0 and same.interval == (0, 0)
    better = validation.difference([scored(range(20))], [scored(range(60))])
    assert better.value == pytest.approx(0.2) and better.interval[0] > 0
    low, high = validation.interval(scored(range(100)))
    assert 0.4 < low < 0.5 < high < 0.6


def test_the_best_arm_and_those_not_distinguishable_from_it() -> None:
    base = [range(80), range(82), range(81)]
    found = a_study(random=base, search=[range(40), range(41), range(41)],
                    balanced=[range(41), range(40), range(42)], worse=[range(140)] * 3)  # fmt: skip
    rows = study_advice.comparisons(found)
    assert [(row.arm, row.holds) for row in rows] == [
        ("search", True), ("balanced", True), ("worse", True)
    ]  # fmt: skip
    best, close, worse = study_advice._sentences(found, rows)
    assert best.startswith("search did best: +20.2 points (95% interval +")
    assert "3 seeds) over random (budget 16, moco on tiny, 6 steps, validation scores)" in best
    assert close == "search and balanced are not distinguishable."
    assert worse.startswith("worse did worse than random: -29.5 points")


def test_no_difference_is_said_so() -> None:
    found = a_study(random=[range(50), range(60), range(40)],
                    search=[range(40), range(70), range(35)])  # fmt: skip
    (said,) = study_advice._sentences(found, study_advice.comparisons(found))
    assert said.startswith("No difference seen against random: search +0.8 points")
    alone = a_study(random=[range(50)] * 3)
    assert study_advice.comparisons(alone) == []


def test_the_seeds_that_would_show_a_gain() -> None:
    assert study_advice.seeds_needed(np.array([0.02])) == 3
    assert study_advice.seeds_needed(np.array([0.02, 0.021, 0.019])) == 4
    assert study_advice.seeds_needed(np.array([0.03, 0.0, 0.02])) == 6
    assert study_advice.seeds_needed(np.array([0.03, -0.03, 0.01])) is None


def test_a_project_without_studies_gets_the_cost_of_a_pilot(project: Path) -> None:
    with projects.opened(project) as opened:
        advice = study_advice.advise(opened, "toys", 12)
        assert advice.sentences == ("This project has no study on toys.",)
        assert advice.pilot.startswith("About ") and "3 seeds" in advice.pilot
        assert "--arm random --arm instance-search --budget 12" in advice.command
        shown = dashboard.assemble(opened, projects.status(opened))
        assert (shown.advised, shown.advice) == ("toys", advice)
        with pytest.raises(errors.NotFoundError):
            study_advice.advise(opened, "birds")
    printed = sept("advise", project, "--target", "toys")
    assert "Studies on toys: This project has no study on toys. About " in " ".join(
        printed.stdout.split()
    )


def test_a_longer_pilot_repeats_the_study_but_not_one_with_the_target_as_control(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = {"target": "toys", "arms": ["random", "instance-search"], "budgets": [16],
               "method": METHOD, "backbone": BACKBONE, "changes": TINY | {"lr": 0.5}}  # fmt: skip
    seen = {"random": [range(80), range(85), range(79)],
            "instance-search": [range(80), range(72), range(75)]}  # fmt: skip
    scores = {name: tuple(map(scored, ranges)) for name, ranges in seen.items()}
    found = Scored(request, dict.fromkeys(scores, ("r",) * 3), scores, ())
    monkeypatch.setattr(study_advice, "every", lambda *_: [found])
    with projects.opened(project) as opened:
        advice = study_advice.advise(opened, "toys")
        assert "cheapest conclusive pilot: instance-search against random with" in advice.pilot
        assert "--set lr=0.5" in advice.command and "--seeds 8" in advice.command
        request["controls"] = ["toys"]
        assert "--set" not in study_advice.advise(opened, "toys").command


def test_the_command_of_a_study_gives_its_settings() -> None:
    changes = {"steps": 6, "batch_size": 8, "augment": {"jitter": 0.1}, "init": "timm"}
    wanted = Study("toys", ("random", "a=b"), (16, 32), "moco", "resnet18", changes, 4, ("knn",))
    assert studies.command(Path("p"), wanted) == (
        "sept evaluate p --target toys --arm random --arm a=b --budget 16 --budget 32 "
        "--method moco --backbone resnet18 --steps 6 --batch-size 8 --set augment.jitter=0.1 "
        "--set init=timm --seeds 4 --readout knn"
    )


def test_a_study_is_scored_on_training_images_and_advises(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_runs.hold(monkeypatch)
    with projects.opened(project) as opened:
        study_advice.advise(opened, "toys")
        job = studies.start(opened, ASKED)
        small_runs.work_off(job, study.main)
        assert advice_record.find(opened, "toys") is None, "a study has ended since"
        before = study_advice.advise(opened, "toys")
        assert before.unscored == 6 and "have no validation score yet" in before.sentences[0]
        assert study_advice.score(opened, "toys") == 6
        (found,) = study_advice.every(opened, "toys")
        assert set(found.scores) == {"random", "instance-search"} and not found.missing
        assert all(len(results) == 3 for results in found.scores.values())
        run = found.arms["random"][0]
        assert found.scores["random"][0] == weakest.stored(opened, run, "toys")
    shown = sept("advise", project, "--target", "toys", "--score", "--json")
    assert shown.returncode == 0, shown.stderr
    (advice,) = json.loads(shown.stdout)["studies"]
    assert advice["unscored"] == 0 and "instance-search" in advice["sentences"][0]
    assert "3 seeds" in advice["sentences"][0] and "validation scores" in advice["sentences"][0]
