"""Every step on pools of few, equal or flat images works, or says in a sentence what is missing.

A table of pools by steps. No step raises anything but SEPT's own errors, warns, or prints NaN.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import small_pools
import small_project
import streamlit as st
from in_process import run
from small_pools import answer
from streamlit.testing.v1 import AppTest

from sept_core import errors
from sept_core.selection.settings import STRATEGIES


@dataclass(frozen=True)
class Pool:
    """A kind of `benchmarks.hostile.pools`, its images, target images, and what is selectable."""

    kind: str
    count: int
    targets: int
    apart: int


POOLS = {
    "one image": Pool("coloured", 1, 6, 1),
    "five images": Pool("coloured", 5, 40, 5),
    "identical images": Pool("identical", 24, 1, 1),
    "two repeated": Pool("two repeated", 24, 6, 2),
    "flat images": Pool("flat", 21, 6, 21),
}


@dataclass(frozen=True)
class World:
    pool: Pool
    project: Path
    selection: str


@pytest.fixture(scope="module", params=[*POOLS])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    pool = POOLS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        small_project.at_once(patch)
        folder = tmp_path_factory.mktemp("pool")
        project = small_pools.make(folder, pool.kind, pool.count, pool.targets)
        made = answer("select", project, "--target", "toys", "--budget", 50)
        yield World(pool, project, made["selection"])


def test_all_is_embedded_and_the_fit_says_that_it_is_degenerate(world: World) -> None:
    state = answer("status", world.project)
    assert state["pool"]["images"] == world.pool.count and not state["pool"]["rejected"]
    [encoder] = state["encoders"]
    assert encoder["pool_images"] == world.pool.count
    assert encoder["fit"].startswith("fitted on a degenerate sample:")
    told = " ".join(run("status", world.project).output.split())
    assert encoder["fit"] in told and "--rebuild" in told


@pytest.mark.parametrize("strategy", [*STRATEGIES])
def test_each_strategy_selects_what_it_can_and_explains_the_rest(
    world: World, strategy: str
) -> None:
    words = ("--target", "toys", "--budget", 50, "--strategy", strategy)
    found = answer("select", world.project, *words)
    assert found["shortfall"]
    if strategy == "target-images-only":
        assert found["count"] == world.pool.targets
    elif strategy not in ("coverage", "clusters"):  # these need a pool near the targets
        assert found["count"] == world.pool.apart
        crowded = world.pool.apart < world.pool.count
        assert ("near-duplicates" in found["shortfall"]) == crowded
        assert ("Raise it to" in found["shortfall"]) == crowded
    if found["count"]:
        answer("report", world.project, found["selection"])


def test_a_higher_cap_lets_near_duplicates_in(world: World) -> None:
    cap = ("--target", "toys", "--budget", world.pool.count, "--duplicate-cap", world.pool.count)
    found = answer("select", world.project, *cap)
    assert found["count"] == world.pool.count and found["shortfall"] is None


STEPS = {
    "calibrate": ("calibrate",),
    "map": ("map",),
    "advise": ("advise", "--target", "toys", "--budget", 3),
    "pool status": ("pool", "status"),
    "update": ("update", "SELECTION"),
    "suggest": ("suggest", "SELECTION"),
    "audit": ("audit", "SELECTION"),
    "report": ("report", "SELECTION"),
    "history": ("history", "--target", "toys"),
}


@pytest.mark.parametrize("step", [*STEPS])
def test_a_step_answers_people_and_machines(world: World, step: str) -> None:
    named = {"SELECTION": world.selection}
    first, *rest = (named.get(str(word), word) for word in STEPS[step])
    words = (first, *rest, world.project) if first == "pool" else (first, world.project, *rest)
    answer(*words)
    told = run(*words).output.lower().split()
    assert "nan" not in told and "inf" not in told


def test_the_map_says_when_it_is_not_umap(world: World) -> None:
    note = answer("map", world.project)["note"]
    expected = {
        "one image": "single point",
        "five images": "principal components",
        "identical images": "single point",
        "two repeated": "a line",
    }
    wanted = next((expected.get(name) for name, pool in POOLS.items() if pool == world.pool), None)
    assert (wanted in note) if wanted else note is None


def test_a_decision_on_an_image_and_its_group(world: World) -> None:
    listed = answer("suggest", world.project, world.selection)["uids"]
    done = answer("keep", world.project, listed[0], "--target", "toys", "--scope", "group")
    assert len(done["uids"]) == world.pool.count // world.pool.apart
    answer("undo", world.project, "--target", "toys")


def test_the_result_is_exported_and_verified(world: World, tmp_path: Path) -> None:
    answer("export", world.project, world.selection, "--out", tmp_path / "out")
    answer("verify", tmp_path / "out")


def test_pre_training_takes_two_images(world: World) -> None:
    tiny = ("--steps", 1, "--image-size", 16, "--backbone", "resnet10-narrow", "--run", "tiny")
    shutil.rmtree(world.project / "runs" / "tiny", ignore_errors=True)
    done = run("pretrain", world.project, world.selection, *tiny)
    if world.pool.apart >= 2:
        assert done.exception is None
    else:
        assert isinstance(done.exception, errors.InputError)
        assert "too few" in str(done.exception) and "select more" in str(done.exception)


PAGES = ("data/pool", "data/targets", "curate/curate", "curate/export", "train/pretrain",
         "train/evaluate")  # fmt: skip


@pytest.fixture
def closed_afterwards() -> Iterator[None]:
    """The app lets go of the project whatever became of the test."""
    yield
    st.cache_resource.clear()


@pytest.mark.usefixtures("closed_afterwards")
def test_the_pages_draw_what_there_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if world.pool not in (POOLS["one image"], POOLS["identical images"]):
        pytest.skip("two kinds stand for all")
    monkeypatch.setenv("SEPT_PROJECT", str(world.project))
    root = Path(__file__).parents[2]
    page = AppTest.from_file(str(root / "app.py"), default_timeout=120).run()
    for name in PAGES:
        page.switch_page(f"pages/{name}.py").run()
        assert not page.exception, name
        problems = [error.value for error in page.error]
        assert problems == [] or (name == "train/pretrain" and "too few" in problems[0]), name
        if name == "data/targets":
            page.query_params["see"] = "Gaps in the pool"
            page.run()
            assert not page.exception and not page.error
