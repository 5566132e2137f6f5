"""A map's points by the cells of a square, so that an area is found without testing every point.

In: places in 0..1 and a polygon. Out: the rows inside. Cells that the polygon's edge touches have
each of their points tested; for all others the centre decides for the whole cell.
"""

from functools import cached_property

import numpy as np

SIDE = 256
"""Cells along each side."""

SLACK = 1e-6
"""Share of a cell within which an edge also counts as touching the neighbouring cell: larger than
any rounding error."""

REACH = 1e3
"""Corners further away than this are moved nearer; no screen reaches that far."""


class Cells:
    """The points of one map.

    Args:
        places: (N, 2) in 0..1.
    """

    def __init__(self, places: np.ndarray) -> None:
        self._places = places

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) rows by cell, and (SIDE² + 1,) where each cell begins among them."""
        column, row = np.clip((self._places * SIDE).astype(np.int64), 0, SIDE - 1).T
        cell = row * SIDE + column
        starts = np.zeros(SIDE * SIDE + 1, np.int64)
        np.cumsum(np.bincount(cell, minlength=SIDE * SIDE), out=starts[1:])
        return np.argsort(cell, kind="stable"), starts

    def inside(self, polygon: list[tuple[float, float]]) -> np.ndarray:
        """Rows (int64, ascending) of the points inside a polygon, by the even-odd rule.

        Args:
            polygon: its corners; the last is joined to the first. Fewer than three, or corners that
                are not numbers, contain nothing.
        """
        corners = np.asarray(polygon, np.float64).reshape(-1, 2).clip(-REACH, REACH)
        if len(corners) < 3 or np.isnan(corners).any():
            return np.empty(0, np.int64)
        start, end = corners, np.roll(corners, -1, axis=0)
        touched = _touched(start * SIDE, end * SIDE)
        whole = self._rows(_centres_inside(start * SIDE, end * SIDE) & ~touched)
        edge = self._rows(touched)
        found = np.concatenate([whole, edge[_crossed(self._places[edge], start, end)]])
        found.sort()
        return found

    def nearest(self, x: float, y: float, within: float) -> int | None:
        """The row of the point nearest to a place, or None where none is within a distance."""
        ends = np.clip([[x - within, y - within], [x + within, y + within]], 0, 1)
        (left, bottom), (right, top) = np.minimum((ends * SIDE).astype(np.int64), SIDE - 1)
        cells = np.zeros((SIDE, SIDE), bool)
        cells[bottom : top + 1, left : right + 1] = True
        rows = self._rows(cells)
        distance = np.hypot(*(self._places[rows].astype(np.float64) - [x, y]).T)
        best = int(np.argmin(distance)) if len(rows) else -1
        return int(rows[best]) if len(rows) and distance[best] <= within else None

    def _rows(self, cells: np.ndarray) -> np.ndarray:
        """The points of the cells where a (SIDE, SIDE) mask is true."""
        order, starts = self._sorted
        mask = np.concatenate([[False], cells.ravel(), [False]])
        bounds = np.flatnonzero(mask[1:] != mask[:-1]).reshape(-1, 2)  # runs of neighbouring cells
        parts = [order[starts[first] : starts[last]] for first, last in bounds.tolist()]
        return np.concatenate([np.empty(0, np.int64), *parts])


def _crossed(places: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return whether a ray to the right of each place crosses the polygon's edges oddly often."""
    x, y = places.T.astype(np.float64)
    odd = np.zeros(len(places), bool)
    for (x1, y1), (x2, y2) in zip(start, end, strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            odd ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return odd


def _centres_inside(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) whether each cell's centre is inside; corners in cells."""
    y = np.arange(SIDE)[:, None] + 0.5
    row, edge = np.nonzero((start[:, 1] > y) != (end[:, 1] > y))
    (x1, y1), (x2, y2) = start[edge].T, end[edge].T
    x = (x2 - x1) * (row + 0.5 - y1) / (y2 - y1) + x1
    passed = np.clip(np.ceil(x - 0.5), 0, SIDE).astype(np.int64)  # centres left of the crossing
    crossings = np.zeros((SIDE, SIDE + 1), np.int64)
    np.add.at(crossings, (row, passed), 1)
    inside: np.ndarray = crossings[:, :0:-1].cumsum(1)[:, ::-1] % 2 == 1
    return inside


def _touched(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) whether an edge of the polygon passes through each cell; corners in cells."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    bottom = np.arange(SIDE)[:, None]
    row, edge = np.nonzero((low[:, 1] < bottom + 1 + SLACK) & (high[:, 1] > bottom - SLACK))
    (x1, y1), (x2, y2) = start[edge].T, end[edge].T
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (x2 - x1) / (y2 - y1)
        ends = [x1 + slope * (np.clip(y, low[edge, 1], high[edge, 1]) - y1)
                for y in (row - SLACK, row + 1 + SLACK)]  # fmt: skip
    level = np.abs(y2 - y1) < SLACK  # its slope says nothing
    left = np.where(level, low[edge, 0], np.minimum(*ends))
    right = np.where(level, high[edge, 0], np.maximum(*ends))
    counts = np.zeros((SIDE, SIDE + 1), np.int64)
    first = np.clip(np.floor(left - SLACK), 0, SIDE).astype(np.int64)
    last = np.clip(np.floor(right + SLACK) + 1, 0, SIDE).astype(np.int64)
    np.add.at(counts, (row, first), 1)
    np.add.at(counts, (row, last), -1)
    touched: np.ndarray = counts.cumsum(1)[:, :SIDE] > 0
    return touched
