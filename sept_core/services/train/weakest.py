"""The weakest classes of a run: where its features separate the target's classes least.

In: a finished run and the *training* split of a labelled target set; test images are never read.
Out: `WeakClasses`, stored in the run's folder. Each training image is classified by its nearest
training images of the other folds, and the error of each class is shrunk towards the mean, because
a class of ten images errs by chance alone.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import revision, source_table, split_table
from sept_core.services.data import scaling
from sept_core.services.project.project import Project
from sept_core.services.train import runs
from sept_core.storage import atomic, hashing, project_paths

FOLDS = 5
MOST_IMAGES = 4000
"""Images that are classified at most; of a larger set a hashed sample, the same for every run."""
FORMAT = 2
"""Version of the stored result; 2 has `missed`."""
PRIOR = 10.0
"""Weight of the mean error, in images of a class."""


@dataclass(frozen=True)
class ClassError:
    """The error of one class.

    Attributes:
        images: number of classified images.
        wrong: number of them that the vote assigns to another class.
        error: share of wrong images, shrunk towards the mean of all classes.
        taken_for: the class that it is most often taken for; empty if none is wrong.
    """

    name: str
    images: int
    wrong: int
    error: float
    taken_for: str


@dataclass(frozen=True)
class WeakClasses:
    """The errors of all classes, the highest first, and the mean over the images.

    Attributes:
        images: number of classified images; the same images for every run of a target set.
        missed: uids of the images that are classified wrongly.
    """

    run: str
    target: str
    images: int
    error: float
    classes: tuple[ClassError, ...]
    missed: tuple[str, ...] = ()


def stored(project: Project, run: str, target: str) -> WeakClasses | None:
    """Return the result of an earlier `find` on the same training images; None without one."""
    path = _path(project.paths, run, _rows(project, target))
    if not path.exists():
        return None
    held = json.loads(path.read_text())
    classes = tuple(ClassError(**row) for row in held.pop("classes"))
    return WeakClasses(**held | {"classes": classes, "missed": tuple(held["missed"])})


def find(project: Project, run: str, target: str) -> WeakClasses:
    """Classify the target's training images by cross-validation on a run's features.

    Raises:
        NotFoundError: the run is not finished, or the target set does not exist.
        InputError: fewer than two classes have labelled training images.
        SourceError: an image cannot be read now.
    """
    folder = runs.finished(project.paths, run)
    rows = _rows(project, target)
    names = sorted({row["label"] for row in rows})
    if len(names) < 2:
        raise errors.InputError(
            f"{target} has {len(names)} classes with labelled training images; weak classes need "
            "at least two."
        )
    kept, features = _embed(project, folder, rows)
    classes = np.array([names.index(row["label"]) for row in kept], np.int64)
    folds = assign_folds(classes, [row["uid"] for row in kept])
    predicted = predict(features, classes, folds)
    missed = [kept[place]["uid"] for place in np.flatnonzero(predicted != classes)]
    found = replace(summarise(run, target, names, classes, predicted), missed=tuple(sorted(missed)))
    with atomic.write_then_rename(_path(project.paths, run, rows)) as temporary:
        temporary.write_text(json.dumps(asdict(found)))
    return found


def _rows(project: Project, target: str) -> list[dict[str, Any]]:
    """Return the labelled training images of a target set, a hashed sample if there are many."""
    record = source_table.find(project.db, "target", target)

    def read() -> list[dict[str, Any]]:
        found = split_table.labelled(project.db, record.id, ("train",)).to_pylist()
        usable = {row["uid"]: row for row in found if row["label"] is not None}
        order = sorted(usable, key=lambda uid: hashing.hashed_uniform(0, uid))
        return [usable[uid] for uid in order[:MOST_IMAGES]]

    return revision.once(project.db, f"classified:{record.id}", read)


def _path(paths: project_paths.ProjectPaths, run: str, rows: list[dict[str, Any]]) -> Path:
    """Return the file of a result, named by the images and labels that it was computed on."""
    seen = hashing.fingerprint(
        [FORMAT, FOLDS, PRIOR, *([row["uid"], row["label"]] for row in rows)]
    )
    return paths.run(run) / f"weakest-{seen}.json"


def _embed(
    project: Project, folder: Path, rows: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return the rows that can be decoded, and their unit features (n, D) float32."""
    import torch  # an open page does not need it

    from sept_core.encoders import registry
    from sept_core.imaging import images
    from sept_core.ingest import sources, worklists

    encoder = registry.load(f"checkpoint:{folder}", folder=project.paths.encoders)
    ranges = scaling.current(project)
    kept, pixels = [], []
    listed = pa.Table.from_pylist(rows, worklists.SCHEMA).to_pylist()
    with sources.ByteReader(worklists.roots_of(listed)) as reader:
        for row in listed:
            try:
                image = worklists.read_image(reader, row, ranges).image
            except images.RejectedImage:
                continue
            except images.UnreadableFile as problem:
                raise errors.SourceError(
                    f"{worklists.name_of(row)} cannot be read ({problem}); restore it, then retry."
                ) from problem
            kept.append(row)
            pixels.append(encoder.preprocess(image))
    parts = torch.split(torch.stack(pixels), 256)
    features = torch.cat([encoder.encode(part) for part in parts]).float().cpu().numpy()
    return kept, np.nan_to_num(features)


def assign_folds(classes: np.ndarray, uids: list[str]) -> np.ndarray:
    """Return the fold (n,) int64 of each image: each class is spread evenly, in hashed order."""
    keys = np.array([hashing.hashed_uniform(1, uid) for uid in uids])
    folds = np.zeros(len(classes), np.int64)
    for name in np.unique(classes):
        rows = np.flatnonzero(classes == name)
        folds[rows[np.argsort(keys[rows], kind="stable")]] = np.arange(len(rows)) % FOLDS
    return folds


def predict(features: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return the class (n,) int64 that the 20 nearest images of other folds vote for.

    Args:
        features: (n, D) float32 of unit length.
        classes: (n,) int64 from 0.
        folds: (n,) int64 fold of each image.
    """
    import torch
    from torch.nn import functional

    from sept_core.measures import knn_vote

    rows, labels = torch.from_numpy(features), torch.from_numpy(classes)
    votes = functional.one_hot(labels).float()
    found = torch.zeros(len(rows), dtype=torch.int64)
    for fold in np.unique(folds):
        own = torch.from_numpy(folds == fold)
        if bool(own.all()):
            continue
        found[own] = knn_vote.predict(rows[own] @ rows[~own].T, votes[~own])
    return np.asarray(found)


def summarise(
    run: str, target: str, names: list[str], classes: np.ndarray, predicted: np.ndarray
) -> WeakClasses:
    """Count the errors of each class and shrink them towards the mean error.

    Args:
        run, target: see `WeakClasses`.
        names: name of each class.
        classes: (n,) int64 true classes.
        predicted: (n,) int64 classes by the vote.
    """
    mean = float((classes != predicted).mean())
    found = []
    for number, name in enumerate(names):
        own = predicted[classes == number]
        wrong = own[own != number]
        taken = names[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        error = (len(wrong) + PRIOR * mean) / (len(own) + PRIOR)
        found.append(ClassError(name, len(own), len(wrong), error, taken))
    worst = sorted((one for one in found if one.images), key=lambda one: (-one.error, one.name))
    return WeakClasses(run, target, len(classes), mean, tuple(worst))
