"""Extras: optional libraries, imported only when a file needs them."""

import importlib
from types import ModuleType

from sept_core.imaging.decoding.rejection import RejectedImage


def require(module: str, what: str, extra: str) -> ModuleType:
    """Import a library of an extra.

    Args:
        module: to import.
        what: the images that it reads, such as `HEIC images`.
        extra: SEPT's extra that installs it.

    Raises:
        RejectedImage: it is not installed, or cannot be imported.
    """
    found = available(module)
    if found is None:
        raise RejectedImage(f"{what} need `pip install 'sept[{extra}]'`")
    return found


def available(module: str) -> ModuleType | None:
    """Return the library if it is installed and works."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
