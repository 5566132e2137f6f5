"""Measure the cost of the demo, and how well its encoder separates its families.

    python -m benchmarks.demo
    python -m benchmarks.demo --project DIR    (a finished demo: precision only)

Prints wall and CPU seconds of every step, then precision@10 by family with the demo's encoder:
for each pool image the share of its 10 nearest pool images that are of its own family, planted
near-copies and leaks left out on both sides.
"""

import argparse
import contextlib
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from sept_core.index import graph
from sept_core.jobs import launcher
from sept_core.services.project import demo_project, projects
from sept_core.storage import atomic

NEIGHBOURS = 10
PLANTED_COPIES = ("near-copy", "near-leak", "leak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, help="a finished demo")
    options = parser.parse_args()
    if options.project:
        return print_precision(options.project)
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        print_costs(demo)
        return print_precision(demo)


def print_costs(folder: Path) -> None:
    """Make the demo as `sept demo` does, and print a row for each step."""
    print(f"| step | wall s | CPU s | ({os.cpu_count()} CPUs)")
    started = time.monotonic(), cpu_seconds()
    demo_project.begin(folder)
    while True:
        before = time.monotonic(), cpu_seconds()
        with projects.opened(folder) as project:
            job = demo_project.next_job(project)
        if job is None:
            break
        for _ in launcher.follow(project.paths, job.id):
            pass
        launcher.finish(project.paths, job.id)
        reap(atomic.read_json(job.path / "process.json")["pid"])
        print_row(launcher.status(project.paths, job.id).title, before)
    with projects.opened(folder) as project:
        demo_project.curate(project)
    print_row("Selecting and reviewing", before)
    print_row("All", started)


def reap(pid: int) -> None:
    """Wait for a worker to exit, after which the kernel adds its time to ours."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and all finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def print_row(title: str, since: tuple[float, float]) -> None:
    print(f"| {title} | {time.monotonic() - since[0]:.1f} | {cpu_seconds() - since[1]:.1f} |")


def print_precision(folder: Path) -> None:
    with projects.opened(folder) as project:
        encoder_id = projects.find_encoder(project, demo_project.ENCODER)
        links = graph.load(project.paths.index(encoder_id, "graph"))
        uids = [uid.decode() for uid in links.uids.tolist()]
        shown = demo_project.families(project, uids)
        planted = demo_project.planted(project, uids)
    labels = np.array([shown[uid] for uid in uids])
    counts = np.array([planted.get(uid) not in PLANTED_COPIES for uid in uids])
    scores = np.array([
        precision(links.neighbours[row], row, labels, counts) for row in np.flatnonzero(counts)
    ])  # fmt: skip
    own = labels[counts]
    print("| family | images | precision@10 |")
    for family in sorted(set(own), key=lambda name: float(scores[own == name].mean())):
        mine = own == family
        print(f"| {family} | {mine.sum()} | {scores[mine].mean():.3f} |")
    print(f"| all | {len(own)} | {scores.mean():.3f} |")


def precision(neighbours: np.ndarray, row: int, labels: np.ndarray, counts: np.ndarray) -> float:
    others = neighbours[neighbours >= 0]
    nearest = others[counts[others]][:NEIGHBOURS]
    return float((labels[nearest] == labels[row]).mean())


if __name__ == "__main__":
    main()
