"""The view of pool and targets that rankings share whose strategy, floor, cap or guard differ.

In: the pool's features and a function that makes the view. Out: `Base`, with the neighbour lists of
an earlier process if there are any.
"""

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from sept_core.features import feature_store
from sept_core.services.curate import stored_lists
from sept_core.services.curate.pool_view import PoolEvidence
from sept_core.storage.recent import Recent


class Base:
    """The view of pool and targets that rankings share whose strategy, floor, cap or guard differ.

    Args:
        folder: where the neighbour lists are stored.
        pool: the pool's features.
        make: returns the view with all targets.

    Attributes:
        lock: held while the view is used.
        note: what is under way; empty while nothing is.
    """

    def __init__(
        self, folder: Path, pool: feature_store.FeatureStore, make: Callable[[], PoolEvidence]
    ) -> None:
        self.lock = threading.RLock()
        self.note = ""
        self._folder, self._pool, self._make = folder, pool, make
        self._views = Recent[frozenset[str], PoolEvidence](2)
        self._stored = 0  # length of the lists on disk

    def evidence(self, vetoed: frozenset[str]) -> PoolEvidence:
        """Return the view of pool and targets without vetoed targets.

        Raises:
            InputError: no target image is left, or none has features.
        """
        return self._views.get(vetoed, lambda: self._whole.without(vetoed))

    @cached_property
    def _whole(self) -> PoolEvidence:
        """The view with all targets, and with the lists of an earlier process if there are any."""
        whole = self._make()
        lists = stored_lists.load(self._folder, self._pool, whole.target_uids)
        if lists is not None:
            whole.use_lists(lists)
            self._stored = lists.uids.shape[1]
        return whole

    def store(self) -> None:
        """Store the lists if they have grown since."""
        lists = self._whole.known_lists()
        if lists is not None and lists.uids.shape[1] > self._stored:
            self._stored = lists.uids.shape[1]
            stored_lists.save(self._folder, lists, self._pool)
