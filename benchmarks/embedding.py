"""Compare the cost of embedding with its parts; issue 2 allows 1.15 times their CPU-seconds.

    OMP_WAIT_POLICY=passive python -m benchmarks.embedding classic   # the demo's pictures
    OMP_WAIT_POLICY=passive python -m benchmarks.embedding classic $SEPT_DATA/pool --limit 10000
    OMP_WAIT_POLICY=passive python -m benchmarks.embedding open_clip:ViT-B-32 $SEPT_DATA/photos.zip

With `--loop` the worker is compared with the usual loop: a torch `DataLoader` with a worker for
each core, Pillow at full size, the encoder's own preprocessing, fp32, batches of the same size;
images/s of both, in turn. Without it, the worker is compared with its parts.

The parts (read, hash, decode, preprocess, encode) are measured one after the other, over
the same images in the same batches and with the same loaded encoder as the worker then uses.
Perceptual hash, quality figures, queues and the writing of shards are the worker's overhead.

On cores that share a cache or a clock the same work takes more CPU-seconds when all are busy
than when one is. The parts are therefore measured with one thread and with the worker's number
of threads, and both ratios are printed; `taskset -c 0` makes them one. `open_clip:MODEL` and
`timm:MODEL` without weights get random ones: their speed is the same. Jobs are started with that
wait policy (sept_core/jobs/launcher.py). Prints seconds for each round and the median ratios.
"""

import argparse
import hashlib
import io
import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import pyarrow as pa
import torch
from PIL import Image

from benchmarks import machine
from sept_core.demo import dataset
from sept_core.encoders import protocol, registry
from sept_core.features import preparing, worker
from sept_core.imaging import images
from sept_core.ingest import sources, worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic

Rows = list[dict[str, Any]]
DRAWN = 1500
STAGES = ("read", "hash", "decode", "preprocess", "encode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder", help="as for `sept embed`, or open_clip:MODEL, timm:MODEL")
    parser.add_argument("data", type=Path, nargs="?", help="a pool: folder, zip, tar, …")
    parser.add_argument("--limit", type=int, default=None, help="use the first N files")
    parser.add_argument("--batch-size", type=int, default=worker.CPU_BATCH)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", action="store_true", help="compare with a usual DataLoader loop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(machine.describe())
        rows = worklist_rows(options.data or drawn(folder / "pictures"), options.limit)
        spec = with_weights(options.encoder, folder)
        run_worker(spec, rows[: options.batch_size], rows, options.batch_size, folder)  # fits it
        encoder = registry.load(spec, folder=folder / "encoders", device="cpu")
        with mock.patch.object(registry, "load", return_value=encoder):  # measured for neither
            measure = compare_with_loop if options.loop else compare
            measure(encoder, rows, options.batch_size, options.rounds, folder)


def compare_with_loop(
    encoder: protocol.Encoder, rows: Rows, batch_size: int, rounds: int, folder: Path
) -> None:
    """Print images per second of the usual loop and of the worker, in turn."""
    run_worker(encoder.spec, rows, None, batch_size, folder)  # warms caches and kernels
    ratios = []
    for _ in range(rounds):
        usual = usual_loop(encoder, rows, batch_size)
        ours = run_worker(encoder.spec, rows, None, batch_size, folder)["images_per_second"]
        ratios.append(ours / usual)
        print(f"loop {usual:.0f} images/s, worker {ours:.0f}; ratio {ratios[-1]:.2f}", flush=True)
    print(f"{encoder.id}: {statistics.median(ratios):.2f} times as fast as the usual loop")


class Files(torch.utils.data.Dataset):
    """The usual data set: open, decode, resize, one image at a time."""

    def __init__(self, encoder: protocol.Encoder, rows: Rows) -> None:
        self.encoder, self.rows = encoder, rows
        self.roots = {row["source"]: Path(row["root"]) for row in rows}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> torch.Tensor:
        with sources.ByteReader(self.roots) as reader:
            data = worklists.read_bytes(reader, self.rows[number])
        return self.encoder.preprocess(Image.open(io.BytesIO(data)).convert("RGB"))


def usual_loop(encoder: protocol.Encoder, rows: Rows, batch_size: int) -> float:
    """Return the images per second of the usual loop."""
    batches = torch.utils.data.DataLoader(
        Files(encoder, rows), batch_size=batch_size, num_workers=joblib.cpu_count()
    )
    started = time.perf_counter()
    with torch.inference_mode():
        for batch in batches:
            encoder.encode(batch)
    return len(rows) / (time.perf_counter() - started)


def drawn(folder: Path) -> Path:
    """Draw pictures like those of the demo, used if no pool is given."""
    folder.mkdir()
    for number in range(DRAWN):
        family = sorted(dataset.FAMILIES)[number % len(dataset.FAMILIES)]
        content = dataset.draw_one(dataset.Order(family, "pool", number, 0))
        (folder / f"{number:05d}").write_bytes(content)
    return folder


def compare(
    encoder: protocol.Encoder, rows: Rows, batch_size: int, rounds: int, folder: Path
) -> None:
    """Measure parts and worker in turn, so that a noisy machine disturbs both."""
    threads = joblib.cpu_count()
    parts_alone(encoder, rows[:batch_size], batch_size, 1)  # warms caches and kernels
    ratios: dict[int, list[float]] = {1: [], threads: []}
    for _ in range(rounds):
        parts = {count: parts_alone(encoder, rows, batch_size, count) for count in ratios}
        result = run_worker(encoder.spec, rows, None, batch_size, folder)
        seconds, rate = result["cpu_seconds"], result["images_per_second"]
        for count, found in parts.items():
            ratios[count].append(seconds / found.total())
            stages = ", ".join(f"{stage} {found[stage]:.2f}" for stage in STAGES)
            print(f"parts, {count} threads: {found.total():.2f} CPU-s ({stages}); ", end="")
        shown = ", ".join(f"{found[-1]:.3f}" for found in ratios.values())
        print(f"worker {seconds:.2f} CPU-s, {rate:.0f} images/s; ratios {shown}", flush=True)
    for count, found in ratios.items():
        median = statistics.median(found)
        print(f"{encoder.id}: median ratio to {count} threads {median:.3f} (allowed 1.15)")


def parts_alone(
    encoder: protocol.Encoder, rows: Rows, batch_size: int, threads: int
) -> Counter[str]:
    """Return the CPU-seconds of each stage, batch by batch in some threads."""
    batches = [rows[low : low + batch_size] for low in range(0, len(rows), batch_size)]
    roots = {row["source"]: Path(row["root"]) for row in rows}
    with (
        sources.ByteReader(roots) as reader,
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        return sum(pool.map(partial(_parts_of_batch, encoder, reader), batches), Counter())


def _parts_of_batch(
    encoder: protocol.Encoder, reader: sources.ByteReader, batch: Rows
) -> Counter[str]:
    seconds: Counter[str] = Counter()

    def timed(stage: str, work: Callable[[Any], Any], inputs: list[Any]) -> list[Any]:
        started = time.thread_time()
        outputs = [work(value) for value in inputs]
        seconds[stage] += time.thread_time() - started
        return outputs

    data = timed("read", lambda row: worklists.read_bytes(reader, row), batch)
    timed("hash", lambda value: hashlib.sha256(value).hexdigest(), data)
    least = preparing.DECODED_SIDES * encoder.image_size
    decoded = timed("decode", lambda value: images.decode(value, least), data)
    inputs = timed("preprocess", lambda value: encoder.preprocess(value.image), decoded)
    timed("encode", lambda value: encoder.encode(torch.stack(value)), [inputs])
    return seconds


def run_worker(
    spec: str, rows: Rows, fit_on: Rows | None, batch_size: int, folder: Path
) -> dict[str, Any]:
    """Run one embedding job in this process, into a new store."""
    job = Path(tempfile.mkdtemp(dir=folder))
    settings = {
        "encoder": spec,
        "encoders_folder": str(folder / "encoders"),
        "features_root": str(job / "features"),
        "parts": [{"worklist": write_worklist(job / "rows", rows), "collection": "pool"}],
        "fit_worklist": write_worklist(job / "fit", fit_on) if fit_on else None,
        "batch_size": batch_size,
        "device": "cpu",
    }
    atomic.write_json(job / "settings.json", settings)
    atomic.write_json(job / "status.json", {})
    return worker.main(job_folder.JobFolder(job))


def worklist_rows(data: Path, limit: int | None) -> Rows:
    spec = sources.detect("pool", data)
    entries = (entry for entry in sources.scan(spec) if entry.problem is None)
    return [
        {
            "source": spec.name,
            "root": str(spec.root),
            "rel_path": entry.rel_path,
            "member": entry.member,
            "offset": entry.offset,
            "size": entry.size,
        }
        for entry in itertools.islice(entries, limit)
    ]


def write_worklist(path: Path, rows: Rows) -> str:
    worklists.write(path, pa.Table.from_pylist(rows, worklists.SCHEMA))
    return str(path)


def with_weights(spec: str, folder: Path) -> str:
    """Return a loadable spec; a model named without weights gets random ones."""
    family, _, model = spec.partition(":")
    if family not in ("open_clip", "timm") or "/" in model or "@" in model:
        return spec
    torch.manual_seed(0)
    if family == "open_clip":
        import open_clip

        network = open_clip.create_model(model)
    else:
        import timm

        network = timm.create_model(model, pretrained=False)
    path = folder / "random.pt"
    torch.save(network.state_dict(), path)
    return f"{family}:{model}@{path}"


if __name__ == "__main__":
    main()
