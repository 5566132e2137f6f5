"""Plain headers, read many at once: the same members as `tarfile` finds, whatever the tar."""

import io
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
