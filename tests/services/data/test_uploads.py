"""Uploads land in the project under safe names; the folder browser stays where it may look."""

import io
from pathlib import Path

import pytest

from sept_core import errors
from sept_core.services.data import uploads
from sept_core.services.project import projects


def test_uploads_keep_apart_and_inside(project: Path) -> None:
    with projects.opened(project) as opened:
        given = [(name, io.BytesIO(name.encode())) for name in ("a.png", "../../a.png", "x/.b")]
        folder = uploads.store(opened, "mine", given)
        assert sorted(path.name for path in folder.iterdir()) == ["a-2.png", "a.png", "b"]
        assert folder.parent == opened.paths.uploads
        again = uploads.store(opened, "mine", [("a.zip", io.BytesIO(b"zip"))])
        assert again == opened.paths.uploads / "mine-2" / "a.zip", "an archive is the source itself"


def test_a_failed_upload_leaves_nothing(project: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("gone")

    with projects.opened(project) as opened:
        with pytest.raises(OSError, match="gone"):
            uploads.store(opened, "mine", [("a.png", Broken())])
        with pytest.raises(errors.InputError, match="Choose images"):
            uploads.store(opened, "mine", [])
        assert not (opened.paths.uploads / "mine").exists()


def test_only_allowed_folders_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside / "sub", outside):
        folder.mkdir(parents=True)
    for name in ("pool.zip", "a.jpg", ".hidden"):
        (inside / name).touch()
    (inside / "link").symlink_to(outside)
    monkeypatch.setenv("SEPT_ROOTS", str(inside))
    allowed = uploads.roots()
    found = uploads.listing(inside, allowed)
    assert (found.folders, found.archives, found.files) == (["link", "sub"], ["pool.zip"], 2)
    assert found.parent is None
    assert uploads.listing(inside / "sub", allowed).parent == inside
    for path in (outside, inside / "link", inside / ".." / "out", tmp_path):
        with pytest.raises(errors.InputError, match="outside the folders"):
            uploads.listing(path, allowed)


def test_an_upload_that_is_not_added_is_discarded(project: Path, tmp_path: Path) -> None:
    with projects.opened(project) as opened:
        folder = uploads.store(
            opened, "set", [("a.png", io.BytesIO(b"a")), ("b.png", io.BytesIO(b"b"))]
        )
        archive = uploads.store(opened, "zip", [("set.zip", io.BytesIO(b"zip"))])
        for path in (folder, archive, tmp_path, opened.paths.uploads):
            uploads.discard(opened, path)
        assert not folder.exists() and not archive.parent.exists()
        assert tmp_path.exists() and opened.paths.uploads.exists()
