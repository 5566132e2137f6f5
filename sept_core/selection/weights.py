"""Weights of target sets, classes and images: how much of the subset each target asks for.

In: a user's words such as `pets=2`, or JSON. Out: `Weights`, and the weight of each target image:
the product of those of its set, its class and itself. Imports no library.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sept_core import errors

Pairs = tuple[tuple[str, float], ...]

MICRO = 1_000_000
"""Weights are whole millionths, so that their multiples are exact."""

LEAST, MOST = 0.01, 100.0
UID_PREFIX = "uid:"
FORM = "SET=2, SET/CLASS=3 or uid:HEX=2"


@dataclass(frozen=True)
class Weights:
    """Weights that differ from 1; mappings become pairs ordered by name.

    Attributes:
        sets: target set and weight.
        classes: `SET/CLASS` and weight.
        images: uid of a target image and weight.
    """

    sets: Pairs = field(default=())
    classes: Pairs = field(default=())
    images: Pairs = field(default=())

    def __post_init__(self) -> None:
        """Bring the weights into canonical form.

        Raises:
            InputError: names the weight that is not between `LEAST` and `MOST`.
        """
        for name in ("sets", "classes", "images"):
            object.__setattr__(self, name, _pairs(getattr(self, name)))

    def __bool__(self) -> bool:
        """Return True if a weight is not 1."""
        return bool(self.sets or self.classes or self.images)

    def to_json(self) -> dict[str, dict[str, float]]:
        """Return mappings by kind, without empty ones; `Weights(**them)` is equal."""
        kinds = {"sets": self.sets, "classes": self.classes, "images": self.images}
        return {kind: dict(pairs) for kind, pairs in kinds.items() if pairs}

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the same weights with other names for the target sets."""
        classes = (
            ("/".join([names.get(part, part), label]), weight)
            for name, weight in self.classes
            for part, _, label in [name.partition("/")]
        )
        sets = ((names.get(name, name), weight) for name, weight in self.sets)
        return type(self)(tuple(sets), tuple(classes), self.images)

    def among(self, sets: Collection[str]) -> Self:
        """Return the weights of these target sets, their classes, and of single images."""
        return type(self)(
            tuple(pair for pair in self.sets if pair[0] in sets),
            tuple(pair for pair in self.classes if pair[0].partition("/")[0] in sets),
            self.images,
        )


def _pairs(given: Any) -> Pairs:
    found = dict(given)
    for name, weight in found.items():
        if not isinstance(weight, int | float) or not LEAST <= weight <= MOST:  # refuses NaN
            raise errors.InputError(
                f"Weight {weight!r} of {name!r} must be a number from {LEAST} to {MOST:g}."
            )
    rounded = ((name, round(float(weight), 6)) for name, weight in found.items())
    return tuple(sorted((name, weight) for name, weight in rounded if weight != 1))


EVEN = Weights()
"""Every weight is 1."""


def parse(words: Iterable[str]) -> Weights:
    """Read weights as the command line takes them.

    Raises:
        InputError: a word is not of one of the forms of `FORM`, or names something twice.
    """
    found: dict[str, dict[str, float]] = {"sets": {}, "classes": {}, "images": {}}
    for word in words:
        name, _, text = word.rpartition("=")
        kind = "images" if name.startswith(UID_PREFIX) else "classes" if "/" in name else "sets"
        name = name.removeprefix(UID_PREFIX)
        if not name or (weight := _number(text)) is None:
            raise errors.InputError(f"Weight {word!r} is not of the form {FORM}.")
        if name in found[kind]:
            raise errors.InputError(f"The weight of {name!r} is given twice; give it once.")
        found[kind][name] = weight
    return Weights(**{kind: tuple(pairs.items()) for kind, pairs in found.items()})


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


Member = tuple[str, str, str | None]
"""A target image: its target set, its uid, its label."""


def by_target(weights: Weights, members: Iterable[Member]) -> dict[str, float]:
    """Return the weights of target images by uid, without those of 1.

    An image of several target sets has the largest of its weights.

    Raises:
        InputError: a weight names a set, class or image that is not among the members.
    """
    if not weights:
        return {}
    members = list(members)
    _check(weights, members)
    sets, classes, images = dict(weights.sets), dict(weights.classes), dict(weights.images)
    found: dict[str, float] = {}
    for name, uid, label in members:
        weight = sets.get(name, 1.0) * classes.get(f"{name}/{label}", 1.0) * images.get(uid, 1.0)
        found[uid] = max(found.get(uid, 0.0), round(weight, 6), 1 / MICRO)
    return {uid: weight for uid, weight in found.items() if weight != 1}


def _check(weights: Weights, members: list[Member]) -> None:
    sets = sorted({name for name, _, _ in members})
    known = {
        "target set": (weights.sets, set(sets)),
        "class": (weights.classes, {f"{name}/{label}" for name, _, label in members if label}),
        "target image": (weights.images, {uid for _, uid, _ in members}),
    }
    for kind, (pairs, there) in known.items():
        for name, _ in pairs:
            if name not in there:
                shown = sorted(there)[:5] if kind == "class" else sets
                raise errors.InputError(
                    f"A weight names the {kind} {name!r}, which this selection does not search "
                    f"with; it searches with {', '.join(shown) or 'no class'}"
                    f"{', …' if kind == 'class' and len(there) > 5 else ''}."
                )


def turns(weight: float, number: int) -> int:
    """Return the turns of a target in a round (from 1): floor(w·r) − floor(w·(r − 1)).

    Cumulative, so that a weight of 1.5 gives 1 and 2 turns alternately; up to any round, a larger
    weight never gives fewer turns.
    """
    millionths = round(weight * MICRO)
    return millionths * number // MICRO - millionths * (number - 1) // MICRO
