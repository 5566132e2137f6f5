"""Which of the listed files are opened: bytes decide, except beside an image of the same name."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.ingest import candidates, sources
from sept_core.ingest.entries import FileEntry

NO_IMAGE = "not an image by its name (not opened)"


def no_image(entry: FileEntry) -> bytes:
    return b"numbers"


def listed(*names: str, only: str | None = None) -> dict[str, str | None]:
    entries = [FileEntry(name) for name in names]
    return {entry.rel_path: entry.problem for entry in candidates.chosen(entries, only, no_image)}


def test_unusual_names_are_opened() -> None:
    names = ("0.jpg?w=300", "1.jpg_large", "flickr.2384723", "photo.JPG.1", "a.dat", "b", "c.bin")
    assert set(listed(*names).values()) == {None}


def test_side_cars_of_images_are_not() -> None:
    found = listed("a.depth", "a.jpg", "a.jpg.meta", "a.pose", "b.depth", "c/a.depth", "c/b.png")
    assert found == {
        "a.depth": NO_IMAGE, "a.jpg": None, "a.jpg.meta": NO_IMAGE, "a.pose": NO_IMAGE,
        "b.depth": None, "c/a.depth": None, "c/b.png": None,
    }  # fmt: skip


def test_versions_and_crawled_names_beside_an_image_are_images() -> None:
    names = ("a.1", "a.2", "a.jpg", "a.jpg?w=1", "a.jpg_large", "a.jpg!d", "a.jpeg~")
    assert set(listed(*names).values()) == {None}


def test_the_first_of_a_suffix_decide_whether_they_are_images() -> None:
    looked = []

    def look(entry: FileEntry) -> bytes | None:
        looked.append(entry.rel_path)
        if entry.rel_path.startswith("3"):
            return None
        return b"\xff\xd8\xff\xe0" if entry.rel_path.endswith(".orig") else b"numbers"

    entries = [FileEntry(f"{n}.{end}") for n in range(9) for end in ("flow", "jpg", "orig")]
    found = {e.rel_path: e.problem for e in candidates.chosen(entries, None, look)}
    assert {found[f"{n}.flow"] for n in range(9)} == {NO_IMAGE}
    assert {found[f"{n}.orig"] for n in range(9)} == {None}
    assert looked == ["0.flow", "0.orig", "1.flow", "2.flow"]


def test_members_belong_to_their_own_archive() -> None:
    entries = [
        FileEntry("x.tar", "0.flow"), FileEntry("x.tar", "0.png"), FileEntry("y.tar", "0.flow"),
        FileEntry("0.flow"),
    ]  # fmt: skip
    problems = [entry.problem for entry in candidates.chosen(entries, None, no_image)]
    assert problems == [NO_IMAGE, None, None, None]


def test_rows_of_a_table_have_no_suffix() -> None:
    rows = [FileEntry("t.parquet", "0"), FileEntry("t.parquet", "1")]
    assert [entry.problem for entry in candidates.chosen(rows, ".jpg", no_image)] == [None, None]


def test_only_some_suffixes() -> None:
    found = listed("a.jpg", "b.PNG", "c.webp", "d", only="JPG, .png")
    reason = "skipped: only .jpg, .png were asked for"
    assert found == {"a.jpg": None, "b.PNG": None, "c.webp": reason, "d": reason}


@pytest.mark.parametrize("text", ["", " , ", ",".join(f"x{n}" for n in range(60))])
def test_lists_of_suffixes_that_are_none(text: str) -> None:
    with pytest.raises(errors.SourceError, match="is not a list of suffixes"):
        candidates.suffixes(text)


NAMES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "s/", "t/"]),
    st.sampled_from(["a", "b", "a.v1", "a b"]),
    st.sampled_from(["", ".jpg", ".png", ".foo", ".flo", ".7", ".jpg?x", ".heic"]),
)


@settings(deadline=None)
@given(st.lists(st.builds(FileEntry, NAMES, problem=st.sampled_from([None, None, "x"]))))
def test_nothing_is_lost_and_images_stay(entries: list[FileEntry]) -> None:
    found = list(candidates.chosen(entries, None, no_image))
    assert [entry.rel_path for entry in found] == [entry.rel_path for entry in entries]
    for before, after in zip(entries, found, strict=True):
        usual = before.rel_path.endswith((".jpg", ".png", ".heic"))
        assert after.problem == before.problem or not (usual or before.problem)


def test_a_source_opens_what_its_options_say(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.txt", "a.xml", "b.mp4", "c.pdf", "d.unknown", "e.7z"):
        (tmp_path / name).write_bytes(b"x")
    spec = sources.detect("pool", tmp_path)
    problems = {entry.rel_path: entry.problem for entry in sources.scan(spec)}
    assert problems == {  # a.txt is the caption of a.jpg
        "a.jpg": None,
        "a.xml": NO_IMAGE,
        "b.mp4": "a video: extract its frames first",
        "c.pdf": "a PDF document: export its pages as images first",
        "d.unknown": None,
        "e.7z": "7z archives are not supported; unpack it and add the folder",
    }
    narrow = sources.detect("pool", tmp_path, only_suffix="jpg")
    usable = [entry.rel_path for entry in sources.scan(narrow) if entry.problem is None]
    assert usable == ["a.jpg"]
    with pytest.raises(errors.SourceError, match="not a valid choice of bands"):
        sources.detect("pool", tmp_path, bands="4,3")


@pytest.mark.parametrize("pack", [False, True])
def test_images_of_an_unusual_suffix_beside_others_are_opened(tmp_path: Path, pack: bool) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (folder / f"{number}.depth16").write_bytes(b"\x89PNG\r\n\x1a\n deeper")
        (folder / f"{number}.pose").write_bytes(b"1 2 3")
    path = folder
    if pack:
        path = tmp_path / "pool.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(folder, "pool")
    usable = [e for e in sources.scan(sources.detect("pool", path)) if e.problem is None]
    names = sorted(Path(e.member or e.rel_path).suffix for e in usable)
    assert names == [".depth16"] * 5 + [".png"] * 5


def test_a_large_file_that_begins_as_no_image_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.write(b"\x93NUMPY")
        file.truncate(1 << 25)
    with (
        sources.ByteReader({"pool": tmp_path}) as reader,
        pytest.raises(Exception, match=r"not an image \(a NumPy array\)"),
    ):
        reader.read("pool", "model.bin")
