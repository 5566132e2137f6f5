"""Splits and classes of whole listings: recognised, or asked about."""

import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_worlds import images, layouts, placed, read, rows, spec

from benchmarks.hostile import layouts as made_layouts
from sept_core import errors, targets
from sept_core.ingest import sources
from sept_core.ingest.entries import FileEntry
from sept_core.targets import reading
from sept_core.targets.options import Options


@settings(deadline=None, max_examples=400)
@given(st.randoms(use_true_random=False))
def test_a_reading_is_true_or_asks(draw: random.Random) -> None:
    assert made_layouts.judge(made_layouts.made(draw)) is None


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False))
def test_order_changes_nothing(draw: random.Random) -> None:
    case = made_layouts.made(draw)
    entries = list(case.entries)
    first, listing = reading.read(case.spec, entries)
    shuffled = draw.sample(list(zip(entries, listing, strict=True)), len(entries))
    second, again = reading.read(case.spec, [entry for entry, _ in shuffled])
    assert again == [found for _, found in shuffled]
    assert (second.ambiguous, second.options) == (first.ambiguous, first.options)


@settings(deadline=None, max_examples=100)
@given(st.randoms(use_true_random=False))
def test_every_reading_can_be_chosen(draw: random.Random) -> None:
    case = made_layouts.made(draw)
    found, _ = reading.read(case.spec, case.entries)
    for one in (found, *found.others):
        chosen = spec(**one.options.stored())
        again, _ = reading.read(chosen, case.entries)
        assert not again.ambiguous and again.splits == one.splits
        assert Options.read(chosen.options, (), str).stored() == one.options.stored()


@pytest.mark.parametrize(
    ("folders", "layout"),
    [
        (["train/a", "test/a"], "splits/classes"),
        (["train2017", "val2017", "test2017", "unlabeled2017"], "splits/classes"),
        (["birds/Training_set/a", "birds/Test_set/a"], "*/splits/classes"),
        (["a/train", "a/test", "b/train", "b/test"], "classes/splits"),
        (["a/train", "a/test", "b/train", "b/test", "docs"], "classes/splits"),
        (["images/train", "images/val", "labels/train", "masks/val"], "images/splits/classes"),
        (["train/images", "train/masks", "test/images", "test/masks"], "splits/images"),
        (["train/train/a", "test/test/a"], "splits/*/classes"),
        (["x/train/a", "x/test/a", "y/train/a", "y/test/a"], "*/splits/classes"),
        (["train/bus", "train/train", "val/bus", "val/train"], "splits/classes"),
        (["bus/train", "bus/val", "train/train", "train/val"], "classes/splits"),
        (["train/a", "train/b"], "splits/classes"),
        (["photo/a", "photo/b"], "*/classes"),
        (["a", "b"], "classes"),
        (["photos"], "flat"),
        ([""], "flat"),
        (["images", "masks"], "images"),
    ],
)
def test_layouts_that_leave_no_choice(folders: list[str], layout: str) -> None:
    found = read(images(*folders))
    assert layouts(found) == [layout]


@pytest.mark.parametrize(
    "folders",
    [
        ["train", "bus", "car"],  # vehicles
        ["test", "control"],
        ["valid", "invalid"],
        ["test/a", "test/b"],
        ["flowers-test/a", "flowers-test/b"],
        ["bounding_box_train", "bounding_box_test", "query"],
        ["cat/train", "cat/test", "dog"],
        ["cat/front", "cat/test", "dog/front"],
        ["train/train/a", "train/val/a", "test/a"],
        ["train/train", "train/test", "test/train", "test/test"],
        ["tr/a", "te/a"],
        ["fold1/a", "fold2/a", "fold3/a"],
        ["fold1/train/a", "fold1/test/a", "fold2/train/a", "fold2/test/a"],
    ],
    ids="/".join,
)
def test_layouts_that_are_asked_about(folders: list[str]) -> None:
    found = read(images(*folders))
    assert found.ambiguous and found.why.endswith(".")
    commands = [tuple(one.options.words()) for one in (found, *found.others)]
    assert len(set(commands)) == len(commands) > 1


def test_what_was_taken_for_what() -> None:
    found = read([*images("train2017", "Test_set"), *images("extra/x", "", each=1)])
    assert found.splits == {"train": {"": 2}, "test": {"": 2}, "unassigned": {"": 2}}
    assert sorted((one.what, one.split, one.files) for one in found.taken) == [
        ("", "unassigned", 1),
        ("Test_set", "test", 2),
        ("extra", "unassigned", 1),
        ("train2017", "train", 2),
    ]


def test_a_stray_image_is_not_searched_with() -> None:
    found = placed([*images("train/a", "test/a", each=1), *images("", "unlabeled", each=1)])
    assert found["0.jpg"] == ("unassigned", None)
    assert found["unlabeled/0.jpg"] == ("unassigned", None)
    assert found["test/a/0.jpg"] == ("test", "a")


@pytest.mark.parametrize("archive", ["pets.zip", "pets.tar", "pets.tar.gz"])
def test_folders_in_an_archive(archive: str) -> None:
    entries = images("./pets/train/cat", "./pets/test/dog", archive=archive, each=1)
    assert list(placed(entries).values()) == [("train", "cat"), ("test", "dog")]


def test_backslashes_separate() -> None:
    """As zips made on Windows have them; `paths.stored` writes them so."""
    entries = [FileEntry("a.zip", f"birds\\x5c{s}\\x5cwren\\x5c1.jpg") for s in ("Train", "Test")]
    assert list(placed(entries).values()) == [("train", "wren"), ("test", "wren")]


def test_archives_named_by_split() -> None:
    shards = [
        FileEntry(f"imagenet-{s}-{n:04d}.tar", "1.jpg") for s in ("train", "val") for n in (0, 1)
    ]
    assert [e.split for e in reading.read(spec(), shards)[1]] == ["train", "train", "val", "val"]
    tables = [FileEntry(f"data/{s}-00000-of-00001.parquet", "0") for s in ("train", "test")]
    assert [e.split for e in reading.read(spec(), tables)[1]] == ["train", "test"]
    numbered = [FileEntry(f"{n:05d}.tar", f"{c}/1.jpg") for n in (0, 1) for c in ("cat", "dog")]
    assert [e.label for e in reading.read(spec(), numbered)[1]] == ["cat", "dog", "cat", "dog"]


def test_classes_that_differ_in_unicode_only_are_one() -> None:
    found = read(images("train/caf\u00e9", "train/cafe\u0301"))
    assert found.splits == {"train": {"caf\u00e9": 4}}


@pytest.mark.parametrize("column", ["split", "Split", "SUBSET", "set", "Partition", "data_split"])
@pytest.mark.parametrize("label", ["label", "LABEL", "class_name", "Category", "cls", "target"])
def test_columns_in_any_case(column: str, label: str) -> None:
    entries = rows(
        {label: 3, column: "Validation"},
        {label: "cat", column: "TRAINING"},
        {label: None, column: None},
        {label: "cat", column: "unlabelled"},
    )
    assert list(placed(entries).values()) == [
        ("val", "3"),
        ("train", "cat"),
        ("unassigned", None),
        ("unassigned", "cat"),
    ]


def test_yes_or_no_columns() -> None:
    found = placed(rows({"is_training_image": 1}, {"is_training_image": 0}))
    assert [split for split, _ in found.values()] == ["train", "test"]


def test_coded_columns_are_asked_about() -> None:
    found = read(rows({"partition": 0}, {"partition": 1}, {"partition": 2}))
    assert found.ambiguous and found.others[0].splits == {
        split: {"": 1} for split in ("train", "val", "test")
    }
    folds = read(rows({"fold": 0}, {"fold": 1}, {"fold": 2}))
    assert folds.others[0].splits == {"train": {"": 2}, "test": {"": 1}}
    assert read(rows({"is_valid": 0}, {"is_valid": 1})).ambiguous
    assert not read(rows({"valid_until": 0}, {"valid_until": 1})).ambiguous


def test_columns_and_folders_that_disagree_are_asked_about() -> None:
    agree = [FileEntry(f"{s}/1.jpg", metadata={"Split": s}) for s in ("train", "test")]
    assert not read(agree).ambiguous
    swapped = {"train": "test", "test": "train"}
    differ = [FileEntry(f"{s}/1.jpg", metadata={"Split": swapped[s]}) for s in swapped]
    assert read(differ).ambiguous


def test_file_names_that_state_splits_are_asked_about() -> None:
    entries = [FileEntry(f"COCO_{s}2014_{n}.jpg") for s in ("train", "val") for n in range(3)]
    found = read(entries)
    assert layouts(found) == ["flat", "names"]
    assert found.others[0].splits == {"train": {"": 3}, "val": {"": 3}}
    classed = [FileEntry(f"{c}/{s}_1.jpg") for c in "ab" for s in ("train", "test")]
    assert read(classed, layout="classes/names").splits == {
        "train": {"a": 1, "b": 1},
        "test": {"a": 1, "b": 1},
    }
    assert not read([FileEntry("train_1.jpg"), FileEntry("bus_1.jpg")]).ambiguous


def write(root: Path, name: str, text: str) -> FileEntry:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return FileEntry(name, size=len(text), problem="not an image by its name (not opened)")


def test_lists_beside_the_images_are_asked_about(tmp_path: Path) -> None:
    lists = [
        write(tmp_path, "meta/train.txt", "pie/0\npie/1\n"),
        write(tmp_path, "meta/test.txt", "cake/0\ncake/1\n"),
        write(tmp_path, "meta/classes.txt", "pie\ncake\n"),
    ]
    found = read([*images("images/pie", "images/cake"), *lists], tmp_path)
    assert found.ambiguous
    assert found.others[0].splits == {"train": {"pie": 2}, "test": {"cake": 2}}
    assert "test=meta/test.txt" in found.others[0].options.words()


def test_a_table_beside_the_images_is_asked_about(tmp_path: Path) -> None:
    table = write(tmp_path, "labels.csv", "filename,split\nimages/0.jpg,train\nimages/1.jpg,test\n")
    found = read([*images("images"), table], tmp_path)
    assert found.others[0].splits == {"train": {"": 1}, "test": {"": 1}}


def test_lists_say_nothing_of_masks(tmp_path: Path) -> None:
    """As in VOC, where a mask has the name of its image."""
    lists = [
        write(tmp_path, "sets/train.txt", "0\n1\n"),
        write(tmp_path, "sets/test.txt", "2\n"),
        write(tmp_path, "sets/trainval.txt", "0\n1\n2\n"),
    ]
    entries = [*images("JPEGImages", "SegmentationClass", each=3), *lists]
    found = read(entries, tmp_path)
    assert found.others[0].splits == {"train": {"": 2}, "test": {"": 1}, "unassigned": {"": 3}}


@pytest.mark.parametrize(
    "name", ["test.json", "meta/train_test_split.txt", "val.mat", "test.zip", "dev.h5"]
)
def test_files_that_may_state_what_is_held_out_are_asked_about(tmp_path: Path, name: str) -> None:
    beside = write(tmp_path, name, "1 0\n")
    found = read([*images("images/a", "images/b"), beside], tmp_path)
    assert found.ambiguous and found.why.startswith(f"{name!r} may define the held-out images")
    chosen = read([*images("images/a", "images/b"), beside], tmp_path, layout="*/classes")
    assert not chosen.ambiguous and chosen.mentions == (name,)
    divided = [*images("train/a", "test/a"), beside]
    assert not read(divided, tmp_path).ambiguous
    assert not read([*images("a", "b"), beside], tmp_path, split_fraction="test=0.5").ambiguous


@pytest.mark.parametrize("name", ["train.json", "README.md", "labels.txt", "train.py", "test.py"])
def test_other_files_are_not_asked_about(tmp_path: Path, name: str) -> None:
    assert not read([*images("a", "b"), write(tmp_path, name, "x\n")], tmp_path).ambiguous


def test_yolo_labels_are_no_lists(tmp_path: Path) -> None:
    labels = [write(tmp_path, f"labels/{n}.txt", "0 0.5 0.5 1 1\n") for n in range(2)]
    assert not read([*images("images"), *labels], tmp_path).ambiguous


def test_tiny_imagenet(tmp_path: Path) -> None:
    lines = "".join(f"{n}.jpg\tn0{n}\t0\t0\t9\t9\n" for n in range(2))
    annotations = write(tmp_path, "val/val_annotations.txt", lines)
    entries = [*images("train/n00/images", "train/n01/images", "val/images"), annotations]
    found = read(entries, tmp_path)
    assert found.splits == {"train": {"n00": 2, "n01": 2}, "val": {"n00": 1, "n01": 1}}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layout": "splits//classes"}, "is invalid; give"),
        ({"layout": "names/splits"}, "is invalid; give"),
        ({"split_column": "Split"}, "no column 'Split'; available columns: none"),
        ({"split_folder": "a=search"}, "'search' is not a split"),
        ({"split_folder": "a"}, "write for example extra=train"),
        ({"split_fraction": "test=2"}, "write for example test=0.2"),
        ({"split_fraction": "train=0.2"}, "write for example test=0.2"),
        ({"split_fraction": "val=0.5\ntest=50%"}, "leave no images to search with"),
        ({"split_fraction": "test=0.5", "split_group": "("}, "not a regular expression"),
        ({"split_fraction": "test=0.5", "split_group": "patient"}, "No column is named"),
        ({"split_file": "test=nowhere.txt"}, "nowhere.txt cannot be read"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(errors.InputError, match=sentence):
        read(images("a", "b"), **options)


def test_problems_neither_get_nor_give_a_layout() -> None:
    entries = [
        FileEntry("README.md", problem="not an image by its name (not opened)"),
        *images("train/a", each=1),
    ]
    assert placed(entries) == {"README.md": (None, None), "train/a/0.jpg": ("train", "a")}
    assert placed([]) == {}


def test_from_a_zip_on_disk(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name in ("pets/train/cat/1.jpg", "pets/test/dog/2.jpg", "__MACOSX/pets/._1.jpg"):
            archive.writestr(name, b"x")
    found = sources.detect("pets", tmp_path / "pets.zip")
    _, listing = reading.read(found, list(sources.scan(found)))
    assert [(e.split, e.label) for e in listing if not e.problem] == [
        ("train", "cat"),
        ("test", "dog"),
    ]


def test_held_out_images_are_never_in_the_searching_split() -> None:
    assert not set(targets.SEARCH_SPLITS) & {*targets.HELDOUT_SPLITS, targets.UNASSIGNED}
