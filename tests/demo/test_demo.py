"""The demo's data, and a small demo from end to end."""

import csv
import hashlib
import io
import itertools
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sept_core import errors
from sept_core.demo import __main__ as worker
from sept_core.demo import canvas, dataset
from sept_core.demo.families import FAMILIES
from sept_core.demo.layout import TARGETS, Layout
from sept_core.imaging import images
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.curate import decisions, selections, subset_diagnostics
from sept_core.services.project import demo_project, projects

SEED, SCALE = 3, 0.04
CORRUPT = {"truncated", "empty", "text", "zeroed"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A small set of data, drawn as the background job does it."""
    folder = tmp_path_factory.mktemp("drawn")
    job = JobFolder(tmp_path_factory.mktemp("job"))
    settings = {"folder": str(folder), "seed": SEED, "scale": SCALE}
    (job.path / "settings.json").write_text(json.dumps(settings))
    counts = worker.main(job)
    assert counts["files"] > 26 * dataset.FEWEST
    return Layout(folder)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pool_files(layout: Layout) -> dict[str, bytes]:
    """Every image file of the pool by its key, wherever it lies."""
    photos, scans, web = layout.sources.values()
    found = {path.stem: path.read_bytes() for path in photos.rglob("*.*")}
    with zipfile.ZipFile(scans) as archive:
        found |= {Path(name).stem: archive.read(name) for name in archive.namelist()}
    for path in web.glob("*.tar"):
        with tarfile.open(path) as shard:
            for member in shard:
                if not member.name.endswith(".json"):
                    content = shard.extractfile(member)
                    assert content is not None
                    found[Path(member.name).stem] = content.read()
    return found


def tree_hash(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(f"{path.relative_to(folder)}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_draws_varied_pictures(name: str) -> None:
    pictures = [FAMILIES[name].draw(np.random.default_rng([5, number])) for number in range(4)]
    again = FAMILIES[name].draw(np.random.default_rng([5, 0]))
    assert again.tobytes() == pictures[0].tobytes(), "a picture follows from its generator"
    pixels = [np.asarray(picture, float) for picture in pictures]
    for picture, values in zip(pictures, pixels, strict=True):
        assert picture.mode == "RGB" and picture.size == (canvas.SIZE, canvas.SIZE)
        assert values.std() > 5, "a picture shows something"
    for one, other in itertools.combinations(pixels, 2):
        assert np.abs(one - other).mean() > 3, "no two pictures are alike"


def test_same_seed_same_bytes_however_many_processes(drawn: Layout, tmp_path: Path) -> None:
    dataset.draw(tmp_path, SEED, scale=SCALE, processes=1)
    assert tree_hash(tmp_path) == tree_hash(drawn.root)


def test_pool_holds_every_family_unevenly_under_blank_names(drawn: Layout) -> None:
    truth = rows(drawn.truth)
    counts = {name: sum(row["label"] == name for row in truth) for name in FAMILIES}
    assert min(counts.values()) >= dataset.FEWEST and max(counts.values()) > min(counts.values())
    assert len({family.count for family in FAMILIES.values()}) > 10
    assert sum(family.count for family in FAMILIES.values()) >= 4000
    found = pool_files(drawn)
    broken = {row["key"] for row in rows(drawn.flaws) if row["flaw"] in CORRUPT}
    assert {row["key"] for row in truth} == set(found) - broken
    names = [str(path.relative_to(drawn.root)) for path in (drawn.root / "pool").rglob("*")]
    assert not [name for name in names for family in FAMILIES if family in name]
    assert {path.suffix for path in drawn.sources["photos"].rglob("*.*")} == {
        ".jpg", ".png", ".webp"
    }  # fmt: skip


def test_broken_files_are_broken_and_no_others(drawn: Layout) -> None:
    broken = {row["key"]: row["flaw"] for row in rows(drawn.flaws) if row["flaw"] in CORRUPT}
    assert set(broken.values()) == CORRUPT
    for key, content in pool_files(drawn).items():
        if key in broken:
            with pytest.raises(images.RejectedImage):
                images.decode(content)
        else:
            assert min(images.decode(content).image.size) >= 80


def test_copies_are_of_what_they_say(drawn: Layout) -> None:
    found = pool_files(drawn)
    label = {row["key"]: row["label"] for row in rows(drawn.truth)}
    near = [row for row in rows(drawn.flaws) if row["flaw"] == "near-copy"]
    exact = [row for row in rows(drawn.flaws) if row["flaw"] == "copy"]
    assert len(near) >= dataset.FEWEST and len(exact) >= dataset.FEWEST
    for row in exact:
        assert found[row["key"]] == found[row["of"]]
    for row in near:
        assert label[row["key"]] == label[row["of"]]
        assert found[row["key"]] != found[row["of"]]
        assert difference(found[row["key"]], found[row["of"]]) < 30


def difference(one: bytes, other: bytes) -> float:
    """Mean difference of two images in grey levels, once both are made small."""
    small = [
        np.asarray(Image.open(io.BytesIO(content)).convert("L").resize((16, 16)), float)
        for content in (one, other)
    ]
    return float(np.abs(small[0] - small[1]).mean())


def test_leaks_are_test_images_of_the_targets(drawn: Layout) -> None:
    found = pool_files(drawn)
    leaks = [row["key"] for row in rows(drawn.flaws) if row["flaw"] == "leak"]
    assert len(leaks) == dataset.LEAKS_EACH * len(TARGETS)
    tests = {path.read_bytes() for path in (drawn.root / "targets").glob("*/test/*/*.jpg")}
    train = {path.read_bytes() for path in (drawn.root / "targets").glob("*/train/*/*.jpg")}
    assert {found[key] for key in leaks} <= tests
    planted = {row["key"] for row in rows(drawn.flaws)}
    others = {content for key, content in found.items() if key not in planted}
    assert not others & (tests | train), "pool and target sets are drawn apart"


def test_targets_are_image_folders_of_their_families(drawn: Layout) -> None:
    for name, classes in TARGETS.items():
        for split in ("train", "test"):
            folder = drawn.targets[name] / split
            assert {path.name for path in folder.iterdir()} == set(classes)
    assert not set(TARGETS["nature"]) & set(TARGETS["signs-and-charts"])


def finish(folder: Path) -> None:
    """Do the steps of `sept demo`."""
    demo_project.begin(folder, seed=SEED, scale=SCALE)
    while True:
        with projects.opened(folder) as project:
            job = demo_project.next_job(project)
        if job is None:
            return
        for _ in launcher.follow(project.paths, job.id):
            pass
        launcher.finish(project.paths, job.id)


def test_small_demo_from_end_to_end(drawn: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo_project.begin(folder, seed=SEED, scale=SCALE)
    shutil.copytree(drawn.root, demo_project.layout(projects.paths_of(folder)).root)
    finish(folder)  # goes on after the drawing
    finish(folder)  # a finished demo is left as it is
    with projects.opened(folder) as project:
        record = demo_project.curate(project)
        assert demo_project.curate(project)["id"] == record["id"]
        state = projects.status(project).json()
        events = decisions.history(project, [demo_project.TARGET])
        picked = selections.picks(project, record["id"])["uid"].to_pylist()
        truth = demo_project.layout(project.paths).truth
        found = subset_diagnostics.report(project, record["id"], labels=truth)
    assert [source["name"] for source in state["sources"]] == ["photos", "scans", "web"]
    assert all(source["note"] for source in state["sources"] + state["targets"])
    assert state["pool"]["waiting"] == 0 and state["pool"]["rejected"] == 2 * len(CORRUPT)
    assert len(state["maps"]) == 1
    vetoed = {uid for event in events if event["action"] == "veto" for uid in event["uids"]}
    assert vetoed and not vetoed & set(picked)
    assert all(event["who"] == demo_project.REVIEWER and event["reason"] for event in events)
    assert found["leaks"] == 0 and found["kid"] < found["kid_random"]


def test_demo_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(errors.InputError, match="not an empty folder"):
        demo_project.begin(tmp_path)
    projects.init(tmp_path / "project")
    with pytest.raises(errors.InputError, match="already"):
        demo_project.begin(tmp_path / "project")
