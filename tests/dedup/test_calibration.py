"""Calibration: the rule for τ, what counts as background, and a run from images to header."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sept_core import errors
from sept_core.dedup import calibration
from sept_core.encoders import registry
from sept_core.features import feature_store
from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.index import graph
from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing


class PixelEncoder:
    """Small grey pictures as vectors: crops and brightness move them, recompression hardly."""

    id, spec, kind, dim = "pixels-12345678", "pixels", "hand-made", 64
    image_size, precision = 8, "fp32"

    def identity(self) -> dict:
        return {}

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        small = np.asarray(image.resize((8, 8), Image.Resampling.BOX))
        return torch.from_numpy(small.copy()).permute(2, 0, 1)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        grey = batch.float().mean(dim=1).flatten(1) + 1
        return torch.nn.functional.normalize(grey - grey.mean(dim=1, keepdim=True), dim=1)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.floats(-1, 1).map(lambda value: round(value, 6)), min_size=1, max_size=300),
    st.sampled_from([0.0, 0.01, 0.1]),
)
def test_threshold_is_the_lowest_that_few_enough_reach(values: list[float], rate: float) -> None:
    background = np.array(values)
    tau = calibration.threshold(background, rate)
    assert (background >= tau).mean() <= rate
    assert (background >= round(tau - 1e-6, 6)).mean() > rate


def test_tau_rises_as_far_as_the_copies_allow() -> None:
    background = np.linspace(0, 0.5, 1000)
    copies = np.linspace(0.7, 1, 101)
    assert calibration.choose(background, copies, 0.9) == pytest.approx(0.73)
    assert calibration.choose(background, copies, 1.0) == pytest.approx(0.7)
    assert (copies >= calibration.choose(background, copies, 0.95)).mean() >= 0.95
    hard = copies - 0.4  # copies among the background: few false partners come first
    assert calibration.choose(background, hard, 0.9) == calibration.threshold(background, 0.01)
    assert calibration.choose(background, hard[:0], 0.9) == calibration.threshold(background, 0.01)


def test_background_is_the_nearest_that_is_no_copy() -> None:
    links = graph.Graph(
        uids=np.array([f"{number:032x}" for number in range(4)], hashing.UID_DTYPE),
        neighbours=np.array([[1, 2], [0, 2], [1, 0], [1, -1]], np.int32),
        similarity=np.array([[0.9, 0.5], [0.9, 0.6], [0.6, 0.5], [0.4, -np.inf]], np.float32),
        recall=1.0,
        encoder_id="",
        content_id="",
    )
    hashes = np.array([0b1111, 0b1110, 2**63 - 1, 0b1111], np.uint64)
    hashed = np.array([True, True, True, True])
    found = calibration.background_similarity(links, hashes, hashed)
    assert found.tolist() == [0.5, 0.6, 0.6]  # 0 and 1 are copies; 3 has a copy only
    unhashed = calibration.background_similarity(links, hashes, ~hashed)
    assert unhashed.tolist() == [0.9, 0.9, 0.6, 0.4]


def test_jitters_are_small_changes() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 61, 3), np.uint8))
    made = calibration.jitters(image)
    assert made["crop 10%"].size == (61 - 6, 40 - 4)
    assert made["half size"].size == (31, 20)
    for copy in made.values():
        assert copy.mode == "RGB"
        assert copy.tobytes() != image.tobytes()
    again = calibration.jitters(image)
    assert all(again[name].tobytes() == copy.tobytes() for name, copy in made.items())
    assert len(calibration.jitters(Image.new("RGB", (1, 1)))) == len(made)


def picture(seed: int) -> Image.Image:
    """A few soft blobs; seeds 0 and 1 give the same blobs, a little brighter."""
    rng = np.random.default_rng(max(seed, 1))
    small = Image.fromarray(rng.integers(0, 200, (5, 5, 3), np.uint8))
    large = small.resize((48, 48), Image.Resampling.BICUBIC)
    return large.point(lambda value: value + 20) if seed == 0 else large


def make_pool(folder: Path, count: int) -> tuple[Path, feature_store.FeatureStore]:
    """Images on disk as a worklist, and their features with hashes as embedding leaves them."""
    root, encoder = folder / "images", PixelEncoder()
    root.mkdir()
    rows, outcomes, vectors = [], [], []
    for number in range(count):
        data = io.BytesIO()
        picture(number).save(data, "PNG")
        (root / f"{number}.png").write_bytes(data.getvalue())
        image = images.decode(data.getvalue()).image
        row = {"source": "pool", "rel_path": f"{number}.png", "member": ""}
        uid = hashing.uid_of(data.getvalue())
        rows.append(row | {"root": str(root), "offset": -1, "size": -1})
        outcomes.append(row | {"status": "ok", "uid": uid, "phash": images.perceptual_hash(image)})
        vectors.append(encoder.encode(encoder.preprocess(image)[None])[0].numpy())
    (root / "broken.png").write_bytes(b"text")
    rows.insert(1, rows[0] | {"rel_path": "broken.png"})
    worklist = folder / "worklist.parquet"
    worklists.write(worklist, pa.Table.from_pylist(rows, schema=worklists.SCHEMA))
    uids = np.array([outcome["uid"] for outcome in outcomes], hashing.UID_DTYPE)
    table = pa.Table.from_pylist(outcomes, schema=feature_store.OUTCOME_SCHEMA)
    feature_store.write_shard(folder / "store", 0, encoder.id, uids, np.array(vectors), table)
    return worklist, feature_store.FeatureStore(folder / "store")


def run(tmp_path: Path, encoder: str | None, count: int = 30) -> dict:
    worklist, store = make_pool(tmp_path, count)
    wanted = graph.Settings(store=str(store.folder), out="", k=4)
    graph.save(graph.build(store, wanted, lambda done: None), tmp_path / "graph")
    request = {"worklist": str(worklist), "encoder": encoder, "encoders_folder": str(tmp_path)}
    request |= {"store": str(store.folder), "graph": str(tmp_path / "graph")}
    request |= {"out": str(tmp_path / "out")}
    (tmp_path / "job").mkdir()
    atomic.write_json(tmp_path / "job" / "settings.json", request)
    return calibration.main(job_folder.JobFolder(tmp_path / "job"))


def test_a_run_measures_background_and_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load", lambda spec, **options: PixelEncoder())
    result = run(tmp_path, "pixels")
    assert atomic.read_json(tmp_path / "out" / "header.json") == json.loads(json.dumps(result))
    assert result["background_images"] == 30
    assert result["copies"] == 30 * len(result["recall_by_jitter"])  # the broken file is left out
    assert result["tau_leak"] < result["tau"] < 0.99  # the planted copy is no false partner
    assert result["false_partners"] == 0  # 1% of 30 images is none
    assert 0.95 <= result["recall"] < 0.97
    assert result["recall_leak"] >= 0.99
    assert result["recall_by_jitter"]["JPEG 60"] == 1
    histogram = result["histogram"]
    assert sum(histogram["background"]) == 30
    assert sum(histogram["copies"]) == result["copies"]
    assert len(histogram["edges"]) == len(histogram["copies"]) + 1


def test_16_bit_images_are_compared_as_they_were_scaled(tmp_path: Path) -> None:
    grey = np.asarray(picture(3).convert("L"))
    ranges = ValueRanges((ValueRange("uint16", 7424, 7679),))
    found = []
    for name, values in (("heat", 7424 + grey.astype(np.uint16)), ("grey", grey)):
        Image.fromarray(values).save(tmp_path / f"{name}.png")
        row = {"source": "pool", "root": str(tmp_path), "rel_path": f"{name}.png", "member": ""}
        rows = [row | {"offset": -1, "size": -1}]
        worklist = pa.Table.from_pylist(rows, worklists.SCHEMA)
        found.append(
            calibration.copy_similarity(worklist, PixelEncoder(), lambda done, total: None, ranges)
        )
    assert found[0] == found[1] and 0 < found[0]["crop 10%"][0] < 0.999


def test_copies_without_a_usable_vector_are_left_out(tmp_path: Path) -> None:
    class NoBrightness(PixelEncoder):
        def encode(self, batch: torch.Tensor) -> torch.Tensor:
            bright = batch.float().mean(dim=(1, 2, 3)) > batch[0].float().mean() + 5
            return torch.where(bright[:, None], torch.nan, super().encode(batch))

    picture(3).save(tmp_path / "one.png")
    row = {"source": "pool", "root": str(tmp_path), "rel_path": "one.png", "member": ""}
    worklist = pa.Table.from_pylist([row | {"offset": -1, "size": -1}], worklists.SCHEMA)
    found = calibration.copy_similarity(worklist, NoBrightness(), lambda done, total: None)
    assert "brighter" not in found and np.isfinite(np.concatenate([*found.values()])).all()
    assert len(found) == 6


def test_imported_features_get_a_threshold_without_recall(tmp_path: Path) -> None:
    result = run(tmp_path, None)
    assert result["recall"] is None
    assert result["copies"] == 0
    assert 0 < result["tau"] == result["tau_leak"] < 0.99


def test_another_encoder_than_the_features_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = PixelEncoder()
    other.id = "pixels-87654321"
    monkeypatch.setattr(registry, "load", lambda spec, **options: other)
    with pytest.raises(errors.IntegrityError, match="embed the pool again"):
        run(tmp_path, "pixels")


def test_a_pool_of_copies_is_calibrated_by_altered_copies_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load", lambda spec, **options: PixelEncoder())
    result = run(tmp_path, "pixels", count=2)
    assert result["background_images"] == 0 and result["false_partners"] is None
    assert 0.5 <= result["recall"] == result["recall_leak"] < 0.7
    assert sum(result["histogram"]["background"]) == 0


def test_without_any_measure_only_equal_features_are_copies(tmp_path: Path) -> None:
    result = run(tmp_path, None, count=2)
    assert result["tau"] == result["tau_leak"] == 1
    assert result["recall"] is None and result["false_partners"] is None
