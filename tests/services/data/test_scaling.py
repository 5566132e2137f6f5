"""The value ranges of a project: shown, set, kept, the same wherever images are decoded."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pixels import Fake, png, scene, thermal

from benchmarks.hostile.pixel_values import png_of
from sept_core import errors
from sept_core.catalogue import image_table, settings
from sept_core.encoders import registry
from sept_core.features import feature_store, value_ranges, worker
from sept_core.imaging import pixel_values
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.data import collections, embedding, image_server, scaling
from sept_core.services.project import backups, project_check, projects
from sept_core.storage import atomic, project_paths

Embed = Callable[..., dict[str, Any]]


@pytest.fixture
def embed(monkeypatch: pytest.MonkeyPatch) -> Embed:
    """Embeds in this process with a fake encoder; takes what `embedding.start` takes."""
    encoders = {"fake": Fake(), "other": Fake()}
    encoders["other"].id, encoders["other"].spec = "other-1", "other"
    monkeypatch.setattr(registry, "load", lambda spec, **options: encoders[spec])
    monkeypatch.setattr(registry, "needs_fit", lambda spec, folder: False)

    def launch(paths: project_paths.ProjectPaths, kind: str, asked: Any, title: str) -> JobFolder:
        job = JobFolder(paths.job(f"{kind}-{len(list(paths.jobs.glob('embed-*')))}"))
        job.path.mkdir(parents=True)
        atomic.write_json(job.path / "settings.json", asked)
        atomic.write_json(job.path / "status.json", {"state": "queued"})
        atomic.write_json(job.path / "result.json", worker.main(job))
        return job

    monkeypatch.setattr(launcher, "launch", launch)
    monkeypatch.setattr(launcher, "all_jobs", lambda paths: [])

    def run(project: projects.Project, spec: str = "fake", **options: Any) -> dict[str, Any]:
        job = embedding.start(project, embedding.EmbedSettings(spec), **options)
        projects.adopt(project)
        result = job.result()
        settings.put(project.db, "encoder", result["encoder_id"])
        return result

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a pool of 24 heat pictures and one ordinary one, and a target set of 4."""
    for name, numbers in (("pool", range(24)), ("target", range(40, 44))):
        (tmp_path / name).mkdir()
        for number in numbers:
            (tmp_path / name / f"{number}.png").write_bytes(thermal(number))
    (tmp_path / "pool" / "eight.png").write_bytes(png(scene(50)))
    projects.init(tmp_path / "project")
    with projects.opened(tmp_path / "project") as project:
        collections.add(project, "pool", "heat", tmp_path / "pool", {})
        collections.add(project, "target", "task", tmp_path / "target", {})
    return tmp_path / "project"


def uid_of(project: projects.Project, name: str) -> str:
    [(uid,)] = project.db.execute("SELECT uid FROM files WHERE rel_path = ?", [name]).fetchall()
    return str(uid)


def pixels(picture: image_server.Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("L"), int)


def hashes(project: projects.Project) -> list[int]:
    found: list[int] = image_table.hashes(project.db, "pool")["phash"].to_pylist()
    return found


def test_status_says_how_images_are_scaled(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        assert projects.status(project).value_ranges == []
        embed(project)
        [found] = projects.status(project).value_ranges
        low, high = (f"{end:,.0f}" for end in (found["low"], found["high"]))
    told = f"uint16 images are scaled from {low} to {high} (fitted on 24 images)."
    assert found["summary"] == told and found["warnings"] == []
    assert 7424 <= found["low"] < 7430 and 7670 < found["high"] <= 7676
    assert (found["embedded"], found["clipped"], found["given"]) == (28, 0, False)


def test_hashes_are_those_of_the_8_bit_pictures(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project)
        distinct = len(set(hashes(project)))
        [(brightness,)] = project.db.execute(
            "SELECT brightness FROM images WHERE uid = ?", [uid_of(project, "3.png")]
        ).fetchall()
    assert distinct == 25
    assert brightness == pytest.approx(scene(3).mean() / 255, abs=0.02)


def test_pictures_of_the_app_are_scaled_alike(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project)
        server = image_server.ImageServer(project.paths.root)
        heat, eight = uid_of(project, "3.png"), uid_of(project, "eight.png")
        for picture in (server.thumbnail(heat), server.thumbnail(heat), server.image(heat)):
            assert picture.media_type == "image/jpeg" and not picture.lasting
            assert np.abs(pixels(picture) - scene(3)).mean() < 6
        assert server.image(eight).media_type == "image/png" and server.image(eight).lasting
        assert server.thumbnail(eight).lasting and server.thumbnail(eight).lasting
        settings.put(project.db, scaling.SETTING, ["0:65535"])
        assert pixels(server.thumbnail(heat)).max() < 40, "no thumbnail of another range"
        assert pixels(server.image(heat)).max() < 40
        server.close()


def test_16_bit_colour_is_scaled_in_the_app(folder: Path, embed: Embed) -> None:
    parts = [7424 + scene(n).astype(np.uint16) for n in (60, 61, 62)]
    colours = np.stack(parts, 2).repeat(4, 0).repeat(4, 1)
    (folder.parent / "pool" / "colour.png").write_bytes(png_of(colours))
    with projects.opened(folder) as project:
        collections.add(project, "pool", "heat", folder.parent / "pool", {})
        embed(project)
        shown = image_server.ImageServer(project.paths.root).image(uid_of(project, "colour.png"))
    red = np.asarray(Image.open(io.BytesIO(shown.data)))[2::4, 2::4, 0].astype(int)
    assert np.abs(red - scene(60)).mean() < 12


def test_a_range_is_set_and_kept(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project, value_range=["uint16=7000:8000"])
        [found] = projects.status(project).value_ranges
        assert found["summary"] == "uint16 images are scaled from 7,000 to 8,000 (set by the user)."
        embed(project)
        embed(project, value_range=["float32=0:5"])
        assert [one.option for one in scaling.current(project)] == [
            "float32=0:5", "uint16=7000:8000",
        ]  # fmt: skip
        backups.write(project, folder.parent / "saved.gz")
    backups.restore(folder.parent / "again", folder.parent / "saved.gz")
    with projects.opened(folder.parent / "again") as project:
        assert scaling.current(project).find("uint16").ends == (7000, 8000)  # type: ignore[union-attr]


def test_another_range_is_refused_until_all_is_embedded_again(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project)
        first = hashes(project)
        before = scaling.current(project)
        for given in (["0:65535"], ["uint16=0:9000"], [scaling.AUTO]):
            with pytest.raises(errors.InputError, match="add --rebuild"):
                embed(project, value_range=given)
        assert scaling.current(project) == before
        embed(project, value_range=[before.find("uint16").option])  # type: ignore[union-attr]
        embed(project, value_range=["0:9000"], rebuild=True)
        [found] = projects.status(project).value_ranges
        assert (found["low"], found["high"], found["embedded"]) == (0, 9000, 28)
        assert hashes(project) != first, "hash and figures follow the features"
        store = feature_store.FeatureStore(project.paths.pool_features("fake-1"))
        assert len(store) == 25
        embed(project, value_range=[scaling.AUTO], rebuild=True)
        assert scaling.current(project) == before and hashes(project) == first


def test_features_of_another_encoder_are_named_when_their_range_is_past(
    folder: Path, embed: Embed
) -> None:
    with projects.opened(folder) as project:
        embed(project)
        embed(project, "other")
        embed(project, "other", value_range=["0:9000"], rebuild=True)
        [found] = projects.status(project).value_ranges
        assert found["warnings"][-1].startswith("Features of fake-1 were made with another range")
        assert "--encoder fake --rebuild" in found["warnings"][-1]
        with pytest.raises(errors.InputError, match="fake-1"):
            embed(project, "fake")


def test_the_range_outlives_the_folder_of_fits(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project)
        before = scaling.current(project)
        shutil.rmtree(project.paths.encoders)
        assert scaling.current(project) == before
        (folder.parent / "pool" / "more.png").write_bytes(png(scene(3).astype(np.uint16) * 200))
        collections.add(project, "pool", "heat", folder.parent / "pool", {})
        embed(project)
        assert scaling.current(project) == before


def test_damaged_ranges_are_found_and_moved_away(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project)
        before = scaling.current(project)
    path = folder / "encoders" / pixel_values.FILE
    for damage in (b"{", b'{"uint16": {"low": 1}}'):
        path.write_bytes(damage)
        damaged = pytest.raises(errors.IntegrityError, match=path.name)
        with projects.opened(folder) as project, damaged:
            scaling.current(project)
        found = [one for one in project_check.check(folder) if one.where == str(path)]
        assert len(found) == 1
        project_check.repair(folder, found)
        with projects.opened(folder) as project:
            assert scaling.current(project) == before


def test_a_source_that_is_very_different_is_named(folder: Path, embed: Embed) -> None:
    (folder.parent / "more").mkdir()
    for number in range(6):
        values = scene(number + 70).astype(np.uint16) + 30_000
        (folder.parent / "more" / f"{number}.png").write_bytes(png(values))
    with projects.opened(folder) as project:
        embed(project)
        collections.add(project, "pool", "more", folder.parent / "more", {})
        embed(project)
        [found] = projects.status(project).value_ranges
    assert found["clipped"] == 6
    assert found["warnings"][0].startswith("6 of 34 uint16 files lie mostly outside this range")


def test_label_masks_are_named(tmp_path: Path, embed: Embed) -> None:
    (tmp_path / "pool").mkdir()
    for number in range(12):
        values = (scene(number) // 40).repeat(3, 0).repeat(3, 1).astype(np.uint16)
        (tmp_path / "pool" / f"{number}.png").write_bytes(png(values))
    projects.init(tmp_path / "project")
    with projects.opened(tmp_path / "project") as project:
        collections.add(project, "pool", "masks", tmp_path / "pool", {})
        embed(project)
        [found] = projects.status(project).value_ranges
    assert "12 of the 12 uint16 images" in found["warnings"][0]
    assert "look like label masks (7 distinct values at most)" in found["warnings"][0]


def test_nothing_is_deleted_when_embedding_cannot_start(folder: Path, embed: Embed) -> None:
    with projects.opened(folder) as project:
        embed(project)
        with pytest.raises(errors.InputError, match="not a value range"):
            embed(project, value_range=["9"], rebuild=True)
        assert value_ranges.uses(feature_store.FeatureStore(project.paths.pool_features("fake-1")))
