"""Scopes of a decision: the images that a decision on a single image applies to.

In: the image, all uids with their labels or similarities. Out: uids, for the preview. Pure.
"""

import numpy as np

from sept_core.storage import hashing


def same_label(uid: str, uids: np.ndarray, labels: np.ndarray) -> tuple[str, ...]:
    """List the images of a decision with scope `group` or `cluster`, for its preview.

    Args:
        uid: the image that the user selected.
        uids: (n,) S32.
        labels: (n,) int64 duplicate group or cluster of each, negative for none.

    Returns:
        `uid`, then the others of its label, sorted; `uid` alone if it has none.
    """
    own = labels[uids == np.array(uid, hashing.UID_DTYPE)]
    same = uids[labels == own[0]] if len(own) and own[0] >= 0 else uids[:0]
    return _with_first(uid, np.sort(same))


def within_radius(
    uid: str, uids: np.ndarray, similarities: np.ndarray, least: float
) -> tuple[str, ...]:
    """List the images of a decision with scope `radius`, for its preview.

    Args:
        uid: the image that the user selected.
        uids: (n,) S32.
        similarities: (n,) cosine of each to `uid`.
        least: the smallest similarity that counts as inside.

    Returns:
        `uid`, then the others inside by (−similarity, uid).
    """
    order = np.lexsort((uids, -similarities))
    return _with_first(uid, uids[order[similarities[order] >= least]])


def _with_first(uid: str, uids: np.ndarray) -> tuple[str, ...]:
    others = (other.decode() for other in uids.tolist())
    return (uid, *(other for other in others if other != uid))
