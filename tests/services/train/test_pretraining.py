"""Pre-training through the pipeline: plans, dry runs, the list of runs and what they leave."""

import io
import json
import runpy
import shutil
import zipfile
from pathlib import Path

import pytest
import small_runs
import torch

from sept_core import errors
from sept_core.encoders import checkpoint
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.pretrain import estimate
from sept_core.services.curate import manifests, selections
from sept_core.services.project import projects
from sept_core.services.train import pretraining, runs
from sept_core.storage import project_paths

RECIPE, RUN = small_runs.RECIPE, small_runs.RUN


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.hold(monkeypatch)


def paths_of(folder: Path) -> project_paths.ProjectPaths:
    return projects.paths_of(folder)


def test_a_plan_is_the_defaults_with_the_changes(project: Path) -> None:
    with projects.opened(project) as opened:
        subset = pretraining.of_selection(opened, small_runs.select(opened))
    assert (subset.images, subset.side) == (16, 48)
    plain = pretraining.plan(subset, "moco", "resnet18", {})
    changed = pretraining.plan(subset, "moco", "resnet18", {"steps": 5, "augment": {"blur": 0.5}})
    assert (plain.epochs, changed.epochs, changed.steps) == (200, None, 5)
    assert (changed.augment.blur, changed.augment.flip) == (0.5, plain.augment.flip)
    with pytest.raises(errors.InputError, match="batch_size 32 is more than the 16 images"):
        pretraining.check(subset, pretraining.plan(subset, "moco", "resnet18", {"batch_size": 32}))


def test_target_images_are_a_subset_too(project: Path) -> None:
    with projects.opened(project) as opened:
        chosen = selections.Request(
            ("toys",), small_runs.SelectionSettings(strategy="target-images-only"), guard=False
        )
        subset = pretraining.of_selection(opened, str(selections.select(opened, chosen)["id"]))
    assert (subset.images, subset.side) == (12, 48)


def test_a_run_that_cannot_start_leaves_its_name_free(project: Path) -> None:
    with projects.opened(project) as opened:
        selection = small_runs.select(opened)
        with pytest.raises(errors.InputError, match="already"):
            pretraining.start_selection(opened, selection, "evaluations", *RECIPE)
        with pytest.raises(errors.InputError, match="more than the"):
            pretraining.start_selection(
                opened, selection, "mine", RECIPE[0], RECIPE[1], {"batch_size": 512}
            )
        assert pretraining.free_name(opened.paths, "mine") == "mine"


def test_a_dry_run_tells_time_and_memory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "ENOUGH_STEPS", 8)
    with projects.opened(project) as opened:
        selection = small_runs.select(opened)
        subset = pretraining.of_selection(opened, selection)
        plan = pretraining.plan(subset, *RECIPE)
        assert pretraining.estimated(opened.paths, subset, plan) is None
        job = pretraining.estimate_selection(opened, selection, *RECIPE)
        found = small_runs.work_off(job, estimate.main)
        assert pretraining.estimated(opened.paths, subset, plan) == found
        other = pretraining.plan(subset, "moco", "resnet10-narrow", {"steps": 9})
        assert pretraining.estimated(opened.paths, subset, other) is None
    assert (found["steps"], found["steps_timed"]) == (6, 8)
    whole = found["decode_seconds"] + 6 * found["seconds_per_step"]
    assert found["seconds"] == pytest.approx(whole, abs=0.1) and found["seconds_per_step"] > 0
    assert found["packed"] and 1e8 < found["memory_bytes"] < 1e11
    assert found["gpu_memory_bytes"] is None or torch.cuda.is_available()
    assert not list(job.path.glob("cache-*"))


def test_images_that_do_not_fit_are_timed_as_they_are_streamed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate.data, "_free_memory", lambda: 0)
    monkeypatch.setattr(estimate, "ENOUGH_STEPS", 4)
    with projects.opened(project) as opened:
        job = pretraining.estimate_selection(opened, small_runs.select(opened), *RECIPE)
    found = small_runs.work_off(job, estimate.main)
    assert not found["packed"] and found["decode_seconds"] == 0 and found["seconds_per_step"] > 0


def test_a_manifest_trains_without_a_selection(project: Path, tmp_path: Path) -> None:
    with projects.opened(project) as opened:
        written = manifests.write_manifest(opened, small_runs.select(opened), tmp_path / "m")
    paths = paths_of(project)
    subset = pretraining.of_manifest(written.folder)
    assert (subset.images, subset.side) == (16, 48)
    job = pretraining.start_manifest(paths, written.folder, "mine", *RECIPE)
    assert job.settings()["manifest"] == str(written.folder)
    dry = pretraining.estimate_manifest(paths, written.folder, *RECIPE)
    assert dry.settings()["pretrain"] == job.settings()["pretrain"]
    assert [run.state for run in runs.every(paths)] == ["queued"]


def test_the_list_of_runs_tells_how_far_each_is(trained: Path) -> None:
    paths = paths_of(trained)
    with projects.opened(trained) as opened:
        selection = small_runs.select(opened)
        for name in ("first", "second"):
            pretraining.start_selection(opened, selection, name, *RECIPE)
    second, first, done = runs.every(paths)
    assert (second.name, first.name, done.name) == ("second", "first", RUN)
    assert (done.state, done.steps, done.total, done.active) == ("done", 6, 6, False)
    assert done.last["loss"] > 0 and 0 <= done.last["probe_knn"] <= 1 and not done.near_collapse
    assert (first.state, first.steps, first.total, first.active) == ("queued", 0, 0, True)
    waiting = [job.title for job in runs.queue(paths)]
    assert waiting == ["Pre-training first", "Pre-training second"]
    assert pretraining.free_name(paths, "first") == "first-2"


def test_a_run_whose_jobs_are_gone_is_lost_unless_it_finished(trained: Path) -> None:
    paths = paths_of(trained)
    for folder in paths.jobs.glob("*-pretrain-*"):
        shutil.rmtree(folder)
    (run,) = runs.every(paths)
    assert (run.state, run.job) == ("done", None)
    (paths.run(RUN) / project_paths.RUN_HEADER).unlink()
    assert runs.find(paths, RUN).state == "lost"
    with pytest.raises(errors.NotFoundError, match="none yet"):
        runs.finished(paths, RUN)


def test_a_small_spread_is_near_collapse(trained: Path) -> None:
    paths = paths_of(trained)
    with (paths.run(RUN) / "metrics.jsonl").open("a") as out:
        out.write(json.dumps({"step": 7, "feature_std": 0.03}) + "\n")
    assert runs.find(paths, RUN).near_collapse


def test_long_curves_are_thinned_and_keep_their_end(tmp_path: Path) -> None:
    lines = [json.dumps({"step": step}) for step in range(1, 2502)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 25')
    kept = [line["step"] for line in runs.metrics(tmp_path)]
    assert len(kept) <= runs.MOST_LINES and kept[-1] == 2501 and kept[1] - kept[0] == 3
    assert runs.metrics(tmp_path / "none") == []


def test_the_download_loads_without_sept(trained: Path, tmp_path: Path) -> None:
    paths = paths_of(trained)
    with zipfile.ZipFile(io.BytesIO(runs.archive(paths, RUN))) as archive:
        archive.extractall(tmp_path / "elsewhere")
    script = tmp_path / "elsewhere" / RUN / "load.py"
    assert script.read_text() == runs.snippet(paths, RUN)
    loaded = runpy.run_path(str(script))
    pixels = torch.rand(2, 3, 16, 16)
    expected, _ = checkpoint.load_backbone(paths.run(RUN))
    with torch.inference_mode():
        features = loaded["backbone"](pixels)
    assert torch.equal(features, expected.eval()(pixels))
    assert runs.embedding(paths, RUN).encoder == f"checkpoint:{paths.run(RUN)}"


def test_deleting_takes_the_folder_and_its_jobs(trained: Path) -> None:
    paths = paths_of(trained)
    assert runs.size(paths, RUN) > 1e6
    runs.delete(paths, RUN)
    assert not paths.run(RUN).exists() and not runs.every(paths)
    assert [job.kind for job in launcher.all_jobs(paths) if job.kind == "pretrain"] == []


def test_a_run_at_work_is_not_deleted(trained: Path) -> None:
    paths = paths_of(trained)
    (folder,) = paths.jobs.glob("*-pretrain-*")
    JobFolder(folder).update_status(state="queued")
    with pytest.raises(errors.BusyError, match="cancel it first"):
        runs.delete(paths, RUN)
    assert paths.run(RUN).exists()
