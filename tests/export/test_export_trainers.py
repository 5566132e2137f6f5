"""Trainer exports: the images stand where the scripts look for them."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from export_world import World

from sept_core.export import run


def _run_with_fake(folder: Path, program: str, script: Path, bin_folder: Path) -> list[str]:
    """Run a shell script with `program` replaced by one that prints its folder and arguments."""
    bin_folder.mkdir()
    fake = bin_folder / program
    fake.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    path = f"{bin_folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(script), "epochs=3"],
        cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_lightly_train_is_started_on_the_images(world: World, tmp_path: Path) -> None:
    out = tmp_path / "it's here"
    run.export(world.manifest, "lightly-train", out)
    lines = _run_with_fake(tmp_path, "lightly-train", out / "train.sh", tmp_path / "bin")
    assert lines[:2] == [str(out), "pretrain"] and lines[-1] == "epochs=3"
    settings = dict(line.split("=", 1) for line in lines[2:])
    assert {p.stem for p in (out / settings["data"]).rglob("*.*")} == set(world.uids)


def test_solo_learn_gets_a_flat_folder_with_nothing_else(world: World, tmp_path: Path) -> None:
    out = tmp_path / "with spaces"
    run.export(world.manifest, "solo-learn", out)
    lines = _run_with_fake(tmp_path, "python3", out / "train.sh", tmp_path / "bin")
    assert lines[:2] == [str(tmp_path), "main_pretrain.py"]
    assert f"data.train_path='{out / 'images'}'" in lines and "data.no_labels=True" in lines
    assert {path.stem for path in (out / "images").iterdir()} == set(world.uids)


def test_dinov2_script_brings_a_dataset_of_the_images(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.export(world.manifest, "dinov2", tmp_path / "out")

    class Extended:
        def __init__(self, root: Path, *transforms: object) -> None:
            self.root = root

    training, extended = ModuleType("training"), ModuleType("extended")
    extended.ExtendedVisionDataset = Extended  # type: ignore[attr-defined]
    for name in ("dinov2", "dinov2.train", "dinov2.data", "dinov2.data.datasets"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "dinov2.train.train", training)
    monkeypatch.setattr(sys.modules["dinov2"], "train", sys.modules["dinov2.train"], raising=False)
    monkeypatch.setattr(sys.modules["dinov2.train"], "train", training, raising=False)
    monkeypatch.setitem(sys.modules, "dinov2.data.datasets.extended", extended)
    script = tmp_path / "out" / "train.py"
    scope = {"__file__": str(script), "__name__": "script"}
    exec(compile(script.read_text(), str(script), "exec"), scope)
    data = scope["make_dataset"](dataset_str="ImageNet:split=TRAIN")  # type: ignore[operator]
    assert sorted(data.get_image_data(n) for n in range(len(data))) == sorted(world.images.values())
