"""Suggested vetoes: what each state of the review ranks first, and what never appears."""

import numpy as np

from sept_core.review import decision_log, suggestions
from sept_core.storage import hashing

OWNERS = np.array([0, 0, 0, 1, 1, 1, 0, 0])
GOOD, BAD = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def uid(number: int) -> str:
    return f"{number:032x}"


def state(**decided: str) -> decision_log.ReviewState:
    return decision_log.replay(
        decision_log.Event(position, "", "ada", action, "image", "", (uid(int(name[1:])),))
        for position, (name, action) in enumerate(decided.items(), start=1)
    )


def selection() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eight images; the odd ones are bad, and the larger the number the less similar."""
    rng = np.random.default_rng(0)
    vectors = np.array([BAD if number % 2 else GOOD for number in range(8)])
    vectors = vectors + rng.normal(size=vectors.shape) * 0.1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    uids = np.array([uid(number) for number in range(8)], hashing.UID_DTYPE)
    return uids, vectors.astype(np.float16), np.linspace(0.9, 0.2, 8)


def suggest(made: decision_log.ReviewState, limit: int = 8) -> suggestions.Suggestions:
    uids, vectors, similarity = selection()
    judged = np.array([int(one, 16) for one in made.decisions], np.int64)
    return suggestions.suggest_vetoes(
        uids, vectors, similarity, OWNERS, made, uids[judged], vectors[judged], limit
    )


def slow_ranks(values: list[float]) -> list[float]:
    return [sum(other < value for other in values) / (len(values) - 1) for value in values]


def test_before_any_veto_likeness_to_the_target_and_to_its_other_images_count() -> None:
    _, vectors, similarity = selection()
    odd = []
    for vector, owner in zip(vectors.astype(float), OWNERS, strict=True):
        mean = vectors[owner == OWNERS].astype(float).sum(axis=0)
        odd.append(round(1 - vector @ mean / np.linalg.norm(mean), 6))
    doubt = [
        (-round((first + second) / 2, 6), uid(number))
        for number, (first, second) in enumerate(
            zip(slow_ranks((1 - similarity).tolist()), slow_ranks(odd), strict=True)
        )
    ]
    found = suggest(state(i6="keep"))
    assert list(found.uids) == [name for _, name in sorted(doubt) if name != uid(6)]
    assert found.uids[0] == uid(7), "bad among good ones, and the least similar"
    assert "its target's other images" in found.method


def test_an_image_without_a_target_is_not_the_odd_one_out() -> None:
    uids, vectors, similarity = selection()
    similarity[7] = np.nan
    found = suggestions.suggest_vetoes(
        uids, vectors, similarity, OWNERS, state(), uids[:0], vectors[:0], 8
    )
    assert found.uids[-1] == uid(7)


def test_with_vetoes_only_their_likes_come_first() -> None:
    found = suggest(state(i1="veto"))
    assert {int(one, 16) for one in found.uids[:3]} == {3, 5, 7}
    assert found.method == "most similar to one of 1 vetoes"


def test_with_both_a_classifier_ranks() -> None:
    found = suggest(state(i1="negative", i3="veto", i0="keep", i2="pin"), limit=3)
    assert {int(one, 16) for one in found.uids[:2]} == {5, 7}
    assert found.uids[2] in (uid(4), uid(6))
    assert "2 vetoes and 2 keeps" in found.method
    assert found.scores[1] > 0.5 > found.scores[2]
