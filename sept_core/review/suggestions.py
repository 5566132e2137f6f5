"""Suggested vetoes: which images of a selection to look at next.

In: the selection's features and similarities, the reviewer's decisions. Out: undecided
images, the most doubtful first, and in words how they were ranked (docs/method.md §3: suggested
vetoes are always shown before anything happens). Pure.
"""

from dataclasses import dataclass

import numpy as np

from sept_core.review import decision_log


@dataclass(frozen=True)
class Suggestions:
    """What to look at next.

    Attributes:
        uids: undecided images by (−score, uid).
        scores: the higher the more doubtful; what they are, `method` says.
        method: how the images were ranked, in words for the reviewer.
    """

    uids: tuple[str, ...]
    scores: tuple[float, ...]
    method: str


def suggest_vetoes(
    uids: np.ndarray,
    vectors: np.ndarray,
    similarity: np.ndarray,
    owners: np.ndarray,
    state: decision_log.ReviewState,
    judged_uids: np.ndarray,
    judged_vectors: np.ndarray,
    limit: int,
) -> Suggestions:
    """Rank the undecided images of a selection by how likely the reviewer vetoes them.

    With vetoes and keeps, by a logistic regression on features; with vetoes only, by the
    similarity to the nearest veto; before any veto, those first that are little like their target
    and the odd ones out among its images (the mean of both ranks, from 0 to 1).

    Args:
        uids: (n,) S32, the selection.
        vectors: (n, D) unit vectors of it.
        similarity: (n,) of each image to its owning target; pins and fills may have NaN.
        owners: (n,) int64, the number of each image's target; what was found without one shares
            a number, too.
        state: the decisions.
        judged_uids: (m,) S32 decided images that have features; vetoed ones are not in the
            selection any more.
        judged_vectors: (m, D) unit vectors of these.
        limit: images wanted.
    """
    right = np.array([bool(state.verdict(uid.decode())) for uid in judged_uids.tolist()], bool)
    examples = judged_vectors.astype(np.float32)
    candidates = vectors.astype(np.float32)
    vetoes, keeps = int((~right).sum()), int(right.sum())
    if vetoes and keeps:
        scores = _veto_probability(candidates, examples, right)
        method = f"likely vetoes by a classifier trained on {vetoes} vetoes and {keeps} keeps"
    elif vetoes:
        scores = (candidates @ examples.T).max(axis=1)
        method = f"most similar to one of {vetoes} vetoes"
    else:
        unlike = 1 - np.nan_to_num(similarity.astype(np.float64), nan=1.0)
        scores = (_ranks(unlike) + _ranks(_oddness(candidates, owners))) / 2
        method = "dissimilar to its target and to its target's other images"
    undecided = np.array([state.verdict(uid.decode()) is None for uid in uids.tolist()], bool)
    rounded = np.round(scores.astype(np.float64), 6)
    order = np.lexsort((uids, -rounded))
    chosen = order[undecided[order]][:limit]
    return Suggestions(
        uids=tuple(uid.decode() for uid in uids[chosen].tolist()),
        scores=tuple(rounded[chosen].tolist()),
        method=method,
    )


def _oddness(vectors: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """(n,) float64: one minus the cosine to the mean of all images of the same owner."""
    order = np.argsort(owners, kind="stable")
    _, starts, place = np.unique(owners[order], return_index=True, return_inverse=True)
    means = np.add.reduceat(vectors[order], starts)
    means /= np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)
    odd = np.empty(len(vectors))
    odd[order] = 1 - np.einsum("nd,nd->n", vectors[order], means[place])
    return odd


def _ranks(values: np.ndarray) -> np.ndarray:
    """(n,) the share of values that are smaller, 0 to 1: makes unlike quantities comparable."""
    rounded = np.round(values, 6)
    shares: np.ndarray = np.searchsorted(np.sort(rounded), rounded) / max(1, len(values) - 1)
    return shares


def _veto_probability(
    candidates: np.ndarray, examples: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """(n,) probability that a candidate is like the wrong examples, both kinds weighed alike."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(examples, ~right)
    probability: np.ndarray = model.predict_proba(candidates)[:, 1]
    return probability
