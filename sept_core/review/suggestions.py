"""Suggested vetoes: the images of a selection to look at next.

In: the selection's features and similarities, the reviewer's decisions. Out: undecided images, the
most doubtful first, and a description of the ranking (docs/method.md §3: suggested vetoes are
always shown before anything happens). Pure.
"""

from dataclasses import dataclass

import numpy as np

from sept_core.review import decision_log


@dataclass(frozen=True)
class Suggestions:
    """Images to look at next.

    Attributes:
        uids: undecided images by (−score, uid).
        scores: higher is more doubtful; `method` says how they were computed.
        method: description of the ranking for the reviewer.
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
    """Rank the undecided images of a selection by the probability of a veto.

    With vetoes and keeps, by a logistic regression on features; with vetoes only, by the
    similarity to the nearest veto; before any veto, by dissimilarity to their target and to the
    target's other images (the mean of both ranks, from 0 to 1).

    Args:
        uids: (n,) S32, the selection.
        vectors: (n, D) unit vectors of it.
        similarity: (n,) of each image to its owning target; pins and fills may have NaN.
        owners: (n,) int64, the number of each image's target; images without a target share a
            number.
        state: the review decisions.
        judged_uids: (m,) S32 decided images that have features; vetoed ones are no longer in the
            selection.
        judged_vectors: (m, D) unit vectors of these.
        limit: maximum number of images.
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
    """Return (n,) float64: one minus the cosine to the mean of all images of the same owner."""
    order = np.argsort(owners, kind="stable")
    _, starts, place = np.unique(owners[order], return_index=True, return_inverse=True)
    means = np.add.reduceat(vectors[order], starts)
    means /= np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)
    odd = np.empty(len(vectors))
    odd[order] = 1 - np.einsum("nd,nd->n", vectors[order], means[place])
    return odd


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return (n,) the share of values that are smaller, 0 to 1, to compare different quantities."""
    rounded = np.round(values, 6)
    shares: np.ndarray = np.searchsorted(np.sort(rounded), rounded) / max(1, len(values) - 1)
    return shares


def _veto_probability(
    candidates: np.ndarray, examples: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return (n,) the probability of a candidate to be wrong, with balanced class weights."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(examples, ~right)
    probability: np.ndarray = model.predict_proba(candidates)[:, 1]
    return probability
