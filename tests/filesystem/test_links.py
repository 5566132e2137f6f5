"""Links lead where the user allows it, and nowhere else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_worlds import contents, picture, problems, scanned, write, write_tar

from sept_core import errors
from sept_core.filesystem import roots, safe_paths
from sept_core.ingest import sources, worklists


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Pictures and a shard that others link to."""
    for number in range(3):
        write(tmp_path / f"store/{number}.jpg", picture(number))
    write_tar(tmp_path / "store/00000.tar", [("x.jpg", picture(9))])
    return tmp_path / "store"


def curated(store: Path) -> Path:
    """A folder of links to files."""
    folder = store.parent / "curated"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").symlink_to(store / f"{number}.jpg")
    return folder


def splits(store: Path) -> Path:
    """A folder whose splits are links to one folder."""
    folder = store.parent / "yolo"
    (folder / "images").mkdir(parents=True)
    for name in ("train", "val"):
        (folder / "images" / name).symlink_to(store)
    return folder


def snapshot(store: Path) -> Path:
    """A snapshot in a hub's cache, outside of which the blobs lie."""
    hub = store.parent / "hub"
    (hub / "blobs").mkdir(parents=True)
    folder = hub / "snapshots/abc/train/cat"
    folder.mkdir(parents=True)
    for number in range(3):
        os.link(store / f"{number}.jpg", hub / f"blobs/{number:040x}")
        (folder / f"{number}.jpg").symlink_to(f"../../../../blobs/{number:040x}")
    return hub / "snapshots/abc"


def shards(store: Path) -> Path:
    """A folder of links to tars."""
    folder = store.parent / "shards"
    folder.mkdir()
    (folder / "00000.tar").symlink_to(store / "00000.tar")
    return folder


def listed(store: Path) -> Path:
    """A list below whose folder the named files are links."""
    names = "".join(f"{number}.jpg\n" for number in range(3))
    return write(curated(store) / "list.txt", names.encode())


LINKED = {curated: 3, splits: 6, snapshot: 3, shards: 1, listed: 3}
Make = Callable[[Path], Path]


@pytest.mark.parametrize("make", LINKED)
def test_links_that_lead_out_name_the_remedy(store: Path, make: Make) -> None:
    spec, entries = scanned(make(store))
    assert contents(spec, entries) == {}
    assert safe_paths.LEADS_OUT in problems(entries).values()
    assert "--follow-links" in safe_paths.LEADS_OUT and "SEPT_ROOTS" in safe_paths.LEADS_OUT


@pytest.mark.parametrize("make", LINKED)
def test_links_are_followed_into_allowed_roots(
    store: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(store)
    monkeypatch.setenv("SEPT_ROOTS", f"/nowhere:{store}:{store.parent}/hub")
    check(*scanned(path), LINKED[make])
    monkeypatch.setenv("SEPT_ROOTS", f"{store}-other")
    spec, entries = scanned(path)
    assert contents(spec, entries) == {}


@pytest.mark.parametrize("make", LINKED)
def test_links_are_followed_where_the_user_asks_for_it(store: Path, make: Make) -> None:
    check(*scanned(make(store), follow_links="yes"), LINKED[make])


@pytest.mark.parametrize("make", LINKED)
def test_behind_a_login_only_into_allowed_roots(
    store: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_LOGIN", "password")
    spec, entries = scanned(make(store), follow_links="yes")
    assert contents(spec, entries) == {}
    row = {"source": "pool", "root": str(spec.root), "follow_links": True}
    with sources.ByteReader(worklists.roots_of([row])) as reader:
        for found in filter(Path.is_symlink, spec.root.rglob("*")):
            with pytest.raises(errors.SourceError, match="--follow-links"):
                reader.read("pool", str(found.relative_to(spec.root)))


def check(spec: sources.SourceSpec, entries: list[sources.FileEntry], count: int) -> None:
    """All pictures are listed, and read by the rows that a worklist would have."""
    usable = [entry for entry in entries if entry.problem is None]
    assert len(usable) == count
    row = {"source": "pool", "root": str(spec.root)}
    follow = {"follow_links": roots.FOLLOW_LINKS in spec.options}
    with sources.ByteReader(worklists.roots_of([row | follow])) as reader:
        data = {reader.read("pool", e.rel_path, e.member, e.offset, e.size) for e in usable}
    assert data <= {picture(number) for number in (0, 1, 2, 9)}


def test_the_source_itself_may_be_a_link(store: Path) -> None:
    (store.parent / "folder").symlink_to(store)
    (store.parent / "one.tar").symlink_to(store / "00000.tar")
    assert len(contents(*scanned(store.parent / "folder"))) == 3
    spec, entries = scanned(store.parent / "one.tar")
    check(spec, entries, 1)


def test_links_that_lead_nowhere_good(store: Path) -> None:
    folder = store.parent / "links"
    folder.mkdir()
    for name, target in {
        "loop": "loop",
        "gone.jpg": "nowhere.jpg",
        "null.jpg": "/dev/null",
        "above": "..",
        "top": "/",
        ".hidden": str(store),
        "twice": str(store),
        "again": str(store),
    }.items():
        (folder / name).symlink_to(target)
    _, entries = scanned(folder, follow_links="yes")
    assert {entry.rel_path for entry in entries if not entry.problem} == {
        f"{name}/{number}.jpg" for name in ("twice", "again") for number in range(3)
    }
    assert problems(entries) == {
        "loop": "link loop",
        "gone.jpg": "dangling link",
        "null.jpg": "device",
        "above": "link loop",
        "top": "link loop",
        ".hidden": "hidden folder",
        "twice/00000.tar": "an archive: add it as a source of its own",
        "again/00000.tar": "an archive: add it as a source of its own",
    }


PARTS = ("..", ".", "", "in", "out", "ok", "deep", "back", "x.jpg", "secret")


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PARTS), max_size=5), st.booleans())
def test_nothing_outside_the_allowed_roots_is_ever_opened(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], absolute: bool
) -> None:
    top = tmp_path_factory.getbasetemp() / "allowed walls"
    root, allowed = top / "root", top / "allowed"
    if not root.exists():
        write(root / "in/x.jpg", b"inside")
        write(allowed / "deep/x.jpg", b"allowed")
        write(top / "allowed secret", b"outside")
        write(top / "secret", b"outside")
        (root / "out").symlink_to(top)
        (root / "ok").symlink_to(allowed)
        (root / "x.jpg").symlink_to(allowed / "deep/x.jpg")
        (allowed / "secret").symlink_to(top / "allowed secret")
        (allowed / "back").symlink_to(root)
    rel_path = "/" * absolute + "/".join(parts)
    try:
        descriptor = safe_paths.open_inside(root, rel_path, (str(allowed),))
    except (OSError, errors.SourceError):
        return
    with os.fdopen(descriptor, "rb") as file:
        real = os.readlink(f"/proc/self/fd/{file.fileno()}")  # noqa: PTH115
        assert real.startswith((f"{root}/", f"{allowed}/")) and file.read() != b"outside"


def test_a_link_that_changes_meanwhile_leads_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, allowed = tmp_path / "root", tmp_path / "allowed"
    write(allowed / "deep/x.jpg", b"allowed")
    write(tmp_path / "secrets/x.jpg", b"outside")
    root.mkdir()
    (root / "link").symlink_to(allowed / "deep")
    real = os.path.realpath

    def swapping(path: str) -> str:
        found = real(path)
        if found.endswith("deep/x.jpg"):  # resolved: now somebody puts a link there
            (allowed / "deep").rename(allowed / "old")
            (allowed / "deep").symlink_to(tmp_path / "secrets")
        return found

    monkeypatch.setattr(os.path, "realpath", swapping)
    with pytest.raises(OSError):
        safe_paths.open_inside(root, "link/x.jpg", (str(allowed),))
