"""Remote references: the objects that a list or table in object storage or on the web names.

In: a name as a table has it: an address, or relative to the table's folder. Out: the object below
the root that it names, or the reason why there is none. Names are plain: none of the other
spellings of `references` is tried.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sept_core import errors
from sept_core.filesystem import remote_folders, safe_paths
from sept_core.filesystem.remote_folders import Found
from sept_core.remote import places
from sept_core.tables.formats import looks
from sept_core.tables.formats.rows import Match, shown

_AROUND = " \t\r\n\ufeff\"'"


class RemoteReferrer:
    """Finds the objects that a table names.

    Args:
        root: the place that all objects lie below.
        folders: places that relative names start from; only the first is used.
    """

    def __init__(self, root: Path, folders: Sequence[Path]) -> None:
        self._root, self._folder = root, folders[0]
        self._known: dict[str, Found] = {}

    def find(self, name: str) -> tuple[Found | None, str | None]:
        """Find the object of a name, and the reason if there is none."""
        address, problem = address_of(name, self._folder)
        if problem:
            return None, problem
        inside = _below(self._root, address)
        if inside is None:
            return None, f"leads out of the source: {shown(places.shown(address))}"
        found = self._known.pop(inside, None) or remote_folders.look(self._root, inside)
        return found, found.problem

    def prepare(self, names: Iterable[str]) -> None:
        """Look up the objects of some names, several at once, for `find`."""
        addresses = (address_of(name, self._folder)[0] for name in names)
        inside = {_below(self._root, address): None for address in addresses if address}
        wanted = [name for name in inside if name is not None]
        self._known = {f.rel_path: f for f in remote_folders.look_all(self._root, wanted)}

    def match(self, name: str) -> Match:
        """Return how a value names a file: by its looks, without a request."""
        is_one_line = bool(name) and "\n" not in name
        is_name = looks.is_path(name) or places.is_remote(name.strip(_AROUND))
        return Match.FILE if is_one_line and is_name else Match.NONE


def address_of(name: str, folder: Path) -> tuple[str, str | None]:
    """Return the URL of a name in a table of a folder, or the reason why there is none."""
    plain = name.strip(_AROUND)
    if not looks.is_address(plain):
        if plain.startswith("/") and places.scheme(folder) in ("http", "https"):
            home = places.split(places.url(folder))[0]
            return f"{places.scheme(folder)}://{home}{plain}", None
        return places.joined(folder, plain.removeprefix("./")), None
    if not places.is_remote(plain):
        return "", f"an address of another kind: {shown(places.shown(plain))}"
    if "?" in plain or "#" in plain or "@" in places.split(plain)[0]:
        return "", "an address with a query or a password, which may be secret and is not stored"
    return plain, None


def root_of(names: Iterable[str], folder: Path) -> Path:
    """Return the place that the folder of a table and all objects that it names lie below.

    Raises:
        SourceError: they are in storages of different kinds.
    """
    common = _parts(places.url(folder) + "/x")
    for name in names:
        address, problem = address_of(name, folder)
        if problem:
            continue
        parts = _parts(address)
        if parts[0] != common[0]:
            raise errors.SourceError(
                f"{places.text(folder)} holds a table with names of {parts[0]}// as well; use one "
                "table for each kind of storage."
            )
        if parts[: len(common)] != common:
            shared = zip(parts, common, strict=False)
            same = next((n for n, (a, b) in enumerate(shared) if a != b), len(common))
            common = common[: min(same, len(parts))]
    return Path("/".join(common)) if len(common) > 1 else Path(common[0])


def _parts(address: str) -> list[str]:
    """`s3://b/x/y.jpg` as [s3:, b, x]."""
    kind, _, rest = address.partition("://")
    return [f"{kind}:", *rest.split("/")[:-1]]


def _below(root: Path, address: str) -> str | None:
    base = places.url(root)
    base = base if base.endswith("/") else base + "/"
    inside = address.removeprefix(base)
    if inside == address or not safe_paths.is_inside(safe_paths.stored(inside)):
        return None
    return safe_paths.stored(inside)
