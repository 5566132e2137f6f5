"""Eligibility of images: decodable, no leak, no veto, duplicate cap, quota (docs/method.md §2).

In: the pool, the guard's findings, the review decisions, duplicate groups (`Gate`). Out: a
`Ledger`, which strategies take images from, and the selection funnel.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from sept_core import errors
from sept_core.storage import hashing

TABLES = 4
"""Tables of neighbour lists whose codes a `Ground` caches: a walk meets one for each depth."""


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
        own: S32, the target's own training images, to be taken first; `decodable`, `groups` and
            `leaked` cover them too. None takes none. They pass the filter, and keep to the
            duplicate cap unless they are pinned.
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
    own: np.ndarray | None = None


class Ground:
    """The part of a gate that no decision changes, by code; made once for many selections.

    Attributes:
        uids: (N,) S32, ascending.
        in_filter, leaked: (N,) bool; leaked includes whole duplicate groups.
        groups: (N,) int64, number of the duplicate group, −1 for none.
        group_ids: (G,) int64, the groups' own ids.
        members: the codes of each group.
    """

    def __init__(self, gate: Gate) -> None:
        self.uids = np.asarray(gate.decodable, hashing.UID_DTYPE)
        self.in_filter = np.ones(len(self.uids), bool)
        if gate.in_filter is not None:
            self.in_filter = np.array(gate.in_filter, bool)
        if not (self.uids[1:] > self.uids[:-1]).all():
            order = np.argsort(self.uids, kind="stable")
            self.uids, self.in_filter = self.uids[order], self.in_filter[order]
        assert (self.uids[1:] != self.uids[:-1]).all(), "pool uids are not unique"
        if gate.own is not None:
            self.in_filter |= self.mask(gate.own)
        self.groups, self.group_ids = self._number_groups(gate.groups)
        self.members = _Members(self.groups, len(self.group_ids))
        self.leaked = self._with_groups(self.mask(gate.leaked))
        self._lists: list[tuple[np.ndarray, np.ndarray]] = []
        self._pool: tuple[np.ndarray, np.ndarray] | None = None
        self._uniforms: dict[int, np.ndarray] = {}
        self._orders: dict[int, np.ndarray] = {}

    def codes_of(self, uids: np.ndarray) -> np.ndarray:
        """Return the codes (int64, same shape) of uids; −1 for images that are not decodable."""
        return hashing.places_among(self.uids, np.asarray(uids, hashing.UID_DTYPE))

    def codes_of_lists(self, uids: np.ndarray) -> np.ndarray:
        """Return the codes of neighbour lists, which many selections share.

        The last few tables are cached by identity.
        """
        for table, codes in self._lists:
            if table is uids:
                return codes
        codes = self.codes_of(uids)
        self._lists = [*self._lists[1 - TABLES :], (uids, codes)]
        return codes

    def codes_of_pool(self, pool_uids: np.ndarray) -> np.ndarray:
        """Return the codes of the evidence's pool, cached by identity."""
        if self._pool is None or self._pool[0] is not pool_uids:
            self._pool = (pool_uids, self.codes_of(pool_uids))
        return self._pool[1]

    def uniforms(self, seed: int) -> np.ndarray:
        """Return (N,) float64 in (0, 1): docs/method.md §2's hash of seed and uid; cached."""
        if seed not in self._uniforms:
            self._uniforms = {seed: hashing.hashed_uniforms(seed, self.uids)}
        return self._uniforms[seed]

    def hashed_order(self, seed: int) -> np.ndarray:
        """Return (N,) int64, the codes in the random order of a seed; cached."""
        if seed not in self._orders:
            order = np.argsort(self.uniforms(seed), kind="stable")  # ties by code
            self._orders = {seed: order.astype(np.int64)}
        return self._orders[seed]

    def mask(self, uids: np.ndarray) -> np.ndarray:
        """Return (N,) bool, true for these images."""
        mask = np.zeros(len(self.uids), bool)
        codes = self.codes_of(uids)
        mask[codes[codes >= 0]] = True
        return mask

    def _number_groups(self, groups: Mapping[bytes, int]) -> tuple[np.ndarray, np.ndarray]:
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


class Ledger:
    """State of a running selection: images that are open, considered and taken.

    Inside the package an image is a code: its position among the sorted uids, so that ordering by
    code is ordering by uid. `open` is the only state that strategies test: 1 while an image may be
    taken; 0 for refused and taken images, members of full duplicate groups and the extra last byte,
    to which code −1 ("not in the pool") points.
    """

    def __init__(self, gate: Gate, ground: Ground, budget: int | None, duplicate_cap: int) -> None:
        """Apply the gate to the pool, take the pinned images, then the target's own ones.

        Args:
            gate: the gate.
            ground: of this gate, or of one that differs from it in decisions only.
            budget: number of images; None for all.
            duplicate_cap: images allowed from one duplicate group.

        Raises:
            InputError: pins and own images alone exceed the budget.
        """
        self.ground = ground
        self.uids, self.in_filter = ground.uids, ground.in_filter
        self.groups, self.group_ids = ground.groups, ground.group_ids
        self.leaked = ground.leaked
        self._pool_count = gate.pool_count
        self._featureless = gate.featureless
        own = _none() if gate.own is None else gate.own
        self.vetoed = ground.mask(gate.vetoed)
        self.considered = np.zeros(len(self.uids), bool)
        self.taken = np.zeros(len(self.uids), bool)
        self.open = bytearray(self._eligible().tobytes() + b"\0")
        self._open_view = np.frombuffer(self.open, np.uint8)
        self._room_in_group = [duplicate_cap] * len(self.group_ids)
        self._seat(gate.seated)
        self.vetoed_targets = np.asarray(gate.vetoed_targets, hashing.UID_DTYPE)
        self.penalty = self._penalties(gate.penalties)
        self.pins, self.lost_pins = self._take_pins(gate.pinned, budget)
        self.own = self._take_own(own, budget)
        self._has_own = gate.own is not None
        self._budget = len(self.uids) if budget is None else budget
        self._count = len(self.pins) + len(self.own)

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
        return self.ground.codes_of(uids)

    def fork(self) -> Self:
        """Return a copy: images taken from one stay open in the other."""
        other = copy.copy(self)
        other.open = bytearray(self.open)
        other._open_view = np.frombuffer(other.open, np.uint8)
        other._room_in_group = list(self._room_in_group)
        other.taken, other.considered = self.taken.copy(), self.considered.copy()
        return other

    def consider_refused(self, fork: Self) -> None:
        """Record the candidates of a fork that are refused here too, whatever is taken."""
        refused = self.leaked | self.vetoed | self._in_full_group()
        self.considered |= fork.considered & refused

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

        Of the candidates considered (pins and the target's own images apart, inside the filter),
        each was selected or is in exactly one of the four losses.
        """
        considered = self.considered & self.in_filter
        considered[self.pins] = False
        considered[self.own] = False
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
        steps["pinned"] = len(self.pins)
        if self._has_own:
            steps["target_images"] = len(self.own)
        return {**steps, "selected": int(self.taken.sum())}

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

    def _take_own(self, uids: np.ndarray, budget: int | None) -> np.ndarray:
        """Take the target's own images by uid; those that are pinned count here, not as pins."""
        codes = self.codes_of(np.unique(np.asarray(uids, hashing.UID_DTYPE)))
        assert (codes >= 0).all(), "a target image is missing from the gate"
        pinned = np.isin(self.pins, codes)
        taken = self.pins[pinned].tolist()
        self.pins = self.pins[~pinned]
        for code in codes.tolist():
            if self.open[code]:
                self._close(code)
                taken.append(code)
        if budget is not None and len(self.pins) + len(taken) > budget:
            pins = f" and {len(self.pins)} images are pinned" if len(self.pins) else ""
            raise errors.InputError(
                f"The target has {len(taken)} training images of its own{pins}, but the budget is "
                f"{budget}; raise the budget, or select without them (--with-target)."
            )
        return np.sort(np.array(taken, np.int64))

    def _close(self, code: int) -> None:
        self.open[code] = 0
        self.taken[code] = True
        self._fill_place(code)

    def _fill_place(self, code: int) -> None:
        group = int(self.groups[code])
        if group >= 0:
            self._room_in_group[group] -= 1
            if self._room_in_group[group] <= 0:
                self._open_view[self.ground.members.of(group)] = 0

    def _in_full_group(self) -> np.ndarray:
        full = np.array([room <= 0 for room in self._room_in_group] + [False])
        return np.asarray(full[self.groups])  # −1 (no group) indexes the last entry

    def _penalties(self, penalties: Mapping[bytes, float]) -> np.ndarray:
        """Return (N,) float64 ≥ 0."""
        values = np.fromiter(penalties.values(), np.float64, len(penalties))
        assert (values >= 0).all(), "a penalty is negative"
        codes = self.codes_of(uid_array(penalties))
        dense = np.zeros(len(self.uids))
        dense[codes[codes >= 0]] = values[codes >= 0]
        return dense


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
