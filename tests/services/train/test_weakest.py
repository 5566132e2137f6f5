"""Weak classes: folds, the vote of other folds, errors shrunk towards the mean."""

from pathlib import Path

import numpy as np
import pytest
import small_runs
from hypothesis import given
from hypothesis import strategies as st

from sept_core import errors
from sept_core.services.project import projects
from sept_core.services.train import weakest


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_every_class_is_spread_over_the_folds(labels: list[int]) -> None:
    classes = np.array(labels, np.int64)
    folds = weakest.assign_folds(classes, [f"{number:032x}" for number in range(len(labels))])
    for name in set(labels):
        counts = np.bincount(folds[classes == name], minlength=weakest.FOLDS)
        assert counts.max() - counts.min() <= 1


def test_an_image_has_no_vote_on_itself() -> None:
    features = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    classes, folds = np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1])
    assert weakest.predict(features, classes, folds).tolist() == [1, 0, 1, 1]


def test_errors_are_shrunk_and_sorted() -> None:
    classes = np.array([0] * 40 + [1] * 2 + [2] * 40)
    predicted = classes.copy()
    predicted[:20] = 2  # half of the large class
    predicted[40:42] = 0  # all of the small one
    found = weakest.summarise("r", "t", ["large", "small", "good"], classes, predicted)
    large, small, good = found.classes
    assert [one.name for one in found.classes] == ["large", "small", "good"]
    assert found.error == pytest.approx(22 / 82) and small.wrong == small.images == 2
    assert found.error < small.error < large.error < 0.5 and good.error > 0
    assert (large.taken_for, small.taken_for, good.taken_for) == ("good", "large", "")


def test_only_training_images_are_read_and_the_result_is_stored(trained: Path) -> None:
    with projects.opened(trained) as opened:
        assert weakest.stored(opened, small_runs.RUN, "toys") is None
        found = weakest.find(opened, small_runs.RUN, "toys")
        assert found.images == 12 and {one.name for one in found.classes} == {"red", "blue"}
        assert weakest.stored(opened, small_runs.RUN, "toys") == found
        with pytest.raises(errors.NotFoundError, match="No finished run"):
            weakest.find(opened, "other", "toys")
