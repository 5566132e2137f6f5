"""Files that accompany the images of a target set: lists of splits, and annotations.

In: a source and its listing. Out: the content of such files, in a folder or in an archive, and the
splits and labels that they give without an option.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sept_core import errors, targets
from sept_core.filesystem import safe_paths
from sept_core.imaging import images
from sept_core.ingest import sources
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.targets import names, split_lists
from sept_core.targets.layout import stem_of
from sept_core.targets.split_lists import Lists

_SUFFIXES = (".txt", ".csv", ".tsv", ".lst", ".list", ".jsonl", ".parquet")

_UNREAD = (".json", ".mat", ".xml", ".npy", ".npz", ".pkl", ".h5", ".zip", ".tar", ".gz", ".tgz")
"""Suffixes of files that may define or contain splits and are not read here."""

_MOST_LISTS = 50
_MOST_BYTES = 1 << 26

_ANNOTATIONS = "annotations.txt"


class Beside:
    """The files of a listing that are not images."""

    def __init__(self, spec: SourceSpec, entries: Sequence[FileEntry]) -> None:
        self._spec = spec
        self._files = {
            _name(entry): entry
            for entry in entries
            if entry.problem is not None and entry.size <= _MOST_BYTES
        }

    def read(self, name: str) -> bytes:
        """Return the content of a file of the source, or of any other file by its absolute path.

        Raises:
            InputError: it cannot be read.
        """
        try:
            if name in self._files:
                entry = self._files[name]
                with sources.ByteReader({"": self._spec.root}) as reader:
                    return reader.read("", entry.rel_path, entry.member, entry.offset, entry.size)
            return (self._spec.root / name).read_bytes()
        except OSError as problem:
            raise errors.InputError(f"{name} cannot be read: {problem.strerror}.") from None
        except (images.RejectedImage, errors.SourceError) as problem:
            raise errors.InputError(f"{name} cannot be read: {problem}.") from None

    def settled(self, name: str) -> str:
        """Return the stored name of a list that the user gave: its place in the source, else
        absolute.
        """
        if name in self._files:
            return name
        path = Path(name).expanduser().absolute()
        inside = os.path.relpath(path, self._spec.root)
        return inside if inside in self._files else str(path)

    def mentioning(self) -> list[str]:
        """Return files that, by their names, may define or contain a held-out split."""
        found = [
            name
            for name in self._files
            if safe_paths.suffix_of(name) in (*_SUFFIXES, *_UNREAD)
            and names.mentions_heldout(Path(name).stem)
        ]
        return sorted(found, key=lambda name: (name.count("/"), len(name), name))

    def lists(self, entries: Sequence[FileEntry]) -> Iterator[Lists]:
        """Yield lists and tables that hold out some of these images, each sufficient by itself."""
        stems = {stem_of(entry) for entry in entries}
        found = [name for name in self._files if _may_be_list(name, stems)][:_MOST_LISTS]
        by_split: dict[str, str] = {}
        for name in sorted(found, key=lambda name: (name.count("/"), len(name), name)):
            if split := names.split_of(Path(name).stem):
                by_split.setdefault(split, name)
        several = tuple((split, name) for split, name in by_split.items())
        tables = [(("", name),) for name in found if name not in by_split.values()]
        for lists in (several, *tables):
            if self._holds_out(lists, entries):
                yield lists

    def _holds_out(self, lists: Lists, entries: Sequence[FileEntry]) -> bool:
        try:
            stated = split_lists.match(lists, entries, self.read)
        except errors.InputError:
            return False
        return not set(stated.values()).isdisjoint(targets.HELDOUT_SPLITS)

    def labelled(self, entries: Sequence[FileEntry]) -> list[FileEntry]:
        """Return the listing with the classes that Tiny-ImageNet keeps in `val_annotations.txt`.

        Such a file names images below its folder and, after a tab, one of the classes of others.
        """
        classes = {entry.label for entry in entries}
        found = list(entries)
        for name in [name for name in self._files if name.endswith(_ANNOTATIONS)]:
            folder = name.rpartition("/")[0]
            try:
                lines = self.read(name).decode("utf-8", "replace").splitlines()
            except errors.InputError:
                continue
            stated = dict(line.split("\t")[:2] for line in lines if "\t" in line)
            stated = {image: label for image, label in stated.items() if label in classes}
            found = [_with_label(entry, folder, stated) for entry in found]
        return found


def _with_label(entry: FileEntry, folder: str, stated: dict[str, str]) -> FileEntry:
    place, _, own = _name(entry).rpartition("/")
    if (
        entry.problem
        or entry.label
        or own not in stated
        or not f"{place}/".startswith(f"{folder}/")
    ):
        return entry
    return replace(entry, label=stated[own])


def _name(entry: FileEntry) -> str:
    return "/".join(filter(None, (entry.rel_path, entry.member)))


def _may_be_list(name: str, stems: set[str]) -> bool:
    """Return whether a file may list images; YOLO's labels have a file for each of them."""
    stem, suffix = Path(name).stem, safe_paths.suffix_of(name)
    if suffix not in _SUFFIXES or stem in stems:
        return False
    return suffix not in (".txt", ".lst", ".list") or names.mentions_split(stem) or "split" in stem
