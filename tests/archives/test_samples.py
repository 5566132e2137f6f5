"""Side-cars go to the image that they were written for."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_worlds import picture, problems, scanned, write, write_tar

from sept_core.archives import samples

LETTERS = st.text("ab1.", min_size=1, max_size=6)


def owners(images: list[str], side_cars: list[str]) -> dict[str, list[str]]:
    """The side-cars of each image by name."""
    found = samples.matched([(0, name) for name in images], [(0, name) for name in side_cars])
    return {images[image]: [side_cars[car] for car in cars] for image, cars in found.items()}


OWNERS = {
    "dots in the key": (
        ["scan_1.5.jpg", "scan_1.50.jpg"],
        ["scan_1.50.json", "scan_1.5.json", "scan_1.5.cls"],
        {
            "scan_1.5.jpg": ["scan_1.5.json", "scan_1.5.cls"],
            "scan_1.50.jpg": ["scan_1.50.json"],
        },
    ),
    "several images of one sample": (
        ["x.jpg", "x.mask.png", "x.seg.png"],
        ["x.json", "x.mask.txt"],
        {"x.jpg": ["x.json"], "x.mask.png": ["x.json", "x.mask.txt"], "x.seg.png": ["x.json"]},
    ),
    "a longer name than that of the sample's image": (
        ["x.jpg", "x.mask.png"],
        ["x.meta.json"],
        {"x.jpg": ["x.meta.json"], "x.mask.png": ["x.meta.json"]},
    ),
    "a longer name than that of one image": (
        ["s.0.jpg", "s.1.jpg"],
        ["s.0.meta.json"],
        {"s.0.jpg": ["s.0.meta.json"]},
    ),
    "the image is missing": (["s.0.jpg", "s.1.jpg"], ["s.7.json"], {}),
    "one image in the sample": (
        ["x.left.png"],
        ["x.meta.json", "x.left.cls"],
        {"x.left.png": ["x.meta.json", "x.left.cls"]},
    ),
    "named by the whole file name": (
        ["x.jpg", "x.png"],
        ["x.jpg.json", "x.png.json"],
        {"x.jpg": ["x.jpg.json"], "x.png": ["x.png.json"]},
    ),
    "one key in two folders": (["a/x.jpg", "b/x.jpg"], ["b/x.json"], {"b/x.jpg": ["b/x.json"]}),
    "no suffix": (["deadbeef"], ["deadbeef.json"], {"deadbeef": ["deadbeef.json"]}),
}


@pytest.mark.parametrize(("images", "side_cars", "expected"), OWNERS.values(), ids=OWNERS)
def test_matched(images: list[str], side_cars: list[str], expected: dict[str, list[str]]) -> None:
    assert owners(images, side_cars) == expected


@given(st.sets(LETTERS, min_size=1, max_size=8), st.randoms())
def test_an_images_own_side_car_is_always_its_last(stems: set[str], draw: object) -> None:
    names = sorted(stems)
    found = owners([f"{s}.jpg" for s in names], [f"{s}.json" for s in reversed(names)])
    for stem in names:
        assert found[f"{stem}.jpg"][-1] == f"{stem}.json"


def test_long_names_take_no_long_time() -> None:
    name = "a." * 30_000
    assert owners([f"{name}jpg", f"{name}b.jpg"], [f"{name}json"]) is not None


def keyed(number: int) -> bytes:
    return json.dumps({"uid": f"{number:032x}", "caption": f"caption {number}"}).encode()


def test_dots_in_the_keys_of_a_tar(tmp_path: Path) -> None:
    shard = [
        member
        for n in range(12)
        for member in (
            (f"scan_1.{n}.jpg", picture(n)),
            (f"scan_1.{n}.json", keyed(n)),
            (f"scan_1.{n}.cls", b"%d" % (n % 3)),
        )
    ]
    for name, members in {"a.tar": shard, "b.tar": shard[::3] + shard[1::3] + shard[2::3]}.items():
        _, entries = scanned(write_tar(tmp_path / name, members))
        assert not problems(entries) and len(entries) == 12
        for entry in entries:
            number = int(entry.member.split(".")[1])
            assert entry.source_uid == f"{number:032x}"
            assert entry.metadata["cls"] == str(number % 3)


def test_joined_tars_keep_their_side_cars_apart(tmp_path: Path) -> None:
    content = b""
    for number in (1, 2):
        path = write_tar(
            tmp_path / "one.tar", [("x.jpg", picture(number)), ("x.json", keyed(number))]
        )
        content += path.read_bytes()
    _, entries = scanned(write(tmp_path / "both" / "pool.tar", content))
    assert [(e.member, e.source_uid) for e in entries] == [
        ("x.jpg", f"{1:032x}"),
        ("x.jpg\\#2", f"{2:032x}"),
    ]


def test_side_cars_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a/x.jpg", picture(1))
    write(tmp_path / "a/x.json", keyed(7))
    write(tmp_path / "a/x.txt", "\ufeffeine Katze\n".encode())
    write(tmp_path / "a/y.jpg", picture(2))
    write(tmp_path / "a/y.json", b"[1]")
    write(tmp_path / "notes.txt", b"not of an image")
    _, entries = scanned(tmp_path)
    by_path = {entry.rel_path: entry for entry in entries}
    assert dict(by_path["a/x.jpg"].metadata) == {"uid": f"{7:032x}", "caption": "eine Katze"}
    assert by_path["a/x.jpg"].source_uid == f"{7:032x}" and by_path["a/y.jpg"].source_uid is None
    assert problems(entries) == {
        "a/y.json": samples.NOT_JSON,
        "notes.txt": "not an image by its name (not opened)",
    }


@pytest.mark.parametrize("text", [b"{broken", b"[1]", b"3", b"[" * 100_000, b"\xff\xfe\x00", b""])
def test_side_cars_that_say_nothing(text: bytes) -> None:
    assert samples.values("x.json", text) is None
