"""Samples: the side-cars that belong to each image, and the values they give it.

In: names of images and of side-cars, which are small files of text or JSON. Out: the values that
belong to each image, and the side-cars that belong to none.

In WebDataset, files that share a name up to its first dot form one sample. Many tars have dots in
their keys (`scan_1.5.jpg`, `v0.2_17.json`), so the rule alone would mix their samples. Therefore a
side-car belongs to the images whose name continues its own (`scan_1.5.json` to `scan_1.5.jpg`,
`x.json` to `x.jpg` and `x.mask.png`); else to those of the longest shorter name that an image has
(`x.meta.json` to `x.jpg`); and an image that is alone in WebDataset's sample has all side-cars of
the sample.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sept_core.filesystem import safe_paths
from sept_core.tables import tables

ORPHAN = "side-car without an image"
UNREADABLE = "unreadable side-car"
NOT_JSON = "side-car is not a JSON object"

_MOST_DOTS = 16
"""Dots of a name that count; names in archives may be long."""

Named = tuple[Hashable, str]
"""(scope, name) of a file; only names of one scope are compared."""


@dataclass(frozen=True)
class Gathered:
    """Values from side-cars.

    Attributes:
        values: of each image that has a side-car, by its position.
        problems: of each side-car that gives no image a value, by its position.
    """

    values: dict[int, tables.Row]
    problems: dict[int, str]


def gather(
    images: Sequence[Named], side_cars: Sequence[Named], read: Callable[[int], bytes | None]
) -> Gathered:
    """Give each image the values of its side-cars; the more specific ones win.

    Args:
        images: of any number of samples.
        side_cars: the same.
        read: gives the content of a side-car by its position, None where it cannot be read; asked
            once for each that belongs to an image.
    """
    found = matched(images, side_cars)
    problems = dict.fromkeys(range(len(side_cars)), ORPHAN)
    said: dict[int, tables.Row] = {}
    for car in dict.fromkeys(car for cars in found.values() for car in cars):
        text = read(car)
        row = None if text is None else values(side_cars[car][1], text)
        said[car] = row or {}
        problems[car] = UNREADABLE if text is None else NOT_JSON
        if row is not None:
            del problems[car]
    merged = {image: _merged(said[car] for car in cars) for image, cars in found.items()}
    return Gathered(merged, problems)


def _merged(rows: Iterable[tables.Row]) -> tables.Row:
    return {name: value for row in rows for name, value in row.items()}


def values(name: str, text: bytes) -> tables.Row | None:
    """Return the values of one side-car; None for a `.json` that is not an object."""
    suffix = safe_paths.suffix_of(name)
    if suffix != ".json":
        plain = text.decode("utf-8-sig", "replace").strip()
        return {"cls" if suffix == ".cls" else "caption": plain}
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tables.scalars(said) if isinstance(said, dict) else None


def key(name: str) -> tuple[str, str]:
    """WebDataset's sample of a file: its folder, and its name up to the first dot."""
    folder, _, base = name.rpartition("/")
    return folder, base.partition(".")[0]


def matched(images: Sequence[Named], side_cars: Sequence[Named]) -> dict[int, list[int]]:
    """The positions of the side-cars of each image that has any, the most general first."""
    samples: dict[Hashable, list[int]] = defaultdict(list)  # side-cars as ~number
    for number, (scope, name) in enumerate(side_cars):
        samples[scope, *key(name)].append(~number)
    for number, (scope, name) in enumerate(images):
        if known := samples.get((scope, *key(name))):
            known.append(number)
    found: dict[int, list[int]] = defaultdict(list)
    for sample in samples.values():
        ours = [number for number in sample if number >= 0]
        cars = [~number for number in sample if number < 0]
        bases = [_base(images[number][1]) for number in ours]
        stems = [_base(side_cars[number][1]).rpartition(".")[0] for number in cars]
        for image, car in _alone(bases[0], stems) if len(bases) == 1 else _pairs(bases, stems):
            found[ours[image]].append(cars[car])
    return found


def _alone(base: str, stems: list[str]) -> Iterator[tuple[int, int]]:
    """`_pairs` of a sample with one image, which has all of its side-cars."""
    rank = [len(stem) if base.startswith(f"{stem}.") or base == stem else 0 for stem in stems]
    yield from ((0, car) for car in sorted(range(len(stems)), key=rank.__getitem__))


def _pairs(bases: list[str], stems: list[str]) -> Iterator[tuple[int, int]]:
    """(image, side-car) of one sample, by positions, the most general side-cars first.

    Args:
        bases: the images' names without folders.
        stems: the side-cars' names without folders and without their suffix.
    """
    beginnings: dict[str, list[int]] = defaultdict(list)
    for number, base in enumerate(bases):
        for beginning in _beginnings(base):
            beginnings[beginning].append(number)
    own = {base.rpartition(".")[0] or base for base in bases}
    owners = [beginnings.get(stem) or _of_shorter(stem, beginnings, own) for stem in stems]
    general = sorted(
        range(len(stems)), key=lambda n: len(stems[n]) if stems[n] in beginnings else 0
    )
    for car in general:
        yield from ((number, car) for number in owners[car])


def _of_shorter(stem: str, beginnings: dict[str, list[int]], own: set[str]) -> list[int]:
    """The images of the longest shorter name that one of them has."""
    while "." in stem:
        stem = stem.rpartition(".")[0]
        if stem in own:
            return beginnings[stem]
    return []


def _beginnings(base: str) -> list[str]:
    """`a.b.jpg` begins with `a`, `a.b` and itself."""
    parts = base.split(".", _MOST_DOTS)
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _base(name: str) -> str:
    return name.rpartition("/")[2]
