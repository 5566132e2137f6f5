"""Code that a record names, imported when it is first used.

In: a package and a place in it, `module:attribute`. Out: the function or class. The records that
menus and help texts read therefore load no library. A record names code of its own package only, so
that the layers of docs/architecture.md hold here, too.
"""

import importlib
from typing import Any


def load(package: str | None, place: str) -> Any:
    """Import `module:attribute` of a package, the caller's `__package__`; return the attribute."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(f"{package}.{module}"), attribute)
