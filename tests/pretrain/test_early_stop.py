"""A run whose probe no longer improves ends early, with the backbone of its best probe."""

from pathlib import Path

import pytest
import small_manifest
import torch

from sept_core import errors
from sept_core.encoders import checkpoint
from sept_core.jobs import job_folder
from sept_core.pretrain import loop, meter, probe, worker
from sept_core.storage import atomic


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_manifest.make(tmp_path_factory.mktemp("pool"))


@pytest.fixture
def accuracies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes that are best at step 2 and worse from then on."""
    told = {"value": iter([0.4, 0.6, 0.6, 0.5, 0.55, 0.9, 0.9, 0.9])}
    monkeypatch.setattr(probe, "accuracy", lambda *given: next(told["value"]))


def test_patience_ends_a_run_with_its_best_backbone(
    tmp_path: Path, pool: Path, accuracies: None
) -> None:
    header = worker.main(small_manifest.job(tmp_path, pool, steps=8, probe_every=1, patience=3))
    assert header["steps"] == 5 and header["images_seen"] == 20
    assert header["stopped"] == {
        "by": "patience", "step": 5, "best_step": 2, "best_probe": 0.6, "probes_since": 3,
    }  # fmt: skip
    assert header["metrics"]["probe_knn"] == 0.6
    assert not (tmp_path / "run" / loop.BEST).exists()
    two = small_manifest.job(tmp_path / "two", pool, steps=8, probe_every=50, early=2)
    worker.main(two)
    best, _ = checkpoint.load_backbone(tmp_path / "run")
    kept, _ = checkpoint.load_backbone(tmp_path / "two" / "run" / loop.EARLY / "2")
    assert torch.equal(best.conv1.weight, kept.conv1.weight)


def test_without_patience_a_run_goes_on(tmp_path: Path, pool: Path, accuracies: None) -> None:
    header = worker.main(small_manifest.job(tmp_path, pool, steps=8, probe_every=1))
    assert header["steps"] == 8 and header["stopped"] is None


def test_a_resumed_run_stops_at_the_same_step(tmp_path: Path, pool: Path) -> None:
    """The probe is real here; how often it improves does not matter, only that both agree."""
    whole = small_manifest.job(tmp_path / "whole", pool, steps=9, probe_every=1, patience=1)
    expected = worker.main(whole)
    cut = small_manifest.job(tmp_path / "cut", pool, steps=9, probe_every=1, patience=1)
    (cut.path / "cancel").touch()
    with pytest.raises(job_folder.Cancelled):
        worker.main(cut)
    (cut.path / "cancel").unlink()
    header = worker.main(cut)
    assert header["stopped"] == expected["stopped"] and header["steps"] == expected["steps"]
    one, other = (tmp_path / run / "run" / checkpoint.WEIGHTS for run in ("whole", "cut"))
    assert one.read_bytes() == other.read_bytes()


def test_the_best_probe_is_the_first_of_the_highest(tmp_path: Path) -> None:
    metrics = meter.MetricsFile(tmp_path / "metrics.jsonl")
    assert metrics.best_probe() is None
    for step, accuracy in enumerate([0.2, 0.5, 0.5, 0.1]):
        metrics.append({"step": step, "probe_knn": accuracy})
    metrics.append({"step": 4, "loss": 1.0})
    assert metrics.best_probe() == meter.BestProbe(step=1, accuracy=0.5, since=2)


def test_patience_needs_a_target(tmp_path: Path, pool: Path) -> None:
    job = small_manifest.job(tmp_path, pool, patience=2)
    atomic.write_json(tmp_path / "settings.json", job.settings() | {"probe_worklist": None})
    with pytest.raises(errors.InputError, match="patience 2 needs labelled training images"):
        worker.main(job)
