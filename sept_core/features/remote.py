"""Feature stores in object storage: `s3://`, `gs://`, any place that fsspec knows.

In: the stores of one encoder and a URL. Out: the same files at the URL, and back; of a store that
has such a mirror, a machine that does not see the project's folder fetches just the shards it is
to work on. A header is copied last and names the checksums of the files before it.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from sept_core import errors
from sept_core.features import feature_store
from sept_core.features.feature_store import FeatureStore
from sept_core.storage import atomic, hashing, project_paths

RECORD = "mirror.json"
"""File in a store's folder with the URL that the store was last pushed to."""
HEADERS = "[0-9]*.json"

Told = Callable[[int, int], None]
"""Called with the number of shards present and their total."""


@dataclass(frozen=True)
class Place:
    """A folder in object storage."""

    url: str

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        import fsspec

        if "@" in self.url.partition("://")[2].partition("/")[0]:
            raise errors.InputError(
                "The URL contains a password or key, which would be stored with it; put "
                "credentials into the environment instead (docs/clusters.md)."
            )
        try:
            system, root = fsspec.core.url_to_fs(self.url)
        except ImportError as problem:  # its sentence names the package
            raise errors.InputError(
                f"{self.url} cannot be reached: {problem} (for s3://: pip install 'sept[cloud]')."
            ) from None
        except ValueError as problem:
            raise errors.InputError(f"{self.url} is not a URL to copy to: {problem}.") from None
        return system, root.rstrip("/")

    @contextlib.contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """Turn any storage error into one sentence; every backend raises its own errors."""
        try:
            yield self._opened
        except errors.SeptError:
            raise
        except Exception as problem:
            raise errors.JobError(f"{self.url} cannot be used: {problem}") from problem

    def headers(self) -> set[str]:
        """Names of the shards' headers, relative to this place."""
        with self._reached() as (system, root):
            system.invalidate_cache()
            found = system.find(root) if system.exists(root) else []
        names = [path.removeprefix(root).lstrip("/") for path in found]
        if strange := [name for name in names if ".." in PurePosixPath(name).parts]:
            raise errors.IntegrityError(
                f"{self.url} contains {strange[0]!r}, whose path leads outside it."
            )
        return {name for name in names if PurePosixPath(name).match(HEADERS)}

    def read(self, name: str) -> bytes | None:
        """Return a small file; None if there is none."""
        with self._reached() as (system, root):
            try:
                content: bytes = system.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None
        return content

    def put(self, path: Path, name: str) -> None:
        """Copy a file here."""
        with self._reached() as (system, root):
            system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
            system.put_file(str(path), f"{root}/{name}")

    def get(self, name: str, path: Path, sha256: str) -> None:
        """Copy a file from here.

        Raises:
            IntegrityError: it is missing, or not what the shard's header says.
        """
        with atomic.write_then_rename(path) as temporary:
            with self._reached() as (system, root):
                try:
                    system.get_file(f"{root}/{name}", str(temporary))
                except FileNotFoundError:
                    raise errors.IntegrityError(
                        f"{name} is missing from {self.url}; push the features again."
                    ) from None
            if atomic.sha256_file(temporary) != sha256:
                raise errors.IntegrityError(
                    f"{self.url}/{name} does not match the checksum in its header; push the "
                    "features again."
                )


def push(folder: Path, url: str, told: Told) -> int:
    """Copy all stores of an encoder to a place; files that exist there are skipped.

    Args:
        folder: the encoder's, with its stores below it.
        url: where to; empty, or a mirror of the same stores.
        told: progress in shards.

    Returns:
        Shards copied.

    Raises:
        InputError: the place cannot be reached, or holds other features.
    """
    place = Place(url)
    here = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob(HEADERS))}
    _check_encoder(place.read(project_paths.CARD), folder / project_paths.CARD, url)
    if others := place.headers() - here.keys():
        raise errors.InputError(
            f"{url} contains features that this project does not have (first: {min(others)}); "
            "push to an empty URL."
        )
    place.put(folder / project_paths.CARD, project_paths.CARD)
    copied = 0
    for number, (name, path) in enumerate(here.items(), 1):
        if place.read(name) != path.read_bytes():
            for suffix in feature_store.PARTS.values():
                place.put(path.with_suffix(suffix), name.removesuffix(".json") + suffix)
            place.put(path, name)
            copied += 1
        told(number, len(here))
    for store in sorted({path.parent for path in here.values()}):
        address = f"{url.rstrip('/')}/{store.relative_to(folder).as_posix()}"
        atomic.write_json(store / RECORD, {"url": address})
    return copied


def encoder_of(url: str) -> str:
    """Return the id of the encoder whose stores are at a place.

    Raises:
        InputError: the place cannot be reached.
        NotFoundError: it holds no features.
    """
    return project_paths.check_name(str(json.loads(_card(Place(url)))["id"]), "encoder")


def _card(place: Place) -> bytes:
    card = place.read(project_paths.CARD)
    if card is None:
        raise errors.NotFoundError(f"There are no features at {place.url}.")
    return card


def pull(url: str, folder: Path, told: Told) -> int:
    """Copy all stores of an encoder from a place; shards that exist here are skipped.

    Args:
        url: where `push` copied them to.
        folder: the encoder's.
        told: progress in shards.

    Returns:
        Shards copied.

    Raises:
        InputError: the place cannot be reached, or is of another encoder.
        NotFoundError: it holds no features.
        IntegrityError: a file there is missing or damaged, or leads out of the place.
    """
    place = Place(url)
    card = _card(place)
    _check_encoder(card, folder / project_paths.CARD, url)
    names = sorted(place.headers())
    copied = 0
    for number, name in enumerate(names, 1):
        copied += _fetch(place, name, folder)
        told(number, len(names))
    atomic.write_json(folder / project_paths.CARD, json.loads(card))
    return copied


def _check_encoder(theirs: bytes | None, card: Path, url: str) -> None:
    if theirs is None or not card.exists():
        return
    if json.loads(theirs)["identity"] != atomic.read_json(card)["identity"]:
        raise errors.InputError(
            f"{url} contains features of {json.loads(theirs)['id']}, not of "
            f"{atomic.read_json(card)['id']}; use another URL."
        )


def _fetch(place: Place, name: str, folder: Path) -> bool:
    """Copy a shard unless it is here; return whether it was copied."""
    content = place.read(name)
    if content is None:
        raise errors.IntegrityError(f"{name} is missing from {place.url}; push the features again.")
    header = json.loads(content)
    path = folder / name
    if path.exists() and atomic.read_json(path) == header:
        return False
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    for key, suffix in feature_store.PARTS.items():
        source = name.removesuffix(".json") + suffix
        place.get(source, path.with_suffix(suffix), header[f"{key}_sha256"])
    atomic.write_json(path, header)
    return True


@dataclass(frozen=True)
class Reference:
    """Some shards of a store, for a machine that may not have access to its folder."""

    folder: str
    url: str | None
    content_id: str
    numbers: tuple[int, ...]

    def open(self) -> FeatureStore:
        """Open these shards as a store: in place, or fetched from the mirror.

        Raises:
            NotFoundError: they do not lie here, and the store has no mirror.
            IntegrityError: the mirror is damaged, or older than the store.
        """
        folder = Path(self.folder)
        if not folder.exists():
            folder = self._fetched()
        found = FeatureStore(folder).only(self.numbers)
        if found.content_id() != self.content_id:
            raise errors.IntegrityError(
                f"{self.url or folder} does not match the current features in {self.folder}; push "
                "them again."
            )
        return found

    def _fetched(self) -> Path:
        if self.url is None:
            raise errors.NotFoundError(
                f"{self.folder} is not on this machine; put the project on a file system that all "
                "machines share, or copy its features to object storage (sept features push)."
            )
        folder = _cache() / hashing.fingerprint(self.url)
        place = Place(self.url)
        for number in self.numbers:
            _fetch(place, f"{number:05d}.json", folder)
        return folder


def references(store: FeatureStore, parts: Iterable[slice]) -> list[Reference]:
    """Return one reference for each part, a run of the store's shards."""
    record = store.folder / RECORD
    url = atomic.read_json(record)["url"] if record.exists() else None
    found = [(store.part(part), store.shards[part]) for part in parts]
    return [
        Reference(str(store.folder), url, part.content_id(), tuple(s.number for s in shards))
        for part, shards in found
    ]


def _cache() -> Path:
    """Return the folder of fetched shards; it can be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sept" / "features"
