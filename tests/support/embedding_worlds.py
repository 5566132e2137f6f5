"""A fake encoder, small pools and embedding jobs."""

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from sept_core.encoders import registry
from sept_core.features import feature_store, worker
from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic

DIM = 8


class FakeEncoder:
    """Colour means of four quarters, projected; remembers its batches; may run a hook."""

    id = "fake-12345678"
    spec = "fake"
    kind = "hand-made"
    dim = DIM
    image_size = 4
    precision = "fp32"

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []
        self.before_encode: Callable[[int], None] = lambda encoded: None
        self._projection = torch.randn(12, DIM, generator=torch.Generator().manual_seed(5))
        self._lock = threading.Lock()

    def identity(self) -> dict[str, Any]:
        return {"encoder": "fake"}

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        if image.size == (13, 13):
            raise ValueError("unlucky size")
        small = image.resize((2, 2), Image.Resampling.BOX)
        return torch.from_numpy(np.array(small)).permute(2, 0, 1)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        with self._lock:
            self.before_encode(sum(self.batch_sizes))
            self.batch_sizes.append(len(batch))
        flat = batch.flatten(1).float() - 100
        return torch.nn.functional.normalize(flat @ self._projection)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    return install_fake(monkeypatch)


def install_fake(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    encoder = FakeEncoder()
    monkeypatch.setattr(registry, "load", lambda spec, **options: encoder)
    monkeypatch.setattr(registry, "needs_fit", lambda spec, folder: False)
    return encoder


def png(seed: int, size: tuple[int, int] = (9, 7)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def write_pool(root: Path, contents: dict[str, bytes]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (root / name).write_bytes(data)
    return root


def worklist_of(
    path: Path, root: Path, names: list[str], uids: dict[str, str] | None = None
) -> Path:
    rows = [
        {
            "source": "s",
            "root": str(root),
            "rel_path": name,
            "member": "",
            "offset": -1,
            "size": -1,
            "uid": (uids or {}).get(name),
        }
        for name in names
    ]
    worklists.write(path, pa.Table.from_pylist(rows, schema=worklists.SCHEMA))
    return path


def make_job(
    folder: Path, worklist: Path, name: str = "job", **changes: Any
) -> job_folder.JobFolder:
    """A job that embeds one worklist as the pool, in batches of 3 and shards of 6 rows."""
    chosen = {
        "encoder": "fake",
        "encoders_folder": str(folder / "encoders"),
        "features_root": str(folder / "features"),
        "parts": [{"worklist": str(worklist), "collection": "pool"}],
        "batch_size": 3,
        "shard_size": 6,
        "retry_delays": [0, 0, 0],
    }
    path = folder / "jobs" / name
    path.mkdir(parents=True, exist_ok=True)
    atomic.write_json(path / "settings.json", chosen | changes)
    atomic.write_json(path / "status.json", {"state": "queued"})
    return job_folder.JobFolder(path)


def pool_store(folder: Path) -> feature_store.FeatureStore:
    return feature_store.FeatureStore(folder / "features" / FakeEncoder.id / "pool")


def stored_bytes(folder: Path) -> dict[str, bytes]:
    """All that a features folder holds, outcomes and headers included."""
    root = folder / "features"
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def outcomes_of(store: feature_store.FeatureStore) -> list[dict[str, Any]]:
    return [row for shard in store.shards for row in shard.outcomes().to_pylist()]


def sixteen(tmp_path: Path) -> Path:
    """A worklist of 16 files: good ones, a repeat within and across shards, three bad ones."""
    contents = {f"{i:02d}.png": png(i) for i in range(16)}
    contents["03.png"] = contents["01.png"]
    contents["14.png"] = contents["02.png"]
    contents["05.png"] = b"text"
    contents["06.png"] = b""
    contents["09.png"] = contents["09.png"][:-30]
    root = write_pool(tmp_path / "pool", contents)
    return worklist_of(tmp_path / "w.parquet", root, sorted(contents))


def run_job(path: Path) -> None:
    os.setsid()
    sys.argv = ["sept_core.features", str(path)]
    job_folder.run(worker.main)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look again as fast as it goes; a minute means that it never comes."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.001)
