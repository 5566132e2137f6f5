"""Looks: the apparent meaning of a cell's text, and the usual names of columns.

In: names and values from a table. Out: whether they look like a path, a URL or packed bytes.
Whether a value names an existing file is checked by a `rows.Look`.
"""

import re
from collections.abc import Sequence

from sept_core.filesystem import safe_paths
from sept_core.tables.formats import packed

PATH_COLUMNS = (
    *("path", "file_name", "filepath", "file_path", "filename", "image_path", "rel_path"),
    *("abs_path", "file", "image", "img"),
)
"""Names under which a column of paths is found, tried in this order."""

MORE_PATH_COLUMNS = (
    *("image_file", "imagefile", "imagepath", "image_name", "imagename", "img_path", "imgpath"),
    *("img_name", "image_filename", "img_filename", "relative_path", "relpath", "filepaths"),
    *("filenames", "file_names", "paths", "name", "images", "fname", "location", "key"),
    *("image_id", "imageid", "img_id", "id"),
)
"""Names tried after those, if the values name files or look like paths."""

IMAGE_COLUMNS = ("image", "img", "image_bytes", "image_base64", "bytes", "data", "jpg", "png")
"""Names under which a column of image bytes is found, tried in this order."""

PACKED_COLUMNS = ("image_base64", "image_bytes", "bytes")
"""Names of text columns that are treated as base64 whatever their content."""

TEXT_COLUMNS = frozenset(
    (
        *(
            *PATH_COLUMNS,
            *MORE_PATH_COLUMNS,
            "uid",
            "source_uid",
            "label",
            "class",
            "class_name",
            "category",
        ),
        "split",
    )
)
"""Columns of a csv that stay text even where every value looks like a number (`007`)."""

_KNOWN = TEXT_COLUMNS | set(IMAGE_COLUMNS) | {"url", "caption", "text", "labels", "width"}
_ADDRESS = re.compile(r"(?!file:)[a-z][a-z0-9+.\-]+://", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LONGEST_PATH = 4096


def is_known(name: str) -> bool:
    """Return whether a name is usual in headers of tables of images."""
    return name.strip().lower() in _KNOWN


def is_path(text: str) -> bool:
    """Return whether a text looks like the path of an image: by its suffix, on one line."""
    plain = text.strip().strip("\"'")
    return (
        0 < len(plain) <= _LONGEST_PATH
        and safe_paths.suffix_of(plain) in safe_paths.IMAGE_SUFFIXES
        and "\n" not in plain
    )


def is_address(text: str) -> bool:
    """Return whether a text is a URL such as `https://…` or `s3://…`; `file://` is a path."""
    return _ADDRESS.match(text.lstrip()) is not None


def is_number(text: str) -> bool:
    """Return whether a text is a decimal number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def is_data(text: str) -> bool:
    """Return whether a text cannot be a column's name: a path, a URL, packed bytes."""
    return is_path(text) or is_address(text) or packed.is_packed(text)


def are_packed(name: str, values: Sequence[str]) -> bool:
    """Return whether a column of text holds images in base64: by its values, else by its name."""
    if any(map(packed.is_packed, values)):
        return True
    leaf = name.rpartition(".")[2].lower()
    return leaf in PACKED_COLUMNS and not any(is_path(v) or is_address(v) for v in values)
