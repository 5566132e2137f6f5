"""A real Ray cluster of two nodes gives what one machine gives, and survives losing one of them."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import on_ray
import pyarrow as pa
import pytest
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import backbones, checkpoint
from sept_core.features import feature_store, worker
from sept_core.ingest import worklists
from sept_core.jobs import job_folder, ray_cluster
from sept_core.storage import atomic

COUNT = 96


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with a broken one among them, their worklist, and a small network."""
    root = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        out = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (32, 40, 3), np.uint8)).save(out, "PNG")
        content = out.getvalue()[: 200 if number == 17 else None]
        (root / f"{number:03d}.png").write_bytes(content)
    rows = [
        {"source": "pool", "root": str(root), "rel_path": f"{number:03d}.png", "member": "",
         "offset": -1, "size": -1}
        for number in range(COUNT)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, worklists.SCHEMA)
    worklists.write(root / "pool.parquet", table)
    torch.manual_seed(0)
    spec = {"name": "resnet10-tiny", "stem": "standard"}
    card = {"backbone": spec, "image_size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    known = {
        "method": "simclr",
        "settings": {},
        "manifest": "none",
        "metrics": {},
        "kind": "self-supervised",
    }
    checkpoint.save(root / "network", backbones.build(spec), card | known)
    return root


def _job(folder: Path, world: Path, device: str) -> job_folder.JobFolder:
    asked = worker.Settings(
        encoder=f"checkpoint:{world / 'network'}",
        encoders_folder=str(world / "encoders"),
        features_root=str(folder / "features"),
        parts=[{"worklist": str(world / "pool.parquet"), "collection": "pool"}],
        device=device, precision="fp32", batch_size=2, shard_size=16,
    )  # fmt: skip
    (folder / "job").mkdir(parents=True)
    atomic.write_json(folder / "job" / "settings.json", vars(asked))
    atomic.write_json(folder / "job" / "status.json", {"state": "running"})
    return job_folder.JobFolder(folder / "job")


@pytest.fixture(scope="module")
def here(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the result of one machine."""
    folder = tmp_path_factory.mktemp("here")
    result = worker.main(_job(folder, world, "cpu"))
    pool = folder / "features" / result["encoder_id"] / "pool"
    store = feature_store.FeatureStore(pool)
    assert len(store) == COUNT - 1 and len(store.shards) == COUNT // 16
    return pool, on_ray.everything(store, "cpu", folder)


def test_the_same_bytes_and_lists_as_on_one_machine_though_a_node_is_lost(
    tmp_path: Path, world: Path, here: tuple[Path, dict[str, Any]]
) -> None:
    _job(tmp_path, world, ray_cluster.DEVICE)
    done = subprocess.run(
        [sys.executable, on_ray.__file__, str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert atomic.read_json(tmp_path / "nodes.json")["lost"]
    pool, expected = here
    [theirs] = tmp_path.glob("features/*/pool")
    names = sorted(path.name for path in pool.iterdir())
    assert sorted(path.name for path in theirs.iterdir()) == names
    assert all((theirs / name).read_bytes() == (pool / name).read_bytes() for name in names)
    found = np.load(tmp_path / "found.npz")
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(errors.InputError, match=r"needs the package raay; .* 'sept\[ray\]'"):
        ray_cluster.imported("raay", "Ray", "ray")
