"""Embedding images of more than 8 bits: fitted when they are met, the same however it was run."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pytest
import torch
from small_pixels import Fake, png, scene, thermal

from benchmarks.hostile.pixel_values import tiff_of
from sept_core import errors
from sept_core.encoders import backbones, checkpoint, registry
from sept_core.features import feature_store, range_fitting, value_ranges, worker
from sept_core.imaging import images, pixel_values
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    encoder = Fake()
    monkeypatch.setattr(registry, "load", lambda spec, **options: encoder)
    monkeypatch.setattr(registry, "needs_fit", lambda spec, folder: False)
    return encoder


def pool(folder: Path, contents: list[bytes], name: str = "pool") -> Path:
    """The worklist of a folder of files, numbered in order."""
    rows = []
    for number, content in enumerate(contents):
        path = folder / name / f"{number:03d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        rows.append(
            dict.fromkeys(worklists.SCHEMA.names)
            | {"source": name, "root": str(path.parent), "rel_path": path.name, "member": ""}
            | {"offset": -1, "size": -1}
        )
    path = folder / f"{name}.parquet"
    worklists.write(path, pa.Table.from_pylist(rows, worklists.SCHEMA))
    return path


def make_job(folder: Path, worklist: Path, **changes: Any) -> job_folder.JobFolder:
    """A job that embeds one worklist as the pool, in batches of 3 and shards of 6."""
    chosen = {
        "encoder": "fake",
        "encoders_folder": str(folder / "encoders"),
        "features_root": str(folder / "features"),
        "parts": [{"worklist": str(worklist), "collection": "pool"}],
        "batch_size": 3,
        "shard_size": 6,
    }
    path = folder / "job"
    path.mkdir(parents=True, exist_ok=True)
    atomic.write_json(path / "settings.json", chosen | changes)
    atomic.write_json(path / "status.json", {"state": "queued"})
    return job_folder.JobFolder(path)


def store_of(folder: Path, encoder: str = Fake.id) -> feature_store.FeatureStore:
    return feature_store.FeatureStore(folder / "features" / encoder / "pool")


def written(folder: Path) -> dict[str, bytes]:
    """All that embedding leaves: features and ranges."""
    found = [*folder.glob("features/**/*"), *folder.glob("encoders/*")]
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.is_file()}


def neighbours(vectors: np.ndarray) -> list[int]:
    similar = vectors.astype(np.float32) @ vectors.astype(np.float32).T
    np.fill_diagonal(similar, -2)
    nearest: list[int] = similar.argmax(1).tolist()
    return nearest


def test_images_of_a_narrow_range_are_embedded_as_their_8_bit_versions(
    tmp_path: Path, fake: Fake
) -> None:
    for name, contents in {
        "eight": [png(scene(n)) for n in range(24)],
        "thermal": [thermal(n) for n in range(24)],
        "twelve": [png(scene(n).astype(np.uint16) * 16) for n in range(24)],
        "float": [tiff_of(scene(n).astype(np.float32) / 50 - 2) for n in range(24)],
        "signed": [tiff_of(scene(n).astype(np.int16) * 8 - 1024) for n in range(24)],
    }.items():
        worklist = pool(tmp_path / name, contents)
        job = make_job(tmp_path / name, worklist, fit_worklist=str(worklist))
        assert worker.main(job)["parts"][0]["ok"] == 24
    eight = store_of(tmp_path / "eight").gather(np.arange(24))
    for name in ("thermal", "twelve", "float", "signed"):
        vectors = store_of(tmp_path / name).gather(np.arange(24))
        assert (eight * vectors).sum(1).min() > 0.99, name
        assert np.mean(np.equal(neighbours(eight), neighbours(vectors))) > 0.8, name


def test_a_missing_value_turns_no_image_black_or_white(tmp_path: Path, fake: Fake) -> None:
    contents = []
    for number, marker in enumerate([-9999, 1e38, np.nan, np.inf, -3.4e38, None] * 4):
        values = scene(number).astype(np.float32) / 255
        if marker is not None:
            values[5, 5] = marker
        contents.append(tiff_of(values))
    worklist = pool(tmp_path, contents)
    worker.main(make_job(tmp_path, worklist, fit_worklist=str(worklist)))
    [found] = range_fitting.Fitter(tmp_path / "encoders", ValueRanges(), None).ranges
    assert found.ends == (0, 1)
    rows = [row for shard in store_of(tmp_path).shards for row in shard.outcomes().to_pylist()]
    for number, row in enumerate(rows):
        assert abs(row["brightness"] - scene(number).mean() / 255) < 0.02


def test_what_the_headers_record(tmp_path: Path, fake: Fake) -> None:
    usual = [thermal(n) for n in range(20)]
    worklist = pool(tmp_path, [*usual, png(scene(3).astype(np.uint16) + 30_000), png(scene(4))])
    worker.main(make_job(tmp_path, worklist, fit_worklist=str(worklist)))
    [use] = value_ranges.uses(store_of(tmp_path))
    assert (use.range.kind, use.embedded, use.clipped, use.flattened) == ("uint16", 21, 1, 0)
    assert use.range.images == 21 and use.range.ends == pytest.approx((7424, 7676), abs=1)
    assert [use.range] == list(value_ranges.fitted(tmp_path / "encoders"))


def test_an_8_bit_pool_pays_nothing(
    tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(images, "samples")
    worklist = pool(tmp_path, [png(scene(n)) for n in range(8)])
    worker.main(make_job(tmp_path, worklist, fit_worklist=str(worklist)))
    assert not (tmp_path / "encoders").exists()
    assert all("value_ranges" not in shard.header for shard in store_of(tmp_path).shards)


def mixed() -> list[bytes]:
    """Kinds that are met one after the other, two of them in one batch."""
    contents = [png(scene(n)) for n in range(10)]
    contents += [thermal(n) for n in range(7)]
    contents += [tiff_of(scene(n).astype(np.float32)) for n in range(20, 24)]
    contents += [tiff_of(scene(24).astype(np.int16)), thermal(40), b"no image"]
    contents += [png(scene(n)) for n in range(25, 30)]
    return contents


def test_kinds_that_the_sample_lacks_are_fitted_on_what_follows(tmp_path: Path, fake: Fake) -> None:
    result = worker.main(make_job(tmp_path, pool(tmp_path, mixed())))
    assert result["parts"][0] | {"shards": 5} == {
        "collection": "pool", "ok": 28, "rejected": 1, "duplicates": 0, "shards": 5,
        "already_done": 0, "no_features": 0, "unreadable": 0,
    }  # fmt: skip
    found = {one.kind: one for one in value_ranges.fitted(tmp_path / "encoders")}
    assert {kind: one.images for kind, one in found.items()} == {
        "uint16": 8, "float32": 4, "int16": 1,
    }  # fmt: skip
    assert found["float32"].ends == (0, 255)


@pytest.mark.parametrize("moments", [(1,), (4, 1), (5, 2), (6,), (3, 1, 1, 1, 1)])
def test_a_run_that_was_cut_off_goes_on_to_the_same_bytes(
    tmp_path: Path, fake: Fake, moments: tuple[int, ...]
) -> None:
    worker.main(make_job(tmp_path / "whole", pool(tmp_path / "whole", mixed())))
    job = make_job(tmp_path / "cut", tmp_path / "whole" / "pool.parquet")
    for moment in moments:
        fake.batches_left = moment
        with pytest.raises(KeyboardInterrupt):
            worker.main(job)
    fake.batches_left = 1_000_000
    worker.main(job)
    assert written(tmp_path / "cut") == written(tmp_path / "whole")


def test_threads_do_not_matter(tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    worklist = pool(tmp_path, mixed())
    for threads in (1, 5):
        monkeypatch.setattr(joblib, "cpu_count", lambda threads=threads: threads)
        worker.main(make_job(tmp_path / str(threads), worklist))
    assert written(tmp_path / "1") == written(tmp_path / "5")


def test_two_devices_give_the_bytes_of_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = {"name": backbones.NARROW}
    card = {
        "backbone": spec, "image_size": 16, "mean": [0.5] * 3, "std": [0.25] * 3,
        "method": "none", "settings": {}, "manifest": "", "metrics": {},
        "kind": "self-supervised",
    }  # fmt: skip
    checkpoint.save(tmp_path / "checkpoint", backbones.build(spec), card)
    worklist = pool(tmp_path, [*(png(scene(n)) for n in range(8)), *map(thermal, range(8))])
    for name, devices in (("one", ["cpu"]), ("two", ["cpu", "cpu"])):
        job = make_job(
            tmp_path / name,
            worklist,
            encoder=f"checkpoint:{tmp_path / 'checkpoint'}",
            devices=devices,
        )
        assert worker.main(job)["parts"][0]["ok"] == 16
    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_the_order_of_the_sample_does_not_matter(tmp_path: Path, fake: Fake) -> None:
    contents = [thermal(n) for n in range(30)]
    found = []
    for name, order in (("one", contents), ("other", contents[::-1])):
        folder = tmp_path / name
        fitter = range_fitting.Fitter(folder / "encoders", ValueRanges(), pool(folder, order))
        fitter.fit(["uint16"])
        found.append(fitter.ranges)
    assert found[0] == found[1]


def test_given_ranges_are_used_and_nothing_is_fitted(tmp_path: Path, fake: Fake) -> None:
    given = ValueRanges((ValueRange("any", 7000, 8000, given=True),))
    worklist = pool(tmp_path, [thermal(n) for n in range(4)])
    worker.main(make_job(tmp_path, worklist, value_ranges=given.to_json()))
    [use] = value_ranges.uses(store_of(tmp_path))
    assert use.range.ends == (7000, 8000) and use.range.given
    assert not (tmp_path / "encoders").exists()


def test_features_of_another_range_are_not_mixed(tmp_path: Path, fake: Fake) -> None:
    first = pool(tmp_path, [thermal(n) for n in range(6)])
    worker.main(make_job(tmp_path, first))
    kept = written(tmp_path)
    more = pool(tmp_path, [thermal(n) for n in range(6, 12)], "more")
    given = ValueRanges((ValueRange("uint16", 0, 9000, given=True),))
    with pytest.raises(errors.InputError, match=r"7,4\d\d to 7,6\d\d.*0 to 9,000.*--rebuild"):
        worker.main(make_job(tmp_path, more, value_ranges=given.to_json()))
    assert written(tmp_path) == kept


def test_damaged_ranges_are_refused(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / pixel_values.FILE, {"uint16": {"low": 5}})
    with pytest.raises(errors.IntegrityError, match=pixel_values.FILE):
        value_ranges.fitted(tmp_path)
