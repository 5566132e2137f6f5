"""Pools in object storage: embedding, the first thumbnail, and the listing of tars of small images.

    python -m benchmarks.remote [--images 5000] [--entries 1000000] [--folder FOLDER]

Starts the tests' S3 server in a process of its own, makes tars in its bucket and a local copy of
the same pool, and prints: the CPU-seconds of embedding either pool and of the bare download, with
the ratio that issue 20 limits to 1.15; the time of the first thumbnail of cold images; the time per
header of listing tars against a loop with Python's tarfile, on one core; and the memory of it.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import machine
from sept_core.archives import archives
from sept_core.ingest import sources
from sept_core.remote import places, requests
from sept_core.services.data import collections, image_server
from sept_core.services.project import projects
from sept_core.storage import atomic

SERVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests/support")
import object_server
with object_server.serving(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    time.sleep(1e9)
"""
ENCODER = "bundled"
"""Needs no fit, whose random reads would count."""

PER_SHARD = 500
SMALL = 1500
"""Bytes of the images whose listing is timed."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        home = Path(folder)
        (home / "store" / "bucket").mkdir(parents=True)
        command = [sys.executable, "-c", SERVER, str(home / "store")]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            os.environ |= {
                "AWS_ENDPOINT_URL": server.stdout.readline().strip(),
                "AWS_ACCESS_KEY_ID": "benchmark",
                "AWS_SECRET_ACCESS_KEY": "benchmark",
                "AWS_REGION": "us-east-1",
                "SEPT_REMOTES": "s3://bucket",
            }
            if asked.images:
                _embedding(home, asked.images)
            if asked.entries:
                _listing(home, asked.entries)
        finally:
            server.kill()
            server.wait()
    print(machine.describe())


def _embedding(home: Path, count: int) -> None:
    pool = home / "store" / "bucket" / "pool"
    _images(pool, count)
    pattern = f"{{00000..{(count - 1) // PER_SHARD:05d}}}.tar"
    seconds = {}
    for name, place in (("local", str(pool / pattern)), ("s3", f"s3://bucket/pool/{pattern}")):
        project = home / name
        _sept("init", project)
        _sept("pool", "add", project, "web", place)
        _sept("embed", project, "--encoder", ENCODER)
        settings = atomic.read_json(next(project.glob("jobs/*/result.json")))
        seconds[name] = settings["cpu_seconds"]
    before = time.process_time()
    found = list(requests.walk("s3://bucket/pool/"))
    for item in found:
        for start in range(0, item.size, 8 << 20):
            requests.read(item, start, min(start + (8 << 20), item.size))
    download = time.process_time() - before
    ratio = seconds["s3"] / (seconds["local"] + download)
    size = sum(item.size for item in found) / 1e6
    print(f"embedding {count:,} images ({size:,.0f} MB), s CPU: local {seconds['local']:.1f}, ")
    print(f"  S3 {seconds['s3']:.1f}, download {download:.1f}; ratio {ratio:.3f} (goal 1.15)")
    _thumbnails(home / "s3")


def _thumbnails(project: Path) -> None:
    with projects.opened(project) as opened:
        uids = collections.sample(opened, "pool", "web", 20)
    times = []
    for uid in uids:
        server = image_server.ImageServer(project)  # no open container, no kept thumbnail
        begun = time.monotonic()
        server.thumbnail(uid)
        times.append(1000 * (time.monotonic() - begun))
        server.close()
    print(f"first thumbnail of {len(times)} cold images: median {statistics.median(times):.0f}, "
          f"slowest {max(times):.0f} ms (goal 200)")  # fmt: skip


def _listing(home: Path, count: int) -> None:
    path = home / "store" / "bucket" / "small.tar"
    data = os.urandom(SMALL)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(count):
            info = tarfile.TarInfo(f"{number:09d}.jpg")
            info.size = SMALL
            archive.addfile(info, io.BytesIO(data))
    for place in (path, Path("s3://bucket/small.tar")):
        spec = sources.detect("x", place)
        held, before, begun = _memory(), time.process_time(), time.monotonic()
        assert sum(1 for _ in sources.scan(spec)) == count
        used, took = time.process_time() - before, time.monotonic() - begun
        print(f"listing {places.text(spec.path.parent)}: {used:.1f} s CPU, {took:.1f} s, "
              f"{_memory() - held:.0f} MB more memory at its peak")  # fmt: skip
    before = time.process_time()
    with tarfile.open(path) as archive:
        for _ in archive:
            archive.members = []  # type: ignore[attr-defined]
    usual = time.process_time() - before
    before = time.process_time()
    with path.open("rb") as file:
        assert sum(1 for _ in archives.listed(file, path.name)) == count
    ours = time.process_time() - before
    print(f"{count:,} headers: tarfile {1e6 * usual / count:.1f}, SEPT {1e6 * ours / count:.1f} us "
          f"CPU each; {usual / ours:.2f} times faster (goal 3)")  # fmt: skip


def _images(folder: Path, count: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for first in range(0, count, PER_SHARD):
        with tarfile.open(folder / f"{first // PER_SHARD:05d}.tar", "w") as archive:
            for number in range(first, min(first + PER_SHARD, count)):
                coarse = rng.integers(0, 255, (12, 16, 3), np.uint8)
                out = io.BytesIO()
                Image.fromarray(coarse).resize((500, 375)).save(out, "JPEG", quality=90)
                info = tarfile.TarInfo(f"{number:06d}.jpg")
                info.size = out.tell()
                archive.addfile(info, io.BytesIO(out.getvalue()))


def _memory() -> float:
    """Return the most memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _sept(*words: object) -> None:
    command = [sys.executable, "-m", "sept_core", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


if __name__ == "__main__":
    main()
