"""The settings of one selection.

In: the user's choices. Out: `SelectionSettings`, checked once, saved with the result.
"""

import itertools
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from sept_core import errors
from sept_core.selection import recipes
from sept_core.selection.recipes import Part
from sept_core.selection.strategies import DEFAULT_STRATEGY, RECIPE, STRATEGIES, Strategy
from sept_core.selection.weights import EVEN, Weights

WITHIN_CLUSTER = ("hash", "distance")
UNFILLED_QUOTA = ("leave", "donate")
NAMED_IF_SET = (
    "recipe", "unfilled_part", "with_target", "stop_ratio", "stop_round", "weights",
)  # fmt: skip
"""Settings that enter the JSON only if they differ from the default, so that selections without
them keep the ids that they had before these settings existed.
"""


@dataclass(frozen=True)
class SelectionSettings:
    """The settings of one selection; `to_json` returns JSON values.

    Attributes:
        strategy: a key of `strategies.STRATEGIES`; the default if there is a recipe.
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
        recipe: parts with shares, in place of one strategy.
        unfilled_part: the seats of a part without further images are left open (`leave`) or go to
            the other parts (`donate`).
        with_target: begin with the target's own training images; they count towards the budget.
        stop_ratio: stop instance search after the first round whose mean similarity is below this
            share of that of round `stop_round`, or at 50 images per target (SimCore); None for no
            stop. The budget may then be None.
        stop_round: the round that `stop_ratio` compares with.
        weights: weights of target sets, classes and images.
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
    recipe: tuple[Part, ...] = ()
    unfilled_part: str = "leave"
    with_target: bool = False
    stop_ratio: float | None = None
    stop_round: int = 20
    weights: Weights = EVEN

    def __post_init__(self) -> None:
        """Refuse settings that no strategy can use.

        Raises:
            InputError: names the setting, its value and the valid ones.
        """
        _one_of("strategy", self.strategy, tuple(STRATEGIES))
        _one_of("within_cluster", self.within_cluster, WITHIN_CLUSTER)
        _one_of("unfilled_quota", self.unfilled_quota, UNFILLED_QUOTA)
        _one_of("unfilled_part", self.unfilled_part, UNFILLED_QUOTA)
        for name in ("max_neighbours", "duplicate_cap", "min_targets", "stop_round"):
            _at_least_one(name, getattr(self, name))
        object.__setattr__(self, "expand_percentiles", tuple(self.expand_percentiles))
        object.__setattr__(self, "recipe", tuple(map(_part, self.recipe)))
        if not isinstance(self.weights, Weights):
            object.__setattr__(self, "weights", _weights(self.weights))
        self._check_recipe()
        self._check_budget()
        self._check_floors()
        self._check_stop()
        if self.weights and not any(used.weighted for used in self._strategies()):
            raise errors.InputError(
                f"{self._subject()} does not use weights; choose one of "
                f"{', '.join(_with('weighted'))}."
            )

    @property
    def name(self) -> str:
        """Name of the strategy, or `RECIPE`."""
        return RECIPE if self.recipe else self.strategy

    @property
    def is_prefix(self) -> bool:
        """True if a smaller budget is a prefix of a larger one."""
        return all(used.is_prefix for used in self._strategies())

    def to_json(self) -> dict[str, Any]:
        """Return JSON values by name; `SelectionSettings(**them)` is equal."""
        values = asdict(self) | {"weights": self.weights.to_json()}
        default = {field.name: field.default for field in fields(self)}
        plain = [name for name in NAMED_IF_SET if getattr(self, name) == default[name]]
        return {name: value for name, value in values.items() if name not in plain}

    def of_part(self, part: Part) -> Self:
        """Return the settings of one part alone."""
        strategy = STRATEGIES[part.strategy]
        return replace(
            self,
            strategy=part.strategy,
            recipe=(),
            with_target=False,
            fill=False,
            stop_ratio=self.stop_ratio if strategy.stops else None,
            weights=self.weights if strategy.weighted else EVEN,
        )

    def _strategies(self) -> list[Strategy]:
        names = [part.strategy for part in self.recipe] or [self.strategy]
        return [STRATEGIES[name] for name in names]

    def _subject(self) -> str:
        return "The recipe" if self.recipe else f"Strategy {self.strategy!r}"

    def _check_recipe(self) -> None:
        if self.recipe:
            recipes.check(self.recipe)
            if self.strategy != DEFAULT_STRATEGY:
                raise errors.InputError(
                    f"Both a recipe and the strategy {self.strategy!r} are given; give one of them."
                )
        if self.with_target and STRATEGIES[self.strategy].from_targets:
            raise errors.InputError(
                f"Strategy {self.strategy!r} consists of the target's own images; omit with_target "
                "(--with-target)."
            )

    def _check_budget(self) -> None:
        if self.budget is not None:
            _at_least_one("budget", self.budget)
        elif self.recipe or (STRATEGIES[self.strategy].needs_budget and self.stop_ratio is None):
            raise errors.InputError(
                f"{self._subject()} needs a budget, the number of images to select."
            )

    def _check_stop(self) -> None:
        if self.stop_ratio is None:
            return
        if not 0 < self.stop_ratio < 1:
            raise errors.InputError(f"stop_ratio is {self.stop_ratio}; it must be between 0 and 1.")
        if not any(used.stops for used in self._strategies()):
            raise errors.InputError(
                f"{self._subject()} has no rounds that could stop; omit stop_ratio (--stop-ratio) "
                f"or choose {', '.join(_with('stops'))}."
            )
        if self.fill:
            raise errors.InputError(
                "fill adds images after stop_ratio has stopped the selection; set one of them."
            )

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


def _part(given: Any) -> Part:
    if isinstance(given, Part):
        return given
    try:
        return Part(**given)
    except TypeError:
        raise errors.InputError(
            f"The part {given!r} must have exactly a name, a strategy and a share."
        ) from None


def _weights(given: Any) -> Weights:
    try:
        return Weights(**given)
    except (TypeError, ValueError):
        raise errors.InputError(
            f"Weights {given!r} must be mappings sets, classes and images of names and numbers."
        ) from None


def _with(ability: str) -> list[str]:
    return [name for name, strategy in STRATEGIES.items() if getattr(strategy, ability)]


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise errors.InputError(f"{name} {value!r} is unknown; choose one of {', '.join(allowed)}.")


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise errors.InputError(f"{name} is {value}, but must be at least 1.")
