"""Generated layouts of target sets: splits × classes × spelling × wrapper × order × strays.

In: a random generator. Out: a listing, with the true split and class of each image; and whether a
reading of it is right, or asks the user. A wrong reading that does not ask is a defect.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sept_core import targets
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.targets import reading

SPELLINGS = {
    "train": (
        *("train", "Train", "TRAIN", "training", "trn", "train2017", "train_set", "Training_set"),
        *("train-images", "TrainImages", "trainset", "training data", "train_256", "trainval"),
    ),
    "val": (
        *("val", "Val", "valid", "VALIDATION", "validation_set", "val2017", "dev", "Dev_set"),
        *("eval", "evaluation", "valset", "val-images"),
    ),
    "test": (
        *("test", "Test", "TESTING", "tst", "test2017", "Test_set", "test images", "testset"),
        *("test_data", "hold-out", "test-dev"),
    ),
}
CLASSES = ("cat", "dog", "bus", "n01440764", "007", "train", "test", "val", "steam train", "été")
WRAPPERS = ("data", "birds v2", "archive", "images", "train_test_split", "download")
STRAYS = ("docs", "extra", "unlabeled", "annotations", "masks", "samples", "sunset", "v2", "old_a")

ORDERS = ("splits/classes", "classes/splits", "splits", "classes", "column", "archives", "shards")


@dataclass(frozen=True)
class Case:
    """A listing and its truth: the split and label of each entry; a label of None is not asked."""

    name: str
    spec: SourceSpec
    entries: tuple[FileEntry, ...]
    splits: tuple[str, ...]
    labels: tuple[str | None, ...]


@dataclass(frozen=True)
class _Image:
    folders: tuple[str, ...]
    split: str
    label: str | None
    column: str = ""


def made(draw: random.Random) -> Case:
    """A layout in a random order of its files."""
    order = draw.choice(ORDERS)
    splits = _spelled(draw, order != "classes")
    classes = draw.sample(CLASSES, draw.randint(2, 4))
    while order in ("classes", "classes/splits") and _could_be_splits(classes):
        classes = draw.sample(CLASSES, draw.randint(2, 4))
    images = [image for split in splits for image in _of_split(draw, order, split, classes)]
    wrappers = tuple(draw.sample(WRAPPERS, draw.randint(0, 2)))
    held = any(image.split in targets.HELDOUT_SPLITS for image in images)
    images += _strays(draw) if held and order not in ("column", "shards") else []
    draw.shuffle(images)
    return _case(draw, order, wrappers, images)


def judge(case: Case) -> str | None:
    """Return what is wrong with the reading of a case, or None."""
    found, listing = reading.read(case.spec, case.entries)
    if found.ambiguous:
        return None
    for entry, split, label in zip(listing, case.splits, case.labels, strict=True):
        if entry.split != split:
            return f"{case.name}: {entry.rel_path} {entry.member} is {split}, not {entry.split}"
        if label is not None and entry.label != label:
            return f"{case.name}: {entry.rel_path} {entry.member} is a {label}, not {entry.label}"
    again = reading.read(_settled(case.spec, found), case.entries)[1]
    return None if again == listing else f"{case.name} is read differently with its own options"


def _settled(spec: SourceSpec, found: reading.Reading) -> SourceSpec:
    return SourceSpec(spec.name, spec.path, spec.kind, spec.root, found.options.stored())


def _spelled(draw: random.Random, divided: bool) -> list[tuple[str, str]]:
    """Return some splits, `train` among them, in a random spelling each."""
    if not divided:
        return [("train", "train")]
    held = draw.choice((["test"], ["val"], ["val", "test"], []))
    return [(split, draw.choice(SPELLINGS[split])) for split in ("train", *held)]


def _could_be_splits(classes: Sequence[str]) -> bool:
    """Folders `train` and `test` alone are splits to anybody."""
    return set(classes) <= {"train", "val", "test"}


def _of_split(
    draw: random.Random, order: str, split: tuple[str, str], classes: Sequence[str]
) -> list[_Image]:
    name, spelled = split
    folders = {
        "splits/classes": lambda label: (spelled, label),
        "archives": lambda label: (spelled, label),
        "classes/splits": lambda label: (label, spelled),
        "splits": lambda label: (spelled,),
        "shards": lambda label: (spelled,),
        "classes": lambda label: (label,),
        "column": lambda label: (),
    }[order]
    alone = draw.random() < 0.1 and not order.startswith("classes")  # one alone is a wrapper
    kept = classes[:1] if alone else classes
    told = order not in ("splits", "shards")
    return [
        _Image(folders(label), name, label if told else None, spelled)
        for label in kept
        for _ in range(draw.randint(1, 4))
    ]


def _strays(draw: random.Random) -> list[_Image]:
    """Folders beside the splits, some with folders in them, and images that lie alone."""
    found = [_Image((), targets.UNASSIGNED, None)] * draw.choice((0, 0, 1))
    for name in draw.sample(STRAYS, draw.choice((0, 0, 1, 2))):
        inner = draw.choice(((), ("x",), ("cat",)))
        found += [_Image((name, *inner), targets.UNASSIGNED, None)] * draw.randint(1, 3)
    return found


def _case(
    draw: random.Random, order: str, wrappers: tuple[str, ...], images: Sequence[_Image]
) -> Case:
    archive = draw.choice(("", "", "birds.zip", "birds.tar.gz"))
    separator = draw.choice(("/", "/", "\\x5c")) if archive else "/"
    column, label = draw.choice((("split", "label"), ("Split", "LABEL"), ("subset", "class_name")))
    entries = []
    for number, image in enumerate(images):
        if order == "column":
            values = {column: image.column, label: image.label}
            entries.append(FileEntry(f"all/{number}.jpg", metadata=values))
        elif order in ("archives", "shards") and image.folders:
            ending = "tar" if order == "archives" else draw.choice(("tar", "parquet"))
            shard = f"{image.folders[0]}-{number % 3:05d}-of-00003.{ending}"
            member = "/".join((*image.folders[1:], f"{number}.jpg"))
            entries.append(FileEntry(shard, str(number) if ending == "parquet" else member))
        else:
            path = separator.join((*wrappers, *image.folders, f"{number}.jpg"))
            entries.append(FileEntry(archive, path) if archive else FileEntry(path))
    spec = SourceSpec("birds", Path("/nowhere"), "folder", Path("/nowhere"))
    return Case(
        f"{order} {'/'.join(wrappers)}",
        spec,
        tuple(entries),
        tuple(image.split for image in images),
        tuple(image.label for image in images),
    )
