"""The stop by similarity as a figure: where SimCore's rule would end a draft's instance search.

In: a ranking, the decisions, the rule's two numbers. Out: `Stop`, whose budget the page offers. The
draft itself is unchanged, unless its settings hold the rule.
"""

import math
from dataclasses import dataclass, replace

from sept_core import errors
from sept_core.review import decision_log
from sept_core.selection import instance_search
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES
from sept_core.services.curate.rankings import Ranking

RATIO, ROUND = 0.95, 20
"""The numbers of Kim et al. (CVPR 2023)."""


@dataclass(frozen=True)
class Stop:
    """The end of a search by the rule.

    Attributes:
        images: images that instance search selects until then.
        budget: the budget at which they are selected: with pins and the target's own images, and
            in a recipe with the other parts.
        stopped: False if the pool, the floor or the length of the lists ends the search first.
        sentence: the same for people.
    """

    images: int
    budget: int
    stopped: bool
    sentence: str


def find(ranking: Ranking, state: decision_log.ReviewState, ratio: float, number: int) -> Stop:
    """Run the search until the rule stops it.

    Args:
        ranking: of the draft.
        state: the decisions.
        ratio: see `SelectionSettings.stop_ratio`.
        number: see `SelectionSettings.stop_round`.

    Raises:
        InputError: a number is outside its bounds, or no part of the draft searches in rounds.
    """
    settings = ranking.request.settings
    share = _share(settings)
    options = replace(
        settings,
        strategy=DEFAULT_STRATEGY,
        recipe=(),
        fill=False,
        stop_ratio=ratio,
        stop_round=number,
    )
    first = ranking.fewest(state)
    most = instance_search.MOST_PER_TARGET * len(ranking.targets)
    found = ranking.select(state, first + most, options)
    ranked = found.picks["target_rank"].is_valid().to_pylist()
    images = sum(ranked)
    budget = len(ranked) - images + math.ceil(images / share)
    stopped = found.short_because in (None, "stop_rule")
    return Stop(images, budget, stopped, _sentence(images, budget, share, stopped))


def _share(settings: SelectionSettings) -> float:
    """Return the share of instance search in the settings.

    Raises:
        InputError: it has none.
    """
    parts = [(part.strategy, part.share) for part in settings.recipe] or [(settings.strategy, 1.0)]
    share = sum(share for strategy, share in parts if STRATEGIES[strategy].stops)
    if not share:
        raise errors.InputError(
            "The rule compares rounds of instance search; choose instance search or a recipe that "
            "has it."
        )
    return share


def _sentence(images: int, budget: int, share: float, stopped: bool) -> str:
    if not stopped:
        return (
            f"The rule does not stop the search: the pool, the floor or the length of the lists "
            f"ends it at {budget:,} images."
        )
    if share < 1:
        return (
            f"Instance search would stop after {images:,} images; with its share of "
            f"{share:.0%} that is a budget of {budget:,}."
        )
    return f"Instance search would stop at a budget of {budget:,} images."
