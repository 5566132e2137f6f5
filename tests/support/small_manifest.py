"""A pool of a few images with a manifest of all of them, and training jobs on it."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.manifest import manifest, manifest_tables
from sept_core.pretrain import settings as pretrain
from sept_core.storage import atomic, hashing

COUNT = 24
STEPS = 24
SETTINGS = dataclasses.replace(
    pretrain.defaults("moco", "resnet10-narrow", COUNT, image_side=24),
    image_size=16,
    cache_size=24,
    embed_size=16,
    epochs=None,
    steps=STEPS,
    batch_size=4,
    queue=6,
    threads=1,
    log_every=4,
    checkpoint_every=7,
    probe_every=12,
)


def make(root: Path) -> Path:
    """A folder of PNGs, a manifest of all of them, and a labelled target's worklist."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        blocks = rng.integers(0, 256, (6, 6, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        out = io.BytesIO()
        Image.fromarray(blocks).save(out, "PNG")
        name, uid = f"{number}.png", hashing.uid_of(out.getvalue())
        (root / name).write_bytes(out.getvalue())
        row = dict.fromkeys(manifest_tables.SCHEMA.names) | {"uid": uid, "source": "pool"}
        rows.append(
            row | {"sha256": atomic.sha256_file(root / name), "rel_path": name, "phase": "core"}
        )
    header = dict.fromkeys(manifest.REQUIRED) | {"guard": {"state": "none"}}
    manifest.write(
        root / "manifest",
        pa.Table.from_pylist(rows, manifest_tables.SCHEMA),
        manifest_tables.LOCATIONS.empty_table(),
        manifest_tables.GUARD.empty_table(),
        header,
        {"pool": root},
    )
    rows_of_work = [
        work(root, number, "train" if number < 16 else "test") for number in range(COUNT)
    ]
    worklists.write(root / "target.parquet", pa.Table.from_pylist(rows_of_work, worklists.SCHEMA))
    return root


def work(root: Path, number: int, split: str) -> dict[str, Any]:
    place = {"source": "pool", "root": str(root), "rel_path": f"{number}.png", "member": ""}
    return place | {"offset": -1, "size": -1, "label": "ab"[number % 2], "split": split}


def job(
    folder: Path, pool: Path, extra: dict[str, Any] | None = None, **changes: Any
) -> job_folder.JobFolder:
    """A training job as `jobs.launch` leaves it, with other settings where `changes` says so."""
    folder.mkdir(exist_ok=True)
    asked = {
        "manifest": str(pool / "manifest"),
        "roots": {"pool": str(pool)},
        "run": str(folder / "run"),
        "pretrain": dataclasses.asdict(dataclasses.replace(SETTINGS, **changes)),
        "probe_worklist": str(pool / "target.parquet"),
    }
    atomic.write_json(folder / "settings.json", asked | (extra or {}))
    atomic.write_json(folder / "status.json", {"state": "queued"})
    return job_folder.JobFolder(folder)
