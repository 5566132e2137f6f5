"""Measures by hand."""

import numpy as np
import pytest
import torch

from sept_core.measures import knn_vote, spread


def test_effective_rank_counts_directions() -> None:
    assert spread.effective_rank(np.ones(4)) == pytest.approx(4)
    assert spread.effective_rank(np.array([1.0, 0.0, 1e-9])) == 1
    assert spread.effective_rank(np.array([3.0, 1.0])) == pytest.approx(
        np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    )
    assert spread.effective_rank(np.zeros(3)) == 0
    assert spread.effective_rank(np.empty(0)) == 0


def test_the_nearest_vote_with_their_weights() -> None:
    classes = torch.eye(2)[torch.tensor([0, 1, 1])]
    similarity = torch.tensor([[0.9, 0.5, 0.5], [0.9, 0.89, 0.89], [0.5, 0.5, -torch.inf]])
    assert knn_vote.predict(similarity, classes).tolist() == [0, 1, 0]


def test_only_twenty_vote() -> None:
    classes = torch.eye(2)[torch.tensor([0] * 20 + [1] * 100)]
    similarity = torch.tensor([[0.51] * 20 + [0.5] * 100])
    assert knn_vote.predict(similarity, classes).tolist() == [0]
