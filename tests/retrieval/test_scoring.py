"""Scores and clusters against plain references, whatever the blocks and shards."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from sept_core import errors
from sept_core.features import feature_store
from sept_core.retrieval import scoring
from sept_core.storage import hashing

DIM = 12
N = 400


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float16)


def clustered(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(6, DIM))
    return unit(centres[rng.integers(6, size=n)] + 0.4 * rng.normal(size=(n, DIM)))


UIDS = np.array([hashing.uid_of(str(i).encode()) for i in range(N)], hashing.UID_DTYPE)
POOL = clustered(N, 0)
TARGETS = unit(clustered(30, 1)[:, :] + np.eye(DIM)[0])


def write_store(folder: Path, order: np.ndarray, shard_rows: int) -> feature_store.FeatureStore:
    for number, low in enumerate(range(0, N, shard_rows)):
        part = order[low : low + shard_rows]
        feature_store.write_shard(folder, number, "e-1", UIDS[part], POOL[part], pa.table({}))
    return feature_store.FeatureStore(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> feature_store.FeatureStore:
    return write_store(tmp_path_factory.mktemp("pool"), np.arange(N), N)


def slow_cosine(left: np.ndarray, right: np.ndarray) -> float:
    a, b = left.astype(np.float64), right.astype(np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def by_uid(uids: np.ndarray, values: np.ndarray) -> dict[bytes, float]:
    return dict(zip(uids.tolist(), values.tolist(), strict=True))


def test_background_is_a_sorted_hashed_sample(store: feature_store.FeatureStore) -> None:
    sample = scoring.background_sample(store, 5, 50)
    by_hash = sorted(UIDS.tolist(), key=lambda uid: hashing.hashed_uniform(5, uid.decode()))
    assert sample.tolist() == sorted(by_hash[:50])
    assert len(scoring.background_sample(store, 5, 10 * N)) == N


def test_hub_corrected_by_brute_force(store: feature_store.FeatureStore) -> None:
    background = scoring.background_sample(store, 0, 60)
    scores = by_uid(*vars(scoring.hub_corrected(store, TARGETS, background, k=4)).values())
    crowd = dict(zip(UIDS.tolist(), POOL, strict=True))
    for row in range(0, N, 7):
        near = sorted(slow_cosine(POOL[row], target) for target in TARGETS)[-4:]
        others = [uid for uid in background.tolist() if uid != UIDS[row]]
        far = sorted(slow_cosine(POOL[row], crowd[uid]) for uid in others)[-4:]
        assert scores[UIDS[row]] == pytest.approx(np.mean(near) - np.mean(far), abs=1e-6)


def test_hub_corrected_with_fewer_than_k_on_either_side(store: feature_store.FeatureStore) -> None:
    background = UIDS[:3]
    scores = by_uid(*vars(scoring.hub_corrected(store, TARGETS[:2], background, k=10)).values())
    for row in (0, 100):
        near = np.mean([slow_cosine(POOL[row], target) for target in TARGETS[:2]])
        far = np.mean([slow_cosine(POOL[row], POOL[other]) for other in range(3) if other != row])
        assert scores[UIDS[row]] == pytest.approx(near - far, abs=1e-6)
    with pytest.raises(errors.InputError, match="at least one"):
        scoring.hub_corrected(store, TARGETS, UIDS[:0])


def test_classifier_is_logistic_regression(store: feature_store.FeatureStore) -> None:
    background = scoring.background_sample(store, 0, 100)
    examples = np.concatenate([TARGETS, store.vectors_of(background)]).astype(np.float64)
    model = LogisticRegression(C=0.5, max_iter=1000)
    model.fit(examples, [1] * len(TARGETS) + [0] * len(background))
    scores = scoring.classifier(store, TARGETS, background, C=0.5)
    assert (scores.uids == UIDS).all()
    np.testing.assert_allclose(scores.values, model.decision_function(POOL), atol=1e-3)


def test_classifier_does_not_see_the_order_of_its_examples(
    store: feature_store.FeatureStore,
) -> None:
    background = scoring.background_sample(store, 0, 100)
    one = scoring.classifier(store, TARGETS, background)
    other = scoring.classifier(store, TARGETS[::-1], background[::-1])
    assert (one.values == other.values).all()


def test_kmeans_assigns_every_image_to_its_nearest_centroid(
    store: feature_store.FeatureStore,
) -> None:
    clusters = scoring.kmeans(store, 6, seed=3)
    assert (clusters.uids == UIDS).all()
    for row in range(0, N, 11):
        cosines = [slow_cosine(POOL[row], centroid) for centroid in clusters.centroids]
        assert clusters.assignment[row] == int(np.argmax(np.round(cosines, 6)))
        assert clusters.similarity[row] == pytest.approx(max(cosines), abs=1e-6)
    assert clusters.similarity.mean() > 0.8  # six clusters are there to be found
    again = scoring.kmeans(store, 6, seed=3)
    assert (again.centroids == clusters.centroids).all()
    whole = scoring.kmeans(store, N, seed=0)
    assert len(np.unique(whole.assignment)) > 0.9 * N


@pytest.mark.parametrize("k", [0, N + 1])
def test_kmeans_refuses_what_cannot_be_done(store: feature_store.FeatureStore, k: int) -> None:
    with pytest.raises(errors.InputError, match=f"{k} clusters"):
        scoring.kmeans(store, k, seed=0)


def test_equal_centroids_leave_the_lowest_number(store: feature_store.FeatureStore) -> None:
    centroids = np.repeat(TARGETS[:2], 3, axis=0)
    nearest, _ = scoring.nearest_centroid(centroids, POOL)
    assert set(nearest.tolist()) <= {0, 3}


def test_veto_penalty_falls_on_what_is_near_a_veto(store: feature_store.FeatureStore) -> None:
    vetoes, asked = UIDS[[3, 8]], UIDS[::-1]
    penalty = by_uid(asked, scoring.veto_penalty(store, asked, vetoes, beta=0.5, margin=0.3))
    for row in range(0, N, 13):
        nearest = max(slow_cosine(POOL[row], POOL[veto]) for veto in (3, 8))
        assert penalty[UIDS[row]] == pytest.approx(0.5 * max(0, nearest - 0.3), abs=2e-6)
    assert penalty[UIDS[3]] == pytest.approx(0.35)
    assert not scoring.veto_penalty(store, asked, UIDS[:0], 0.5, 0.3).any()
    with pytest.raises(errors.NotFoundError):
        scoring.veto_penalty(store, asked, np.array([b"f" * 32]), 0.5, 0.3)


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 1000), shard_rows=st.integers(70, N), block_rows=st.integers(20, N + 5))
def test_blocks_and_shards_do_not_show(
    store: feature_store.FeatureStore,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    shard_rows: int,
    block_rows: int,
) -> None:
    order = np.random.default_rng(seed).permutation(N)
    other = write_store(tmp_path_factory.mktemp("other"), order, shard_rows)
    background = scoring.background_sample(store, 0, 80)
    assert (scoring.background_sample(other, 0, 80) == background).all()
    for score in (scoring.hub_corrected, scoring.classifier):
        one = score(store, TARGETS, background)
        two = score(other, TARGETS, background, block_rows=block_rows)
        assert by_uid(one.uids, one.values) == by_uid(two.uids, two.values)
    one_split = scoring.kmeans(store, 5, 0)
    two_split = scoring.kmeans(other, 5, 0, block_rows=block_rows)
    assert (one_split.centroids == two_split.centroids).all()
    for name in ("assignment", "similarity"):
        one_values = by_uid(one_split.uids, getattr(one_split, name))
        assert one_values == by_uid(two_split.uids, getattr(two_split, name))
