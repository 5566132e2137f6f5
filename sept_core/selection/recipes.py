"""Recipes: subsets that are made of several parts, and the order in which the parts take seats.

In: parts with shares. Out: `Part` records that were checked, and `Seats`, which names the part of
each next image. Imports no library.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from sept_core import errors
from sept_core.selection.strategies import STRATEGIES

OWN_IMAGES = "target"
"""Part of the target's own training images; no other part may have this name."""

TOLERANCE = Fraction(1, 1000)
"""Distance of the shares' sum from 1 that is due to rounding; the shares are scaled to 1."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")


@dataclass(frozen=True)
class Part:
    """One part of a recipe.

    Attributes:
        name: its name in provenance and reports.
        strategy: the strategy that orders its images.
        share: its share of the budget (pins and the target's own images apart), above 0.
    """

    name: str
    strategy: str
    share: float


def check(parts: Sequence[Part]) -> None:
    """Refuse parts that make no recipe.

    Raises:
        InputError: names the part, its value and the valid ones.
    """
    names = [part.name for part in parts]
    for part in parts:
        if not isinstance(part.name, str) or not NAME.fullmatch(part.name):
            raise errors.InputError(
                f"Part name {part.name!r} is invalid; use 1 to 40 letters, digits, spaces, dots, "
                "dashes or underscores, beginning with a letter or digit."
            )
        if part.name == OWN_IMAGES:
            raise errors.InputError(
                f"No part can be named {OWN_IMAGES!r}: that is the name of the target's own "
                "images; choose another name."
            )
        if names.count(part.name) > 1:
            raise errors.InputError(f"Two parts are named {part.name!r}; choose another name.")
        _check_strategy(part)
        if isinstance(part.share, bool) or not isinstance(part.share, int | float):
            raise errors.InputError(f"The share of part {part.name!r} is not a number.")
        if not 0 < part.share <= 1:
            raise errors.InputError(
                f"The share of part {part.name!r} is {part.share}; it must be above 0 and at "
                "most 1."
            )
    total = sum(map(_exact, parts), Fraction())
    if abs(total - 1) > TOLERANCE:
        raise errors.InputError(
            f"The shares of the parts {', '.join(names)} sum to {float(total):g}; they must sum "
            "to 1."
        )


def _check_strategy(part: Part) -> None:
    valid = [name for name, strategy in STRATEGIES.items() if not strategy.from_targets]
    if part.strategy in STRATEGIES and part.strategy not in valid:
        raise errors.InputError(
            f"Part {part.name!r} cannot have the strategy {part.strategy!r}; add the target's own "
            "images with with_target (--with-target)."
        )
    if part.strategy not in valid:
        raise errors.InputError(
            f"Part {part.name!r} has the unknown strategy {part.strategy!r}; choose one of "
            f"{', '.join(valid)}."
        )


def _exact(part: Part) -> Fraction:
    return Fraction(str(part.share))  # 0.1 is a tenth, not its nearest float


class Seats:
    """Order of the parts by Tijdeman's rule (The chairman assignment problem, 1980).

    After n seats a part with share λ has more than λn − 1 and fewer than λn + 1 of them, for every
    n. In whole numbers, so that nothing is rounded.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        """Start with no seat given; the shares are scaled to a sum of 1."""
        shares = [_exact(part) for part in parts]
        scale = lcm(*(share.denominator for share in shares))
        self._shares = [int(share * scale) for share in shares]
        self._whole = sum(self._shares)  # the share of part i is _shares[i] / _whole
        self._given = [0] * len(parts)
        self._number = 0

    def next(self) -> int:
        """Give the next seat; return the number of its part.

        Of the parts that may take the seat without exceeding their bound, the one that reaches its
        lower bound first takes it; among equals the first in the recipe.
        """
        self._number += 1
        if len(self._shares) == 1:
            return 0
        spread = 2 * len(self._shares) - 2
        best = -1
        slack = 0
        for part, share in enumerate(self._shares):
            behind = share * self._number - self._given[part] * self._whole
            if behind * spread < self._whole:
                continue  # it may not take this seat
            left = (spread - 1) * self._whole - spread * behind
            if best < 0 or left * self._shares[best] < slack * share:
                best, slack = part, left
        assert best >= 0, "Tijdeman's theorem: some part may take each seat"
        self._given[best] += 1
        return best
