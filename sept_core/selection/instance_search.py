"""Instance search, the method of the paper: fair turns over neighbour lists (docs/method.md §3).

In: canonical neighbour lists of growing length, and weights of the targets. Out: images in the
order of the rounds, each with the target that gained it, its rank there and its similarity.
"""

import heapq

import numpy as np

from sept_core.selection import evidence as ev
from sept_core.selection import gate, lists, settings
from sept_core.selection.weights import turns

FIRST_DEPTH = 256
"""Lists start at this length, times `lists.GROWTH` until it is twice each target's share. The
result does not depend on it, only the number of searches does. The few lengths make different
budgets share their searches."""

MOST_PER_TARGET = 50
"""A search with a stop by similarity ends at this many images per target at the latest (SimCore,
Kim et al. 2023)."""

Proposal = tuple[float, int, int]
"""(−key, code, row): the heap's order is the contracts' order by (−similarity, uid)."""


def search(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Run the round-robin over targets, first above the floor, then above each lower one.

    With a stop by similarity, the picks of a smaller budget are still a prefix: the round that
    stops the search belongs to it.

    Raises:
        InputError: no target is left.
    """
    rounds = Rounds(options, evidence, ledger)
    everyone = [0] * len(rounds.targets)
    most = [ledger.room]
    if options.stop_ratio is not None:
        most = [min(ledger.room, MOST_PER_TARGET * len(everyone))]
    picks = []
    for phase, floor in lists.floors(options, evidence):
        if most[0] and not rounds.stopped:
            rounds.open_floor(floor)
            rounds.run(everyone, most)
            picks.append(rounds.close_floor(phase))
    stopped = options.stop_ratio is not None and (rounds.stopped or not most[0])
    return ev.Outcome(picks, "stop_rule" if stopped else rounds.short_because())


class Rounds:
    """The rounds: in each, every active target gains as many images as it has turns, usually one.

    A target whose best image was just taken proposes its next one in the same round, so a collision
    costs no turn. Positions stay valid when lists grow, because only entries that longer lists
    cannot displace are used.

    Attributes:
        targets: (T,) S32, ascending.
        weights: (T,) float64, which set the turns of each (`weights.turns`).
        stopped: True once the stop by similarity has ended the rounds.
    """

    def __init__(
        self, options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
    ) -> None:
        share = ledger.room / max(len(evidence.target_uids), 1)
        depth = FIRST_DEPTH
        while depth < 2 * share and depth < options.max_neighbours:
            depth *= lists.GROWTH
        self._source = lists.ListSource(
            options,
            evidence,
            ledger,
            depth=depth,
            scaled=options.local_scaling,
        )
        self._ledger = ledger
        self.targets = self._source.targets
        self.weights = lists.weights_of(evidence, self.targets)
        self._uneven = bool((self.weights != 1).any())
        self.stopped = False
        self._stop_ratio, self._stop_round = options.stop_ratio, options.stop_round
        self._stop_below = -np.inf
        self._number = 0

    def open_floor(self, floor: float) -> None:
        """Restart all lists above a (lower) floor; taken images stay closed."""
        self._floor = floor
        self._position = [0] * len(self.targets)
        self._gained: list[tuple[int, int]] = []
        self._load()

    def run(self, classes: list[int], quota: list[int]) -> None:
        """Run rounds until the budget is full, no target has an image left, or they are stopped.

        Args:
            classes: the class of each target (row of `targets`).
            quota: images that each class may still gain; decremented in place.
        """
        rows = list(range(len(self.targets)))
        while rows and self._ledger.room and not self.stopped:
            start = len(self._gained)
            rows = self._round(rows, classes, quota)
            self._stop_after(self._gained[start:])

    def live(self) -> list[int]:
        """Return the rows of the targets whose lists still hold an open image."""
        return [row for row in range(len(self.targets)) if self._proposal(row) is not None]

    def close_floor(self, phase: str) -> ev.Picks:
        """Return the picks since `open_floor`, with their provenance."""
        for codes, position in zip(self._lists.codes, self._position, strict=True):
            self._ledger.consider(codes[:position])
        rows, places = np.array(self._gained, np.int64).reshape(-1, 2).T
        codes, ranks = self._lists.codes[rows, places], self._lists.ranks[rows, places]
        return ev.Picks(
            codes=codes,
            targets=self.targets[rows],
            ranks=ranks,
            similarity=self._lists.similarity[rows, places],
            n_targets=lists.count_targets(self._lists, codes, ranks, len(self._ledger.uids)),
            phase=phase,
        )

    def short_because(self) -> str:
        """Return the reason why the lists end."""
        return lists.short_because(self._lists)

    def _round(self, rows: list[int], classes: list[int], quota: list[int]) -> list[int]:
        """Run one round; return the rows that gained an image or had no turn."""
        self._number += 1
        left = self._turns(rows)
        able = [row for row in rows if quota[classes[row]]]
        moved = [row for row in able if not left[row]]
        heap = [p for row in able if left[row] and (p := self._proposal(row))]
        heapq.heapify(heap)
        while heap and self._ledger.room:
            _, code, row = heap[0]
            if not self._ledger.open[code]:
                following = self._proposal(row)
                if following is not None:
                    heapq.heapreplace(heap, following)
                    continue
            elif quota[classes[row]]:
                self._take(code, row)
                quota[classes[row]] -= 1
                left[row] -= 1
                if left[row] and (following := self._proposal(row)) is not None:
                    heapq.heapreplace(heap, following)
                    continue
                moved.append(row)
            else:
                self._ledger.considered[code] = True  # its class filled up in this round
            heapq.heappop(heap)
        return moved

    def _turns(self, rows: list[int]) -> dict[int, int]:
        if not self._uneven:
            return dict.fromkeys(rows, 1)
        return {row: turns(self.weights[row], self._number) for row in rows}

    def _stop_after(self, gained: list[tuple[int, int]]) -> None:
        """Stop if the mean similarity of a round's picks is below that of round `stop_round`.

        If that round had no picks, the last one before it counts.
        """
        if self._stop_ratio is None or not gained:
            return
        rows, places = np.array(gained, np.int64).T
        mean = round(float(self._lists.similarity[rows, places].mean()), 9)
        if self._number <= self._stop_round:
            self._stop_below = self._stop_ratio * mean
        self.stopped = mean < self._stop_below

    def _take(self, code: int, row: int) -> None:
        self._ledger.take(code)
        self._gained.append((row, self._position[row]))
        self._position[row] += 1

    def _proposal(self, row: int) -> Proposal | None:
        """Return a target's best open image; requests longer lists when this one is exhausted."""
        while True:
            position, end, is_open = self._position[row], self._ends[row], self._ledger.open
            while position < end and not is_open[self._codes[row, position]]:
                position += 1
            self._position[row] = position
            if position < end:
                return -self._keys[row, position], self._codes[row, position], row
            if self._ended[row]:
                return None
            self._source.grow()
            self._load()

    def _load(self) -> None:
        self._lists = self._source.lists(self._floor)
        # memoryviews give Python numbers one by one, faster than arrays, smaller than lists
        self._codes = self._lists.codes.data
        self._keys = self._lists.keys.data
        self._ends = self._lists.ends.tolist()
        self._ended = (self._lists.ended_by != b"").tolist()
