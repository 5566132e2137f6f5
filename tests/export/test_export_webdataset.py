"""Tar shards, read with plain tarfile and grouped as the webdataset library does it."""

import json
import tarfile
from pathlib import Path

import pytest
from export_world import World

from sept_core import errors
from sept_core.export import run


def _samples(tar: Path) -> dict[str, dict[str, bytes]]:
    """key → {extension: bytes}: everything after the first dot is the extension."""
    samples: dict[str, dict[str, bytes]] = {}
    with tarfile.open(tar) as opened:
        for member in opened:
            key, extension = member.name.split(".", 1)
            file = opened.extractfile(member)
            assert file
            samples.setdefault(key, {})[extension] = file.read()
    return samples


def test_every_sample_has_its_original_bytes_and_its_row(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "webdataset", tmp_path / "out")
    found: dict[str, bytes] = {}
    for tar in sorted((tmp_path / "out").rglob("*.tar")):
        kind = tar.parent.name
        for key, sample in _samples(tar).items():
            assert set(sample) == {kind, "json"}
            assert json.loads(sample["json"])["uid"] == key
            found[key] = sample[kind]
    assert found == world.images


def test_one_set_of_tars_for_each_extension(world: World, tmp_path: Path) -> None:
    options = {"images_per_shard": 2}
    run.export(world.manifest, "webdataset", tmp_path / "out", options=options)
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.tar")}
    assert names == {
        *(f"jpg/0000{number}.tar" for number in range(3)),
        "png/00000.tar", "webp/00000.tar", "gif/00000.tar", "bmp/00000.tar",
    }  # fmt: skip
    jpeg = [key for n in range(3) for key in _samples(tmp_path / f"out/jpg/0000{n}.tar")]
    assert jpeg == [uid for uid, data in world.images.items() if data[:2] == b"\xff\xd8"]


def test_tars_are_the_same_bytes_each_time(world: World, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run.export(world.manifest, "webdataset", tmp_path / name)
    first, second = ((tmp_path / n / "jpg/00000.tar").read_bytes() for n in ("a", "b"))
    assert first == second
    with tarfile.open(tmp_path / "a/jpg/00000.tar") as tar:
        assert {(m.mtime, m.uid, m.gid, m.mode) for m in tar} == {(0, 0, 0, 0o644)}


def test_an_impossible_shard_size_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match="images_per_shard"):
        run.export(world.manifest, "webdataset", tmp_path / "out", options={"images_per_shard": 0})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it closes late
def test_loads_in_webdataset(world: World, tmp_path: Path) -> None:
    library = pytest.importorskip("webdataset")
    run.export(world.manifest, "webdataset", tmp_path / "out")
    tars = str(tmp_path / "out" / "jpg" / "00000.tar")
    samples = {s["__key__"]: s["jpg"] for s in library.WebDataset(tars, shardshuffle=False)}
    assert samples.items() <= world.images.items() and samples
