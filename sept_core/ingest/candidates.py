"""Candidates: the files with unusual names that are opened as images.

In: the entries of a listing, in its order. Out: the same entries, some of them with a problem.

Files are known by their bytes, so a file of any suffix may be an image. Two rules keep a data set's
other files closed: files of an unusual suffix with the name of an adjacent image are side-cars
(`x.pose` next to `x.png`) if the first few of that suffix are not images, and the user may name the
suffixes of images.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from sept_core import errors
from sept_core.filesystem import safe_paths
from sept_core.imaging import image_formats
from sept_core.ingest.entries import FileEntry
from sept_core.tables import tables

SIDE_CAR = "not an image by its name (not opened)"

Look = Callable[[FileEntry], bytes | None]
"""Returns the first bytes of a listed file; None if they cannot be read."""

LOOKED_AT = 3
"""Number of files of each unusual suffix that are examined; the others are assumed to be alike."""

_MOST_SUFFIXES = 50
_MOST_WAITING = 64


def chosen(
    entries: Iterable[FileEntry], only_suffix: str | None, look: Look
) -> Iterator[FileEntry]:
    """Mark the entries that are not opened.

    Args:
        entries: of one source.
        only_suffix: as in `suffixes`; None opens files of any suffix.
        look: reads the beginning of a file; called for a few files at most.
    """
    found = without_side_cars(entries, look)
    return found if only_suffix is None else _narrowed(found, suffixes(only_suffix))


def suffixes(text: str) -> tuple[str, ...]:
    """Read a list such as `.jpg,PNG`: lower case, each with its dot, in the order given.

    Raises:
        SourceError: it names none, or far too many.
    """
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    found = tuple(dict.fromkeys(name if name.startswith(".") else f".{name}" for name in names))
    if not 0 < len(found) <= _MOST_SUFFIXES:
        raise errors.SourceError(
            f"{text!r} is not a list of suffixes; write for example .jpg,.png."
        )
    return found


def without_side_cars(entries: Iterable[FileEntry], look: Look) -> Iterator[FileEntry]:
    """Mark files of unusual suffix that bear the name of an image next to them in the listing."""
    kinds = _Suffixes(look)
    last: FileEntry | None = None  # of a usual suffix
    waiting: list[FileEntry] = []  # for what follows them
    for entry in entries:
        if entry.problem is None and _is_usual(entry):
            if waiting:
                yield from kinds.decided(waiting, last, entry)
                waiting = []
            last = entry
            yield entry
        elif waiting or _may_be_side_car(entry):
            waiting.append(entry)
            if len(waiting) > _MOST_WAITING:
                yield from kinds.decided(waiting, last, None)
                waiting = []
        else:
            yield entry
    yield from kinds.decided(waiting, last, None)


def _is_usual(entry: FileEntry) -> bool:
    """Return whether its suffix is one of images; for most files, a comparison of four letters."""
    name = entry.member or entry.rel_path
    return name[-4:] in safe_paths.IMAGE_SUFFIXES or _suffix(entry) in safe_paths.IMAGE_SUFFIXES


class _Suffixes:
    """Cache of which unusual suffixes are images."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._looked: Counter[str] = Counter()
        self._images: set[str] = set()

    def decided(
        self, waiting: list[FileEntry], before: FileEntry | None, after: FileEntry | None
    ) -> Iterator[FileEntry]:
        """Yield the waiting entries, with side-cars of adjacent images marked."""
        images = [image for image in (before, after) if image is not None]
        for entry in waiting:
            has_image = _may_be_side_car(entry) and any(_belongs(entry, i) for i in images)
            is_side_car = has_image and not self._is_image(entry)
            yield replace(entry, problem=SIDE_CAR) if is_side_car else entry

    def _is_image(self, entry: FileEntry) -> bool:
        """Return whether it is an image, by its bytes or those of the first files of its suffix."""
        suffix = _suffix(entry)
        if suffix not in self._images and self._looked[suffix] < LOOKED_AT:
            self._looked[suffix] += 1
            head = self._look(entry)
            if head is None or image_formats.recognise(head) is not None:
                self._images.add(suffix)
        return suffix in self._images


def _belongs(entry: FileEntry, image: FileEntry) -> bool:
    """Return whether the name without its suffix is that of the image, with or without suffix."""
    if bool(entry.member) != bool(image.member):
        return False
    if entry.member and entry.rel_path != image.rel_path:
        return False
    stem = _stem(entry.member or entry.rel_path)
    name = image.member or image.rel_path
    return stem in (name, _stem(name))


def _stem(name: str) -> str:
    return name[: len(name) - len(safe_paths.suffix_of(name))]


def _may_be_side_car(entry: FileEntry) -> bool:
    """Return False without a suffix, for numbers (`photo.2`) and crawled names (`x.jpg?w=3`)."""
    if entry.problem is not None or _is_row(entry):
        return False
    suffix = _suffix(entry)
    is_crawled = suffix.startswith(tuple(image_formats.READ_SUFFIXES))
    return bool(suffix) and not suffix[1:].isdigit() and not is_crawled


def _narrowed(entries: Iterable[FileEntry], wanted: tuple[str, ...]) -> Iterator[FileEntry]:
    reason = f"skipped: only {', '.join(wanted)} were asked for"
    for entry in entries:
        is_other = entry.problem is None and not _is_row(entry) and _suffix(entry) not in wanted
        yield replace(entry, problem=reason) if is_other else entry


def _suffix(entry: FileEntry) -> str:
    return safe_paths.suffix_of(entry.member or entry.rel_path)


def _is_row(entry: FileEntry) -> bool:
    """Return whether it lies inside a table, where only a number names it."""
    return bool(entry.member) and tables.is_table(entry.rel_path)
