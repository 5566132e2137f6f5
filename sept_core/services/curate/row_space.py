"""The row space of Curate: pool images by number, the same for all data that the browser joins.

In: an open project and an encoder. Out: `RowSpace`: a row is an image's position among the sorted
uids of the live, decodable pool images with features. Uids are hashes, so every prefix of the rows
is a fair sample. `key` names the row space; rows of another key must not be mixed with it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sept_core import errors
from sept_core.catalogue import image_table
from sept_core.features import feature_store
from sept_core.services.curate import groups
from sept_core.services.project.project import Project
from sept_core.storage import hashing
from sept_core.storage.recent import Recent

PAGE = 4096
"""Uids in one page of `RowSpace.page`."""

_NIBBLES = np.zeros(256, np.uint8)
_NIBBLES[list(b"0123456789abcdef")] = np.arange(16)


@dataclass(frozen=True)
class RowSpace:
    """The rows of one pool under one encoder.

    Attributes:
        key: hash of the features and the pool.
        encoder_id: encoder of the features.
        uids: (n,) S32, ascending.
        featureless: number of further decodable pool images, without features.
    """

    key: str
    encoder_id: str
    uids: np.ndarray
    featureless: int

    def rows_of(self, uids: np.ndarray) -> np.ndarray:
        """Return the row (int64) of each uid, −1 for images that are not in the row space."""
        return hashing.places_among(self.uids, np.asarray(uids, hashing.UID_DTYPE))

    def page(self, number: int) -> bytes:
        """Return one page of the uids, 16 bytes each.

        Raises:
            NotFoundError: there is no such page.
        """
        if not 0 <= number * PAGE < max(len(self.uids), 1):
            raise errors.NotFoundError(f"The pool has no page {number} of image ids.")
        return self._binary[number * PAGE : (number + 1) * PAGE].tobytes()

    @cached_property
    def _binary(self) -> np.ndarray:
        """(n, 16) uint8, the uids as numbers."""
        digits = _NIBBLES[np.frombuffer(self.uids.tobytes(), np.uint8).reshape(-1, 32)]
        return np.asarray(digits[:, ::2] << 4 | digits[:, 1::2])


_held = Recent[tuple[Path, str, str], RowSpace](4)


def key_of(project: Project, store: feature_store.FeatureStore) -> str:
    """Return the key of the row space of a pool's features."""
    return hashing.fingerprint([store.content_id(), image_table.pool_fingerprint(project.db)])[:12]


def load(project: Project, encoder_id: str) -> RowSpace:
    """Return the current row space of an encoder, cached by its key."""
    store = feature_store.kept(project.paths.pool_features(encoder_id))
    key = key_of(project, store)
    return _held.get(
        (project.paths.root, encoder_id, key), lambda: _make(project, encoder_id, store, key)
    )


def find(project: Project, encoder_id: str, key: str) -> RowSpace:
    """Return the row space of a key.

    Raises:
        NotFoundError: the pool or its features have changed since.
    """
    found = load(project, encoder_id)
    if found.key != key:
        raise errors.NotFoundError("The pool has changed; reload the page.")
    return found


def _make(
    project: Project, encoder_id: str, store: feature_store.FeatureStore, key: str
) -> RowSpace:
    eligible = image_table.eligible(project.db)
    uids = eligible[store.rows_of(eligible) >= 0]
    return RowSpace(key, encoder_id, uids, len(eligible) - len(uids))


def passing(
    project: Project, rows: RowSpace, filter_text: str = "", group: str = "", word: str = ""
) -> np.ndarray:
    """Return (m,) int64 ascending rows of the images that pass all that is given.

    Args:
        project: the open project.
        rows: the row space.
        filter_text: a metadata filter.
        group: a named group.
        word: a part of the image's path, in any case.

    Raises:
        InputError: the filter is invalid, or names a field that no image has.
        NotFoundError: there is no such group.
    """
    inside = np.ones(len(rows.uids), bool)
    if filter_text:
        inside &= mask(rows, image_table.eligible(project.db, "pool", filter_text))
    if word:
        quoted = word.replace('"', "")
        inside &= mask(rows, image_table.eligible(project.db, "pool", f'path ~ "{quoted}"'))
    if group:
        inside &= mask(rows, np.array(groups.members(project, group), hashing.UID_DTYPE))
    return np.flatnonzero(inside)


def mask(rows: RowSpace, uids: np.ndarray) -> np.ndarray:
    """Return (n,) bool: the rows whose image is one of `uids`."""
    found = rows.rows_of(uids)
    mask = np.zeros(len(rows.uids), bool)
    mask[found[found >= 0]] = True
    return mask
