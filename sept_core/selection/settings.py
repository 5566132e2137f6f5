"""The settings of one selection.

In: the user's choices. Out: `SelectionSettings`, checked once, saved with the result.
"""

import itertools
from dataclasses import dataclass

from sept_core import errors
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES

WITHIN_CLUSTER = ("hash", "distance")
UNFILLED_QUOTA = ("leave", "donate")


@dataclass(frozen=True)
class SelectionSettings:
    """The settings of one selection; JSON-able with `dataclasses.asdict`.

    Attributes:
        strategy: a key of `strategies.STRATEGIES`.
        budget: requested images, including pins; None only if the strategy needs none.
        seed: seed of the random order (docs/method.md §2: a hash of seed and uid).
        floor_percentile: 0-100, percentile of the shown similarity distribution, the minimum for a
            target's picks; None for no floor.
        expand_percentiles: lower floors, in the order tried, while the budget is not reached.
        fill: if the budget is not reached, continue with target clusters, then at random.
        local_scaling: rank by 2s − r_t − r_x; the floor still applies to s.
        max_neighbours: the length up to which a target's list may grow.
        duplicate_cap: images allowed from one group of near-duplicates.
        min_targets: targets that a cluster must hold to count (`clusters`, `fill`).
        within_cluster: `clusters` takes members in `hash` order or by `distance` to the targets.
        unfilled_quota: `class-balanced` may `leave` an unfilled quota or `donate` it.
    """

    strategy: str = DEFAULT_STRATEGY
    budget: int | None = None
    seed: int = 0
    floor_percentile: float | None = None
    expand_percentiles: tuple[float, ...] = ()
    fill: bool = False
    local_scaling: bool = False
    max_neighbours: int = 4096
    duplicate_cap: int = 1
    min_targets: int = 1
    within_cluster: str = "hash"
    unfilled_quota: str = "leave"

    def __post_init__(self) -> None:
        """Refuse settings that no strategy can use.

        Raises:
            InputError: names the setting, its value and the valid ones.
        """
        _one_of("strategy", self.strategy, tuple(STRATEGIES))
        _one_of("within_cluster", self.within_cluster, WITHIN_CLUSTER)
        _one_of("unfilled_quota", self.unfilled_quota, UNFILLED_QUOTA)
        for name in ("max_neighbours", "duplicate_cap", "min_targets"):
            _at_least_one(name, getattr(self, name))
        if self.budget is not None:
            _at_least_one("budget", self.budget)
        elif STRATEGIES[self.strategy].needs_budget:
            raise errors.InputError(
                f"Strategy {self.strategy!r} needs a budget, the number of images to select."
            )
        object.__setattr__(self, "expand_percentiles", tuple(self.expand_percentiles))
        self._check_floors()

    def _check_floors(self) -> None:
        if self.expand_percentiles and self.floor_percentile is None:
            raise errors.InputError(
                "expand_percentiles lower a floor, but floor_percentile is not set; set both."
            )
        floors = [p for p in (self.floor_percentile, *self.expand_percentiles) if p is not None]
        if not all(0 <= floor <= 100 for floor in floors):
            raise errors.InputError(f"Floor percentiles {floors} must lie between 0 and 100.")
        if any(low >= high for high, low in itertools.pairwise(floors)):
            raise errors.InputError(f"Floor percentiles {floors} must decrease from step to step.")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise errors.InputError(f"{name} {value!r} is unknown; choose one of {', '.join(allowed)}.")


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise errors.InputError(f"{name} is {value}, but must be at least 1.")
