"""Instance search, the method of the paper: fair turns over neighbour lists (docs/method.md §3).

In: canonical neighbour lists of growing length. Out: images in the order of the rounds, each
with the target that gained it, its rank there and its similarity.
"""

import heapq

import numpy as np

from sept_core.selection import evidence as ev
from sept_core.selection import gate, lists, settings

FIRST_DEPTH = 256
"""Lists start at this length, times `lists.GROWTH` until it is twice each target's share. The
result does not depend on it, only the number of searches does. The few lengths make different
budgets share their searches."""

Proposal = tuple[float, int, int]
"""(−key, code, row): the heap's order is the contracts' order by (−similarity, uid)."""


def search(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Run the round-robin over targets, first above the floor, then above each lower one.

    Raises:
        InputError: no target is left.
    """
    rounds = Rounds(options, evidence, ledger)
    everyone = [0] * len(rounds.targets)
    picks = []
    for phase, floor in lists.floors(options, evidence):
        if ledger.room:
            rounds.open_floor(floor)
            rounds.run(everyone, [ledger.room])
            picks.append(rounds.close_floor(phase))
    return ev.Outcome(picks, rounds.short_because())


class Rounds:
    """The rounds: in each, every active target gains at most one image.

    A target whose best image was just taken proposes its next one in the same round, so a collision
    costs no turn. Positions stay valid when lists grow, because only entries that longer lists
    cannot displace are used.
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

    def open_floor(self, floor: float) -> None:
        """Restart all lists above a (lower) floor; taken images stay closed."""
        self._floor = floor
        self._position = [0] * len(self.targets)
        self._gained: list[tuple[int, int]] = []
        self._load()

    def run(self, classes: list[int], quota: list[int]) -> None:
        """Run rounds until the budget is full or no target has an image left.

        Args:
            classes: the class of each target (row of `targets`).
            quota: images that each class may still gain; decremented in place.
        """
        rows = list(range(len(self.targets)))
        while rows and self._ledger.room:
            rows = self._round(rows, classes, quota)

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
        """Run one round; return the rows that gained an image."""
        heap = [p for row in rows if quota[classes[row]] and (p := self._proposal(row))]
        heapq.heapify(heap)
        moved = []
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
                moved.append(row)
            else:
                self._ledger.considered[code] = True  # its class filled up in this round
            heapq.heappop(heap)
        return moved

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
