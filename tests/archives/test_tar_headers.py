"""Plain headers, read many at once: the same members as `tarfile` finds, whatever the tar."""

import io
import itertools
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sept_core.archives import archives, tar_headers
from sept_core.archives.members import Member
from sept_core.filesystem import safe_paths

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def listed(path: Path) -> list[Member]:
    with path.open("rb") as file:
        return list(archives.listed(file, path.name))


def by_tarfile(path: Path) -> list[tuple[str, int, int]]:
    with tarfile.open(path) as archive:
        return [(safe_paths.stored(m.name), m.offset_data, m.size) for m in archive if m.isreg()]


def write(path: Path, form: int, seed: int, most: int) -> None:
    """A tar of many files of random names and sizes, some with what is not plain."""
    rng = np.random.default_rng(seed)
    with tarfile.open(path, "w", format=form) as archive:
        for number in range(400):
            data = rng.bytes(int(rng.integers(0, most)))
            name = f"{number:05d}{rng.choice(['.jpg', '.png', '.json', '.x'])}"
            kind = int(rng.integers(0, 12))
            if kind == 0:
                name = f"{'deep/' * 12}{'n' * 60}/{name}"
            if kind == 1:
                name = f"ünï {name}"
            if kind == 2 and form != tarfile.USTAR_FORMAT:
                name = "l" * 150 + name
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1.5 if kind == 3 else 1
            if kind == 4:
                info.type, info.size = tarfile.DIRTYPE, 0
            archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("most", [40, 3000, 60_000])
def test_the_same_members_as_tarfile(form: int, most: int, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write(path, form, most, most)
    found = listed(path)
    assert [(m.name, m.offset, m.size) for m in found] == by_tarfile(path)
    content = path.read_bytes()
    for member in found:
        if member.name.endswith(".json"):
            assert member.text == content[member.offset : member.offset + member.size]


def test_a_damaged_header_ends_the_list_there(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write(path, tarfile.USTAR_FORMAT, 1, 2000)
    sound = listed(path)
    content = bytearray(path.read_bytes())
    content[sound[200].offset - tar_headers.BLOCK] ^= 1
    path.write_bytes(content)
    found = listed(path)
    assert found[:200] == sound[:200]
    assert [m.name for m in found[200:]] == [""]
    assert "damaged" in str(found[200].problem)


def test_a_truncated_tar_names_the_last_member(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write(path, tarfile.PAX_FORMAT, 2, 3000)
    sound = listed(path)
    path.write_bytes(path.read_bytes()[: sound[100].offset + 1])
    found = listed(path)
    assert found[:100] == sound[:100]
    assert "truncated" in str(found[100].problem)


FIELDS = {"name": (0, 100), "size": (124, 12), "sum": (148, 8), "type": (156, 1),
          "magic": (257, 8), "prefix": (345, 155)}  # fmt: skip
VALUES = [b"", b"-12000", b" 00017 ", b"12 34", b"\x80\0\0\0", b"../x", b"a/", b"x", b"\xff\xff"]


def seal(content: bytearray, header: int) -> None:
    """Write the checksum of a header."""
    content[header + 148 : header + 156] = b" " * 8
    total = sum(content[header : header + tar_headers.BLOCK])
    content[header + 148 : header + 156] = b"%06o\0 " % total


@pytest.mark.parametrize("form", FORMATS)
def test_odd_headers_give_the_same_members_as_without_the_walk(
    form: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.tar"
    rng = np.random.default_rng(form)
    write(path, form, form, 1500)
    sound = listed(path)[:20]
    content = path.read_bytes()[: sound[-1].offset + 2048]
    cases = [*itertools.product(FIELDS, VALUES, rng.integers(1, len(sound), 2))]
    walk, found = tar_headers.PlainHeaders.walk, []
    for is_walked in (True, False):
        way = walk if is_walked else lambda self, place: setattr(self, "place", place) or iter(())
        monkeypatch.setattr(tar_headers.PlainHeaders, "walk", way)
        found.append([])
        for name, value, number in cases:
            odd, header = bytearray(content), sound[number].offset - tar_headers.BLOCK
            start, length = FIELDS[name]
            odd[header + start : header + start + length] = value[:length].ljust(length, b"\0")
            if name != "sum":
                seal(odd, header)
            path.write_bytes(odd * 2 if number % 2 else odd)
            found[-1].append(listed(path))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.CONTTYPE])
def test_a_negative_size_does_not_lead_back_to_earlier_headers(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(4):
            archive.addfile(tarfile.TarInfo(f"{number}.jpg"))
    content = bytearray(path.read_bytes())
    header = 3 * tar_headers.BLOCK
    content[header + 124 : header + 136] = b"-%010o\0" % (header + tar_headers.BLOCK - 512)
    content[header + 156 : header + 157] = kind
    seal(content, header)
    path.write_bytes(content)
    with path.open("rb") as file:
        found = list(itertools.islice(archives.listed(file, path.name), 100))
    assert [m.name for m in found] == ["0.jpg", "1.jpg", "2.jpg", ""]
    assert "damaged" in str(found[3].problem)
