"""Names are bytes: they survive as text, and lead nowhere else."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.filesystem import safe_paths

FILE_NAMES = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name)


@settings(deadline=None)
@given(FILE_NAMES)
def test_stored_names_are_text_and_give_back_the_bytes(name: bytes) -> None:
    stored = safe_paths.stored(os.fsdecode(name))
    assert pa.array([stored], pa.string()).to_pylist() == [stored]
    assert os.fsencode(safe_paths.original(stored)) == name


@settings(deadline=None)
@given(st.lists(FILE_NAMES, unique=True, max_size=8))
def test_different_names_stay_different(names: list[bytes]) -> None:
    assert len({safe_paths.stored(os.fsdecode(name)) for name in names}) == len(names)


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("a b.jpg", "ü/😀\n.jpg", "<script>'\"&", "x.JPG"):
        assert safe_paths.stored(name) == name
    assert safe_paths.stored("a\\b") == "a\\x5cb"
    assert safe_paths.stored(os.fsdecode(b"\xe9.jpg")) == "\\xe9.jpg"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/b.jpg", None),
        ("a/b.JPEG", None),
        ("a.b/deadbeef", None),
        ("./a.tiff", None),
        ("a/.b.jpg", "hidden file"),
        (".a/b.jpg", "hidden file"),
        ("__MACOSX/._x.jpg", "hidden file"),
        ("x.jpg.txt", "not an image by its name (not opened)"),
        ("Thumbs.db", "not an image by its name (not opened)"),
    ],
)
def test_names_of_images(name: str, problem: str | None) -> None:
    assert safe_paths.name_problem(name) == problem


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from(["..", ".", "", "in", "out", "up", "x.jpg", "secret"]), max_size=5),
    st.booleans(),
)
def test_nothing_outside_the_root_is_ever_opened(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], absolute: bool
) -> None:
    top = tmp_path_factory.getbasetemp() / "walls"
    root = top / "root"
    if not root.exists():
        (root / "in").mkdir(parents=True)
        (root / "in/x.jpg").write_bytes(b"inside")
        (top / "secret").write_bytes(b"outside")
        (root / "out").symlink_to(top)
        (root / "up").symlink_to("in/..")
    rel_path = "/" * absolute + "/".join(parts)
    try:
        descriptor = safe_paths.open_inside(root, rel_path)
    except (OSError, errors.SourceError):
        return
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == b"inside"
        assert os.readlink(f"/proc/self/fd/{file.fileno()}").startswith(f"{root}/")  # noqa: PTH115


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x.jpg").write_bytes(b"inside")
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "y.jpg").symlink_to("link/x.jpg")
    (tmp_path / "alias").symlink_to(tmp_path)
    for root in (tmp_path, tmp_path / "alias"):
        for rel_path in ("in/x.jpg", "link/x.jpg", "y.jpg", "alias/alias/y.jpg"):
            with os.fdopen(safe_paths.open_inside(root, rel_path), "rb") as file:
                assert file.read() == b"inside"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("pipe", "folder", "gone", "pipe/x", "gone/x"):
        with pytest.raises(OSError):
            safe_paths.open_inside(tmp_path, name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
