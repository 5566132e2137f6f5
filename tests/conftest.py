"""A small project that is made once a run and copied by the tests that change it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import streamlit as st
from small_project import HUES, picture, png, sept
from streamlit.testing.v1 import AppTest

from sept_core.catalogue import sharing

# The same examples in every run; `make test-long` draws others.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pool/` of 4 families × 40 with a few flaws, `target/` with splits, one leak planted."""
    root = tmp_path_factory.mktemp("data")
    for family in HUES:
        folder = root / "pool" / family
        folder.mkdir(parents=True)
        for number in range(40):
            (folder / f"{number:02d}.png").write_bytes(png(picture(family, number)))
    pool = root / "pool"
    shutil.copy(pool / "red" / "00.png", pool / "again.png")
    picture("blue", 1).save(pool / "near copy.jpg", quality=90)
    (pool / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"no picture" * 20)
    for family in ("red", "blue"):
        for split, first, count in (("train", 1000, 6), ("test", 2000, 4)):
            folder = root / "target" / split / family
            folder.mkdir(parents=True)
            for number in range(first, first + count):
                (folder / f"{number}.png").write_bytes(png(picture(family, number)))
    leak = root / "target" / "test" / "red" / "leak.png"
    shutil.copy(pool / "red" / "07.png", leak)
    return root


@pytest.fixture(scope="session")
def prepared(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with that pool and target set, embedded with the default encoder and prepared."""
    project = tmp_path_factory.mktemp("prepared") / "project"
    for words in (
        ("init", project),
        ("pool", "add", project, "shapes", small_data / "pool"),
        ("target", "add", project, "toys", small_data / "target"),
        ("embed", project),
        ("prepare", project),
    ):
        done = sept(*words)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the user's list of projects alone, and no catalogue open because an app was tested."""
    monkeypatch.setenv("SEPT_STATE", str(tmp_path / "projects.json"))
    monkeypatch.setattr(sharing, "_idle", 0.0)


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared project that the test may change."""
    copy = tmp_path / "project"
    shutil.copytree(prepared, copy)
    return copy


@pytest.fixture(scope="session")
def trained_once(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared project with a selection, a finished run and an evaluation of it."""
    import small_runs  # brings torch, which most tests do without

    copy = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(prepared, copy)
    small_runs.prepare(copy)
    return copy


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """A copy of the trained project that the test may change."""
    copy = tmp_path / "trained"
    shutil.copytree(trained_once, copy)
    return copy


@pytest.fixture
def app(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The app on that project, without a browser."""
    monkeypatch.setenv("SEPT_PROJECT", str(project))
    yield AppTest.from_file(str(Path(__file__).parent.parent / "app.py"), default_timeout=60)
    st.cache_resource.clear()
