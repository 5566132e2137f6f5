"""What a selection can be asked for: the strategies by name, and the settings of one run.

In: the user's choices. Out: `SelectionSettings`, checked once, saved with the result.
"""

import itertools
from dataclasses import dataclass

from sept_core import errors


@dataclass(frozen=True)
class Strategy:
    """One way to order the pool.

    Attributes:
        description: one line for the command line's help and the app's menu.
        is_prefix: a smaller budget is a prefix of a larger one, so a budget slider only slices.
        needs_budget: whether a run without a budget makes no sense.
    """

    description: str
    is_prefix: bool = True
    needs_budget: bool = True


DEFAULT_STRATEGY = "instance-search"

STRATEGIES: dict[str, Strategy] = {
    DEFAULT_STRATEGY: Strategy(
        "Fair turns: in every round each target image gains its most similar pool image "
        "(the paper's way)."
    ),
    "hub-corrected": Strategy(
        "Ranks the pool by similarity to its nearest targets minus similarity to its nearest "
        "random pool images."
    ),
    "classifier": Strategy(
        "Ranks the pool by a logistic regression of target images against random pool images."
    ),
    "clusters": Strategy(
        "Fills the clusters that hold target images, in proportion to how many they hold "
        "(few targets, large budgets)."
    ),
    "class-balanced": Strategy(
        "Fair turns with the same quota for every target label.", is_prefix=False
    ),
    "coverage": Strategy(
        "Greedy: each next image is the one that helps the least covered targets most."
    ),
    "importance": Strategy(
        "Random, weighted so that the subset is spread over clusters as the targets are (DSIR)."
    ),
    "random": Strategy("Baseline: uniformly random pool images."),
    "random-per-cluster": Strategy("Baseline: random images, the same number from every cluster."),
    "whole-pool": Strategy("Baseline: every eligible pool image.", needs_budget=False),
    "target-images-only": Strategy(
        "Baseline: the target's own training images and nothing else.", needs_budget=False
    ),
}

WITHIN_CLUSTER = ("hash", "distance")
UNFILLED_QUOTA = ("leave", "donate")


@dataclass(frozen=True)
class SelectionSettings:
    """The settings of one selection; JSON-able with `dataclasses.asdict`.

    Attributes:
        strategy: a key of `STRATEGIES`.
        budget: images wanted, pins included; None only where the strategy needs none.
        seed: names the random order (docs/method.md §2: a hash of seed and uid).
        floor_percentile: 0-100, percentile of the shown similarity distribution below which a
            target takes nothing; None for no floor.
        expand_percentiles: lower floors, in the order tried, while the budget is open.
        fill: when the budget is still open, go on with target clusters, then at random.
        local_scaling: rank by 2s − r_t − r_x; the floor stays on s.
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
        """Refuse what no strategy could follow.

        Raises:
            InputError: names the setting, its value and what it may be.
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
                f"Strategy {self.strategy!r} needs a budget; give the number of images wanted."
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
            raise errors.InputError(
                f"Floor percentiles {floors} must fall from each step to the next."
            )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise errors.InputError(f"{name} {value!r} is unknown; choose one of {', '.join(allowed)}.")


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise errors.InputError(f"{name} is {value}, but must be at least 1.")
