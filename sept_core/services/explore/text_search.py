"""Search for pool images by text, with encoders trained on captions.

In: an encoder that has embedded the pool, and a text. Out: the most similar pool images.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.encoders import registry
from sept_core.features import feature_store
from sept_core.retrieval import neighbour_lists
from sept_core.services.project.project import Project
from sept_core.storage import hashing


def understands_words(project: Project, encoder_id: str) -> bool:
    """Return True if an encoder has a text tower, so that text and images can be compared."""
    family = registry.family_of(_card(project, encoder_id)["spec"])
    return family is not None and family.text


def find(project: Project, encoder_id: str, words: str, count: int) -> list[tuple[str, float]]:
    """Return the pool images most similar to a text, best first, with their cosines.

    Args:
        project: the open project.
        encoder_id: an encoder for which `understands_words` is true.
        words: a text such as "a red flower".
        count: maximum number of images.

    Raises:
        EncoderError: the encoder cannot be loaded, or has changed since it embedded the pool.
    """
    store = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    query = np.array(["0" * 32], hashing.UID_DTYPE)  # a text has no uid
    found = neighbour_lists.find_neighbours(store, vector(project, encoder_id, words), query, count)
    rows = zip(found.uids[0].tolist(), found.similarity[0].tolist(), strict=True)
    return [(uid.decode(), value) for uid, value in rows if uid]


def vector(project: Project, encoder_id: str, words: str) -> np.ndarray:
    """Return the (1, D) float32 unit vector of a text.

    Raises:
        EncoderError: as in `find`.
    """
    card = _card(project, encoder_id)
    encoder = _load(card["spec"], project.paths.encoders, card["precision"])
    if encoder.id != encoder_id:
        raise errors.EncoderError(
            f"{card['spec']} has changed since it embedded this pool; embed again to search by "
            "text."
        )
    return _vector(encoder, " ".join(words.split()))


@lru_cache(maxsize=64)
def _vector(encoder: Any, words: str) -> np.ndarray:
    """Compute the (1, D) float32 unit vector of the text."""
    vector: np.ndarray = encoder.encode_text([words]).numpy()
    return vector


@lru_cache(maxsize=1)
def _load(spec: str, folder: Path, precision: str) -> Any:
    return registry.load(spec, folder=folder, device="cpu", precision=precision)


def _card(project: Project, encoder_id: str) -> dict[str, str]:
    card: dict[str, str] = feature_store.read_card(project.paths.features(encoder_id))
    return card
