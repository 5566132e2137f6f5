"""The weighted vote of the 20 nearest neighbours (Wu et al. 2018).

In: similarities to labelled images and their classes. Out: predicted classes.
"""

from torch import Tensor

NEIGHBOURS = 20
TEMPERATURE = 0.07


def predict(similarity: Tensor, classes: Tensor) -> Tensor:
    """Return (m,) int64 classes; equal votes go to the lower one.

    Args:
        similarity: (m, n) float cosines to labelled images; −inf has no vote.
        classes: (n, C) float, one-hot.
    """
    nearest = similarity.topk(min(NEIGHBOURS, len(classes)), dim=1)
    weights = (nearest.values / TEMPERATURE).exp()
    votes = (weights[:, :, None] * classes[nearest.indices]).sum(1)
    return votes.argmax(1)
