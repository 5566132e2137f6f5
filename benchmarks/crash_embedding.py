"""Does killing the embedding ever change what it leaves? Issue 2 asks for 20 random moments.

    python -m benchmarks.crash_embedding $SEPT_DATA/pool --limit 4000 --trials 20

Embeds once without interruption; then, in each trial, starts the same job in a folder of its
own, kills its process group with SIGKILL at a random moment of the embedding (seeded: after
so many shards and a fraction of the next, since a clock alone would follow the machine's
load), resumes it, and compares every file of the feature store, byte by byte. Every second
trial is killed twice. The encoder is a small network with random weights unless one is named.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks import embedding
from sept_core import files, jobfolder
from sept_core.encoders import backbones, checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a pool: folder, zip, tar, …")
    parser.add_argument("--encoder", help="default: a small checkpoint with random weights")
    parser.add_argument("--limit", type=int, default=4000)
    parser.add_argument("--shard-size", type=int, default=256)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = options.encoder or random_checkpoint(folder / "checkpoint")
        rows = embedding.worklist_rows(options.data, options.limit)
        worklist = embedding.write_worklist(folder / "rows", rows)
        whole = make_job(folder / "whole", spec, worklist, options.shard_size)
        seconds = run_to_end(whole)
        expected, shards = stored_bytes(folder / "whole"), count_shards(whole)
        print(f"uninterrupted: {shards} shards in {seconds:.1f} s", flush=True)
        failures = 0
        for trial in range(options.trials):
            job = make_job(folder / f"trial{trial}", spec, worklist, options.shard_size)
            moments = sorted(draw.random() * (shards - 1) for _ in range(1 + trial % 2))
            left = [kill_at(job, moment, seconds / shards) for moment in moments]
            run_to_end(job)
            same = stored_bytes(job.path.parent.parent) == expected
            failures += not same
            killed = " and ".join(f"{moment:.2f}" for moment in moments)
            verdict = "same bytes" if same else "DIFFERS"
            print(f"trial {trial}: killed at shard {killed}, {left} left: {verdict}", flush=True)
    print(f"{options.trials - failures} of {options.trials} trials left identical files")
    sys.exit(failures > 0)


def random_checkpoint(folder: Path) -> str:
    torch.manual_seed(0)
    spec = {"name": backbones.NARROW}
    card = {
        "backbone": spec,
        "image_size": 64,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "method": "none",
        "settings": {},
        "manifest": "",
        "metrics": {},
        "kind": "self-supervised",
    }
    checkpoint.save(folder, backbones.build(spec), card)
    return f"checkpoint:{folder}"


def make_job(folder: Path, spec: str, worklist: str, shard_size: int) -> jobfolder.JobFolder:
    settings = {
        "encoder": spec,
        "encoders_folder": str(folder / "encoders"),
        "features_root": str(folder / "features"),
        "parts": [{"worklist": worklist, "collection": "pool"}],
        "fit_worklist": worklist,
        "shard_size": shard_size,
    }
    job = jobfolder.JobFolder(folder / "jobs" / "job")
    files.write_json(job.path / "settings.json", settings)
    files.write_json(job.path / "status.json", {})
    return job


def start(job: jobfolder.JobFolder) -> subprocess.Popen[bytes]:
    (job.path / "progress.json").unlink(missing_ok=True)  # of a killed run before
    with (job.path / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "sept_core.embeddings", str(job.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def run_to_end(job: jobfolder.JobFolder) -> float:
    """Seconds from the first sign of embedding to the end."""
    process = start(job)
    wait_for_embedding(job, process)
    began = time.monotonic()
    if process.wait() != 0:
        sys.exit((job.path / "log.txt").read_text())
    return time.monotonic() - began


def kill_at(job: jobfolder.JobFolder, moment: float, seconds_a_shard: float) -> int:
    """Start the job, kill its group at that many (and a fraction) shards; how many it left."""
    process = start(job)
    wait_for_embedding(job, process)
    while count_shards(job) < int(moment) and process.poll() is None:
        time.sleep(0.002)
    try:
        process.wait((moment % 1) * seconds_a_shard)
        sys.exit(f"{job.path} ended before it could be killed")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return count_shards(job)


def count_shards(job: jobfolder.JobFolder) -> int:
    return len(list(job.path.parent.parent.rglob("pool/*.json")))


def wait_for_embedding(job: jobfolder.JobFolder, process: subprocess.Popen[bytes]) -> None:
    """The worker writes its progress once the encoder is loaded."""
    progress = job.path / "progress.json"
    while not progress.exists() and process.poll() is None:
        time.sleep(0.002)


def stored_bytes(folder: Path) -> dict[str, bytes]:
    root = folder / "features"
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


if __name__ == "__main__":
    main()
