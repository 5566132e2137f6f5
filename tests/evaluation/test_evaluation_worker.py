"""The evaluation job on a drawn target: known answers, resuming, honest sentences."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import backbones, checkpoint
from sept_core.evaluation import results, statistics, summary, target, worker
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic

SPEC = {"name": "resnet10-narrow", "stem": "standard"}
CARD = {
    "backbone": SPEC,
    "image_size": 16,
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
    "method": "simclr",
    "kind": "self-supervised",
}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red, green and blue noise: 6 training and 8 test images of each; one file is broken."""
    root = tmp_path_factory.mktemp("target")
    rng = np.random.default_rng(0)
    rows = []
    for split, count in (("train", 6), ("val", 2), ("test", 8)):
        for number in range(3 * count):
            pixels = rng.integers(0, 120, (16, 16, 3), np.uint8)
            pixels[:, :, number % 3] += 120
            name = f"{split}{number}.png"
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            (root / name).write_bytes(out.getvalue())
            rows.append(_row(root, name, "rgb"[number % 3], split))
    (root / "broken.png").write_bytes(b"no image")
    rows.append(_row(root, "broken.png", "r", "test"))
    _write(root / "target.parquet", rows)
    return root


def _row(root: Path, name: str, label: str | None, split: str) -> dict[str, Any]:
    place = {"source": "t", "root": str(root), "rel_path": name, "member": ""}
    return place | {"offset": -1, "size": -1, "label": label, "split": split}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    worklists.write(path, pa.Table.from_pylist(rows, worklists.SCHEMA))


def _checkpoint(folder: Path, seed: int) -> str:
    torch.manual_seed(seed)
    checkpoint.save(folder, backbones.build(SPEC), CARD)
    return str(folder)


def _job(folder: Path, task: Path, arms: list[dict[str, Any]], **changes: Any) -> Any:
    (folder / "job").mkdir(exist_ok=True)
    asked = {
        "arms": arms,
        "target_worklist": str(task / "target.parquet"),
        "readouts": ["knn", "linear"],
        "labels": ["2-shot", "all"],
        "seeds": [0, 1],
        "out": str(folder / "out"),
    }
    atomic.write_json(folder / "job" / "settings.json", asked | changes)
    return job_folder.JobFolder(folder / "job")


def _arms(folder: Path) -> list[dict[str, Any]]:
    trained = {"name": "curated", "checkpoint": _checkpoint(folder / "run", 1)}
    return [{"name": "random-init", "checkpoint": None, "backbone": None}, trained]


def test_known_answer_and_every_score_once(tmp_path: Path, task: Path) -> None:
    report = worker.main(_job(tmp_path, task, _arms(tmp_path)))
    scores = list(results.read(tmp_path / "out").values())
    assert len(scores) == 2 * 2 * 2 * 2
    full = [score for score in scores if score.labels == "all"]
    assert all(score.accuracy > 0.9 and score.n_train == 18 for score in full)  # colour is easy
    assert {score.n_train for score in scores if score.labels == "2-shot"} == {6}
    assert all(score.n_test == 24 for score in scores)
    for score in scores:
        correct = results.correct(tmp_path / "out", score.key)
        assert correct.shape == (24,) and correct.mean() == pytest.approx(score.accuracy)
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert written == json.loads(json.dumps(report))
    assert report["target"]["unreadable"] == ["t/broken.png/"]
    assert len(report["means"]) == 8 and len(report["differences"]) == 4
    for said in report["sentences"]:  # two seeds
        assert "not distinguishable" in said or "With these networks" in said
    assert "curated" in report["notes"][0] and "random-init" not in report["notes"][0]


def test_two_equal_arms_differ_by_nothing(tmp_path: Path, task: Path) -> None:
    path = _checkpoint(tmp_path / "run", 1)
    arms = [{"name": name, "checkpoint": path} for name in ("a", "b")]
    report = worker.main(_job(tmp_path, task, arms))
    for row in report["differences"]:
        assert row["value"] == 0 and not row["distinguishable"]


def test_a_blind_network_is_worse_and_the_report_says_so(tmp_path: Path, task: Path) -> None:
    seeing = _checkpoint(tmp_path / "run", 1)
    blind = backbones.build(SPEC)
    with torch.no_grad():
        for parameter in blind.parameters():
            parameter.mul_(0.0).add_(0.01)
    checkpoint.save(tmp_path / "blind", blind, CARD)
    arms = [
        {"name": "blind", "checkpoint": [str(tmp_path / "blind")] * 2},
        {"name": "seeing", "checkpoint": [seeing, _checkpoint(tmp_path / "run2", 2)]},
    ]
    report = worker.main(_job(tmp_path, task, arms, readouts=["knn"], labels=["all"]))
    (difference,) = report["differences"]
    assert difference["value"] > 0.4 and difference["distinguishable"]
    assert report["sentences"][0].startswith(
        "20-NN, all labels: With these networks, seeing scores higher than blind (+"
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_network_without_features_of_some_images_gets_them_wrong(
    tmp_path: Path, task: Path
) -> None:
    network: Any = backbones.build(SPEC)
    with torch.no_grad():
        network.conv1.weight[0] = torch.tensor([-1.2e37, 0.0, 0.0])[:, None, None]
        network.bn1.weight[0] = 1e-37  # only where there is no red does the first channel overflow
    checkpoint.save(tmp_path / "run", network, CARD | {"mean": [1.0] * 3})
    arms = [{"name": "partly", "checkpoint": str(tmp_path / "run")}]
    report = worker.main(_job(tmp_path, task, arms, readouts=["knn"], labels=["all"]))
    assert 0.3 < report["means"][0]["value"] < 0.9
    assert all(score.n_test == 24 for score in results.read(tmp_path / "out").values())


def test_fine_tuning_runs_beside_the_frozen_readouts(tmp_path: Path, task: Path) -> None:
    job = _job(
        tmp_path,
        task,
        _arms(tmp_path),
        readouts=["finetune"],
        labels=["all"],
        seeds=[0],
        fine_tuning={"epochs": 1, "least_steps": 12, "batch_size": 9},
    )
    report = worker.main(job)
    assert report["fine_tuning"]["least_steps"] == 12
    assert "random-init, curated" in report["notes"][0]
    assert all(row["value"] > 0.5 and row["over"] == "images" for row in report["means"])
    assert report["notes"][1] == summary.FEW_SEEDS


def test_an_interrupted_evaluation_does_only_what_is_missing(
    tmp_path: Path, task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(tmp_path, task, _arms(tmp_path))
    whole = worker.main(job)
    path = tmp_path / "out" / results.LINES
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:10]) + lines[10][:30])  # killed while it wrote a line
    seen = []
    score = worker._score
    monkeypatch.setattr(worker, "_score", lambda *a: seen.append(a[0].key) or score(*a))
    assert worker.main(job) == whole
    assert len(seen) == 6
    assert len(path.read_text().splitlines()) == 16
    assert worker.main(job) == whole and len(seen) == 6


def test_many_comparisons_with_one_arm_are_adjusted(tmp_path: Path, task: Path) -> None:
    arms = [
        {
            "name": name,
            "checkpoint": [_checkpoint(tmp_path / f"{name}{s}", 10 * n + s) for s in (0, 1)],
        }
        for n, name in enumerate(("base", "b", "c", "d"))
    ]
    job = _job(tmp_path, task, arms, readouts=["knn"], labels=["2-shot"])
    rows = worker.main(job)["differences"]
    family = [row for row in rows if row["other"] == "base"]
    assert [row["comparisons"] for row in family] == [3] * 3
    adjusted = statistics.holm([row["p"] for row in family])
    assert [row["p_holm"] for row in family] == adjusted
    assert [row["holds"] for row in rows] == [
        row["distinguishable"] and row["p_holm"] < 0.05 for row in rows
    ]
    assert {row["comparisons"] for row in rows if row["other"] == "c"} == {1}


def test_a_difference_that_holm_does_not_confirm_says_so() -> None:
    rng = np.random.default_rng(2)
    scores, correct = [], {}
    for arm in ("base", "b", "c", "d", "e"):
        for seed in range(3):
            correct[arm, seed] = rng.random(1000) < (0.545 if arm == "b" else 0.5)
            scores.append(results.Score(f"{arm}{seed}", arm, "knn", "all", seed, 0.5, 9, 1000, 0))
    found = summary.summarise(scores, lambda score: correct[score.arm, score.seed], [])
    first, said = found["differences"][0], found["sentences"][0]
    assert first["distinguishable"] and not first["holds"] and first["p"] < 0.05 < first["p_holm"]
    assert said.endswith("4 comparisons with base, they are not distinguishable (p = 0.185).")
    assert not any("Holm" in other for other in found["sentences"][1:])


def test_draws_of_few_labels_are_averaged_and_keep_earlier_scores(
    tmp_path: Path, task: Path
) -> None:
    one = worker.main(_job(tmp_path, task, _arms(tmp_path), readouts=["knn"]))
    known = results.read(tmp_path / "out")
    job = _job(tmp_path, task, _arms(tmp_path), readouts=["knn"], draws=3)
    report = worker.main(job)
    scores = results.read(tmp_path / "out")
    assert known.items() <= scores.items(), "the first draw is that of an evaluation without draws"
    few = [score for score in scores.values() if score.labels == "2-shot"]
    assert len(few) == 2 * 2 * 3 and len(scores) == len(few) + 2 * 2
    for mean in report["means"]:
        own = [
            s.accuracy
            for s in scores.values()
            if (s.arm, s.labels) == (mean["arm"], mean["labels"])
        ]
        assert mean["value"] == pytest.approx(np.mean(own)) and mean["seeds"] == 2
    assert [m for m in report["means"] if m["labels"] == "all"] == [
        m for m in one["means"] if m["labels"] == "all"
    ]


def test_another_network_is_scored_anew(tmp_path: Path, task: Path) -> None:
    worker.main(_job(tmp_path, task, _arms(tmp_path), seeds=[0], labels=["all"]))
    _checkpoint(tmp_path / "run", 7)
    trained = {"name": "curated", "checkpoint": str(tmp_path / "run")}
    worker.main(_job(tmp_path, task, [trained], seeds=[0], labels=["all"]))
    scores = results.read(tmp_path / "out").values()
    assert len([score for score in scores if score.arm == "curated"]) == 4


def test_only_train_and_test_are_read(task: Path) -> None:
    loaded = target.load(task / "target.parquet", ValueRanges())
    assert (len(loaded.train.rows), len(loaded.test.rows)) == (18, 24)
    assert loaded.classes == ["b", "g", "r"]
    assert not [name for name in loaded.train.names + loaded.test.names if "val" in name]


def test_a_target_of_16_bits_is_scaled_by_the_given_range(tmp_path: Path) -> None:
    rows = []
    for number in range(8):
        values = np.full((4, 4), 7424 + 20 * number, np.uint16)
        Image.fromarray(values).save(tmp_path / f"{number}.png")
        split = "train" if number < 4 else "test"
        rows.append(_row(tmp_path, f"{number}.png", "ab"[number % 2], split))
    _write(tmp_path / "t.parquet", rows)
    plain = target.load(tmp_path / "t.parquet", ValueRanges())
    ranges = ValueRanges((ValueRange("uint16", 7424, 7424 + 255),))
    task = target.load(tmp_path / "t.parquet", ranges)
    assert task.fingerprint != plain.fingerprint, "scores of another range do not count"
    seen = target.pixels(task.test, lambda image: torch.tensor(image.getpixel((0, 0))), task.ranges)
    assert seen[:, 0].tolist() == [80, 100, 120, 140]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("train0.png", "r", "train"), ("test0.png", "r", "test")], "1 classes to train"),
        ([("train0.png", "r", "train"), ("train1.png", "g", "train")], "0 to test"),
        ([("train0.png", None, "train")], "0 classes to train"),
        (
            [
                ("train0.png", "r", "train"),
                ("train1.png", "g", "train"),
                ("test2.png", "b", "test"),
            ],
            "class 'b' has test images but no training images",
        ),
    ],
)
def test_targets_that_cannot_be_scored(
    tmp_path: Path, task: Path, rows: list[tuple[str, str | None, str]], said: str
) -> None:
    _write(tmp_path / "t.parquet", [_row(task, *row) for row in rows])
    with pytest.raises(errors.InputError, match=said):
        target.load(tmp_path / "t.parquet", ValueRanges())


def test_arms_and_readouts_that_make_no_sense(tmp_path: Path, task: Path) -> None:
    path = _checkpoint(tmp_path / "run", 1)
    good = {"name": "a", "checkpoint": path}
    cases: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [
        ([good, good], {}, "two arms are called 'a'"),
        ([{"name": "a", "checkpoint": [path] * 3}], {}, "3 checkpoints for 2 seeds"),
        ([{"name": "r", "checkpoint": None}], {}, "is the only one"),
        ([good], {"readouts": ["knnn"]}, "knnn"),
        ([good], {"labels": ["some"]}, "some"),
    ]
    for arms, changes, said in cases:
        with pytest.raises(errors.InputError, match=said):
            worker.main(_job(tmp_path, task, arms, **changes))
    with pytest.raises(errors.EncoderError):
        worker.main(_job(tmp_path, task, [{"name": "a", "checkpoint": str(tmp_path)}]))
