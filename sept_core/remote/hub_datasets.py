"""Data sets of the Hugging Face hub: from a name and a split to files at one commit.

In: `hf://datasets/OWNER/NAME[@REVISION][/path or split]`. Out: the same place at a commit, so that
later changes of the data set change nothing here; a split becomes the pattern of its parquet files,
in the data set itself or in the parquet files that the hub makes of every data set.
"""

import re
from pathlib import Path

from sept_core import errors
from sept_core.remote import hub, permission, places, requests

CONVERTED = "refs/convert/parquet"
"""The branch with the parquet files that the hub makes."""

_DATASET = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@([^/]+))?(?:/(.*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SPLIT = re.compile(r"(?:.*/)?(?:data/)?([A-Za-z_]\w*)(?:-\d+-of-\d+|/[^/]+|)\.parquet")


def pinned(path: Path) -> Path:
    """Return a place on the hub at a commit; any other path as it is.

    Raises:
        SourceError: it names no data set or no split of it, or must not be read.
        OSError: the hub does not answer.
    """
    if not places.is_remote(path) or places.scheme(path) != hub.SCHEME:
        return path
    address = places.url(path).rstrip("/")
    match = _DATASET.fullmatch(address)
    if match is None:
        raise errors.SourceError(
            f"{places.shown(address)} names no data set; write hf://datasets/OWNER/NAME, and a "
            "split or a path behind it if you need only a part."
        )
    permission.check(address)
    repository, revision, rest = match[1], match[2], match[3] or ""
    if revision and _COMMIT.fullmatch(revision) and _has_magic(rest):
        return path
    return Path(_place(repository, revision, rest))


def _place(repository: str, revision: str | None, rest: str) -> str:
    base = _base(repository, revision)
    if not rest or _has_magic(rest):
        return f"{base}/{rest}".rstrip("/")
    names = _files(base)
    if any(name == rest or name.startswith(f"{rest}/") for name in names):
        return f"{base}/{rest}"
    if pattern := _pattern(names, rest):
        return f"{base}/{pattern}"
    if revision is None:
        try:
            made = _base(repository, CONVERTED)
            converted = _files(made)
        except FileNotFoundError:  # the hub has made none
            converted = []
        if pattern := _pattern(converted, rest) or _pattern_of_config(converted, rest):
            return f"{made}/{pattern}"
        names += converted
    splits = sorted({match[1] for name in names if (match := _SPLIT.fullmatch(name))})
    known = f"its splits are {', '.join(splits)}" if splits else "it has no splits in parquet"
    raise errors.SourceError(f"{base} has no file, folder or split {rest!r}; {known}.")


def _base(repository: str, revision: str | None) -> str:
    is_commit = revision is not None and _COMMIT.fullmatch(revision) is not None
    at = revision if is_commit else hub.commit(repository, revision)
    return f"{hub.SCHEME}://datasets/{repository}@{at}"


def _files(base: str) -> list[str]:
    return [found.url.removeprefix(f"{base}/") for found in requests.walk(f"{base}/")]


def _pattern(names: list[str], rest: str) -> str | None:
    """Return the pattern of a split's files below the folders in front of it."""
    folder, _, split = rest.rpartition("/")
    above = f"{folder}/" if folder else ""
    for form in ("data/{}-*", "data/{}", "data/{}/*", "{}-*", "{}", "{}/*"):
        pattern = f"{above}{form.format(split)}.parquet"
        if any(places.matches(name, pattern) for name in names):
            return pattern
    return None


def _pattern_of_config(names: list[str], split: str) -> str | None:
    """Return the pattern of a split in the hub's own parquet files, for the only configuration."""
    folders = {name.partition("/")[0] for name in names if name.endswith(".parquet")}
    chosen = "default" if "default" in folders else folders.pop() if len(folders) == 1 else None
    return chosen and _pattern(names, f"{chosen}/{split}")


def _has_magic(text: str) -> bool:
    return any(sign in text for sign in "*?[{")
