"""Eligibility of images: decodable, no leak, no veto, duplicate cap, quota (docs/method.md §2).

In: the pool, the guard's findings, the review decisions, duplicate groups (`Gate`). Out: a
`Ledger`, which strategies take images from, and the selection funnel.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sept_core import errors
from sept_core.storage import hashing


def _none() -> np.ndarray:
    return np.empty(0, hashing.UID_DTYPE)


@dataclass(frozen=True)
class Gate:
    """Everything that decides whether an image may be selected.

    Attributes:
        decodable: (N,) S32, unique: the pool images that could be read and have features.
        pool_count: images in the pool, the unreadable ones included.
        in_filter: (N,) bool, the metadata filter over `decodable`; None passes all. Pinned images
            always pass.
        leaked: S32, found by the contamination guard; their whole duplicate groups are excluded
            too.
        vetoed: S32, pool images vetoed by their latest decision.
        pinned: S32, pool images pinned by their latest decision.
        vetoed_targets: S32, targets whose lists are dropped.
        seated: S32, vetoed images that keep their place in their duplicate group, so that no
            near-duplicate is taken instead.
        groups: uid (bytes) → near-duplicate group; images in no group are missing.
        featureless: number of further decodable images, without features under this encoder.
        penalties: uid (bytes) → similarity ≥ 0 taken off before ranking (vetoes that serve as
            negative examples); the floor still applies to the similarity without penalty.
    """

    decodable: np.ndarray
    pool_count: int
    in_filter: np.ndarray | None = None
    leaked: np.ndarray = field(default_factory=_none)
    vetoed: np.ndarray = field(default_factory=_none)
    pinned: np.ndarray = field(default_factory=_none)
    vetoed_targets: np.ndarray = field(default_factory=_none)
    seated: np.ndarray = field(default_factory=_none)
    groups: Mapping[bytes, int] = field(default_factory=dict)
    featureless: int = 0
    penalties: Mapping[bytes, float] = field(default_factory=dict)


class Ledger:
    """State of a running selection: images that are open, considered and taken.

    Inside the package an image is a code: its position among the sorted uids, so that ordering by
    code is ordering by uid. `open` is the only state that strategies test: 1 while an image may be
    taken; 0 for refused and taken images, members of full duplicate groups and the extra last byte,
    to which code −1 ("not in the pool") points.
    """

    def __init__(self, gate: Gate, budget: int | None, duplicate_cap: int) -> None:
        """Apply the gate to the pool and take the pinned images.

        Raises:
            InputError: the pins alone exceed the budget.
        """
        order = np.argsort(gate.decodable, kind="stable")
        self.uids = np.asarray(gate.decodable, hashing.UID_DTYPE)[order]
        assert (self.uids[1:] != self.uids[:-1]).all(), "pool uids are not unique"
        self._pool_count = gate.pool_count
        self._featureless = gate.featureless
        self.in_filter = np.ones(len(self.uids), bool)
        if gate.in_filter is not None:
            self.in_filter = np.asarray(gate.in_filter, bool)[order]
        self.groups, self.group_ids = self._number_groups(gate.groups)
        self.leaked = self._with_groups(self._mask(gate.leaked))
        self.vetoed = self._mask(gate.vetoed)
        self.considered = np.zeros(len(self.uids), bool)
        self.taken = np.zeros(len(self.uids), bool)
        self.open = bytearray(self._eligible().tobytes() + b"\0")
        self._open_view = np.frombuffer(self.open, np.uint8)
        self._room_in_group = [duplicate_cap] * len(self.group_ids)
        self._members = _Members(self.groups, len(self.group_ids))
        self._seat(gate.seated)
        self.vetoed_targets = np.asarray(gate.vetoed_targets, hashing.UID_DTYPE)
        self.penalty = self._penalties(gate.penalties)
        self.pins, self.lost_pins = self._take_pins(gate.pinned, budget)
        self._budget = len(self.uids) if budget is None else budget
        self._count = len(self.pins)

    @property
    def room(self) -> int:
        """Number of images that the budget still allows."""
        return self._budget - self._count

    @property
    def any_open(self) -> bool:
        """True while the pool holds an image that may be taken."""
        return bool(self._open_view.any())

    @property
    def eligible(self) -> int:
        """Number of images inside the filter that are neither leaked nor vetoed."""
        return int(self._eligible().sum())

    def group_sizes(self) -> np.ndarray:
        """(G,) int64, the eligible images of each near-duplicate group."""
        groups = self.groups[self._eligible()]
        return np.bincount(groups[groups >= 0], minlength=len(self.group_ids))

    def codes_of(self, uids: np.ndarray) -> np.ndarray:
        """Return the codes (int64, same shape) of uids; −1 for images that are not decodable."""
        return hashing.places_among(self.uids, np.asarray(uids, hashing.UID_DTYPE))

    def take(self, code: int) -> None:
        """Take an open image; closes its duplicate group if that is now full."""
        self._close(code)
        self._count += 1

    def take_in_order(self, codes: np.ndarray) -> np.ndarray:
        """Take open images, in the order of `codes` (int64, distinct), until the budget is full.

        Returns:
            The codes taken, in order.
        """
        chosen: list[int] = []
        looked = 0
        for code in codes.tolist():
            if not self.room:
                break
            looked += 1
            if self.open[code]:
                self.take(code)
                chosen.append(code)
        self.consider(codes[:looked])
        return np.array(chosen, np.int64)

    def take_ranked(self, codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Take by (−score, uid) until the budget is full; −1 stands for none.

        Returns:
            The codes taken, in order.
        """
        known = codes >= 0
        codes, scores = codes[known], scores[known]
        return self.take_in_order(codes[np.lexsort((codes, -scores))])

    def consider(self, codes: np.ndarray) -> None:
        """Record that these candidates were considered; −1 stands for none."""
        self.considered[codes[codes >= 0]] = True

    def funnel(self) -> dict[str, int]:
        """Return the counts of the selection funnel, in order.

        Of the candidates considered (pins apart, inside the filter), each was selected or is in
        exactly one of the four losses.
        """
        considered = self.considered & self.in_filter
        considered[self.pins] = False
        steps = {"pool": self._pool_count, "decodable": len(self.uids) + self._featureless}
        steps["no_features"] = self._featureless
        left = self.in_filter.copy()
        steps["in_filter"] = int(left.sum())
        steps["not_leaked"] = int((left := left & ~self.leaked).sum())
        steps["not_vetoed"] = int((left & ~self.vetoed).sum())
        steps["considered"] = int(considered.sum())
        rest = considered & ~self.taken
        for name, lost in (
            ("lost_to_leaks", self.leaked),
            ("lost_to_vetoes", self.vetoed),
            ("lost_to_duplicates", self._in_full_group()),
        ):
            steps[name] = int((rest & lost).sum())
            rest &= ~lost
        steps["lost_to_quota"] = int(rest.sum())
        return {**steps, "pinned": len(self.pins), "selected": int(self.taken.sum())}

    def _eligible(self) -> np.ndarray:
        return np.asarray(self.in_filter & ~self.leaked & ~self.vetoed)

    def _take_pins(
        self, pinned: np.ndarray, budget: int | None
    ) -> tuple[np.ndarray, dict[str, str]]:
        """Take pinned images first, ignoring the duplicate cap; only the guard overrides pins."""
        uids = np.unique(np.asarray(pinned, hashing.UID_DTYPE))
        codes = self.codes_of(uids)
        assert not self.vetoed[codes[codes >= 0]].any(), "an image is pinned and vetoed"
        lost = {uid.decode(): "not in the pool" for uid in uids[codes < 0]}
        codes = codes[codes >= 0]
        leaking = codes[self.leaked[codes]]
        lost |= {uid.decode(): "leaked" for uid in self.uids[leaking]}
        codes = codes[~self.leaked[codes]]
        if budget is not None and len(codes) > budget:
            raise errors.InputError(
                f"{len(codes)} images are pinned but the budget is {budget}; "
                "raise the budget or undo some pins."
            )
        for code in codes.tolist():
            self._close(code)
        return codes, lost

    def _seat(self, uids: np.ndarray) -> None:
        """Give each of these images, none of which is taken, a place in its duplicate group."""
        codes = self.codes_of(np.asarray(uids, hashing.UID_DTYPE))
        for code in codes[codes >= 0].tolist():
            self._fill_place(code)

    def _close(self, code: int) -> None:
        self.open[code] = 0
        self.taken[code] = True
        self._fill_place(code)

    def _fill_place(self, code: int) -> None:
        group = int(self.groups[code])
        if group >= 0:
            self._room_in_group[group] -= 1
            if self._room_in_group[group] <= 0:
                self._open_view[self._members.of(group)] = 0

    def _in_full_group(self) -> np.ndarray:
        full = np.array([room <= 0 for room in self._room_in_group] + [False])
        return np.asarray(full[self.groups])  # −1 (no group) indexes the last entry

    def _mask(self, uids: np.ndarray) -> np.ndarray:
        mask = np.zeros(len(self.uids), bool)
        codes = self.codes_of(np.asarray(uids, hashing.UID_DTYPE))
        mask[codes[codes >= 0]] = True
        return mask

    def _penalties(self, penalties: Mapping[bytes, float]) -> np.ndarray:
        """Return (N,) float64 ≥ 0."""
        values = np.fromiter(penalties.values(), np.float64, len(penalties))
        assert (values >= 0).all(), "a penalty is negative"
        codes = self.codes_of(uid_array(penalties))
        dense = np.zeros(len(self.uids))
        dense[codes[codes >= 0]] = values[codes >= 0]
        return dense

    def _number_groups(self, groups: Mapping[bytes, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) int64 group numbers, −1 for none, and the group's own id by number."""
        numbers = np.full(len(self.uids), -1, np.int64)
        codes = self.codes_of(uid_array(groups))
        ids = np.fromiter(groups.values(), np.int64, len(groups))[codes >= 0]
        unique, inverse = np.unique(ids, return_inverse=True)
        numbers[codes[codes >= 0]] = inverse
        return numbers, unique

    def _with_groups(self, mask: np.ndarray) -> np.ndarray:
        hit = np.zeros(len(self.group_ids) + 1, bool)
        hit[self.groups[mask]] = True
        hit[-1] = False
        return np.asarray(mask | hit[self.groups])


class _Members:
    """The codes of each duplicate group."""

    def __init__(self, groups: np.ndarray, count: int) -> None:
        grouped = np.flatnonzero(groups >= 0)
        self._codes = grouped[np.argsort(groups[grouped], kind="stable")]
        self._ends = np.cumsum(np.bincount(groups[grouped], minlength=count))

    def of(self, group: int) -> np.ndarray:
        return self._codes[self._ends[group - 1] if group else 0 : self._ends[group]]


def uid_array(uids: Iterable[bytes]) -> np.ndarray:
    """Return an S32 array of uids given as bytes."""
    return np.array(list(uids), hashing.UID_DTYPE)
