"""Loggers: what they write, read back by their own libraries, and what happens when one fails."""

import dataclasses
import json
import logging
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_manifest

from sept_core import errors
from sept_core.encoders import checkpoint
from sept_core.manifest import manifest
from sept_core.pretrain import loggers, loop, meter, worker
from sept_core.pretrain import settings as pretrain
from sept_core.storage import late

LOGGED = {"probe_every": 2, "log_every": 2, "steps": 6}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_manifest.make(tmp_path_factory.mktemp("pool"))


class _Notes:
    """A logger that keeps what it was given."""

    made: "list[_Notes]" = []  # noqa: RUF012

    def __init__(self, run: loggers.Run) -> None:
        self.run, self.values, self.pictures, self.closed = run, [], [], False
        self.made.append(self)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.values.append((step, dict(values)))

    def picture(self, step: int, name: str, pixels: np.ndarray) -> None:
        self.pictures.append((step, name, pixels))

    def close(self) -> None:
        self.closed = True


class _Broken(_Notes):
    """A logger whose disk is full."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        raise OSError("no space left")


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[_Notes]:
    """All loggers that were made in place of the real ones, by the name of their module."""
    found = {"loggers_tensorboard:TensorBoard": _Notes, "loggers_wandb:Offline": _Broken}
    load = late.load
    monkeypatch.setattr(
        late, "load", lambda package, place: found.get(place) or load(package, place)
    )
    monkeypatch.setattr(_Notes, "made", [])
    return _Notes.made


def test_a_logger_gets_scalars_views_settings_and_the_manifest(
    tmp_path: Path, pool: Path, notes: list[_Notes]
) -> None:
    worker.main(small_manifest.job(tmp_path, pool, log="tensorboard", **LOGGED))
    (made,) = notes
    assert made.closed and made.run.folder == tmp_path / "run"
    assert made.run.facts["manifest"] == manifest.read(pool / "manifest").content_hash
    assert made.run.facts["lr"] == small_manifest.SETTINGS.lr
    lines = meter.MetricsFile(tmp_path / "run" / loop.METRICS).lines()
    assert [step for step, _ in made.values] == [line["step"] for line in lines]
    merged = {name for _, values in made.values for name in values}
    assert {"loss", "lr", "probe_knn", "effective_rank", "shares/loading"} <= merged
    (step, name, pixels), side = made.pictures[0], small_manifest.SETTINGS.image_size
    assert (step, name) == (0, "views") and pixels.dtype == np.uint8
    assert pixels.shape == (2 * side, 8 * side, 3), "a row for each view"
    assert pixels.std() > 10


def test_a_logger_that_fails_stops_no_run(
    tmp_path: Path, pool: Path, notes: list[_Notes], caplog: pytest.LogCaptureFixture
) -> None:
    both = small_manifest.job(tmp_path / "both", pool, log="wandb-offline, tensorboard", **LOGGED)
    with caplog.at_level(logging.WARNING, "sept"):
        worker.main(both)
    warnings = [record.getMessage() for record in caplog.records if record.name == "sept"]
    assert len(warnings) == 1, "once, not at every line"
    assert "wandb-offline failed" in warnings[0] and "no space left" in warnings[0]
    assert len(notes[1].values) == 6, "the other one goes on"
    worker.main(small_manifest.job(tmp_path / "none", pool, **LOGGED))
    one, other = (tmp_path / run / "run" / checkpoint.WEIGHTS for run in ("both", "none"))
    assert one.read_bytes() == other.read_bytes(), "logging changes nothing"


def test_a_missing_library_stops_no_run_that_has_started(
    tmp_path: Path, pool: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(
        loggers.LOGGERS, "tensorboard",
        dataclasses.replace(loggers.LOGGERS["tensorboard"], code="loggers_missing:Gone"),
    )  # fmt: skip
    with caplog.at_level(logging.WARNING, "sept"):
        worker.main(small_manifest.job(tmp_path, pool, log="tensorboard", steps=1))
    assert "ModuleNotFoundError" in caplog.text


def test_a_missing_library_is_named_before_a_run_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    record = dataclasses.replace(loggers.LOGGERS["wandb"], needs="no_such_module")
    monkeypatch.setitem(loggers.LOGGERS, "wandb", record)
    with pytest.raises(errors.InputError, match=r"pip install 'sept\[wandb\]'"):
        loggers.check_installed("wandb")
    loggers.check_installed("")


def test_an_unknown_logger_is_refused() -> None:
    settings = dataclasses.replace(small_manifest.SETTINGS, log="tensorbord")
    with pytest.raises(errors.InputError, match="logger 'tensorbord' is unknown; use tensorboard"):
        pretrain.validate(settings, 24)


def test_nested_numbers_have_paths() -> None:
    line = {"step": 3, "shares": {"loading": 0.5}, "name": "x"}
    assert loggers.flattened(line) == {"step": 3, "shares/loading": 0.5}


def test_tensorboard_reads_its_files(tmp_path: Path, pool: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    job = small_manifest.job(tmp_path, pool, log="tensorboard", **LOGGED)
    worker.main(job)
    events = reader.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    lines = meter.MetricsFile(tmp_path / "run" / loop.METRICS).lines()
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    expected = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    assert [step for step, _ in found] == [step for step, _ in expected]
    np.testing.assert_allclose([v for _, v in found], [v for _, v in expected], rtol=1e-6)
    assert [event.step for event in events.Scalars("probe_knn")] == [2, 4, 6]
    (views,) = events.Images("views")
    assert views.encoded_image_string.startswith(b"\x89PNG")
    (text,) = events.Tensors("run/text_summary")
    facts = json.loads(text.tensor_proto.string_val[0])
    assert facts["manifest"] == manifest.read(pool / "manifest").content_hash


def test_weights_and_biases_reads_its_file(tmp_path: Path, pool: Path) -> None:
    wandb = pytest.importorskip("wandb")
    job = small_manifest.job(tmp_path, pool, log="wandb-offline", **LOGGED)
    worker.main(job)
    (path,) = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    records = []
    for part in _leveldb_records(path.read_bytes()):
        record = wandb.proto.wandb_internal_pb2.Record()
        record.ParseFromString(part)
        records.append(record)
    steps: dict[int, dict[str, Any]] = {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            values = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            steps[values["_step"]] = values
    lines = meter.MetricsFile(tmp_path / "run" / loop.METRICS).lines()
    for line in (line for line in lines if "loss" in line):
        assert steps[line["step"]]["loss"] == pytest.approx(line["loss"])
        assert "probe_knn" in steps[line["step"]]
    assert steps[0]["views/_type"] == "image-file"
    (run,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["manifest"] == manifest.read(pool / "manifest").content_hash
    assert run.project == loggers.PROJECT and run.display_name == "run"


def _leveldb_records(content: bytes) -> Iterator[bytes]:
    """Records of a log in LevelDB's format, after a header of 7 bytes."""
    position, parts = 7, b""
    while position + 7 <= len(content):
        room = 32768 - position % 32768
        if room < 7:
            position += room
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + 7])
        parts += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""
