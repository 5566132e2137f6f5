"""The nearest of a set of vectors in memory, for any number of images, exactly.

In: float16 unit vectors, as stored. Out: for each image the nearest of the set by (−cosine,
place). Like `exact`, FAISS finds candidates in float32, and all that may belong to the answer is
scored exactly; there the pool is large and a block of it in memory, here the images are many and
what they are compared with is at hand: targets, centroids, vetoes, a background.
"""

import faiss
import numpy as np

from sept_core.index import cosine

SLACK = 6
"""Candidates taken beyond k at first; doubled for the images that need more."""

PAIRS = 1024
"""Candidates scored at a time, so that their vectors stay in the processor's cache."""


class Among:
    """A set of (m, D) float16 unit vectors, m ≥ 1, to compare others with."""

    def __init__(self, vectors: np.ndarray) -> None:
        self._wide = vectors.astype(np.float64)
        self._squared = cosine.squared_lengths(vectors)
        self._unit = (self._wide / np.sqrt(self._squared)[:, None]).astype(np.float32)
        unit = (vectors.shape[1] + 2) * 2.0**-24
        self._margin = unit / (1 - unit) + 1 / cosine.MICRO

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) int64 place of the nearest of the set, the first of equals, and its cosine."""
        places, cosines = self.top(vectors, 1)
        return places[:, 0], cosines[:, 0]

    def top(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k nearest of the set for each of (n, D) float16 vectors.

        Returns:
            (n, min(k, m)) int64 places and float64 cosines rounded to 1e-6, nearest first and
            equals in the order of the set.
        """
        k = min(k, len(self._unit))
        places = np.empty((len(vectors), k), np.int64)
        cosines = np.empty((len(vectors), k))
        squared = cosine.squared_lengths(vectors)
        pending, count = np.arange(len(vectors)), k + SLACK
        while len(pending):
            count = min(count, len(self._unit))
            raw, found = faiss.knn(
                vectors[pending].astype(np.float32),
                self._unit,
                count,
                metric=faiss.METRIC_INNER_PRODUCT,
            )
            length = np.sqrt(squared[pending])
            # Below this, k others are certainly nearer.
            least = raw[:, k - 1] - 2 * self._margin * length
            exact = self._cosines(vectors[pending], squared[pending], found, raw >= least[:, None])
            order = np.lexsort((found, -exact), axis=-1)[:, :k]
            places[pending] = np.take_along_axis(found, order, axis=1)
            cosines[pending] = np.take_along_axis(exact, order, axis=1)
            hidden = raw[:, -1] / length + self._margin
            early = (hidden >= cosines[pending, -1]) & (count < len(self._unit))
            pending, count = pending[early], 2 * count
        return places, cosines

    def _cosines(
        self, vectors: np.ndarray, squared: np.ndarray, found: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """(n, c) float64 cosines of each vector and its wanted candidates, −inf for the others."""
        image, column = np.nonzero(wanted)
        place = found[image, column]
        products = np.empty(len(image))
        step = max(1, PAIRS // found.shape[1])
        bounds = np.searchsorted(image, np.arange(0, len(vectors) + step, step))
        for number, low in enumerate(range(0, len(vectors), step)):
            part = slice(bounds[number], bounds[number + 1])
            wide = vectors[low : low + step].astype(np.float64)
            products[part] = np.vecdot(self._wide[place[part]], wide[image[part] - low])
        cosines = np.full(found.shape, -np.inf)
        cosines[image, column] = products / np.sqrt(squared[image] * self._squared[place])
        return np.round(cosines, 6, out=cosines)
