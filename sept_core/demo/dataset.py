"""Generator of the demo's data: a pool in three sources, two target sets, and the ground truth.

In: a folder and a seed. Out: the files of `layout.Layout`. The pool has the flaws of real pools:
uninformative names, uneven families, copies, near-copies, broken files and a few of the target
sets' own test images.
"""

import csv
import io
import json
import multiprocessing
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sept_core.demo import flaws
from sept_core.demo.families import FAMILIES
from sept_core.demo.layout import TARGETS, Layout
from sept_core.storage import atomic, hashing

TARGET_IMAGES = {"train": 12, "test": 15}
"""Images per class of a target set, by split."""

FEWEST = 4
"""Minimum images per family and split, at any scale."""

NEAR_COPIES, EXACT_COPIES, CORRUPT_EACH, LEAKS_EACH = 60, 12, 2, 3
"""Flaws planted in the pool; leaks are counted per target set and kind (same bytes, near-copy)."""

SHARD_IMAGES = 300
STREAMS = {"pool": 0, "train": 1, "test": 2}


@dataclass(frozen=True)
class Order:
    """One picture to draw: the `number`-th of a family for the pool or a target's split."""

    family: str
    stream: str
    number: int
    seed: int

    def rng(self) -> np.random.Generator:
        family = list(FAMILIES).index(self.family)
        return np.random.default_rng([self.seed, family, STREAMS[self.stream], self.number])


@dataclass(frozen=True)
class Picture:
    """A file of the pool; `flaw` and `of` (another key) describe its flaw, if any."""

    key: str
    label: str
    suffix: str
    content: bytes
    flaw: str = ""
    of: str = ""


def draw(
    folder: Path,
    seed: int = 0,
    *,
    scale: float = 1.0,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Draw pool and target sets; the same seed and scale give the same bytes.

    Args:
        folder: output folder; see `layout.Layout`.
        seed: random seed of everything that is drawn or planted.
        scale: factor of the number of images.
        processes: number of parallel processes; default one per CPU.
        progress: called with the number of drawn pictures and the total.

    Returns:
        The number of pool files, in total and per flaw.
    """
    layout = Layout(folder)
    pool_orders = [
        Order(name, "pool", number, seed)
        for name, family in FAMILIES.items()
        for number in range(_scaled(family.count, scale))
    ]
    target_orders = _target_orders(seed, scale)
    contents = _drawn([*pool_orders, *target_orders], processes, progress)
    target_contents = contents[len(pool_orders) :]
    _write_targets(layout, target_orders, target_contents)
    pictures = [_picture(*pair) for pair in zip(pool_orders, contents, strict=False)]
    leakable = [pair for pair in zip(target_orders, target_contents, strict=True)
                if pair[0].stream == "test"]  # fmt: skip
    pool = _with_flaws(pictures, leakable, seed, scale)
    _write_pool(layout, pool)
    counts = {"files": len(pool), **_flaw_counts(pool)}
    atomic.write_json(layout.header, {"seed": seed, "scale": scale, "counts": counts})
    return counts


def _scaled(count: int, scale: float) -> int:
    return max(FEWEST, round(count * scale))


def _target_orders(seed: int, scale: float) -> list[Order]:
    return [
        Order(family, stream, number, seed)
        for classes in TARGETS.values()
        for family in classes
        for stream, size in TARGET_IMAGES.items()
        for number in range(_scaled(size, scale))
    ]


def _drawn(
    orders: Sequence[Order], processes: int | None, progress: Callable[[int, int], None]
) -> list[bytes]:
    """Yield the file of every order, in their order, drawn in parallel."""
    count = processes or len(os.sched_getaffinity(0))
    contents = []
    # Fresh processes: forking one that may have threads is not safe.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as workers:
        for content in workers.map(draw_one, orders, chunksize=16):
            contents.append(content)
            progress(len(contents), len(orders))
    return contents


def draw_one(order: Order) -> bytes:
    """Draw the file of one picture: mostly JPEG; in the pool some PNG and WebP."""
    rng = order.rng()
    image = FAMILIES[order.family].draw(rng)
    kind = rng.random() if order.stream == "pool" else 1.0
    if kind < 0.06:
        return flaws.encoded(image, "PNG")
    if kind < 0.14:
        return flaws.encoded(image, "WEBP", quality=85)
    return flaws.jpeg(image, quality=int(rng.integers(84, 96)))


def _picture(order: Order, content: bytes) -> Picture:
    suffix = {b"\x89PNG": "png", b"RIFF": "webp"}.get(content[:4], "jpg")
    return Picture(_key(order), order.family, suffix, content)


def _key(*named: object) -> str:
    """Return an uninformative file name."""
    return hashing.fingerprint([repr(name) for name in named])[:10]


def _with_flaws(
    pictures: list[Picture], tests: list[tuple[Order, bytes]], seed: int, scale: float
) -> list[Picture]:
    """Return the pool with all planted files, in an uninformative order."""
    rng = np.random.default_rng([seed, len(FAMILIES)])
    near, exact = _scaled(NEAR_COPIES, scale), _scaled(EXACT_COPIES, scale)
    chosen = rng.permutation(len(pictures))[: near + exact]
    copies = [_copy(pictures[row], "near-copy", rng) for row in chosen[:near]]
    copies += [_copy(pictures[row], "copy", rng) for row in chosen[near:]]
    broken = [
        _broken(pictures[row], kind)
        for kind in flaws.CORRUPTIONS
        for row in rng.choice(len(pictures), CORRUPT_EACH, replace=False)
    ]
    pool = pictures + copies + broken + _leaks(tests, rng)
    return sorted(pool, key=lambda picture: picture.key)


def _copy(picture: Picture, flaw: str, rng: np.random.Generator) -> Picture:
    key = _key(picture.key, flaw)
    if flaw == "copy":
        return replace(picture, key=key, flaw=flaw, of=picture.key)
    content = flaws.near_copy(picture.content, rng)
    return Picture(key, picture.label, "jpg", content, flaw, picture.key)


def _broken(picture: Picture, kind: str) -> Picture:
    content = flaws.CORRUPTIONS[kind](picture.content)
    return Picture(_key(picture.key, kind), "", "jpg", content, kind)


def _leaks(tests: list[tuple[Order, bytes]], rng: np.random.Generator) -> list[Picture]:
    """Return test images of each target set that are in the pool, unchanged or modified."""
    found = []
    for classes in TARGETS.values():
        own = [(order, content) for order, content in tests if order.family in classes]
        rows = rng.choice(len(own), 2 * LEAKS_EACH, replace=False)
        for number, row in enumerate(rows):
            order, content = own[row]
            near = number >= LEAKS_EACH
            content = flaws.near_copy(content, rng) if near else content
            flaw = "near-leak" if near else "leak"
            found.append(Picture(_key(order, flaw), order.family, "jpg", content, flaw))
    return found


def _flaw_counts(pool: Iterable[Picture]) -> dict[str, int]:
    names = [picture.flaw for picture in pool if picture.flaw]
    return {name: names.count(name) for name in sorted(set(names))}


def _write_targets(layout: Layout, orders: Sequence[Order], contents: Sequence[bytes]) -> None:
    owner = {family: name for name, classes in TARGETS.items() for family in classes}
    for order, content in zip(orders, contents, strict=True):
        folder = layout.targets[owner[order.family]] / order.stream / order.family
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{order.number:02d}.jpg").write_bytes(content)


def _write_pool(layout: Layout, pool: Sequence[Picture]) -> None:
    """Distribute the pool to its sources by name; broken files go to the folder."""
    dealt: dict[str, list[Picture]] = {name: [] for name in layout.sources}
    for picture in pool:
        share = hashing.hashed_uniform(0, picture.key)
        is_plain = picture.suffix == "jpg" and picture.flaw not in flaws.CORRUPTIONS
        name = "photos" if share < 0.6 or not is_plain else "scans" if share < 0.8 else "web"
        dealt[name].append(picture)
    _write_folder(layout.sources["photos"], dealt["photos"])
    _write_zip(layout.sources["scans"], dealt["scans"])
    for number in range(0, len(dealt["web"]), SHARD_IMAGES):
        path = layout.sources["web"] / f"{number // SHARD_IMAGES:05d}.tar"
        _write_shard(path, dealt["web"][number : number + SHARD_IMAGES])
    _write_csv(layout.truth, ("key", "label"), [(p.key, p.label) for p in pool if p.label])
    _write_csv(layout.flaws, ("key", "flaw", "of"), [(p.key, p.flaw, p.of) for p in pool if p.flaw])


def _write_folder(folder: Path, pictures: Iterable[Picture]) -> None:
    for picture in pictures:
        roll = folder / f"roll-{int(picture.key[0], 16):02d}"
        roll.mkdir(parents=True, exist_ok=True)
        (roll / f"{picture.key}.{picture.suffix}").write_bytes(picture.content)


def _write_zip(path: Path, pictures: Iterable[Picture]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.write_then_rename(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for picture in pictures:
            # A ZipInfo made from a name alone has a fixed date, so the bytes are always the same.
            member = zipfile.ZipInfo(f"scans/{picture.key}.{picture.suffix}")
            archive.writestr(member, picture.content)


def _write_shard(path: Path, pictures: Iterable[Picture]) -> None:
    """Write a WebDataset shard: each picture with its side-car, as crawlers write them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.write_then_rename(path) as temporary, tarfile.open(temporary, "w") as archive:
        for picture in pictures:
            year = 2008 + int(hashing.hashed_uniform(1, picture.key) * 17)
            side_car = json.dumps({"key": picture.key, "year": year}).encode()
            for suffix, content in ((picture.suffix, picture.content), ("json", side_car)):
                member = tarfile.TarInfo(f"{picture.key}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with atomic.write_then_rename(path) as temporary, temporary.open("w", newline="") as out:
        csv.writer(out).writerows([header, *rows])
