"""The whole job, from a manifest on disk, in processes that are killed for good."""

import dataclasses
import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import small_manifest
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import checkpoint
from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.manifest import manifest
from sept_core.pretrain import loop, meter, probe, worker
from sept_core.pretrain import settings as pretrain
from sept_core.storage import atomic

CHILD = """
import os, signal, sys, torch
from sept_core.jobs import job_folder
from sept_core.pretrain import worker
step, while_saving = int(sys.argv[2]), sys.argv[3] == "saving"
progress, save = job_folder.JobFolder.progress, torch.save
def die(): os.kill(os.getpid(), signal.SIGKILL)
def dying_progress(self, done, total, unit, note=""):
    if unit == "steps" and done == step and not while_saving: die()
    progress(self, done, total, unit, note)
def dying_save(content, path):
    if while_saving and content["step"] == step:
        path.write_bytes(b"half of a checkpoint"); die()
    save(content, path)
job_folder.JobFolder.progress, torch.save = dying_progress, dying_save
job_folder.run(worker.main)
"""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_manifest.make(tmp_path_factory.mktemp("pool"))


def _run_child(job: job_folder.JobFolder, step: int, when: str) -> int:
    arguments = [sys.executable, "-c", CHILD, str(job.path), str(step), when]
    return subprocess.run(arguments, capture_output=True, timeout=120).returncode


def test_killed_runs_end_with_the_same_weights(tmp_path: Path, pool: Path) -> None:
    whole, killed = (
        small_manifest.job(tmp_path / "whole", pool),
        small_manifest.job(tmp_path / "killed", pool),
    )
    result = worker.main(whole)
    between = random.Random(6).randint(8, 13)
    assert _run_child(killed, between, "between steps") == -signal.SIGKILL
    assert _run_child(killed, 14, "saving") == -signal.SIGKILL
    resumed = worker.main(killed)
    one, other = (tmp_path / run / "run" / checkpoint.WEIGHTS for run in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()
    for key in ("steps", "images_seen", "manifest", "subset"):
        assert resumed[key] == result[key]
    assert _steady_metrics(one.parent) == _steady_metrics(other.parent)


def _steady_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines without what a clock measured."""
    clocked = {"images_per_second", "seconds_left", "shares"}
    lines = meter.MetricsFile(folder / loop.METRICS).lines()
    return [{k: v for k, v in line.items() if k not in clocked} for line in lines]


def test_what_a_run_leaves(tmp_path: Path, pool: Path) -> None:
    job = small_manifest.job(tmp_path, pool, steps=3)
    result = worker.main(job)
    folder = tmp_path / "run"
    assert sorted(path.name for path in folder.iterdir()) == [
        "backbone.safetensors",
        "card.json",
        "load.py",
        "metrics.jsonl",
        "run.json",
        "settings.json",
    ]
    content_hash = manifest.read(pool / "manifest").content_hash
    assert (result["steps"], result["images_seen"], result["manifest"]) == (3, 12, content_hash)
    assert 0 <= result["metrics"]["probe_knn"] <= 1
    backbone, card = checkpoint.load_backbone(folder)
    assert backbone.eval()(torch.zeros(1, 3, 16, 16)).shape == (1, 256)
    assert card["manifest"] == content_hash and card["method"] == "moco"
    assert pretrain.from_dict(card["settings"]) == dataclasses.replace(
        small_manifest.SETTINGS, steps=3
    )
    assert worker.main(job) == json.loads((folder / "run.json").read_text())


def test_a_folder_of_another_run_is_refused(tmp_path: Path, pool: Path) -> None:
    worker.main(small_manifest.job(tmp_path, pool, steps=1))
    with pytest.raises(errors.InputError, match="different seed"):
        worker.main(small_manifest.job(tmp_path, pool, steps=1, seed=5))


def test_an_unknown_method_is_refused_before_any_image_is_read(tmp_path: Path, pool: Path) -> None:
    job = small_manifest.job(tmp_path, pool, method="simclear")
    atomic.write_json(tmp_path / "settings.json", job.settings() | {"roots": {}})
    with pytest.raises(errors.InputError, match="simclear"):
        worker.main(job)


def test_the_probe_reads_training_images_only(pool: Path) -> None:
    loaded = probe.load(pool / "target.parquet", 12, seed=0)
    assert loaded.pixels.shape == (16, 3, 12, 12) and loaded.pixels.dtype == torch.uint8
    assert sorted(loaded.labels.tolist()) == [0] * 8 + [1] * 8
    shown = {bytes(pixels.numpy().tobytes()) for pixels in loaded.pixels}
    train = [
        Image.open(pool / f"{n}.png").resize((12, 12), Image.Resampling.BICUBIC) for n in range(16)
    ]
    assert shown == {np.asarray(image).transpose(2, 0, 1).tobytes() for image in train}


def test_a_probe_needs_two_classes(tmp_path: Path, pool: Path) -> None:
    path = tmp_path / "one.parquet"
    rows = [small_manifest.work(pool, number, "train") for number in (0, 2)]
    worklists.write(path, pa.Table.from_pylist(rows, worklists.SCHEMA))
    with pytest.raises(errors.InputError, match="1 classes"):
        probe.load(path, 12, seed=0)


def test_a_vit_is_built_for_the_size_of_the_views() -> None:
    settings = pretrain.defaults("moco", "vit_tiny_patch16_224", 5000)
    small = dataclasses.replace(settings, image_size=64, cache_size=64, embed_size=64)
    backbone = worker.build_backbone(small)
    assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, 192)
