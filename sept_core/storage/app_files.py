"""Locate the app's own files: from the checkout where there is one, else from the installed wheel.

In: nothing. Out: the folder that holds `app.py`, `pages/`, `assets/` and `.streamlit/`. A checkout
wins, also in an editable install, so that an edited asset is the one that is served.
"""

import os
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_WHEEL = "_app"
"""Folder below the package into which the build puts the app's files (`hatch_build.py`)."""


def root() -> Path:
    """Return the folder of the app's files."""
    checkout = _PACKAGE.parent
    return checkout if (checkout / "app.py").is_file() else _PACKAGE / _WHEEL


def assets() -> Path:
    """Return the folder of scripts, styles, icons and the bundled encoder."""
    return root() / "assets"


def secrets() -> list[Path]:
    """Return the files that may contain the settings of a login, the one to write first.

    The first lies in the user's configuration folder, since an installed package is often not
    writable; the second is the checkout's.
    """
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return [Path(base) / "sept" / "secrets.toml", root() / ".streamlit" / "secrets.toml"]
