"""Every kind of source, listed and read back; and the folder that nothing may fall over."""

import base64
import csv
import gzip
import io
import json
import os
import stat
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_worlds import (
    ODD_NAMES,
    contents,
    hostile_folder,
    picture,
    problems,
    scanned,
    write,
    write_tar,
)

from sept_core import errors
from sept_core.filesystem import safe_paths
from sept_core.imaging import images
from sept_core.ingest import sources, worklists

# --- folders ---


def test_folder(tmp_path: Path) -> None:
    names = ["b/2.jpg", "b/10.PNG", "a.webp", "c d/e.jpeg", "no_suffix"]
    data = {name: picture(i) for i, name in enumerate(names)}
    for name, content in data.items():
        write(tmp_path / name, content)
    write(tmp_path / "notes.txt", b"x")
    write(tmp_path / ".hidden.jpg", b"x")
    write(tmp_path / ".git/objects/a.jpg", b"x")
    spec, entries = scanned(tmp_path)
    assert (spec.kind, spec.root) == ("folder", tmp_path)
    assert contents(spec, entries) == data
    assert [e.rel_path for e in entries if not e.problem] == sorted(data)
    assert problems(entries) == {
        ".git": "hidden folder",
        ".hidden.jpg": "hidden file",
        "notes.txt": "not an image by its name (not opened)",
    }
    stamp = (tmp_path / "a.webp").stat()
    entry = next(e for e in entries if e.rel_path == "a.webp")
    assert (entry.size, entry.mtime_ns) == (stamp.st_size, stamp.st_mtime_ns)


def test_links_are_followed_inside_the_root_only(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(root / "real/x.jpg", picture(1))
    write(outside / "secret.jpg", picture(2))
    (root / "link").symlink_to(root / "real")
    (root / "y.jpg").symlink_to("real/x.jpg")
    (root / "out").symlink_to(outside)
    (root / "out.jpg").symlink_to(outside / "secret.jpg")
    (root / "real/up").symlink_to(root)
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "gone.jpg").symlink_to("nowhere.jpg")
    spec, entries = scanned(root)
    assert set(contents(spec, entries)) == {"real/x.jpg", "link/x.jpg", "y.jpg"}
    assert problems(entries) == {
        "link/up": "link loop",
        "real/up": "link loop",
        "out": safe_paths.LEADS_OUT,
        "out.jpg": safe_paths.LEADS_OUT,
        "self.jpg": "link loop",
        "gone.jpg": "dangling link",
    }


def test_links_cannot_multiply_folders_without_end(tmp_path: Path) -> None:
    folders = [tmp_path / f"d{i}" for i in range(9)]
    for folder in folders:
        write(folder / "x.jpg", picture(1))
        for other in folders:
            if other != folder:
                (folder / f"to-{other.name}").symlink_to(other)
    _, entries = scanned(tmp_path)
    assert 9 <= sum(not e.problem for e in entries) <= 9 * 8  # all paths would be 9!·e
    assert "reached through too many links" in problems(entries).values()


def test_unreadable_folder_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "shut/x.jpg", picture(1))
    write(tmp_path / "y.jpg", picture(2))
    real = os.scandir

    def refusing(path: str) -> object:  # permissions mean nothing to root, who may run this
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    entries = list(sources.scan(sources.detect("pool", tmp_path, kind="folder")))
    assert problems(entries) == {"shut": "unreadable folder: Permission denied"}
    assert [e.rel_path for e in entries if not e.problem] == ["y.jpg"]


def test_hostile_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    hostile_folder(root)
    spec, entries = scanned(root)
    embedded, listed = set(), problems(entries)
    with sources.ByteReader({"pool": spec.root}) as reader:
        for entry in entries:
            if entry.problem is None:
                try:
                    images.decode(reader.read("pool", entry.rel_path))
                    embedded.add(entry.rel_path)
                except images.RejectedImage as rejected:
                    listed[entry.rel_path] = rejected.reason
    assert len(embedded) == 3 + len(ODD_NAMES)
    assert {"sixteen.png", "cmyk.jpg", "animated.gif", "new\nline.jpg"} <= embedded
    assert {"latin-\\xe9-\\xff.jpg", "back\\x5cslash\\x5cxff.jpg"} <= embedded
    assert listed.pop("truncated.jpg").startswith("truncated")
    assert listed == {
        "empty.jpg": "empty file",
        "text.jpg": "not an image (a text file)",
        "bomb.png": "too large to decode safely (900 megapixels)",
        "pipe.jpg": "named pipe",
        "socket.jpg": "socket",
        "dangling.jpg": "dangling link",
        "loop": "link loop",
        "passwd.jpg": safe_paths.LEADS_OUT,
    }


def test_device_is_never_opened() -> None:
    spec = sources.SourceSpec("pool", Path("/dev"), "folder", Path("/dev"))
    found = {e.rel_path: e.problem for e in sources.scan(spec)}
    assert found["null"] == "device"


# --- reading ---


def test_reader_refuses_what_lies_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path / "secret.jpg", picture(1))
    write(root / "x.jpg", picture(2))
    (root / "out").symlink_to(tmp_path)
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    with sources.ByteReader({"pool": root}) as reader:
        for rel_path in ("../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "", "./x.jpg"):
            with pytest.raises(errors.SourceError, match="leads outside"):
                reader.read("pool", rel_path)
        for rel_path in ("out/secret.jpg", "out.jpg"):
            with pytest.raises(errors.SourceError, match="link that leads outside"):
                reader.read("pool", rel_path)
        with pytest.raises(errors.SourceError, match="known sources are: pool"):
            reader.read("pond", "x.jpg")


def test_reader_does_not_hang_on_a_pipe_put_in_later(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    os.mkfifo(tmp_path / "shard.tar")
    (tmp_path / "folder.jpg").mkdir()
    with sources.ByteReader({"pool": tmp_path}) as reader:
        for place in (("x.jpg", ""), ("shard.tar", "x.jpg"), ("folder.jpg", "")):
            with pytest.raises(images.UnreadableFile, match="not a regular file"):
                reader.read("pool", *place)
        with pytest.raises(images.UnreadableFile, match="No such file"):
            reader.read("pool", "gone.jpg")
        with pytest.raises(images.UnreadableFile, match="not a regular file"):
            reader.read("pool", "x.jpg", "member")


def test_reading_from_many_threads(tmp_path: Path) -> None:
    data = {f"{i:03d}.jpg": picture(i) for i in range(60)}
    write_tar(tmp_path / "plain.tar", data.items())
    write_tar(tmp_path / "packed.tar.gz", data.items(), "w:gz")
    with zipfile.ZipFile(tmp_path / "pool.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in data.items():
            archive.writestr(name, content)
    table = pa.table({"image": pa.array(list(data.values()), pa.binary())})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=7)
    for name in ("plain.tar", "packed.tar.gz", "pool.zip", "rows.parquet"):
        spec, entries = scanned(tmp_path / name)
        start = threading.Barrier(8)

        def read(
            part: int,
            spec: sources.SourceSpec,
            entries: list[sources.FileEntry],
            reader: sources.ByteReader,
            start: threading.Barrier,
        ) -> list[bytes]:
            start.wait()
            return [
                reader.read("pool", e.rel_path, e.member, e.offset, e.size)
                for e in entries[part::8][:: -1 if part % 2 else 1]
            ]

        with sources.ByteReader({"pool": spec.root}) as reader, ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(read, i, spec, entries, reader, start) for i in range(8)]
            found = sorted(content for job in jobs for content in job.result())
        assert found == sorted(data.values())


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_reader_keeps_few_files_open(tmp_path: Path) -> None:
    for i in range(150):
        write_tar(tmp_path / f"{i:03d}.tar", [("x.jpg", picture(i))])
    spec, entries = scanned(tmp_path)
    before = open_files()
    with sources.ByteReader({"pool": spec.root}) as reader:
        for entry in entries:
            reader.read("pool", entry.rel_path, entry.member, entry.offset, entry.size)
        assert open_files() <= before + 64
    assert open_files() <= before  # garbage of other tests may close its own meanwhile


# --- archives ---


@pytest.mark.parametrize("name", ["pool.zip", "pool.tar", "pool.tar.gz", "pool.tgz"])
def test_archive(tmp_path: Path, name: str) -> None:
    data = {"train/cat/1.jpg": picture(1), "./dog/2.png": picture(2, "PNG"), "ü 😀.jpg": picture(3)}
    if name == "pool.zip":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.mkdir("train")
            for member, content in data.items():
                archive.writestr(member, content)
    else:
        write_tar(tmp_path / name, data.items(), "w:gz" if name.endswith("gz") else "w")
    spec, entries = scanned(tmp_path / name)
    assert (spec.kind, spec.root) == ("zip" if name == "pool.zip" else "tar", tmp_path)
    assert contents(spec, entries) == data
    assert {entry.mtime_ns for entry in entries} == {(tmp_path / name).stat().st_mtime_ns}


@pytest.mark.parametrize(("name", "mode"), [("pool.tar", "w:gz"), ("pool.tar.gz", "w")])
def test_misnamed_tars(tmp_path: Path, name: str, mode: str) -> None:
    write_tar(tmp_path / name, [("x.jpg", picture(1))], mode)
    assert contents(*scanned(tmp_path / name)) == {"x.jpg": picture(1)}


def test_archives_inside_a_folder_of_images_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "train/cat/1.jpg", picture(1))
    write_tar(tmp_path / "more.tar", [("x.jpg", picture(2))])
    spec, entries = scanned(tmp_path)
    assert (spec.kind, set(contents(spec, entries))) == ("folder", {"train/cat/1.jpg"})
    assert problems(entries) == {"more.tar": "an archive: add it as a source of its own"}


def test_folders_of_shards(tmp_path: Path) -> None:
    for name in ("train/00.tar", "train/01.tar", "val/00.tar"):
        write_tar(tmp_path / name, [(f"{len(name)}.jpg", picture(1))])
    write(tmp_path / "train/README.md", b"x")
    spec, entries = scanned(tmp_path)
    assert spec.kind == "webdataset"
    assert [e.rel_path for e in entries if not e.problem] == [
        "train/00.tar",
        "train/01.tar",
        "val/00.tar",
    ]
    write(tmp_path / "test/cat/1.jpg", picture(2))
    assert sources.detect("pool", tmp_path).kind == "folder"


def test_zip_that_means_harm(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    secret = zipfile.ZipInfo("secret.jpg")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.jpg", picture(1))
        for name in ("../up.jpg", "a/../../up.jpg", "/abs.jpg", "C:\\x.jpg", "..\\win.jpg"):
            archive.writestr(name, picture(2))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("good.jpg", picture(3))
        archive.writestr(link, b"/etc/passwd")
        archive.writestr(secret, picture(4))
        archive.writestr("read me.txt", b"text")
        secret.flag_bits |= 1
    spec, entries = scanned(path)
    assert contents(spec, entries) == {"good.jpg": picture(1), "good.jpg\\#2": picture(3)}
    unsafe = "unsafe name in an archive; unpack it and add the folder"
    assert problems(entries) == {
        "../up.jpg": unsafe,
        "a/../../up.jpg": unsafe,
        "/abs.jpg": unsafe,
        "C:\\x5cx.jpg": unsafe,
        "..\\x5cwin.jpg": unsafe,
        "link.jpg": "link in an archive; unpack it and add the folder",
        "secret.jpg": "encrypted; unpack it with its password and add the folder",
        "read me.txt": "not an image by its name (not opened)",
    }
    assert list(tmp_path.iterdir()) == [path]


def test_tar_that_means_harm(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("good.jpg", "../up.jpg", "/abs.jpg", "good.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(picture(1))
            archive.addfile(info, io.BytesIO(picture(1)))
        for name, kind in (("s.jpg", tarfile.SYMTYPE), ("h.jpg", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        pipe = tarfile.TarInfo("pipe.jpg")
        pipe.type = tarfile.FIFOTYPE
        archive.addfile(pipe)
    spec, entries = scanned(path)
    assert contents(spec, entries) == {"good.jpg": picture(1), "good.jpg\\#2": picture(1)}
    assert problems(entries) == {
        "../up.jpg": "unsafe name in an archive; unpack it and add the folder",
        "/abs.jpg": "unsafe name in an archive; unpack it and add the folder",
        "s.jpg": "link in an archive, to no file of it; unpack it and add the folder",
        "h.jpg": "link in an archive, to no file of it; unpack it and add the folder",
        "pipe.jpg": "not a regular file",
    }


def test_bombs_in_archives_are_not_unpacked(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("huge.jpg")
    huge.size = 1 << 40
    write(tmp_path / "a.tar", huge.tobuf() + bytes(1024))
    with gzip.open(tmp_path / "b.tar.gz", "wb") as out:
        out.write(huge.tobuf() + bytes(1024))
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    write(tmp_path / "c.tar", header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    _, entries = scanned(tmp_path)
    assert [(e.rel_path, (e.problem or "")[:30]) for e in entries] == [
        ("a.tar", "truncated: the archive ends in"),
        ("a.tar", "damaged archive: unexpected en"),
        ("b.tar.gz", "too large to read safely (1099"),
        ("b.tar.gz", "damaged archive: what follows "),
        ("c.tar", "damaged archive: a header of 1"),
    ]


def test_damaged_archives_are_listed(tmp_path: Path) -> None:
    data = [(f"{i}.jpg", picture(i)) for i in range(4)]
    whole = write_tar(tmp_path / "whole.tar", data).read_bytes()
    packed = write_tar(tmp_path / "packed.tar.gz", data, "w:gz").read_bytes()
    write(tmp_path / "whole.tar", whole[: 512 + 1024 + 512 + 100])  # ends inside the second
    write(tmp_path / "packed.tar.gz", packed[: len(packed) // 2])
    write(tmp_path / "middle.tar", whole[:1536] + b"\x55" * 512 + whole[2048:])
    write(tmp_path / "words.tar", b"not a tar at all, " * 60)
    write(tmp_path / "words.zip", b"not a zip at all")
    write(tmp_path / "nothing.tar", b"")
    spec, entries = scanned(tmp_path)
    readable = {e.rel_path for e in entries if not e.problem}
    assert "packed.tar.gz" in readable or len(packed) < 2000
    ends = {e.rel_path: e.problem or "" for e in entries}
    assert set(ends) == {path.name for path in tmp_path.iterdir()}
    assert all(problem.startswith("damaged archive") for problem in ends.values()), ends
    cut = next(e for e in entries if (e.rel_path, e.member) == ("whole.tar", "1.jpg"))
    assert cut.problem == "truncated: the archive ends inside this file"
    with sources.ByteReader({"pool": spec.root}) as reader:
        with pytest.raises(images.RejectedImage, match="ends inside"):
            reader.read("pool", "whole.tar", "1.jpg", cut.offset, len(picture(1)))
        for rel_path in ("words.zip", "words.tar"):
            with pytest.raises(images.RejectedImage, match=r"damaged|no such member"):
                reader.read("pool", rel_path, "x.jpg")


def test_damaged_zip_member_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "pool.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.jpg", picture(1))
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)
    with sources.ByteReader({"pool": tmp_path}) as reader:
        with pytest.raises(images.RejectedImage, match="damaged archive: Bad CRC"):
            reader.read("pool", "pool.zip", "x.jpg")
        with pytest.raises(images.RejectedImage, match="no such member"):
            reader.read("pool", "pool.zip", "y.jpg")


# --- WebDataset and img2dataset ---


def test_webdataset_side_cars_become_metadata(tmp_path: Path) -> None:
    shard = [
        ("a/001.jpg", picture(1)),
        ("a/001.txt", b"a cat \xf0\x9f\x90\x88\n"),
        ("a/001.json", json.dumps({"uid": "ab12", "w": 3, "tags": [1], "ok": True}).encode()),
        ("a/002.jpg", picture(2)),
        ("a/002.cls", b"7"),
        ("a/003.json", b'{"lonely": 1}'),
        ("a/004.png", picture(4, "PNG")),
        ("a/004.json", b"{broken"),
        ("a/004.npy", b"x"),
    ]
    write_tar(tmp_path / "shards/0.tar", shard)
    write_tar(tmp_path / "shards/1.tar.gz", [("b.jpg", picture(5)), ("b.txt", b"cap")], "w:gz")
    write(tmp_path / "shards/README.md", b"x")
    spec, entries = scanned(tmp_path / "shards")
    assert spec.kind == "webdataset"
    assert len(contents(spec, entries)) == 4
    by_member = {e.member: e for e in entries if not e.problem}
    first = {"caption": "a cat 🐈", "uid": "ab12", "w": 3, "ok": True}
    assert dict(by_member["a/001.jpg"].metadata) == first
    assert by_member["a/001.jpg"].source_uid == "ab12"
    assert dict(by_member["a/002.jpg"].metadata) == {"cls": "7"}
    assert dict(by_member["b.jpg"].metadata) == {"caption": "cap"}
    assert problems(entries) == {
        "a/003.json": "not an image by its name (not opened)",
        "a/004.json": "side-car is not a JSON object",
        "a/004.npy": "not an image by its name (not opened)",
        "README.md": "not a shard of this source",
    }


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("s/p-{00..02}.tar", ["p-00.tar", "p-01.tar", "p-02.tar"]),
        ("s/p-{01,03}.tar", ["p-01.tar"]),
        ("s/*.tar", ["p-00.tar", "p-01.tar", "p-02.tar"]),
        ("s/p-0[12].tar", ["p-01.tar", "p-02.tar"]),
        ("{s,t}/p-0?.tar", ["s/p-00.tar", "s/p-01.tar", "s/p-02.tar", "t/p-09.tar"]),
    ],
)
def test_patterns_of_shards(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    for name in ("s/p-00.tar", "s/p-01.tar", "s/p-02.tar", "t/p-09.tar"):
        write_tar(tmp_path / name, [("x.jpg", picture(1))])
    spec, entries = scanned(tmp_path / pattern)
    assert spec.kind == "webdataset"
    assert [e.rel_path for e in entries if not e.problem] == expected
    missing = {"p-03.tar": "missing file"} if "03" in pattern else {}
    assert problems(entries) == missing


def test_odd_pattern_is_refused(tmp_path: Path) -> None:
    spec = sources.detect("pool", tmp_path / "{0..999999999}.tar")
    with pytest.raises(errors.SourceError, match="more than 1000000 files"):
        list(sources.scan(spec))


@pytest.mark.parametrize("form", ["tar", "folder"])
def test_img2dataset(tmp_path: Path, form: str) -> None:
    no_error = {"error_message": None}
    rows = [
        {"key": "000000000", "status": "success", "caption": "a", "width": 5, **no_error},
        {"key": "000000001", "status": "failed_to_download", "error_message": "HTTP 404"},
        {"key": "000000002", "status": "success", "caption": "c"},
        {"key": "000000003", "status": "success", "caption": "lost"},
    ]
    files = [
        ("000000000.jpg", picture(0)),
        ("000000000.json", b'{"caption": "a"}'),
        ("000000000.txt", b"a"),
        ("000000002.jpg", picture(2)),
        ("stray.jpg", picture(9)),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "00000.parquet")
    if form == "tar":
        write_tar(tmp_path / "00000.tar", files)
    else:
        for name, data in files:
            write(tmp_path / "00000" / name, data)
    write(tmp_path / "00000_stats.json", b"{}")
    write_tar(tmp_path / "00001.tar", [("000010000.jpg", picture(7))])  # killed before its table
    spec, entries = scanned(tmp_path)
    assert spec.kind == "img2dataset"
    data = {Path(name).name: content for name, content in contents(spec, entries).items()}
    assert data == {
        "000000000.jpg": picture(0),
        "000000002.jpg": picture(2),
        "stray.jpg": picture(9),
        "000010000.jpg": picture(7),
    }
    first = next(e for e in entries if not e.problem)
    assert (first.source_uid, first.metadata["caption"]) == ("000000000", "a")
    assert first.metadata["width"] == 5
    assert problems(entries) == {
        "row 1": "not downloaded: failed_to_download HTTP 404",
        "row 3": "missing from its shard",
    }


# --- lists, tables, Hugging Face ---


def test_list_of_paths(tmp_path: Path) -> None:
    inside = [write(tmp_path / "data/a/1.jpg", picture(1)), write(tmp_path / "data/b 2.jpg", b"x")]
    odd = os.fsencode(tmp_path / "data") + b"/\xff\\.jpg"
    Path(os.fsdecode(odd)).write_bytes(picture(3))
    lines = [b"\xef\xbb\xbf" + bytes(inside[0]), b"data/b 2.jpg", b"", b"data/a/../a/1.jpg\r"]
    lines += [odd, b"data/gone.jpg", b"data", bytes(inside[1])]
    path = write(tmp_path / "list.txt", b"\n".join(lines))
    spec, entries = scanned(path)
    assert (spec.kind, spec.root) == ("list", tmp_path)
    assert set(contents(spec, entries)) == {
        "data/a/1.jpg",
        "data/b 2.jpg",
        "data/\\xff\\x5c.jpg",
    }
    assert {place: text[:27] for place, text in problems(entries).items()} == {
        "row 3": "named before in the same ta",
        "data/gone.jpg": "missing file",
        "data": "a folder, not a file",
        "row 7": "named before in the same ta",
    }


def test_root_of_a_list(tmp_path: Path) -> None:
    one = write(tmp_path / "x/1.jpg", picture(1))
    two = write(tmp_path / "x/y/2.jpg", picture(2))
    path = write(tmp_path / "lists/list.txt", f"{one}\n{two}\n".encode())
    assert sources.detect("pool", path).root == tmp_path / "x"
    spec, entries = scanned(path, root=str(tmp_path / "x/y"))
    assert set(contents(spec, entries)) == {"2.jpg"}
    assert problems(entries)["row 0"].startswith("leads out of the source: '/")
    assert len(problems(entries)) == 1
    assert sources.detect("pool", write(tmp_path / "empty.txt", b"")).root == tmp_path


def test_list_cannot_reach_through_links(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path / "secret/s.jpg", picture(1))
    root.mkdir()
    (root / "out").symlink_to(tmp_path / "secret")
    path = write(root / "list.txt", b"out/s.jpg\n")
    _, entries = scanned(path)
    assert problems(entries) == {"out/s.jpg": safe_paths.LEADS_OUT}


ROWS = [
    {"file_name": "img/1.jpg", "label": "007", "caption": 'a, "b"\nc', "n": 3, "x": 0.5},
    {"file_name": "img/2.jpg", "label": "cat", "caption": "", "n": 4, "x": 1.0},
    {"file_name": "../up.jpg", "label": "cat", "caption": "é", "n": 5, "x": 2.0},
    {"file_name": None, "label": "cat", "caption": "é", "n": 5, "x": 2.0},
]


def write_table(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_table_of_paths(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / "root/img/1.jpg", picture(1))
    write(tmp_path / "root/img/2.jpg", picture(2))
    write(tmp_path / "up.jpg", picture(3))
    path = write_table(tmp_path / f"root/t.{suffix}", ROWS)
    spec, entries = scanned(path, root=str(path.parent))
    assert spec.kind == "table"
    assert contents(spec, entries) == {"img/1.jpg": picture(1), "img/2.jpg": picture(2)}
    expected = {"label": "007", "caption": 'a, "b"\nc', "n": 3, "x": 0.5}
    assert dict(entries[0].metadata) == expected
    assert problems(entries) == {
        "row 2": "leads out of the source: '../up.jpg'",
        "row 3": "no file_name in this row",
    }
    assert sources.detect("pool", path).root == tmp_path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_columns_can_be_named(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / "1.jpg", picture(1))
    path = write_table(tmp_path / f"t.{suffix}", [{"where": "1.jpg", "what": "cat"}])
    with pytest.raises(errors.SourceError, match="no column 'there'"):
        sources.detect("pool", path, path_column="there")
    spec, entries = scanned(path, path_column="where")
    assert contents(spec, entries) == {"1.jpg": picture(1)}
    assert dict(entries[0].metadata) == {"what": "cat"}


def test_parquet_of_image_bytes(tmp_path: Path) -> None:
    data = [picture(i) for i in range(5)]
    table = pa.table({"label": [0, 1, 2, 3, 4], "image": pa.array([*data[:4], None], pa.binary())})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=2)
    spec, entries = scanned(path)
    assert [e.member for e in entries] == ["0", "1", "2", "3", "4"]
    assert dict(entries[3].metadata) == {"label": 3}
    assert contents(spec, entries[:4]) == dict(zip("0123", data, strict=False))
    with sources.ByteReader({"pool": tmp_path}) as reader:
        for member, reason in (("4", "no image in this row"), ("5", "no such row")):
            with pytest.raises(images.RejectedImage, match=reason):
                reader.read("pool", "t.parquet", member)


def test_parquet_of_hugging_face(tmp_path: Path) -> None:
    rows = [{"bytes": picture(i), "path": f"{i}.jpg"} for i in range(3)]
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"image": rows, "label": [1, 0, 9]}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "t.parquet")
    spec, entries = scanned(tmp_path / "t.parquet")
    assert list(contents(spec, entries).values()) == [picture(i) for i in range(3)]
    assert [entry.metadata["label"] for entry in entries] == ["dog", "cat", 9]
    write(tmp_path / "0.jpg", picture(0))
    only_paths = pa.table(
        {"image": pa.array([{"bytes": None, "path": "0.jpg"}], table["image"].type)}
    )
    pq.write_table(only_paths, tmp_path / "p.parquet")
    spec, entries = scanned(tmp_path / "p.parquet")
    assert contents(spec, entries) == {"0.jpg": picture(0)}


def test_named_column_of_images_travels_with_the_row(tmp_path: Path) -> None:
    table = pa.table(
        {"a": pa.array([picture(1)], pa.binary()), "b": pa.array([picture(2)], pa.binary())}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    spec, entries = scanned(tmp_path / "t.parquet", image_column="b")
    assert contents(spec, entries) == {"0:b": picture(2)}


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_text_tables_of_image_bytes(tmp_path: Path, suffix: str) -> None:
    packed = [base64.b64encode(picture(i)).decode() for i in range(2)]
    rows = [{"image_base64": text, "n": i} for i, text in enumerate([*packed, "no base64!"])]
    spec, entries = scanned(write_table(tmp_path / f"t.{suffix}", rows))
    assert contents(spec, entries[:2]) == {"0": picture(0), "1": picture(1)}
    assert dict(entries[1].metadata) == {"n": 1}
    with (
        sources.ByteReader({"pool": tmp_path}) as reader,
        pytest.raises(images.RejectedImage, match="unreadable"),
    ):
        reader.read("pool", f"t.{suffix}", "2")


def test_broken_rows_are_listed(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        write(tmp_path / name, picture(1))
    lines = ['{"path": "1.jpg", "bad": "\\ud800", "big": 99999999999999999999}', "{oops", "", "[1]"]
    write(tmp_path / "t.jsonl", "\n".join([*lines, '{"path": "2\\ud800.jpg"}']).encode())
    _, entries = scanned(tmp_path / "t.jsonl")
    assert dict(entries[0].metadata) == {"bad": "\\ud800", "big": "99999999999999999999"}
    found = problems(entries)
    assert found.pop("row 1").startswith("not a line of JSON")
    assert found == {
        "row 3": "not a JSON object",
        "row 4": "leads out of the source: '2\\ud800.jpg'",
    }
    write(tmp_path / "t.csv", b"path,n\n1.jpg,1\nlonely\n2.jpg,2\n")
    _, entries = scanned(tmp_path / "t.csv")
    assert [e.rel_path for e in entries if not e.problem] == ["1.jpg", "2.jpg"]
    assert list(problems(entries).values()) == [
        "broken row in line 3 with 1 columns instead of 2: 'lonely'"
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_hugging_face_imagefolder(tmp_path: Path, suffix: str) -> None:
    for name in ("train/1.jpg", "train/sub/2.jpg", "test/3.jpg", "train/extra.jpg", "notes.md"):
        write(tmp_path / name, picture(1))
    train = [
        {"file_name": "1.jpg", "text": "one"},
        {"file_name": "sub/2.jpg", "text": "two"},
        {"file_name": "../test/3.jpg", "text": "up"},
        {"file_name": str(tmp_path / "train/1.jpg"), "text": "absolute"},
        {"file_name": "gone.jpg", "text": "gone"},
    ]
    write_table(tmp_path / f"train/metadata.{suffix}", train)
    write_table(tmp_path / f"test/metadata.{suffix}", [{"file_name": "3.jpg", "text": "three"}])
    spec, entries = scanned(tmp_path)
    assert spec.kind == "imagefolder"
    texts = {e.rel_path: dict(e.metadata) for e in entries if not e.problem}
    assert texts == {
        "test/3.jpg": {"text": "three"},
        "train/1.jpg": {"text": "one"},
        "train/sub/2.jpg": {"text": "two"},
        "train/extra.jpg": {"metadata_row": "missing"},
    }
    found = problems(entries)
    assert found.pop("row 2") == "absolute or upward path refused: '../test/3.jpg'"
    assert found.pop("row 3").startswith("absolute or upward path refused")
    assert found == {
        "train/gone.jpg": "missing file",
        "notes.md": "not an image by its name (not opened)",
    }


def test_metadata_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    write(tmp_path / "1.jpg", picture(1))
    os.mkfifo(tmp_path / "metadata.csv")
    spec, entries = scanned(tmp_path)
    assert spec.kind == "folder"
    assert problems(entries) == {"metadata.csv": "named pipe"}


# --- detection, growth, worklists ---


def test_what_cannot_be_a_source(tmp_path: Path) -> None:
    with pytest.raises(errors.SourceError, match="does not exist"):
        sources.detect("pool", tmp_path / "gone")
    with pytest.raises(errors.SourceError, match="is not a supported source"):
        sources.detect("pool", write(tmp_path / "x.docx", b""))
    with pytest.raises(errors.SourceError, match="valid options are kind, root"):
        sources.detect("pool", tmp_path, colour="red")
    with pytest.raises(errors.SourceError, match="Unknown kind 'cloud'"):
        sources.detect("pool", tmp_path, kind="cloud")
    with pytest.raises(errors.SourceError, match="cannot be read as table"):
        sources.detect("pool", tmp_path, kind="table")
    for name, reason in (
        ("t.parquet", "is not a parquet table"),
        ("t.csv", "no recognised column"),
    ):
        with pytest.raises(errors.SourceError, match=reason):
            sources.detect("pool", write(tmp_path / name, b"\xff\xfe,\n\xff\xfe,\n"))
    spec = sources.SourceSpec("pool", tmp_path / "gone", "folder", tmp_path / "gone")
    with pytest.raises(errors.SourceError, match="does not exist"):
        list(sources.scan(spec))


def test_listing_is_the_same_again_and_shows_what_came_and_went(tmp_path: Path) -> None:
    for i in range(30):
        write(tmp_path / f"{i % 7}/{i}.jpg", picture(i))
    _, before = scanned(tmp_path)
    assert scanned(tmp_path)[1] == before
    (tmp_path / "3/3.jpg").unlink()
    write(tmp_path / "new.jpg", picture(99))
    _, after = scanned(tmp_path)
    assert {e.rel_path for e in set_of(before) ^ set_of(after)} == {"3/3.jpg", "new.jpg"}


def set_of(entries: list[sources.FileEntry]) -> set[sources.FileEntry]:
    return {sources.FileEntry(e.rel_path, e.member, size=e.size, metadata=()) for e in entries}


def test_worklists(tmp_path: Path) -> None:
    row = {
        "source": "pool",
        "root": "/data",
        "rel_path": "a",
        "member": "",
        "offset": -1,
        "size": 5,
    }
    table = pa.Table.from_pylist(
        [{**row, "label": None, "split": None, "uid": None, "bands": None, "more": 1}]
    )
    worklists.write(tmp_path / "w.parquet", table)
    found = worklists.read(tmp_path / "w.parquet")
    assert found.schema == worklists.SCHEMA
    unset = dict.fromkeys(("label", "split", "uid", "follow_links", "bands", "mtime_ns"))
    assert found.to_pylist() == [row | unset]
    pq.write_table(table.drop_columns("more"), tmp_path / "old.parquet")  # without follow_links
    assert worklists.read(tmp_path / "old.parquet").equals(found)
    with pytest.raises(errors.NotFoundError):
        worklists.read(tmp_path / "gone.parquet")
    with pytest.raises(errors.IntegrityError):
        worklists.read(write(tmp_path / "x.parquet", b"PAR1"))
