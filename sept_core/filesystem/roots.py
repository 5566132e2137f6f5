"""Roots: the folders that SEPT may read, as the environment and a source's options say.

A source's files lie below its own root. Links in it may lead into the folders that `SEPT_ROOTS`
names, or anywhere if the user asked for it (`--follow-links`); never anywhere behind a login, where
people other than this machine's user may see the images.
"""

import os
from dataclasses import dataclass
from pathlib import Path

FOLLOW_LINKS = "follow_links"
"""Name of the source option that lets links lead anywhere."""


@dataclass(frozen=True)
class Root:
    """The folder that a source's files lie below.

    Attributes:
        path: of the folder; may be or contain a link.
        follows_links: links in it may lead anywhere.
    """

    path: Path
    follows_links: bool = False

    def beyond(self) -> tuple[str, ...]:
        """Return the resolved folders that links in it may lead to besides itself."""
        shared = os.environ.get("SEPT_LOGIN", "none") != "none"
        if self.follows_links and not shared:
            return ("/",)
        return tuple(os.path.realpath(folder) for folder in named())


def named() -> list[Path]:
    """Return the folders that `SEPT_ROOTS` names."""
    given = os.environ.get("SEPT_ROOTS", "")
    return [Path(part) for part in given.split(os.pathsep) if part]
