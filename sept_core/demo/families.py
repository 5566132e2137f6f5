"""The visual families by name: the drawing function of each, and its count in the pool."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sept_core.demo import (
    animals,
    diagrams,
    landscapes,
    materials,
    objects,
    ornaments,
    plants,
    skies,
    still_life,
    textiles,
)


@dataclass(frozen=True)
class Family:
    """A family: `draw` makes one picture, `count` of them are in the pool."""

    draw: Callable[[np.random.Generator], Image.Image]
    count: int


FAMILIES = {
    "mountains": Family(landscapes.mountains, 260),
    "seascapes": Family(landscapes.seascapes, 250),
    "forests": Family(landscapes.forests, 180),
    "deserts": Family(landscapes.deserts, 170),
    "galaxies": Family(skies.galaxies, 200),
    "skylines": Family(skies.skylines, 240),
    "balloons": Family(skies.balloons, 150),
    "flowers": Family(plants.flowers, 120),
    "leaves": Family(plants.leaves, 110),
    "fruit": Family(still_life.fruit, 100),
    "butterflies": Family(animals.butterflies, 90),
    "fish": Family(animals.fish, 130),
    "cells": Family(animals.cells, 190),
    "tartans": Family(textiles.tartans, 210),
    "knitwear": Family(textiles.knitwear, 160),
    "bricks": Family(materials.bricks, 200),
    "wood": Family(materials.wood, 180),
    "marble": Family(materials.marble, 170),
    "stained-glass": Family(ornaments.stained_glass, 180),
    "tiles": Family(ornaments.tiles, 220),
    "mandalas": Family(ornaments.mandalas, 150),
    "charts": Family(diagrams.charts, 120),
    "contour-maps": Family(diagrams.contour_maps, 110),
    "circuits": Family(diagrams.circuits, 130),
    "road-signs": Family(objects.road_signs, 100),
    "clocks": Family(objects.clocks, 90),
}
"""Families by name; uneven on purpose, as pools are: those that a target set contains are the rarer
ones.
"""
