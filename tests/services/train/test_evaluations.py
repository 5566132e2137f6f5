"""Evaluations through the pipeline: what can be evaluated on, the table, its sentences."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import small_runs
from small_project import picture, png

from sept_core import errors
from sept_core.evaluation import worker
from sept_core.services.data import collections
from sept_core.services.project import projects
from sept_core.services.train import differences, evaluation_archive, evaluations, findings
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.services.train.evaluations import Request

RUN, RANDOM = small_runs.RUN, evaluations.RANDOM_INIT


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.hold(monkeypatch)


def the_evaluation(folder: Path) -> Evaluation:
    (found,) = evaluation_archive.every(projects.paths_of(folder))
    return found


def test_a_labelled_target_set_with_splits_can_be_evaluated_on(project: Path) -> None:
    with projects.opened(project) as opened:
        assert evaluations.targets(opened) == ["toys"]
        task = evaluations.task(opened, "toys")
    assert (task.classes, task.train, task.test, task.smallest) == (2, 12, 9, 6)
    assert task.problem is None
    assert task.budgets() == ["all", "10%", "1-shot", "5-shot"]


def test_a_target_set_that_was_not_read_says_what_it_needs(project: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.png").write_bytes(png(picture("red", 5000)))
    with projects.opened(project) as opened:
        collections.add(opened, "target", "new", tmp_path / "new")
        problem = evaluations.task(opened, "new").problem
        assert problem and "needs a train and a test split" in problem and "add it again" in problem
        with pytest.raises(errors.InputError, match="train and a test split"):
            evaluations.start(opened, Request("new", (RUN,)))


ROW = {"split": "train", "label": "a"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROW, {"split": "test", "label": None}], "without a label"),
        ([ROW, {"split": "test", "label": "a"}], "a single class"),
        ([ROW, ROW | {"label": "b"}, {"split": "test", "label": "c"}], "no training images of it"),
    ],
)
def test_what_cannot_be_scored_is_told(rows: list[dict[str, str]], said: str) -> None:
    trained = {row["label"] for row in rows if row["split"] == "train"}
    problem = evaluations._problem("t", rows, {"train": 1, "test": 1}, trained)
    assert problem and said in problem


def test_the_number_of_scores_is_known_before(project: Path) -> None:
    request = Request("toys", ("a", "b"), ("/c",), labels=("all", "5-shot"), seeds=3)
    assert request.scores() == 4 * 3 * 2 * 3
    assert request.fine_tunings() == 4 * 2 * 3
    assert Request("toys", ("a",), readouts=("knn",)).fine_tunings() == 0
    drawn = Request("toys", ("a",), (), ("knn", "finetune"), ("all", "5-shot"), seeds=3, draws=5)
    assert drawn.scores() == 2 * 3 * ((1 + 5) + 2), "all labels and fine-tuning are drawn once"


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (Request("toys", ()), "nothing to compare"),
        (Request("toys", (RUN,), readouts=()), "at least one readout"),
        (Request("toys", (RUN,), draws=0), "seed and draw"),
        (Request("toys", (RUN,), labels=("most",)), "5-shot, 10% or all"),
        (Request("toys", (RUN,), ("/elsewhere/tiny",)), "same name"),
    ],
)
def test_a_request_that_cannot_work_is_refused(
    trained_once: Path, request_: Request, problem: str
) -> None:
    refused = pytest.raises(errors.InputError, match=problem)
    with projects.opened(trained_once) as opened, refused:
        evaluations.start(opened, request_)


def test_one_evaluation_runs_once_at_a_time(trained: Path) -> None:
    with projects.opened(trained) as opened:
        job = evaluations.start(opened, Request("toys", (RUN,), readouts=("knn",), seeds=1))
        with pytest.raises(errors.BusyError, match="already running"):
            evaluations.start(opened, Request("toys", (RUN,), readouts=("knn",), seeds=1))
        assert evaluations.evaluations_of(opened.paths, job.id)[0].startswith("toys-")


def test_the_table_compares_every_arm_with_the_reference(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    assert found.arms == [RANDOM, RUN]
    rows = evaluation_archive.table(found, RANDOM)
    assert [(row["arm"], row["readout"]) for row in rows] == [
        (RANDOM, "knn"), (RUN, "knn"), (RANDOM, "linear"), (RUN, "linear")
    ]  # fmt: skip
    base, tiny = rows[:2]
    assert (base["steps"], base["images_seen"]) == (0, 0)
    assert (tiny["steps"], tiny["images_seen"]) == (6, 24)
    assert base["difference"] is None and base["distinguishable"] is None
    assert tiny["difference"] == pytest.approx(tiny["mean"] - base["mean"])
    assert tiny["difference_low"] <= tiny["difference"] <= tiny["difference_high"]


def test_a_row_has_seeds_draws_and_their_spread(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    base, tiny = evaluation_archive.table(found, RANDOM)[:2]
    assert base["draws"] == 1 and base["sd_draws"] is None and base["p"] is None
    assert len(tiny["by_seed"]) == len(tiny["difference_by_seed"]) == tiny["seeds"]
    assert sum(tiny["by_seed"]) / tiny["seeds"] == pytest.approx(tiny["mean"])
    assert tiny["over"] == "images" and 0 <= tiny["low"] <= tiny["mean"] <= tiny["high"] <= 1
    assert 0 < tiny["p"] <= tiny["p_holm"] <= 1
    for difference in found.summary["differences"]:
        for key in ("p", "p_holm", "by_seed"):
            del difference[key]
    old = evaluation_archive.table(found, RANDOM)[1]
    assert old["difference"] == tiny["difference"] and old["p"] is None, "an earlier version's"


def test_another_reference_turns_the_sign(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    forth = {r["readout"]: r for r in evaluation_archive.table(found, RANDOM) if r["arm"] == RUN}
    back = {r["readout"]: r for r in evaluation_archive.table(found, RUN) if r["arm"] == RANDOM}
    for readout, row in back.items():
        assert row["difference"] == -forth[readout]["difference"]
        assert row["difference_low"] == -forth[readout]["difference_high"]
        assert row["distinguishable"] == forth[readout]["distinguishable"]


def test_sentences_and_files_say_the_same(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    said = evaluation_archive.sentences(found, RANDOM)
    assert len(said) == 2 and said[0].startswith("20-NN, all labels: ")
    rows = evaluation_archive.table(found, RANDOM)
    read = list(csv.DictReader(io.StringIO(evaluation_archive.as_csv(rows))))
    assert list(read[0]) == list(evaluation_archive.COLUMNS)
    assert float(read[1]["difference"]) == rows[1]["difference"]
    whole = json.loads(evaluation_archive.as_json(found))
    assert whole["sentences"] == said and whole["request"]["runs"] == [RUN]


def test_another_checkpoint_is_an_arm_and_unequal_compute_is_told(
    trained: Path, tmp_path: Path
) -> None:
    assert the_evaluation(trained).unmatched() is None
    other = tmp_path / "other"
    shutil.copytree(trained / "runs" / RUN, other)
    header = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(header | {"images_seen": 240}))
    with projects.opened(trained) as opened:
        job = evaluations.start(
            opened, Request("toys", (RUN,), (str(other),), readouts=("knn",), seeds=1)
        )
    small_runs.work_off(job, worker.main)
    paths = projects.paths_of(trained)
    found = evaluation_archive.find(paths, evaluations.evaluations_of(paths, job.id)[0])
    assert found.arms == [RANDOM, RUN, "other"]
    assert "tiny 24, other 240" in (found.unmatched() or "")
    (row,) = [row for row in evaluation_archive.table(found, RUN) if row["arm"] == "other"]
    assert row["difference"] == 0 and not row["distinguishable"]
    assert len(evaluation_archive.sentences(found, "other")) == 2


def test_deleting_an_evaluation(trained: Path) -> None:
    paths = projects.paths_of(trained)
    found = the_evaluation(trained)
    assert evaluation_archive.size(paths, found.id) > 1000
    evaluation_archive.delete(paths, found.id)
    assert evaluation_archive.every(paths) == []
    with pytest.raises(errors.NotFoundError, match="no finished evaluation"):
        evaluation_archive.find(paths, found.id)


def test_two_seeds_show_both_and_give_no_verdict(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    one = differences.of(found, RANDOM)[0]
    assert (one.arm, one.group, one.seeds) == (RUN, "20-NN, all labels", 2)
    assert len(one.pairs) == 2 and one.better is None and one.verdict == "too few seeds"
    mean = sum(arm - base for base, arm in one.pairs) / 2
    assert one.value == pytest.approx(mean)
    assert all(-1 <= end <= 1 for end in one.interval)
    assert "too few to tell chance from effect" in findings.headline(found, RANDOM)
    assert findings.negative(found, RANDOM) == []
    assert any("seeds" in note for note in findings.caveats(found, RANDOM))


def test_five_seeds_give_a_verdict_a_tally_and_negative_results(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    known = {"readout": "knn", "labels": "all", "seeds": 5, "over_images": (0.01, 0.03)}
    rows = [
        known | {"arm": "curated", "other": "random", "value": 0.02, "interval": (0.01, 0.05),
                 "distinguishable": True},
        known | {"arm": "weak", "other": "random", "value": 0.01, "interval": (-0.01, 0.05),
                 "distinguishable": False},
        known | {"arm": "many", "other": "random", "value": 0.02, "interval": (0.001, 0.05),
                 "distinguishable": True, "holds": False},
    ]  # fmt: skip
    means = [{"arm": arm, "readout": "knn", "labels": "all", "value": 0.5, "seeds": 5, "over": ""}
             for arm in ("random", "curated", "weak", "many")]  # fmt: skip
    made = replace(found, summary=found.summary | {"differences": rows, "means": means})
    said = findings.headline(made, "random")
    assert said.startswith("curated beats random by 2.0 points (95% interval +1.0 to +5.0")
    assert "1 better, 2 without a visible difference" in said
    assert [one.verdict for one in differences.of(made, "random")] == [
        "better", "no difference seen", "no difference after Holm"
    ]  # fmt: skip
    assert [text.split(" is ")[0] for text in findings.negative(made, "random")] == ["weak", "many"]
    turned = differences.of(made, "curated")[0]
    assert (turned.arm, turned.better) == ("random", False)


def test_costs_name_the_share_of_the_pool(trained_once: Path) -> None:
    found = the_evaluation(trained_once)
    (row,) = findings.costs(found)
    assert row[:3] == [RUN, "16", f"{100 * 16 / found.request['pool_images']:.0f}%"]
    assert "of the pool" in findings.cost(found, RANDOM)
    heads, rows = findings.spread(found)
    assert heads[1] == "20-NN, all labels" and rows[0][0] == RANDOM and "±" in rows[0][1]


@pytest.mark.parametrize(
    ("labels", "said"),
    [("all", "all labels"), ("10%", "10% of the labels"), ("1-shot", "1 label a class")],
)
def test_label_counts_in_words(labels: str, said: str) -> None:
    assert differences.labels_said(labels) == said
