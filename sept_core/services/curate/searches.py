"""Searches of the pool by text, by an image of the project, or by an uploaded image.

In: a text, a uid or an image's bytes. Out: a stored record, named by its content, so that a link
shows the same; and its results: the most similar pool images. Uploaded bytes are decoded as hostile
input and stored only as a small picture and its feature.
"""

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.catalogue import image_ids, settings, source_table, split_table
from sept_core.encoders import registry
from sept_core.features import feature_store
from sept_core.imaging import images
from sept_core.retrieval import neighbour_lists
from sept_core.services.data import scaling
from sept_core.services.explore import text_search
from sept_core.services.project.project import Project
from sept_core.storage import hashing
from sept_core.storage.recent import Recent

PREFIX = "search:"

RESULTS = 1000

MOST_BYTES = 20_000_000
"""Size of an uploaded image."""

MOST_WORDS = 500

MOST_IMAGES = 1000
"""Images of one search."""

PICTURE_SIZE = 256
"""Side in pixels of the stored picture, from which other encoders compute their feature."""


@dataclass(frozen=True)
class Results:
    """The pool images most similar to what was searched for, best first.

    `uids` (n,) S32; `similarity` (n,) float64; `label` describes the search.
    """

    uids: np.ndarray
    similarity: np.ndarray
    label: str


def store_text(project: Project, words: str) -> str:
    """Store a search by text; return its id.

    Raises:
        InputError: the text is empty.
    """
    text = " ".join(words.split())[:MOST_WORDS]
    if not text:
        raise errors.InputError("Type a text to search for.")
    return _store(project, {"kind": "text", "words": text})


def store_image(project: Project, uid: str) -> str:
    """Store a search by an image of the project; return its id.

    Raises:
        NotFoundError: the project has no such image.
    """
    if image_ids.unknown(project.db, [uid]):
        raise errors.NotFoundError(f"This project has no image {uid!r}.")
    return _store(project, {"kind": "image", "uid": uid})


def store_images(project: Project, uids: Sequence[str]) -> str:
    """Store a search by several images of the project: by the mean of their features.

    Raises:
        InputError: there is no image, or too many.
        NotFoundError: the project has no such image.
    """
    wanted = sorted(set(uids))
    if not 0 < len(wanted) <= MOST_IMAGES:
        raise errors.InputError(f"Search with 1 to {MOST_IMAGES:,} images, not {len(wanted):,}.")
    if unknown := image_ids.unknown(project.db, wanted):
        raise errors.NotFoundError(f"This project has no image {unknown[0]!r}.")
    return _store(project, {"kind": "images", "uids": wanted})


def store_upload(project: Project, encoder_id: str, data: bytes, name: str = "") -> str:
    """Store a search by an uploaded image; return its id.

    Raises:
        InputError: the bytes are no image, or too many.
        EncoderError: the encoder cannot be loaded.
    """
    if len(data) > MOST_BYTES:
        raise errors.InputError(
            f"The image has {len(data) / 1e6:.0f} MB; search with one of at most "
            f"{MOST_BYTES // 1_000_000} MB."
        )
    try:
        decoded = images.decode(data, ranges=scaling.current(project))
    except images.UnusableFile as problem:
        raise errors.InputError(f"The image cannot be used ({problem.reason}).") from None
    vector = _feature(_encoder(project, encoder_id), decoded.image)
    record = {
        "kind": "upload",
        "name": " ".join(name.split())[-80:],
        "sha256": hashing.uid_of(data),
        "picture": base64.b64encode(images.jpeg(decoded.image, PICTURE_SIZE)).decode(),
        "encoder": encoder_id,
        "feature": base64.b64encode(vector.astype("<f2").tobytes()).decode(),
    }
    return _store(project, record)


def _store(project: Project, record: dict[str, Any]) -> str:
    named = {key: value for key, value in record.items() if key not in ("picture", "feature")}
    ident = hashing.fingerprint(named)
    if settings.get(project.db, PREFIX + ident) is None:
        settings.put(project.db, PREFIX + ident, record)
    return ident


def _stored(project: Project, ident: str) -> dict[str, Any]:
    found: dict[str, Any] | None = settings.get(project.db, PREFIX + ident)
    if found is None:
        raise errors.NotFoundError(f"This project has no search {ident!r}; search again.")
    return found


def label(project: Project, ident: str) -> str:
    """Return a few words that describe a stored search.

    Raises:
        NotFoundError: there is no such search.
    """
    return _label(_stored(project, ident))


def _label(record: dict[str, Any]) -> str:
    if record["kind"] == "text":
        return f"“{record['words']}”"
    if record["kind"] == "image":
        return f"like {record['uid'][:8]}"
    if record["kind"] == "images":
        return f"like {len(record['uids']):,} images"
    return f"like {record['name'] or 'the uploaded image'}"


def picture(project: Project, ident: str) -> bytes:
    """Return the small picture (JPEG) of a search by an uploaded image.

    Raises:
        NotFoundError: there is no such search, or it has no picture.
    """
    record = _stored(project, ident)
    if record["kind"] != "upload":
        raise errors.NotFoundError(f"The search {ident!r} has no picture.")
    return base64.b64decode(record["picture"])


_found = Recent[tuple[Path, str, str, str], Results](16)


def results(project: Project, encoder_id: str, ident: str) -> Results:
    """Return the pool's nearest images to a stored search, cached until the features change.

    Raises:
        NotFoundError: there is no such search, or its image has no features.
        EncoderError: the encoder cannot be loaded, or does not understand text.
    """
    store = feature_store.kept(project.paths.pool_features(encoder_id))
    key = (project.paths.root, encoder_id, store.content_id(), ident)
    return _found.get(key, lambda: _search(project, encoder_id, store, ident))


def _search(
    project: Project, encoder_id: str, store: feature_store.FeatureStore, ident: str
) -> Results:
    record = _stored(project, ident)
    vector = _query(project, encoder_id, record)
    query = np.array(["0" * 32], hashing.UID_DTYPE)  # the search itself has no uid
    found = neighbour_lists.find_neighbours(store, vector, query, min(RESULTS, len(store)))
    known = found.uids[0] != b""
    return Results(found.uids[0][known], found.similarity[0][known], _label(record))


def _query(project: Project, encoder_id: str, record: dict[str, Any]) -> np.ndarray:
    """Return the (1, D) unit vector of a search."""
    if record["kind"] == "text":
        if not text_search.understands_words(project, encoder_id):
            raise errors.EncoderError(
                f"{encoder_id} does not understand text; choose an encoder that was trained with "
                "captions."
            )
        return text_search.vector(project, encoder_id, record["words"])
    if record["kind"] == "image":
        return vector_of(project, encoder_id, record["uid"])
    if record["kind"] == "images":
        vectors = [vector_of(project, encoder_id, uid)[0] for uid in record["uids"]]
        mean = np.mean(np.array(vectors, np.float32), axis=0)
        unit: np.ndarray = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return unit[None].astype(np.float32)
    if record["encoder"] == encoder_id:
        stored = np.frombuffer(base64.b64decode(record["feature"]), "<f2")
        return stored.astype(np.float32)[None]
    decoded = images.decode(base64.b64decode(record["picture"]))
    return _feature(_encoder(project, encoder_id), decoded.image)[None]


def vector_of(project: Project, encoder_id: str, uid: str) -> np.ndarray:
    """Return the (1, D) feature of an image of the pool or of a target set's training images.

    Raises:
        NotFoundError: it has no features under the encoder.
    """
    query = np.array([uid], hashing.UID_DTYPE)
    pool = feature_store.kept(project.paths.pool_features(encoder_id))
    if pool.rows_of(query)[0] >= 0:
        return pool.vectors_of(query)
    for record in source_table.every(project.db, "target"):
        store = feature_store.kept(project.paths.target_features(encoder_id, record.id))
        # A store may hold images that have been held out since.
        if store.rows_of(query)[0] >= 0 and query[0] in split_table.searching(
            project.db, record.id
        ):
            return store.vectors_of(query)
    raise errors.NotFoundError(f"Image {uid} has no features under {encoder_id}.")


def _feature(encoder: Any, image: Any) -> np.ndarray:
    """Return the (D,) float32 feature of a decoded image."""
    vector: np.ndarray = encoder.encode(encoder.preprocess(image)[None]).numpy()[0]
    return vector


def _encoder(project: Project, encoder_id: str) -> Any:
    """Return the encoder that made a store's features, cached.

    Raises:
        EncoderError: it cannot be loaded, or has changed since.
    """
    card = feature_store.read_card(project.paths.features(encoder_id))
    if registry.family_of(card["spec"]) is None:
        raise errors.EncoderError(
            f"The features of {encoder_id} were imported, so no image can be compared with them; "
            "choose another encoder."
        )
    encoder = _load(card["spec"], project.paths.encoders, card["precision"])
    if encoder.id != encoder_id:
        raise errors.EncoderError(
            f"{card['spec']} has changed since it embedded this pool; embed again to search by "
            "image."
        )
    return encoder


@functools.lru_cache(maxsize=2)
def _load(spec: str, folder: Path, precision: str) -> Any:
    return registry.load(spec, folder=folder, device="cpu", precision=precision)
