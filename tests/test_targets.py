"""Splits and classes, from folders and from tables."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors, sources, targets


def assigned(*names: str, archive: str = "") -> dict[str, tuple[str | None, str | None]]:
    entries = [
        sources.FileEntry(archive, name) if archive else sources.FileEntry(name) for name in names
    ]
    found = targets.assign(entries)
    assert [e.member or e.rel_path for e in found] == list(names)
    return {e.member or e.rel_path: (e.split, e.label) for e in found}


def test_splits_and_classes() -> None:
    assert assigned(
        "train/cat/1.jpg", "Valid/cat/2.jpg", "validation/dog/3.jpg", "TEST/dog/deep/4.jpg"
    ) == {
        "train/cat/1.jpg": ("train", "cat"),
        "Valid/cat/2.jpg": ("val", "cat"),
        "validation/dog/3.jpg": ("val", "dog"),
        "TEST/dog/deep/4.jpg": ("test", "dog"),
    }


def test_classes_without_splits() -> None:
    assert assigned("cat/1.jpg", "dog/2.jpg") == {
        "cat/1.jpg": ("train", "cat"),
        "dog/2.jpg": ("train", "dog"),
    }


def test_flat() -> None:
    assert assigned("1.jpg", "2.jpg") == {"1.jpg": ("train", None), "2.jpg": ("train", None)}
    assert assigned("photos/1.jpg", "photos/2.jpg")["photos/1.jpg"] == ("train", None)
    assert assigned("test/1.jpg", "train/2.jpg")["test/1.jpg"] == ("test", None)


def test_a_class_may_be_named_like_a_split() -> None:
    """Steam trains: only if all the folders at the top are splits are they taken as such."""
    assert assigned("train/1.jpg", "bus/2.jpg") == {
        "train/1.jpg": ("train", "train"),
        "bus/2.jpg": ("train", "bus"),
    }


def test_a_loose_file_does_not_undo_the_splits() -> None:
    """Else one logo beside `train` and `test` would let the search read the test images."""
    assert assigned("test/cat/1.jpg", "train/cat/2.jpg", "logo.jpg") == {
        "test/cat/1.jpg": ("test", "cat"),
        "train/cat/2.jpg": ("train", "cat"),
        "logo.jpg": ("train", None),
    }


@pytest.mark.parametrize("archive", ["pets.zip", "pets.tar", "pets.tar.gz"])
def test_wrapping_folder_of_an_archive(archive: str) -> None:
    found = assigned("./pets/train/cat/1.jpg", "./pets/test/dog/2.jpg", archive=archive)
    assert list(found.values()) == [("train", "cat"), ("test", "dog")]
    found = assigned("a/pets/cat/1.jpg", "a/pets/dog/2.jpg", archive=archive)
    assert list(found.values()) == [("train", "cat"), ("train", "dog")]
    assert list(assigned("train/cat/1.jpg", archive=archive).values()) == [("train", "cat")]


def test_tables_speak_first() -> None:
    entries = [
        sources.FileEntry("a/1.jpg", metadata={"label": 3, "split": "Validation"}),
        sources.FileEntry("b/2.jpg", metadata={"label": None, "split": None}),
        sources.FileEntry("t.parquet", "17", metadata={"class": "cat", "split": "test"}),
        sources.FileEntry("shard.tar", "000.jpg", metadata={"cls": "7"}),
    ]
    found = [(e.split, e.label) for e in targets.assign(entries)]
    assert found == [("val", "3"), ("train", "b"), ("test", "cat"), ("train", "7")]


def test_unknown_split_is_refused() -> None:
    entry = sources.FileEntry("t.csv", metadata={"split": "holdout"})
    with pytest.raises(errors.SourceError, match="'holdout'; use one of train"):
        targets.assign([entry])


def test_problems_neither_get_nor_give_a_layout() -> None:
    entries = [
        sources.FileEntry("README.md", problem="not an image file name"),
        sources.FileEntry("train/cat/1.jpg"),
    ]
    readme, cat = targets.assign(entries)
    assert (readme.split, readme.label) == (None, None)
    assert (cat.split, cat.label) == ("train", "cat")
    assert targets.assign([]) == []


def test_from_a_zip_on_disk(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name in ("pets/train/cat/1.jpg", "pets/test/dog/2.jpg", "__MACOSX/pets/._1.jpg"):
            archive.writestr(name, b"x")
    spec = sources.detect("pets", tmp_path / "pets.zip")
    found = [(e.split, e.label) for e in targets.assign(sources.scan(spec)) if not e.problem]
    assert found == [("train", "cat"), ("test", "dog")]


FOLDERS = st.sampled_from(["train", "Val", "test", "cat", "dog", "x"])
PATHS = st.lists(FOLDERS, max_size=3).map(lambda folders: "/".join([*folders, "1.jpg"]))


@settings(deadline=None, max_examples=200)
@given(st.lists(PATHS, min_size=1, max_size=6), st.randoms())
def test_any_layout_in_any_order(names: list[str], random: object) -> None:
    found = assigned(*names)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert assigned(*names) == found
    assert {split for split, _ in found.values()} <= {"train", *targets.HELDOUT_SPLITS}
    tops = {name.split("/")[0].lower() for name in names if "/" in name}
    if tops and tops <= set(targets.SPLITS):
        held_out = {name for name in names if name.lower().startswith(("val/", "test/"))}
        assert {name for name in names if found[name][0] != "train"} == held_out
