"""Mixing the parts of a recipe: their own sequences, interleaved by shares (docs/method.md §3).

In: the codes that each part takes alone, in order. Out: the order in which they are taken.

Each sequence is the part's strategy alone on a copy of the ledger, with the whole budget B. That
is long enough: at any seat fewer than B images have been taken. The images of one sequence that are
closed by then are at most as many: in a duplicate group that is not full, they are taken images;
in a full one, the sequence holds at most as many as the group had room for, all of which are taken
images. So a sequence of B images has an open one at every seat, and a shorter one ends where its
strategy does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sept_core.selection import gate
from sept_core.selection.recipes import Part, Seats


@dataclass(frozen=True)
class Mix:
    """The images taken, and the parts that ran dry.

    Attributes:
        parts: (n,) int64, the part of each image.
        places: (n,) int64, its place in that part's sequence.
        dry: numbers of the parts that had no image left for a seat, in that order.
    """

    parts: np.ndarray
    places: np.ndarray
    dry: list[int]


def mix(
    recipe: Sequence[Part], sequences: Sequence[np.ndarray], ledger: gate.Ledger, unfilled: str
) -> Mix:
    """Take images in turn from each part's sequence, skipping images that are closed meanwhile.

    Until a part runs dry, every part is within one image of its share at each budget. Then the
    seats of that part stay open, or the others share all further seats, from 0, in proportion.

    Args:
        recipe: the parts.
        sequences: (n,) int64 codes of each part.
        ledger: the ledger to take from.
        unfilled: `leave` or `donate`.
    """
    queues = [_Queue(codes, ledger) for codes in sequences]
    able = list(range(len(recipe)))
    seats = Seats(recipe)
    open_seats = ledger.room
    taken: list[tuple[int, int]] = []
    dry: list[int] = []
    while open_seats and len(dry) < len(recipe):
        part = able[seats.next()]
        place = queues[part].next()
        if place is not None:
            taken.append((part, place))
        elif part not in dry:
            dry.append(part)
            if unfilled == "donate":
                able.remove(part)
                seats = Seats([recipe[number] for number in able])
                continue
        open_seats -= 1
    for queue in queues:
        ledger.consider(queue.seen())
    parts, places = np.array(taken, np.int64).reshape(-1, 2).T
    return Mix(parts, places, dry)


class _Queue:
    """The sequence of one part."""

    def __init__(self, codes: np.ndarray, ledger: gate.Ledger) -> None:
        self._codes, self._ledger = codes, ledger
        self._position = 0

    def next(self) -> int | None:
        """Take the next open image; return its place, None if there is none."""
        while self._position < len(self._codes):
            place = self._position
            self._position += 1
            code = int(self._codes[place])
            if self._ledger.open[code]:
                self._ledger.take(code)
                return place
        return None

    def seen(self) -> np.ndarray:
        """Return the codes looked at."""
        return self._codes[: self._position]
