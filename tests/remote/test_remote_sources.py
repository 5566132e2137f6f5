"""Pools in object storage: listed and read as those of a folder, whatever holds the images."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from object_server import ObjectServer, address
from small_project import picture, png

from sept_core import errors
from sept_core.imaging import images
from sept_core.ingest import sources

IMAGES = [png(picture("red", number)) for number in range(6)]


def tar(path: Path, names: list[str], side_car: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in zip(names, IMAGES, strict=False):
            files = {f"{name}.png": data} | ({f"{name}.json": b'{"a": 1}'} if side_car else {})
            for inner, content in files.items():
                info = tarfile.TarInfo(inner)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def listed(path: str, **options: str) -> tuple[sources.SourceSpec, list[sources.FileEntry]]:
    spec = sources.detect("web", Path(path), **options)
    return spec, list(sources.scan(spec))


def read_all(spec: sources.SourceSpec, entries: list[sources.FileEntry]) -> list[bytes]:
    found = []
    for in_order in (True, False):
        with sources.ByteReader({"web": spec.root}, in_order=in_order) as reader:
            found = [
                reader.read("web", e.rel_path, e.member, e.offset, e.size, e.mtime_ns)
                for e in entries
                if e.problem is None
            ]
    return found


def test_shards_of_a_pattern_and_of_a_prefix(server: ObjectServer, bucket: Path) -> None:
    tar(bucket / "shards" / "00.tar", ["a", "b"], side_car=True)
    tar(bucket / "shards" / "01.tar", ["c"])
    tar(bucket / "shards" / "02.tar.gz", ["d"])
    for path, count in (("s3://bucket/shards", 4), ("s3://bucket/shards/0*.tar", 3)):
        spec, entries = listed(path)
        assert (spec.kind, spec.root) == ("webdataset", Path("s3://bucket/shards"))
        assert [(e.rel_path, e.member) for e in entries] == [
            ("00.tar", "a.png"), ("00.tar", "b.png"), ("01.tar", "c.png"), ("02.tar.gz", "d.png")
        ][:count]  # fmt: skip
        assert entries[0].metadata == {"a": 1}
        assert read_all(spec, entries) == [*IMAGES[:2], IMAGES[0], IMAGES[0]][:count]
    _, entries = listed("s3://bucket/shards/{01..03}.tar")
    assert [e.problem for e in entries] == [None, "missing file", "missing file"]


def test_wildcards_match_no_slash(server: ObjectServer, bucket: Path) -> None:
    for name in ("a-b.tar", "a/b.tar", "a-/b.tar", "a*b.tar"):
        tar(bucket / name, ["x"])
    for pattern, found in (("a?b.tar", ["a*b.tar", "a-b.tar"]), ("a[.*]b.tar", ["a*b.tar"])):
        _, entries = listed(f"s3://bucket/{pattern}")
        assert [e.rel_path for e in entries] == found


def test_a_single_image_takes_one_range(server: ObjectServer, bucket: Path) -> None:
    tar(bucket / "x.tar", list("abcdef"))
    spec, entries = listed("s3://bucket/x.tar")
    server.sent = 0
    with sources.ByteReader({"web": spec.root}) as reader:
        last = entries[-1]
        reader.read("web", last.rel_path, last.member, last.offset, last.size)
    assert server.sent < len(IMAGES[5]) + 2048


def test_a_folder_of_images_and_a_zip(server: ObjectServer, bucket: Path) -> None:
    for number, data in enumerate(IMAGES):
        (bucket / "pool" / f"{number}").mkdir(parents=True)
        (bucket / "pool" / f"{number}" / "ü x.png").write_bytes(data)
    spec, entries = listed("s3://bucket/pool")
    assert spec.kind == "folder"
    assert read_all(spec, entries) == IMAGES
    with zipfile.ZipFile(bucket / "all.zip", "w") as archive:
        for number, data in enumerate(IMAGES):
            archive.writestr(f"{number}.png", data)
    spec, entries = listed("s3://bucket/all.zip")
    assert (spec.kind, read_all(spec, entries)) == ("zip", IMAGES)


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TABLES = {
    "struct": pa.array([{"bytes": data, "path": None} for data in IMAGES], STRUCT),
    "large": pa.array(IMAGES, pa.large_binary()),
    "dictionary": pa.array(IMAGES, pa.binary()).dictionary_encode(),
    "nested": pa.array([{"image": {"bytes": data, "path": ""}} for data in IMAGES]),
    "lists": pa.array([[{"bytes": data, "path": ""}] for data in IMAGES]),
}


@pytest.mark.parametrize("form", TABLES)
def test_parquet_with_images(form: str, server: ObjectServer, bucket: Path) -> None:
    table = pa.table({"image": TABLES[form], "caption": [f"{n}" for n in range(6)]})
    pq.write_table(table, bucket / "train-0.parquet", row_group_size=2)
    spec, entries = listed("s3://bucket/train-*.parquet")
    assert spec.kind == "tables"
    assert read_all(spec, entries) == IMAGES
    assert [e.metadata["caption"] for e in entries] == list("012345")
    assert read_all(*listed("s3://bucket/train-0.parquet")) == IMAGES


def test_the_number_of_listings_does_not_grow_with_the_tables(
    server: ObjectServer, bucket: Path
) -> None:
    counts = []
    for number, data in enumerate(IMAGES):
        (bucket / f"{number}.png").write_bytes(data)
        (bucket / f"part-{number}.csv").write_text(f"path\n{number}.png\n")
        server.requests.clear()
        _, entries = listed("s3://bucket/part-*.csv")
        assert [e.rel_path for e in entries] == [f"{n}.png" for n in range(number + 1)]
        counts.append(sum("list-type" in path for _, path, _ in server.requests))
    assert len(set(counts)) == 1


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_list_of_images(scheme: str, server: ObjectServer, bucket: Path) -> None:
    for number, data in enumerate(IMAGES[:3]):
        (bucket / f"{number}.png").write_bytes(data)
    home = "s3://bucket" if scheme == "s3" else f"{server.url}/bucket"
    (bucket / "lists").mkdir()
    names = [f"{home}/0.png", f"{home}/1.png", "../x.png", f"{home}/2.png", f"{home}/gone.png"]
    if scheme == "http":
        names.append(f"{home}/0.png?signature=hunter2")
    (bucket / "lists" / "all.txt").write_text("\n".join(names))
    spec, entries = listed(f"{home}/lists/all.txt")
    assert (spec.kind, spec.root) == ("list", Path(home))
    usable = [e for e in entries if e.problem is None]
    assert read_all(spec, usable) == IMAGES[:3]
    problems = [e.problem for e in entries if e.problem]
    assert problems[1] == "missing file"
    assert "hunter2" not in repr(entries)


def test_invalid_addresses_in_a_list_are_listed(server: ObjectServer, bucket: Path) -> None:
    home = f"{server.url}/bucket"
    (bucket / "0.png").write_bytes(IMAGES[0])
    lines = [f"{home}/0.png", f"{home}/%2e%2e/x.png", "http://host:abc/x.png", "http://[::1/x.png"]
    (bucket / "all.txt").write_bytes("\n".join(lines).encode() + b"\n\xff.png")
    _, entries = listed(f"{home}/all.txt")
    assert [e.problem is None for e in entries] == [True, False, False, False, False]
    str(entries).encode()


def test_a_list_of_shards(server: ObjectServer, bucket: Path) -> None:
    tar(bucket / "shards" / "00.tar", ["a", "b"])
    tar(bucket / "shards" / "01.tar", ["c"])
    (bucket / "shards.txt").write_text("shards/00.tar\nshards/01.tar\n")
    for place in ("s3://bucket/shards.txt", address(server, "bucket/shards.txt")):
        spec, entries = listed(place)
        assert [e.member for e in entries] == ["a.png", "b.png", "c.png"]
        assert read_all(spec, entries) == [*IMAGES[:2], IMAGES[0]]


def test_a_shard_that_breaks_off_is_unreachable(
    server: ObjectServer, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.2")
    tar(bucket / "shards" / "00.tar", ["a", "b"])
    tar(bucket / "shards" / "01.tar", ["c"])
    server.fault(part="00.tar", status=503, times=1000)
    _, entries = listed("s3://bucket/shards/{00..01}.tar")
    assert [(e.rel_path, e.problem) for e in entries] == [
        ("00.tar", "unreachable: the server answered with status 503"), ("01.tar", None)
    ]  # fmt: skip


def test_another_version_of_a_shard_is_not_read(server: ObjectServer, bucket: Path) -> None:
    tar(bucket / "x.tar", ["a", "b"])
    spec, entries = listed("s3://bucket/x.tar")
    tar(bucket / "x.tar", ["long name of another image", "b"])
    with pytest.raises(images.UnreadableFile, match="has changed"):
        read_all(spec, entries[:1])


def test_places_that_cannot_be_used_are_named(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.SourceError, match="s3://bucket/none does not exist"):
        listed("s3://bucket/none")
    with pytest.raises(errors.SourceError, match=r"s3://bucket/none.txt cannot be read as list"):
        listed("s3://bucket/none.txt", kind="list")
    with pytest.raises(errors.SourceError, match="s3://bucket/none contains no tables"):
        listed("s3://bucket/none", kind="tables")
    with pytest.raises(errors.SourceError, match="SEPT_REMOTES"):
        listed("s3://elsewhere/x.tar")
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.1")
    server.fault(method="HEAD", status=500, times=1000)
    server.fault(status=500, times=1000)
    with pytest.raises(errors.SourceError, match=r"s3://bucket/x.tar cannot be read: unreachable"):
        listed("s3://bucket/x.tar")


def test_the_stamp_depends_on_the_version() -> None:
    from sept_core.remote import objects

    tags = [hashlib.md5(data).hexdigest() for data in IMAGES]
    assert len({objects.made("s3://b/x", 1, tag, None).mtime_ns for tag in tags}) == len(tags)
