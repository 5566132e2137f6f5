"""Whole or not at all: failures, cancellation, destinations, plans and the worker."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from export_world import World, picture

from sept_core import errors
from sept_core.export import formats, registry, run, subset, tables
from sept_core.jobs import job_folder
from sept_core.storage import atomic

NO_NEEDS = [name for name in formats.FORMATS if name != "ssl-data-curation"]


def _left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", NO_NEEDS)
def test_every_format_writes_one_thing_and_leaves_nothing_else(
    world: World, tmp_path: Path, name: str
) -> None:
    (tmp_path / "exports").mkdir()
    result = run.export(world.manifest, name, tmp_path / "exports" / "out")
    made = {path.name for path in (tmp_path / "exports").iterdir()}
    assert made == ({"out", "out-images"} if name == "txt" else {"out"})
    assert result["images"] == 11 and result["out"] == str(tmp_path / "exports" / "out")


@pytest.mark.parametrize("name", [n for n, f in formats.FORMATS.items() if f.images == "linked"])
def test_a_changed_byte_fails_the_export_and_names_the_file(
    world: World, tmp_path: Path, name: str
) -> None:
    path = world.path("emoji 🐼.png")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(errors.IntegrityError, match=r"emoji 🐼\.png has changed"):
        run.export(world.manifest, name, tmp_path / "out", link="symlink")
    assert not (tmp_path / "out").exists() and not _left_behind(tmp_path)


def test_an_image_that_is_gone_is_taken_from_its_other_place(world: World, tmp_path: Path) -> None:
    world.path("plain.jpg").unlink()
    run.export(world.manifest, "flat", tmp_path / "out")
    assert (tmp_path / "out" / f"{world.uids[0]}.jpg").read_bytes() == world.images[world.uids[0]]
    world.path("really a jpeg.txt").unlink()
    with pytest.raises(errors.NotFoundError, match=r"really a jpeg\.txt"):
        run.export(world.manifest, "flat", tmp_path / "second")


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_an_existing_destination_is_refused(world: World, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder":
        out.mkdir()
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(errors.InputError, match="exists; choose another name"):
        run.export(world.manifest, "csv", out)
    assert not (tmp_path / "nowhere").exists()


def test_images_beside_a_list_do_not_overwrite(world: World, tmp_path: Path) -> None:
    (tmp_path / "out-images").mkdir()
    with pytest.raises(errors.InputError, match="out-images exists"):
        run.export(world.manifest, "txt", tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_cancelling_leaves_nothing(world: World, tmp_path: Path) -> None:
    def step(done: int) -> None:
        if done == 5:
            raise job_folder.Cancelled

    with pytest.raises(job_folder.Cancelled):
        run.export(world.manifest, "webdataset", tmp_path / "out", step=step)
    assert not (tmp_path / "out").exists() and not _left_behind(tmp_path)


def test_unknown_names_are_answered_with_the_known_ones(world: World, tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match=r"use one of native, csv"):
        run.export(world.manifest, "parquet", tmp_path / "out")
    with pytest.raises(errors.InputError, match="copy, hardlink, symlink"):
        run.export(world.manifest, "flat", tmp_path / "out", link="move")
    with pytest.raises(errors.InputError, match="takes no options, not labels"):
        run.export(world.manifest, "csv", tmp_path / "out", options={"labels": {}})


def test_images_are_read_in_order_with_progress(world: World, tmp_path: Path) -> None:
    steps: list[int] = []
    run.export(world.manifest, "flat", tmp_path / "out", step=steps.append)
    assert steps == list(range(1, 12))


def test_extension_follows_the_bytes_not_the_name() -> None:
    kinds = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
    assert {kind: subset.extension(picture(1, kind)) for kind in kinds} == kinds
    assert subset.extension(picture(1, "TIFF")) == ".tif"
    assert subset.extension(picture(1, "PPM")) == ".ppm"
    assert subset.extension(picture(1, "JPEG2000")) == ".jp2"
    assert subset.extension(picture(1, "AVIF")) == ".avif"
    assert subset.extension(b"\0\0\0\x18ftypheic") == ".heic"
    assert subset.extension(b"\0" * 128 + b"DICM") == ".dcm"
    assert subset.extension(b"?") == ".img"


def test_options_are_read_as_their_format_takes_them() -> None:
    assert registry.read_options("webdataset", ["images_per_shard=20"]) == {"images_per_shard": 20}
    assert registry.read_options("huggingface", ["metadata=jsonl"]) == {"metadata": "jsonl"}
    for name, text, said in (
        ("webdataset", "images_per_shard=many", "images_per_shard=many is not a number"),
        ("webdataset", "images_per_shard", "takes images_per_shard=VALUE, not"),
        (
            "huggingface",
            "labels=x",
            "takes layout=VALUE, metadata=VALUE, names=VALUE, not 'labels=x'",
        ),
        ("csv", "a=b", "csv takes no options"),
    ):
        with pytest.raises(errors.InputError, match=said):
            registry.read_options(name, [text])


@pytest.mark.parametrize("name", ["csv", "jsonl", "huggingface", "fiftyone"])
def test_a_row_that_is_lost_fails_the_export(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write = {"csv": "write_csv", "fiftyone": "write_csv"}.get(name, "write_jsonl")
    whole = getattr(tables, write)

    def losing(out: Path, *rest: object) -> int:
        *columns, rows = rest
        return int(whole(out, *columns, list(rows)[1:]))

    monkeypatch.setattr(tables, write, losing)
    options = {"metadata": "jsonl"} if name == "huggingface" else {}
    with pytest.raises(errors.IntegrityError, match="10 rows for 11 images"):
        run.export(world.manifest, name, tmp_path / "out", options=options)
    assert not (tmp_path / "out").exists() and not _left_behind(tmp_path)


def test_an_image_that_is_lost_fails_the_export(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subset, "tree_name", lambda uid, end: uid[:1] + end)
    with pytest.raises(errors.IntegrityError, match="image files for 11 images"):
        run.export(world.manifest, "lightly-train", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "link", "written"),
    [("flat", "copy", 11), ("flat", "symlink", 3), ("webdataset", "symlink", 11),
     ("txt", "copy", 3), ("csv", "copy", 0)],
)  # fmt: skip
def test_plan_counts_what_will_be_written(world: World, name: str, link: str, written: int) -> None:
    plan = registry.plan(world.manifest, name, link)
    sizes = [len(data) for data in world.images.values()]
    assert plan.count == 11
    assert written * min(sizes) <= plan.bytes <= written * max(sizes)
    assert plan.copied_anyway == (written if link != "copy" else 0)
    assert bool(plan.notes) == ((name, link) != ("flat", "copy"))


def test_worker_runs_from_its_folder_and_reports(world: World, tmp_path: Path) -> None:
    job = tmp_path / "jobs" / "one"
    job.mkdir(parents=True)
    settings = {
        "manifest": str(world.manifest.folder),
        "roots": {name: str(path) for name, path in world.roots.items()},
        "format": "flat",
        "out": str(tmp_path / "out"),
        "link": "copy",
        "options": {},
    }
    atomic.write_json(job / "settings.json", settings)
    atomic.write_json(job / "status.json", {"state": "launched"})
    command = [sys.executable, "-m", "sept_core.export.run", str(job)]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0
    assert json.loads((job / "result.json").read_text())["images"] == 11
    assert json.loads((job / "progress.json").read_text())["done"] == 11
    assert len(list((tmp_path / "out").iterdir())) == 11


@pytest.mark.parametrize("name", formats.FORMATS)
def test_every_format_has_a_writer_and_lines_that_load_it(name: str) -> None:
    assert callable(formats.FORMATS[name].load())
    assert formats.snippets(name, Path("/a"))


def test_menus_read_the_formats_without_any_library() -> None:
    code = (
        "import sys; from sept_core.export import formats; assert formats.options_help();"
        "assert not {'torch', 'numpy', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
