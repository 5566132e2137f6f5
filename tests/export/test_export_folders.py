"""Folders of images: bytes, names, links and the metadata that the readers want."""

import csv
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_world import World

from sept_core import errors
from sept_core.export import folders, hub_folder, run

GIF = 5  # the place of the one GIF among the images
EXTENSIONS = {".jpg", ".png", ".webp", ".gif", ".bmp"}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def _labels(world: World) -> dict[str, str]:
    """Owner → label; the third owner has none."""
    return {f"{0:032x}": "=cats & dogs/../x", f"{1:032x}": "plain"}


def wanted_labels(world: World) -> dict[str, str | None]:
    owners = world.manifest.rows["target_uid"].to_pylist()
    return {uid: _labels(world).get(owner) for uid, owner in zip(world.uids, owners, strict=True)}


def test_flat_folder_holds_the_original_bytes_under_safe_names(
    world: World, tmp_path: Path
) -> None:
    result = run.export(world.manifest, "flat", tmp_path / "out")
    found = {path.stem: path.read_bytes() for path in _files(tmp_path / "out")}
    assert found == world.images
    assert {path.suffix for path in _files(tmp_path / "out")} == EXTENSIONS
    assert result["copied"] == len(world.uids) and result["linked"] == 0


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_links_share_plain_files_and_archived_images_are_copied(
    world: World, tmp_path: Path, link: str
) -> None:
    result = run.export(world.manifest, "flat", tmp_path / "out", link=link)
    assert (result["linked"], result["copied_anyway"]) == (8, 3)
    assert "3 images are inside archives and are copied" in result["notes"][0]
    plain = tmp_path / "out" / f"{world.uids[0]}.jpg"
    assert plain.samefile(world.path("plain.jpg"))
    assert plain.is_symlink() == (link == "symlink")
    assert {p.stem: p.read_bytes() for p in _files(tmp_path / "out")} == world.images


def test_a_link_across_disks_says_what_to_choose(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(errors.InputError, match="choose symlink or copy"):
        run.export(world.manifest, "flat", tmp_path / "out", link="hardlink")
    assert not (tmp_path / "out").exists()


def test_imagefolder_without_labels_is_a_tree_by_uid(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "imagefolder", tmp_path / "out")
    paths = _files(tmp_path / "out")
    assert {path.stem for path in paths} == set(world.uids)
    assert all(path.parent == tmp_path / "out" / path.stem[:2] for path in paths)


def test_imagefolder_by_label_loads_in_torchvision(world: World, tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    options = {"labels": _labels(world)}
    result = run.export(world.manifest, "imagefolder", tmp_path / "out", options=options)
    data = datasets.ImageFolder(tmp_path / "out")
    names = json.loads((tmp_path / "out" / "classes.json").read_text())
    wanted = wanted_labels(world)
    assert "will skip 1 of 11 images by their suffix (.gif)" in result["notes"][-1]
    wanted = {uid: label for uid, label in wanted.items() if uid != world.uids[GIF]}
    found = {Path(path).stem: names.get(data.classes[number]) for path, number in data.samples}
    assert found == wanted
    assert set(data.classes) == {*names, folders.UNLABELLED}


def test_class_folders_differ_whatever_the_labels() -> None:
    labels = ["Cat", "cat", "CAT", "a/b", "a:b", "../..", "", "🐼" * 200, "_unlabeled", None]
    made = folders.class_folders(labels)
    assert set(made) == set(labels)
    assert len({name.lower() for name in made.values()}) == len(labels)
    for name in made.values():
        assert name and "/" not in name and not name.startswith(".") and len(name.encode()) < 256


def test_huggingface_metadata_names_each_image_relatively(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run.export(world.manifest, "huggingface", out, options={"labels": _labels(world)})
    table = pq.read_table(out / "metadata.parquet")
    assert table["uid"].to_pylist() == world.uids
    for name, data in zip(table["file_name"].to_pylist(), world.images.values(), strict=True):
        assert not name.startswith("/") and ".." not in name
        assert (out / name).read_bytes() == data
    classes, labels = _classes(table), table["target_label"].to_pylist()
    found = [None if number is None else classes[number] for number in labels]
    assert found == list(wanted_labels(world).values())
    assert not {"decided_by", "decided_at"} & set(table.column_names)


def _classes(table: pa.Table) -> list[str]:
    about = json.loads(table.schema.metadata[b"huggingface"])
    return about["info"]["features"]["target_label"]["names"]


def test_huggingface_parquet_holds_the_images(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_folder, "SHARD_BYTES", 2 * max(map(len, world.images.values())))
    options = {"labels": _labels(world), "layout": "parquet", "names": "yes"}
    made = run.export(world.manifest, "huggingface", tmp_path / "out", options=options)
    files = sorted((tmp_path / "out" / "data").iterdir())
    assert len(files) > 1 and files[0].name == f"train-00000-of-{len(files):05d}.parquet"
    table = pa.concat_tables([pq.read_table(path) for path in files])
    assert [one["bytes"] for one in table["image"].to_pylist()] == list(world.images.values())
    assert table["uid"].to_pylist() == world.uids and made["copied"] == len(world.uids)
    assert "decided_by" in table.column_names and _classes(table)


def test_huggingface_card_has_configurations_and_provenance(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "huggingface", tmp_path / "out", options={"labels": _labels(world)})
    card = (tmp_path / "out" / "README.md").read_text()
    _, header, body = card.split("---\n", 2)
    assert '- split: train\n    path:\n    - "images/**"\n    - "metadata.parquet"' in header
    assert "# license: fill in" in header
    assert world.manifest.content_hash in body and "`target_label`" in body
    assert str(tmp_path) not in card


def test_huggingface_json_lines_hold_the_same(world: World, tmp_path: Path) -> None:
    run.export(world.manifest, "huggingface", tmp_path / "a")
    run.export(world.manifest, "huggingface", tmp_path / "b", options={"metadata": "jsonl"})
    lines = (tmp_path / "b" / "metadata.jsonl").read_text().splitlines()
    expected = pq.read_table(tmp_path / "a" / "metadata.parquet").to_pylist()
    assert [json.loads(line) for line in lines] == expected
    with pytest.raises(errors.InputError, match="parquet or jsonl"):
        run.export(world.manifest, "huggingface", tmp_path / "c", options={"metadata": "xml"})


def test_huggingface_loads_in_datasets(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run.export(world.manifest, "huggingface", tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert sorted(loaded["train"]["uid"]) == sorted(world.uids)


def _fake_fiftyone(calls: list[dict[str, object]]) -> ModuleType:
    """Records what `load.py` asks for."""
    module = ModuleType("fiftyone")

    class Dataset:
        from_dir = staticmethod(lambda **given: calls.append(given))

    class Classification:
        def __init__(self, label: str) -> None:
            self.label = label

    class Types:
        CSVDataset = "csv"
        FiftyOneImageClassificationDataset = "classification"

    module.Dataset, module.types = Dataset, Types  # type: ignore[attr-defined]
    module.Classification = Classification  # type: ignore[attr-defined]
    return module


def test_fiftyone_labels_and_loader_agree_with_the_images(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run.export(world.manifest, "fiftyone", out, options={"labels": _labels(world)})
    labels = json.loads((out / "labels.json").read_text())
    assert labels["classes"] == sorted(_labels(world).values())
    assert {path.stem for path in _files(out / "data")} == set(labels["labels"])
    with (out / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(out / "data" / row["filepath"]).read_bytes() for row in rows] == list(
        world.images.values()
    )
    calls: list[dict[str, object]] = []
    monkeypatch.setitem(sys.modules, "fiftyone", _fake_fiftyone(calls))
    code = compile((out / "load.py").read_text(), str(out / "load.py"), "exec")
    exec(code, {"__file__": str(out / "load.py"), "__name__": "__main__"})
    assert calls[0]["dataset_dir"] == str(out)
    fields = calls[0]["fields"]
    assert set(fields) == set(rows[0]) - {"filepath"}
    parsed = {name: kind(rows[1][name]) for name, kind in fields.items() if rows[1][name]}
    assert parsed["similarity"] == 0.89 and parsed["width"] == 48
    found = [row["target_label"] and fields["target_label"](row["target_label"]).label
             for row in rows]  # fmt: skip
    assert found == [label or "" for label in wanted_labels(world).values()]


@pytest.mark.parametrize("name", ["huggingface", "fiftyone", "imagefolder"])
def test_without_labels_of_owners_there_are_no_labels(
    world: World, tmp_path: Path, name: str
) -> None:
    """As of a random selection, whose images no target has brought."""
    run.export(world.manifest, name, tmp_path / "out", options={"labels": {"f" * 32: "cat"}})
    if name == "huggingface":
        assert "target_label" not in pq.read_schema(tmp_path / "out" / "metadata.parquet").names
    elif name == "fiftyone":
        labels = json.loads((tmp_path / "out" / "labels.json").read_text())
        assert labels == {"classes": [], "labels": dict.fromkeys(world.uids)}
    else:
        folders_made = {path.name for path in (tmp_path / "out").iterdir()}
        assert folders_made == {uid[:2] for uid in world.uids}
