"""The list of known projects: keys, order, and what is not in it."""

from pathlib import Path

import pytest

from sept_core import errors
from sept_core.services.project import projects, recent


def make(folder: Path) -> Path:
    projects.init(folder)
    recent.remember(folder, folder.name)
    return folder


def folders() -> list[Path]:
    return [entry.folder for entry in recent.every()]


def test_the_last_opened_comes_first_and_once(tmp_path: Path) -> None:
    first, second = make(tmp_path / "first"), make(tmp_path / "second")
    assert folders() == [second, first]
    recent.remember(first, "renamed")
    assert folders() == [first, second]
    assert recent.every()[0].title == "renamed"


def test_a_key_is_readable_and_belongs_to_one_folder(tmp_path: Path) -> None:
    here, there = make(tmp_path / "a" / "my pool"), make(tmp_path / "b" / "my pool")
    keys = [recent.key_of(here), recent.key_of(there)]
    assert len(set(keys)) == 2
    assert all(key.startswith("my-pool-") for key in keys)
    assert [recent.find(key) for key in keys] == [here, there]


@pytest.mark.parametrize("key", ["", "..", "/etc", "project-000000"])
def test_what_is_not_listed_cannot_be_named(tmp_path: Path, key: str) -> None:
    projects.init(tmp_path / "project")
    with pytest.raises(errors.NotFoundError, match="Overview"):
        recent.find(key)


def test_forgotten_and_deleted_projects_leave_the_list(tmp_path: Path) -> None:
    kept, forgotten, deleted = (make(tmp_path / name) for name in ("kept", "forgotten", "deleted"))
    recent.forget(forgotten)
    projects.delete(deleted)
    assert folders() == [kept]
    assert forgotten.exists()


def test_only_the_latest_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST", 2)
    made = [make(tmp_path / name) for name in ("one", "two", "three")]
    assert folders() == [made[2], made[1]]


@pytest.mark.parametrize("text", ["{", "[]", '{"projects": [{"title": "x"}]}'])
def test_a_damaged_list_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "projects.json").write_text(text)
    assert recent.every() == []
    made = make(tmp_path / "project")
    assert folders() == [made]
