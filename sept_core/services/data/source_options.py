"""Options of sources and target sets, as users give them and as a source stores them.

In: texts, paths, numbers and mappings by name. Out: texts; several values of one option are
separated by newlines.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from sept_core import errors

Given = str | Path | bool | Sequence[str] | Mapping[str, object] | None


class SourceOptions(TypedDict, total=False):
    """Options for reading a source.

    Attributes:
        root: the folder of the files that a list or table names.
        path_column, image_column: the table column that holds paths, or images.
        follow_links: follow links that lead out of the folder.
        only_suffix: open files of these suffixes only, such as ".jpg,.png".
        bands: channels of TIFF images to take as red, green, blue, or one, such as "4,3,2".
    """

    root: str | Path
    path_column: str
    image_column: str
    follow_links: bool | str
    only_suffix: str
    bands: str


class TargetOptions(SourceOptions, total=False):
    """Options for reading a target set.

    Attributes:
        layout: meaning of the folder levels, such as "splits/classes"; see docs/targets.md.
        label_column, split_column: the table column that states the class, or the split.
        split_folder: the split of a folder or of a value of the split column: {"extra": "train"}.
        split_fraction: shares to hold out of each class: {"test": 0.2}.
        split_group: with split_fraction, a column, or a regular expression on paths, whose equal
            values stay in one split.
        split_file: a list of the images of each split: {"test": "test.txt"}; or one file that
            states the split of each image.
    """

    layout: str
    label_column: str
    split_column: str
    split_folder: Mapping[str, str] | str
    split_fraction: Mapping[str, float] | str
    split_group: str
    split_file: Mapping[str, str | Path] | str | Path


def check(given: Mapping[str, object], known: type[SourceOptions]) -> None:
    """Refuse unknown options.

    Raises:
        InputError: the message lists the valid ones.
    """
    names = [*known.__annotations__]
    if unknown := [name for name in given if name not in names]:
        raise errors.InputError(
            f"The option {unknown[0]!r} is unknown; use one of {', '.join(names)}."
        )


def stored(given: Mapping[str, Given]) -> dict[str, str]:
    """Return the given options, as a source stores them."""
    texts = {name: _text(value) for name, value in given.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _text(value: Given) -> str | None:
    if value is None or value is False or (not isinstance(value, str) and not value):
        return None
    if value is True:
        return "yes"
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, Mapping):
        return "\n".join(f"{name}={part}" for name, part in value.items())
    return "\n".join(value)
