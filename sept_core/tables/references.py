"""References: the files that a list or table names, in any spelling of their names.

In: a name as a table has it: relative, absolute, of Windows, with `file://`, `%20`, in another
Unicode form, without its suffix. Out: the file below the root that it names, or the reason why
there is none.
"""

# ruff: noqa: PTH118, PTH208
# Plain strings, as in `folders`: Path objects would double the time of a million names.

import functools
import os
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from sept_core.filesystem import folders, safe_paths
from sept_core.remote.places import is_remote
from sept_core.tables.formats import looks
from sept_core.tables.formats.rows import Match, shown
from sept_core.tables.remote_references import RemoteReferrer

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_LONGEST = 4096
_ENCODINGS = ("cp1252", "latin-1")
_AROUND = " \t\r\n\ufeff\"'"
_USUAL = re.compile(r"[A-Za-z0-9_./+,@=()-]+")
"""Names that can be read in only one way."""

_ODD = set("\\%")
_ODD_STARTS = ("", "/", ".")
_MOST_FOLDED = 200_000
"""Names in one folder; larger folders get no index by case."""


def referrer(
    root: Path, places: Sequence[Path], prefix: str = "", beyond: tuple[str, ...] = ()
) -> "Referrer | RemoteReferrer":
    """Return what finds the files below a root, local or remote; see `Referrer`."""
    if is_remote(root):
        return RemoteReferrer(root, places)
    return Referrer(root, places, prefix, beyond)


class Reference(NamedTuple):
    """The file that a name leads to, or why there is none; `found` may give its expected place."""

    found: folders.Found | None
    problem: str | None


class Referrer:
    """Finds the files that a table names.

    Args:
        root: the folder that all files lie below.
        places: folders that relative names may start from, the likeliest first.
        prefix: folders, with slashes, that absolute names begin with on their original machine.
        beyond: folders besides the root that links may lead to.
    """

    def __init__(
        self,
        root: Path,
        places: Sequence[Path],
        prefix: str = "",
        beyond: tuple[str, ...] = (),
    ) -> None:
        self._root = root
        self._places = list(dict.fromkeys(places))
        self._prefix = prefix
        self._has_ways = len(self._places) > 1 or bool(prefix)
        self._look = folders.NamedFiles(root, beyond).look
        start = folders.relative(root, self._places[0], "x")
        self._start = None if start is None else start.removesuffix("x")
        self._folder = functools.lru_cache(256)(functools.partial(_Folder, root))
        self._folder_alike = functools.lru_cache(4096)(self._spelled)

    def prepare(self, names: Iterable[str]) -> None:
        """Do nothing: looking up a local file takes no preparation."""

    def find(self, name: str) -> Reference:
        """Find the file of a name."""
        inside = self._inside(name) if len(name) < _LONGEST else None
        found = self._look(inside) if inside is not None else None
        if found is not None and found.problem is None:
            return Reference(found, None)
        return self._search(name, found)

    def _inside(self, name: str) -> str | None:
        """Return the stored path below the root for a name; usual names take a fast path."""
        if self._start is None or name[:1] in _ODD_STARTS or "/." in name or "//" in name:
            return folders.relative(self._root, self._places[0], name)
        if name.isascii() and "\\" not in name and name[-1] != "/":
            return self._start + name
        return folders.relative(self._root, self._places[0], name)

    def match(self, name: str) -> Match:
        """Return how a value names a file, if it does."""
        if not name or len(name) > _LONGEST or looks.is_address(name):
            return Match.NONE
        found, _ = self.find(name)
        if found is None or found.problem is not None:
            return Match.NONE
        same = safe_paths.suffix_of(name.strip(_AROUND)) == safe_paths.suffix_of(found.rel_path)
        return Match.FILE if same else Match.STEM

    def _search(self, name: str, literal: folders.Found | None) -> Reference:
        """Try every other way to read a name, the likeliest first."""
        if literal is not None and not self._has_ways and _USUAL.fullmatch(name):
            return self._alike_or_missing(literal, [literal.rel_path], name)
        if looks.is_address(name):
            problem = "an address, not a file; download it first, for example with img2dataset"
            return Reference(None, f"{problem}: {shown(name)}")
        if len(name) >= _LONGEST:
            return Reference(None, f"no path: {shown(name)}")
        tried = self._readings(name)
        for inside in tried:
            if literal is None or inside != literal.rel_path:
                found = self._look(inside)
                if found.problem is None:
                    return Reference(found, None)
        return self._alike_or_missing(self._expected(name, tried), tried, name)

    def _readings(self, name: str) -> list[str]:
        """Stored paths below the root that a name may stand for."""
        found = {
            folders.relative(self._root, place, spelled): None
            for spelled in _spellings(name, self._prefix)
            for place in self._places
        }
        return [inside for inside in found if inside is not None]

    def _expected(self, name: str, tried: list[str]) -> folders.Found | None:
        """The place where the file of a name should be; None where that is not below the root."""
        if not tried or (_DRIVE.match(name.strip(_AROUND)) and not self._prefix):
            return None
        likely = plain(name).replace("\\", "/").removeprefix(self._prefix)
        return self._look(folders.relative(self._root, self._places[0], likely) or tried[0])

    def _alike_or_missing(
        self, expected: folders.Found | None, tried: list[str], name: str
    ) -> Reference:
        """Return a file with a similar name, or why there is none and what may help."""
        for inside in tried:
            if other := self._alike(inside, by_case=False):
                return Reference(self._look(other), None)
        if expected is None:
            problem = "leads out of the source"
            if tried:
                problem = (
                    "missing file: a Windows path; give the folder that holds it with --root FOLDER"
                )
            return Reference(None, f"{problem}: {shown(name)}")
        if expected.problem == "missing file":
            others = (self._alike(inside, by_case=True) for inside in tried)
            if other := next(filter(None, others), None):
                problem = f"missing file; {shown(other)} is written in other upper and lower case"
                return Reference(expected._replace(problem=problem), None)
        return Reference(expected, None)

    def _alike(self, rel_path: str, by_case: bool) -> str | None:
        """The one file of the same path in another Unicode form, or with an image's suffix.

        Args:
            rel_path: as written by `safe_paths.stored`.
            by_case: the path may differ in upper and lower case instead.
        """
        if rel_path.isascii() and not by_case and _has_suffix(rel_path):
            return None
        above, _, last = safe_paths.original(rel_path).rpartition("/")
        folder = self._folder_alike(above, by_case)
        if folder is None:
            return None
        names = self._folder(folder)
        found = names.itself(last) if above else None  # the folder may be spelled otherwise
        found = found or (names.by_case(last) if by_case else names.by_form(last))
        found = found or (None if by_case else names.by_stem(last))
        if not found:
            return None
        other = safe_paths.stored(f"{folder}/{found}" if folder else found)
        return other if other != rel_path and self._look(other).problem is None else None

    def _spelled(self, folder: str, by_case: bool) -> str | None:
        """Return a folder below the root as spelled on disk, or None if there is none."""
        if not folder:
            return ""
        above, _, last = folder.rpartition("/")
        outer = self._folder_alike(above, by_case)
        if outer is None:
            return None
        names = self._folder(outer)
        found = names.itself(last) or (names.by_case(last) if by_case else names.by_form(last))
        return found and (f"{outer}/{found}" if outer else found)


class _Folder:
    """The names in a folder, for names without an exact match."""

    def __init__(self, root: Path, folder: str) -> None:
        self._path = os.path.join(root, folder)

    def itself(self, name: str) -> str | None:
        """Return the name, if it exists."""
        return name if os.path.lexists(os.path.join(self._path, name)) else None

    def by_form(self, name: str) -> str | None:
        """The only name that is the same in Unicode's composed form."""
        if name.isascii():
            return None
        return self._composed.get(unicodedata.normalize("NFC", name))

    def by_case(self, name: str) -> str | None:
        """Return the only name that differs only in case."""
        return self._folded.get(_folded(name))

    def by_stem(self, name: str) -> str | None:
        """The only image whose name is this with a suffix."""
        if _has_suffix(name):
            return None
        return self._stems.get(unicodedata.normalize("NFC", name))

    @functools.cached_property
    def _composed(self) -> dict[str, str | None]:
        odd = (name for name in self._names if not name.isascii())
        return _only((unicodedata.normalize("NFC", name), name) for name in odd)

    @functools.cached_property
    def _folded(self) -> dict[str, str | None]:
        if len(self._names) > _MOST_FOLDED:
            return {}
        return _only((_folded(name), name) for name in self._names)

    @functools.cached_property
    def _stems(self) -> dict[str, str | None]:
        named = (name for name in self._names if _has_suffix(name))
        stems = ((name.rpartition(".")[0], name) for name in named)
        return _only((unicodedata.normalize("NFC", stem), name) for stem, name in stems)

    @functools.cached_property
    def _names(self) -> list[str]:
        try:
            return os.listdir(self._path)
        except OSError:
            return []


def _only(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Names by their keys; None where several have one key."""
    found: dict[str, str | None] = {}
    for key, name in pairs:
        found[key] = None if key in found else name
    return found


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _has_suffix(name: str) -> bool:
    return safe_paths.suffix_of(name) in safe_paths.IMAGE_SUFFIXES


def _spellings(name: str, prefix: str) -> Iterator[str]:
    """Yield the possible meanings of a name, the literal one first."""
    bare = plain(name)
    if not _has_scheme(name):
        yield name
    if bare.isascii() and not prefix and not set(bare) & _ODD:
        yield bare
        return
    slashed = bare.replace("\\", "/")
    for spelled in dict.fromkeys((bare, slashed)):
        yield spelled
        if "%" in spelled:
            yield urllib.parse.unquote(spelled, errors="surrogateescape")
    for spelled in (slashed, urllib.parse.unquote(slashed)):
        if prefix and spelled.startswith(prefix):
            yield spelled[len(prefix) :]
    if not bare.isascii():
        yield from chain(_in_bytes(bare), _in_bytes(slashed))


def plain(name: str) -> str:
    """A name without quotes and blanks around it, `file:///x` and `~/x` as a path."""
    name = name.strip(_AROUND)
    if _has_scheme(name):
        host, slash, path = name[5:].removeprefix("//").partition("/")
        rooted = "/" + path if slash and host in ("", "localhost") else name[5:]
        return rooted[1:] if _DRIVE.match(rooted[1:]) else rooted
    return str(Path(name).expanduser()) if name.startswith("~/") else name


def _has_scheme(name: str) -> bool:
    return name.lstrip(_AROUND)[:5].lower() == "file:"


def _in_bytes(name: str) -> Iterator[str]:
    """Names on disk that are not UTF-8, as a table in the same encoding has them."""
    for encoding in _ENCODINGS:
        try:
            yield os.fsdecode(name.encode(encoding))
        except UnicodeError:
            continue
