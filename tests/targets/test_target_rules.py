"""Splits by folder, fraction and list."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_worlds import images, placed, read, rows, spec

from sept_core import errors
from sept_core.ingest.entries import FileEntry
from sept_core.targets import reading


def test_a_folder_is_given_a_split() -> None:
    folders = images("train/a", "test/a", "unlabeled", "old", each=1)
    found = placed(folders, split_folder="unlabeled=train\nold=test")
    assert found["unlabeled/0.jpg"] == ("train", None) and found["old/0.jpg"] == ("test", None)
    inner = placed(images("train/a", "train/b", each=1), split_folder="train/b=val")
    assert inner["train/b/0.jpg"] == ("val", "b")
    wrapped = images("birds/train/a", "birds/test/a", "birds/extra", each=1)
    assert placed(wrapped, split_folder="extra=train")["birds/extra/0.jpg"][0] == "train"


def test_values_of_a_column_are_given_splits() -> None:
    entries = rows({"partition": 0}, {"partition": 1}, {"partition": 2})
    given_splits = "0=train\n1=unassigned\n2=test"
    found = placed(entries, split_column="partition", split_folder=given_splits)
    assert [split for split, _ in found.values()] == ["train", "unassigned", "test"]


def test_a_column_that_states_nothing_is_refused() -> None:
    with pytest.raises(errors.InputError, match=r"No value of column 'set' is .*'A', 'B'"):
        placed(rows({"set": "A"}, {"set": "B"}), split_column="set")


def test_a_choice_that_the_user_made_is_not_asked_about() -> None:
    vehicles = images("train", "bus", each=1)
    assert placed(vehicles, layout="classes")["train/0.jpg"] == ("train", "train")
    assert placed(images("val/a", each=1), split_folder="val=train")["val/a/0.jpg"] == (
        "train",
        "a",
    )


def splits_of(entries: list[FileEntry], **options: str) -> dict[str, str | None]:
    return {path: split for path, (split, _) in placed(entries, **options).items()}


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4),
    share=st.integers(1, 60),
    draw=st.randoms(use_true_random=False),
)
def test_a_fraction_is_stratified_and_knows_no_order(
    sizes: list[int], share: int, draw: random.Random
) -> None:
    entries = [FileEntry(f"c{c}/{n}.jpg") for c, size in enumerate(sizes) for n in range(size)]
    found = splits_of(entries, split_fraction=f"test={share}%")
    counts = Counter((path.split("/")[0], split) for path, split in found.items())
    for number, size in enumerate(sizes):
        wanted = min(size - 1, int(size * share / 100 + 0.5))
        assert counts[f"c{number}", "test"] == wanted
    draw.shuffle(entries)
    assert splits_of(entries, split_fraction=f"test={share}%") == found


def test_a_fraction_leaves_known_images_where_they_are() -> None:
    first = [FileEntry(f"{n}.jpg") for n in range(20)]
    chosen = spec(split_fraction="test=0.2\nval=0.1")
    _, before = reading.read(chosen, first)
    known = {(e.rel_path, e.member): str(e.split) for e in before}
    more = [*first, *(FileEntry(f"new{n}.jpg") for n in range(20))]
    _, after = reading.read(chosen, more, known)
    assert after[:20] == before
    assert Counter(e.split for e in after) == {"train": 28, "test": 8, "val": 4}


@pytest.mark.parametrize("group", [r"obj(\d+)", "object"])
def test_a_group_stays_in_one_split(group: str) -> None:
    entries = [
        FileEntry(f"obj{n:02d}_{frame}.jpg", metadata={"object": f"o{n}"})
        for n in range(10)
        for frame in range(5)
    ]
    found = splits_of(entries, split_fraction="test=0.3", split_group=group)
    by_object: dict[str, set[str | None]] = {}
    for path, split in found.items():
        by_object.setdefault(path[:5], set()).add(split)
    assert all(len(splits) == 1 for splits in by_object.values())
    assert Counter(found.values())["test"] == 15


def test_held_out_images_are_not_drawn_again() -> None:
    found = splits_of(images("train/a", "test/a", each=10), split_fraction="val=0.2")
    assert Counter(found.values()) == {"train": 8, "val": 2, "test": 10}


@pytest.mark.parametrize(
    ("name", "text", "option"),
    [
        ("test.txt", "images/a/0.jpg\nb/1\n", "test={}"),
        ("test.lst", "/somewhere/set/images/a/0.jpg 3\n./images/b/1.jpg 4\n", "test={}"),
        ("splits.txt", "a/0.jpg test\nb\\1.jpg,TEST\n", "{}"),
        ("splits.csv", "file_name,Split\na/0.jpg,Test\nb/1.jpg,test\na/1.jpg,extra\n", "{}"),
    ],
)
def test_lists(tmp_path: Path, name: str, text: str, option: str) -> None:
    (tmp_path / name).write_text(text)
    entries = images("images/a", "images/b")
    found = splits_of(entries, split_file=option.format(tmp_path / name))
    assert sorted(path for path, split in found.items() if split == "test") == [
        "images/a/0.jpg",
        "images/b/1.jpg",
    ]
    assert found["images/b/0.jpg"] == "unassigned", "no list names it"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nothing/like/it.jpg train\n", "does not list any image"),
        ("0.jpg test\n0.jpg train\n", "train and test|test and train"),
        ("0.jpg cat\n", "Line 1 of .* has no split"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "splits.txt"
    path.write_text(text)
    with pytest.raises(errors.InputError, match=sentence):
        read(images(""), split_file=str(path))
