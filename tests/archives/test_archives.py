"""Archives of every making: what went in comes out, or is named with its reason."""

import bz2
import errno
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_worlds import contents, picture, problems, scanned, write

from benchmarks.hostile import archives as made
from benchmarks.hostile.corpus import tar_of, zip_of
from sept_core import errors
from sept_core.archives import streams, tars
from sept_core.imaging import images
from sept_core.ingest import sources
from sept_core.remote import files

TWO = {"a.jpg": picture(1), "b/c.jpg": picture(2)}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_that_went_into_an_archive_is_lost(seed: int) -> None:
    with TemporaryDirectory() as folder:
        assert made.lost(made.drawn(random.Random(seed)), Path(folder)) == []


def test_a_lost_file_would_be_noticed(tmp_path: Path) -> None:
    content = tar_of(("a.jpg", b"a"))
    drawn = made.Drawn("pool.tar", content, [("a.jpg", b"a"), ("b.jpg", b"b")], is_whole=True)
    assert made.lost(drawn, tmp_path) == ["b.jpg"]


# --- packed tars ---


@pytest.mark.parametrize("suffix", made.PACKERS)
@pytest.mark.parametrize("name", ["pool.tar", "pool.zip", "pool"])
def test_packed_tars_are_known_by_their_bytes(tmp_path: Path, suffix: str, name: str) -> None:
    path = write(tmp_path / name, made.PACKERS[suffix](tar_of(*TWO.items())))
    assert contents(*scanned(path)) == TWO


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_streams_one_after_the_other_with_zeros_between(tmp_path: Path, pack: made.Packer) -> None:
    whole = tar_of(*TWO.items())
    packed = pack(whole[:700]) + bytes(8) + pack(whole[700:]) + bytes(512)
    assert contents(*scanned(write(tmp_path / "pool.tar", packed))) == TWO


@pytest.mark.parametrize("suffix", made.PACKERS)
def test_what_follows_a_packed_tar_is_named(tmp_path: Path, suffix: str) -> None:
    packed = made.PACKERS[suffix](tar_of(*TWO.items()))
    _, entries = scanned(write(tmp_path / "pool.tar", packed + b"something else"))
    assert [e for e in entries if (e.problem or "").startswith("damaged archive")]


def test_a_packed_tar_that_is_cut_gives_what_is_left(tmp_path: Path) -> None:
    noise = [(f"{n}.jpg", random.Random(n).randbytes(90_000)) for n in range(3)]
    packed = lzma.compress(tar_of(*noise))
    spec, entries = scanned(write(tmp_path / "pool.tar.xz", packed[:150_000]))
    assert contents(spec, [entries[0]]) == dict(noise[:1])
    assert entries[-1].problem == "damaged archive: the stream ends before its end mark"


def test_a_stream_out_of_proportion_is_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "SLACK", 1 << 20)
    bomb = [("small.jpg", picture(1)), *((f"{n}.jpg", bytes(1 << 20)) for n in range(9))]
    path = write(tmp_path / "pool.tar.bz2", bz2.compress(tar_of(*bomb)))
    spec, entries = scanned(path)
    assert entries[0].member == "small.jpg" and len(entries) < len(bomb)
    assert "out of proportion" in (entries[-1].problem or "")
    with sources.ByteReader({"pool": spec.root}) as reader:
        assert reader.read("pool", "pool.tar.bz2", "small.jpg") == picture(1)
        with pytest.raises(images.RejectedImage, match="out of proportion"):
            reader.read("pool", "pool.tar.bz2", "8.jpg", 8 << 20, 1 << 20)


def test_zeros_without_end_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars.safe_paths, "MAX_BYTES", 1 << 14)
    tail = bytes(1 << 15) + tar_of(("late.jpg", b"x"))
    _, entries = scanned(write(tmp_path / "pool.tar", tar_of(("a.jpg", b"x")) + tail))
    assert [entry.member for entry in entries if not entry.problem] == ["a.jpg"]
    assert "zeros is not read" in (entries[-1].problem or "")


def test_a_full_disk_is_not_the_archives_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "pool.tar.gz", gzip.compress(tar_of(*TWO.items())))
    reader = tars.TarReader(lambda: path.open("rb"))
    assert reader._spool
    with monkeypatch.context() as full:
        full.setattr(reader._spool, "_file", _Full(reader._spool._file))
        with pytest.raises(OSError, match="No space left"):
            reader.read("a.jpg", 512, len(picture(1)))
    assert reader.read("a.jpg") == picture(1), "the same reader goes on once there is room"
    assert reader.read("b/c.jpg") == picture(2)


class _Full:
    """A file on a disk that is full after three bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.seek = file, file.seek
        self._room = 3

    def write(self, data: memoryview) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._file.write(data[: self._room])
        self._room = 0
        return written


def test_a_failing_disk_is_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "pool.tar", tar_of(*TWO.items()))
    real = files.read_at

    def failing(file: BinaryIO, size: int, offset: int) -> bytes:
        if offset > 512:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(file, size, offset)

    monkeypatch.setattr(files, "read_at", failing)
    _, entries = scanned(tmp_path / "pool.tar")
    assert [(e.member, e.problem) for e in entries] == [
        ("a.jpg", None),
        ("", "unreadable: Input/output error"),
    ]


# --- tars ---


def test_joined_tars_are_listed_whole(tmp_path: Path) -> None:
    first, second = tar_of(("a.jpg", picture(1))), tar_of(("a.jpg", picture(2)), ("b.jpg", b"x"))
    spec, entries = scanned(write(tmp_path / "pool.tar", first + bytes(4096) + second))
    found = {"a.jpg": picture(1), "a.jpg\\#2": picture(2), "b.jpg": b"x"}
    assert contents(spec, entries) == found and not problems(entries)


def test_links_in_a_tar_are_the_files_that_they_lead_to(tmp_path: Path) -> None:
    links = {
        "hard.jpg": (tarfile.LNKTYPE, "./in/real.jpg"),
        "in/soft.jpg": (tarfile.SYMTYPE, "real.jpg"),
        "again.jpg": (tarfile.SYMTYPE, "in/soft.jpg"),
        "later.jpg": (tarfile.SYMTYPE, "in/../z.jpg"),
        "loop.jpg": (tarfile.SYMTYPE, "loop.jpg"),
        "gone.jpg": (tarfile.SYMTYPE, "nowhere.jpg"),
        "folder": (tarfile.SYMTYPE, "in"),
        "out.jpg": (tarfile.SYMTYPE, "../../etc/passwd"),
        "/abs.jpg": (tarfile.SYMTYPE, "in/real.jpg"),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        _add(archive, "in/real.jpg", picture(1))
        for name, (kind, target) in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
        _add(archive, "z.jpg", picture(2))
    for name, content in {
        "pool.tar": out.getvalue(),
        "p.tar.xz": lzma.compress(out.getvalue()),
    }.items():
        spec, entries = scanned(write(tmp_path / name, content))
        assert contents(spec, entries) == {
            "in/real.jpg": picture(1),
            "hard.jpg": picture(1),
            "in/soft.jpg": picture(1),
            "again.jpg": picture(1),
            "later.jpg": picture(2),
            "z.jpg": picture(2),
        }
        reasons = dict.fromkeys(("loop.jpg", "gone.jpg", "folder", "out.jpg"), tars.LEADS_NOWHERE)
        unsafe = "unsafe name in an archive; unpack it and add the folder"
        assert problems(entries) == reasons | {"/abs.jpg": unsafe}


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def test_a_hard_link_means_the_file_before_it(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in (1, 2):
            _add(archive, "a.jpg", picture(number))
            link = tarfile.TarInfo(f"{number}.jpg")
            link.type, link.linkname = tarfile.LNKTYPE, "a.jpg"
            archive.addfile(link)
    found = contents(*scanned(write(tmp_path / "pool.tar", out.getvalue())))
    assert (found["1.jpg"], found["2.jpg"]) == (picture(1), picture(2))


@pytest.mark.parametrize("form", made.TAR_FORMATS)
def test_sparse_members_are_read_whole(tmp_path: Path, form: int) -> None:
    content = made.sparse("s.jpg", picture(1), form) + tar_of(("a.jpg", picture(2)))
    spec, entries = scanned(write(tmp_path / "pool.tar", content))
    assert contents(spec, entries) == {"s.jpg": picture(1), "a.jpg": picture(2)}


# --- zips ---


def test_joined_zips_and_what_follows_them(tmp_path: Path) -> None:
    first, second = zip_of({"a.jpg": picture(1)}), zip_of({"b.jpg": picture(2)})
    path = write(tmp_path / "pool.zip", first + second + bytes(100))
    spec, entries = scanned(path)
    assert contents(spec, entries) == {"a.jpg": picture(1), "b.jpg": picture(2)}
    assert not problems(entries)
    _, entries = scanned(write(tmp_path / "more.zip", first + tar_of(("c.jpg", b"x"))))
    assert problems(entries) == {
        "more.zip": "damaged archive: 10240 bytes behind its end are not read"
    }


def test_zips_of_windows(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("train\\", b"")
        archive.writestr("train\\cat\\1.jpg", picture(1))
        archive.writestr("train\\cat\\1.json", b'{"uid": "u"}')
        archive.writestr("train\\._1.jpg", b"fork")
    spec, entries = scanned(write(tmp_path / "pool.zip", out.getvalue()))
    assert contents(spec, entries) == {"train\\x5ccat\\x5c1.jpg": picture(1)}
    assert [e.source_uid for e in entries if not e.problem] == ["u"]
    assert problems(entries) == {"train\\x5c._1.jpg": "hidden file"}


@pytest.mark.parametrize(
    ("method", "name"), [(9, "deflate64"), (93, "zstd"), (99, "AES"), (77, "method 77")]
)
def test_methods_that_zipfile_lacks_are_named(tmp_path: Path, method: int, name: str) -> None:
    data = zip_of({"a.jpg": picture(1)}, zipfile.ZIP_DEFLATED)
    for header, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = data.index(header) + place
        data = data[:at] + method.to_bytes(2, "little") + data[at + 2 :]
    spec, entries = scanned(write(tmp_path / "pool.zip", data))
    assert name in problems(entries)["a.jpg"] and "unpack it" in problems(entries)["a.jpg"]
    with (
        sources.ByteReader({"pool": spec.root}) as reader,
        pytest.raises(images.RejectedImage, match=name),
    ):
        reader.read("pool", "pool.zip", "a.jpg")


# --- other formats, and archives in archives ---


@pytest.mark.parametrize(
    ("name", "magic", "told"),
    [
        ("x.7z", b"7z\xbc\xaf\x27\x1c", "7z"),
        ("x.rar", b"Rar!\x1a\x07\x01\0", "rar"),
        ("x.zip", b"Rar!\x1a\x07\0", "rar"),
        ("x.tar", b"7z\xbc\xaf\x27\x1c", "7z"),
        ("x.tar.Z", b"\x1f\x9d\x90", "z"),
    ],
)
def test_unsupported_archives_are_named_with_the_remedy(
    tmp_path: Path, name: str, magic: bytes, told: str
) -> None:
    path = write(tmp_path / "in" / name, magic + bytes(600))
    remedy = f"{told} archives are not supported; unpack it and add the folder"
    _, entries = scanned(path.parent)
    assert [entry.problem for entry in entries] == [remedy]
    if name.endswith((".zip", ".tar")):
        assert [entry.problem for entry in scanned(path)[1]] == [remedy]
    else:
        with pytest.raises(errors.SourceError, match=remedy):
            sources.detect("pool", path)


def test_archives_in_archives_are_named(tmp_path: Path) -> None:
    inner = {"in/x.tar": b"t", "y.zip": b"z", "z.tar.zst": b"s", "w.rar": b"r", "a.jpg": picture(1)}
    for name, content in {"p.zip": zip_of(inner), "p.tar": tar_of(*inner.items())}.items():
        spec, entries = scanned(write(tmp_path / name, content))
        assert set(contents(spec, entries)) == {"a.jpg"}
        assert set(problems(entries).values()) == {"an archive inside an archive; unpack it first"}


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    for content in (b"words", gzip.compress(b"words"), b""):
        with pytest.raises(errors.SourceError, match="is not a supported source"):
            sources.detect("pool", write(tmp_path / "data", content))


@pytest.fixture
def few_open_files() -> Iterator[None]:
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


@pytest.mark.usefixtures("few_open_files")
def test_listing_closes_what_it_opened(tmp_path: Path) -> None:
    for suffix, pack in made.PACKERS.items():
        write(tmp_path / f"p.tar{suffix}", pack(tar_of(*TWO.items())))
    write(tmp_path / "p.zip", zip_of(TWO) + zip_of(TWO))
    _, entries = scanned(tmp_path)
    assert sum(not entry.problem for entry in entries) == 2 * len(made.PACKERS) + 4
