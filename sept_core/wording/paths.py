"""Paths in texts for others: a text that leaves this machine names no folder of it.

In: a text. Out: the same with absolute paths reduced to their last part.
"""

import re

_PATH = re.compile(r"(?<![\w/.])(?:file://|~|[A-Za-z]:|\\)?(?:[\\/][^\s\\/,;'\"<>|]+){2,}")


def without_paths(text: str) -> str:
    """Return a text whose absolute paths are reduced to their last part."""

    def short(match: re.Match[str]) -> str:
        return re.split(r"[\\/]", match[0])[-1]

    return _PATH.sub(short, text)
