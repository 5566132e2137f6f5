"""Decoders: the version of everything that turns an image file's bytes into pixels.

In: the installed packages. Out: one short text that is stored with features and with rejections, so
that files rejected by an older decoder are tried again by a newer one.
"""

import functools
import importlib.metadata
import os
import sys

import PIL

RULES = 2
"""Number of our own decoding rules; raise it when pixels or rejections of any file change."""

EXTRAS = {
    "heic": ("pi-heif",),
    "tiff": ("tifffile", "imagecodecs"),
    "dicom": ("pydicom",),
}
"""Extra of SEPT (`pip install 'sept[heic]'`) → the packages that it brings."""

PLUGINS = ("pyjpegls", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "python-gdcm")
"""Optional packages that unpack further DICOM frames."""


def version() -> str:
    """Return the decoder version, such as `2 pillow-13.0.0 pi-heif-1.4.0`.

    An extra may be installed while the app runs, after which files rejected without it are tried
    again; so the answer is cached only until a package folder changes.
    """
    return _version(tuple(map(_changed_at, sys.path)))


@functools.lru_cache(maxsize=1)
def _version(state: tuple[int, ...]) -> str:
    packages = [*(package for packages in EXTRAS.values() for package in packages), *PLUGINS]
    found = [f"{name}-{number}" for name in packages if (number := _installed(name))]
    return " ".join([str(RULES), f"pillow-{PIL.__version__}", *found])


def _changed_at(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 (called for each shard)
    except OSError:
        return 0


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
