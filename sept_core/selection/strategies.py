"""The strategies as records; menus, help texts, errors, studies and tables are derived from them.

In: nothing. Out: `STRATEGIES`. Imports no library, so that a page or a help text can list
strategies quickly; `run` calls their functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sept_core.storage import late


@dataclass(frozen=True)
class Strategy:
    """One way to order the pool.

    Attributes:
        order: `module:function` of this package that takes images in order; it is imported when a
            selection runs.
        description: One line for the command line's help and the app's menu.
        baseline: Its title among the baselines of a study; "" for a strategy that curates.
        is_prefix: A smaller budget is a prefix of a larger one, so a budget slider can slice one
            ranking.
        needs_budget: The strategy requires a budget.
        from_targets: It takes the target set's own images instead of the pool's.
        ignores_targets: The targets have no influence, so that one selection serves all target
            sets of a study.
        weighted: Weights of targets change its order.
        stops: It runs in rounds that can be stopped by similarity.
    """

    order: str
    description: str
    baseline: str = ""
    is_prefix: bool = True
    needs_budget: bool = True
    from_targets: bool = False
    ignores_targets: bool = False
    weighted: bool = False
    stops: bool = False

    def load(self) -> Any:
        """Import the function; see `run.Order`."""
        return late.load(__package__, self.order)


DEFAULT_STRATEGY = "instance-search"

RECIPE = "recipe"
"""Name of a recipe where a strategy's name is shown."""

STRATEGIES: dict[str, Strategy] = {
    DEFAULT_STRATEGY: Strategy(
        "instance_search:search",
        "Fair turns: in every round each target image gains its most similar pool image "
        "(the method of the paper).",
        weighted=True,
        stops=True,
    ),
    "hub-corrected": Strategy(
        "simple:scored",
        "Ranks the pool by similarity to its nearest targets minus similarity to its nearest "
        "random pool images.",
    ),
    "classifier": Strategy(
        "simple:scored",
        "Ranks the pool by a logistic regression of target images against random pool images.",
    ),
    "clusters": Strategy(
        "clusters:target_clusters",
        "Fills the clusters that hold target images, in proportion to how many they hold "
        "(few targets, large budgets).",
        weighted=True,
    ),
    "class-balanced": Strategy(
        "balanced:class_balanced",
        "Fair turns with the same quota for every target label.",
        is_prefix=False,
        weighted=True,
    ),
    "coverage": Strategy(
        "coverage:lazy_greedy",
        "Greedy: each next image is the one that helps the least covered targets most.",
        weighted=True,
    ),
    "importance": Strategy(
        "clusters:importance",
        "Random, weighted so that the subset is spread over clusters as the targets are (DSIR).",
        weighted=True,
    ),
    "random": Strategy(
        "simple:random",
        "Baseline: uniformly random pool images.",
        baseline="random, of the same size",
        ignores_targets=True,
    ),
    "random-per-cluster": Strategy(
        "clusters:random_per_cluster",
        "Baseline: random images, the same number from every cluster.",
        baseline="random, evenly from all clusters",
    ),
    "hierarchical": Strategy(
        "hierarchy:balanced",
        "Baseline: random images, the same number from every branch of a tree of clusters "
        "(hierarchical k-means; for large pools).",
        baseline="random, evenly from a tree of clusters",
    ),
    "whole-pool": Strategy(
        "simple:whole_pool",
        "Baseline: every eligible pool image.",
        baseline="whole pool",
        needs_budget=False,
        ignores_targets=True,
    ),
    "target-images-only": Strategy(
        "simple:target_images",
        "Baseline: only the target's own training images.",
        baseline="target's own images",
        needs_budget=False,
        from_targets=True,
    ),
}
"""Strategies by name, in menu order."""


def name_of(settings: Mapping[str, Any]) -> str:
    """Return the name of the strategy in a selection's stored settings, or `RECIPE`."""
    return RECIPE if settings.get("recipe") else str(settings["strategy"])


def takes_targets(strategy: str) -> bool:
    """Return whether a strategy took target images; False for one that no longer exists."""
    return strategy in STRATEGIES and STRATEGIES[strategy].from_targets
