"""Run SEPT on small inputs that failed before, and report the outcome of each.

Usage: python -m benchmarks.cases FOLDER [CASE …]

FOLDER contains one folder per case, each with a `make.py` that writes its input to a given folder.
The outcome of each case is judged here; the output is a table in Markdown.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Outcome:
    """The outcome of one part of a case."""

    what: str
    is_right: bool
    found: str


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def last(self) -> str:
        lines = (self.err if self.code else self.out).strip().splitlines()
        return lines[-1] if lines else ""


def sept(*words: object, **variables: str) -> Ran:
    """Run one command of this checkout."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    command = [sys.executable, "-m", "sept_core", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def project(data: Path, **sources: Path) -> Path:
    """Make a project with some pools in it."""
    path = Path(tempfile.mkdtemp(dir=data)) / "project"
    sept("init", path)
    for name, place in sources.items():
        sept("pool", "add", path, name, place)
    return path


def splits(path: Path, name: str) -> dict[str, int]:
    """Count a target set's files by split."""
    (entry,) = [t for t in sept("status", path, "--json").json()["targets"] if t["name"] == name]
    found: dict[str, int] = entry["splits"]
    return found


def stray_folder(data: Path) -> Iterator[Outcome]:
    path = project(data, pool=data / "pool")
    for name in ("clean", "stray"):
        told = sept("target", "add", path, name, data / name)
        yield Outcome(f"{name}/: added", told.code == 0, told.last)
    found = splits(path, "stray")
    right = found == {"train": 12, "test": 12, "unassigned": 1}
    yield Outcome("stray/: the third folder is unassigned", right, str(found))
    sept("embed", path, "--encoder", "bundled")
    chosen = sept("select", path, "--target", "stray", "--budget", 60, "--json")
    leaks = chosen.json()["guard"]["leaks"] if chosen.code == 0 else chosen.last
    yield Outcome("stray/: copies of test images are kept out", leaks == 12, f"{leaks} leaks")


def target_layouts(data: Path) -> Iterator[Outcome]:
    path = project(data)
    for place in sorted(data.iterdir()):
        if place.name in ("pool",) or place.name.startswith("tmp"):
            continue
        table = next((t for t in ("labels.csv", "GT.csv") if (place / t).exists()), None)
        told = sept("target", "add", path, place.stem, place / table if table else place)
        if told.code:
            asked = "--layout" in told.out
            yield Outcome(place.name, asked, "asks for --layout" if asked else told.last)
        else:
            found = splits(path, place.stem)
            yield Outcome(place.name, True, ", ".join(f"{k} {v}" for k, v in found.items()))


def mount_hiccup(data: Path) -> Iterator[Outcome]:
    path = project(data, pool=data / "pool")
    sept("target", "add", path, "t", data / "target")
    (data / "pool" / "b").rename(data / "away")
    told = sept("embed", path, "--encoder", "bundled", "--retry-for", 0)
    yield Outcome("b/ hidden while embedding", told.code == 1, told.last)
    state = sept("status", path, "--json").json()["pool"]
    right = (state["unreadable"], state["rejected"]) == (30, 0)
    yield Outcome("none rejected for good", right, f"{state['unreadable']} unreadable")
    (data / "away").rename(data / "pool" / "b")
    told = sept("pool", "retry", path, "--retry-for", 0)
    state = sept("status", path, "--json").json()["pool"]
    right = told.code == 0 and state["images"] == 60
    yield Outcome("back again: sept pool retry", right, f"{state['images']} images")


def dark_pool(data: Path) -> Iterator[Outcome]:
    path = project(data, pool=data / "pool")
    sept("target", "add", path, "t", data / "t")
    sept("embed", path, "--encoder", "bundled")
    first = sept("select", path, "--target", "t", "--budget", 10, "--encoder", "bundled", "--json")
    told = sept("embed", path)
    yield Outcome("default encoder", told.code == 0, told.last)
    second = sept("select", path, "--target", "t", "--budget", 10, "--json")
    yield Outcome("select with it", second.code == 0, f"{second.code} {second.last[:80]}")
    out = data / "exported"
    ident = first.json()["selection"] if first.code == 0 else ""
    told = sept("export", path, ident, "--out", out)
    yield Outcome("earlier selection exported", told.code == 0, told.last)


def narrow_16bit(data: Path) -> Iterator[Outcome]:
    for name in ("eight", "thermal", "twelve", "label"):
        path = project(data, pool=data / name / "pool")
        sept("target", "add", path, "t", data / name / "target", "--layout", "splits")
        sept("embed", path)
        told = sept("select", path, "--target", "t", "--budget", 40, "--json")
        count = told.json()["count"] if told.code == 0 else told.last
        yield Outcome(f"{name}: 40 different scenes selected", count == 40, str(count))


def dotted_keys(data: Path) -> Iterator[Outcome]:
    path = project(data, pool=data / "pool")
    sept("target", "add", path, "t", data / "t")
    sept("embed", path, "--encoder", "bundled")
    told = sept("select", path, "--target", "t", "--budget", 20, "--guard", "--json")
    ident = told.json()["selection"]
    out = data / "subset.npy"
    told = sept("export", path, ident, "--format", "datacomp", "--out", out)
    rows = 0
    if told.code == 0:
        import numpy as np

        rows = len(np.load(out))
    yield Outcome("DataComp export of 20", rows == 20, f"{rows} rows; {told.last[:90]}")


def symlinks(data: Path) -> Iterator[Outcome]:
    for name in ("curated", "yolo", "rootlink", "hub/datasets--me--pics/snapshots", "list.txt"):
        path = project(data)
        told = sept("pool", "add", path, "p", data / name)
        if told.code:
            remedy = "--follow-links" in told.err
            yield Outcome(f"{name}: names the remedy", remedy, told.last[:120])
            told = sept("pool", "add", path, "p", data / name, "--follow-links")
        yield Outcome(f"{name}: added", told.code == 0, told.last[:100])


def tables(data: Path) -> Iterator[Outcome]:
    for place in sorted(data.iterdir()):
        if place.name == "imgs" or place.name.startswith("tmp"):
            continue
        path = project(data)
        told = sept("pool", "add", path, "p", place)
        if told.code:
            yield Outcome(place.name, "Traceback" not in told.err, f"refused: {told.last[:110]}")
            continue
        state = sept("pool", "status", path, "--json").json()
        rejected = len(state["rejected"]) + len(state.get("unreadable", []))
        usable = state["pool"]["waiting"]
        yield Outcome(
            place.name, usable + rejected > 0, f"{usable} usable, {rejected} with reasons"
        )


def heic_ppm(data: Path) -> Iterator[Outcome]:
    path = project(data, phone=data / "phone", crawl=data / "crawl")
    told = sept("target", "add", path, "gtsrb", data / "gtsrb", "--layout", "splits")
    told = sept("embed", path, "--encoder", "bundled")
    yield Outcome("phone, crawl and signs", told.code == 0, told.last)
    state = sept("status", path, "--json").json()["pool"]
    yield Outcome("12 pool images", state["images"] == 12, f"{state['images']} images")


def degenerate(data: Path) -> Iterator[Outcome]:
    for name in ("n1", "n2", "n5", "n19", "n21", "same", "flat", "black", "onepx", "two", "grey"):
        path = project(data, pool=data / name)
        sept("target", "add", path, "t", data / "t100", "--layout", "splits")
        told = sept("embed", path)
        if told.code:
            yield Outcome(f"{name}: embed", False, told.last[:120])
            continue
        for strategy in ("instance-search", "random"):
            told = sept("select", path, "--target", "t", "--budget", 5, "--strategy", strategy)
            right = told.code == 0 and "Traceback" not in told.err
            yield Outcome(f"{name}: {strategy}", right, told.last[:100])
        told = sept("map", path)
        yield Outcome(f"{name}: map", told.code == 0, told.last[:100])


def odd_images(data: Path) -> Iterator[Outcome]:
    path = project(data, pool=data / "pool")
    told = sept("embed", path, "--encoder", "bundled")
    state = sept("pool", "status", path, "--json").json()
    yield Outcome("122 odd files", "Traceback" not in told.err, told.last)
    for row in state["rejected"]:
        plain = "not an image" not in row["reason"] or "(" in row["reason"]
        yield Outcome(row["rel_path"], plain, row["reason"][:110])


CASES: dict[str, Callable[[Path], Iterator[Outcome]]] = {
    "stray-folder": stray_folder,
    "target-layouts": target_layouts,
    "mount-hiccup": mount_hiccup,
    "dark-pool": dark_pool,
    "narrow-16bit": narrow_16bit,
    "dotted-keys": dotted_keys,
    "symlinks": symlinks,
    "tables": tables,
    "heic-ppm": heic_ppm,
    "degenerate": degenerate,
    "odd-images": odd_images,
}


def main() -> None:
    """Print a row for each outcome, then the number of wrong ones."""
    folder, wrong = Path(sys.argv[1]), 0
    print("| case | what | as wanted | found |\n| --- | --- | --- | --- |")
    for name in sys.argv[2:] or CASES:
        data = Path(tempfile.mkdtemp(prefix=f"case-{name}-"))
        try:
            script = folder / name / "make.py"
            subprocess.run([sys.executable, str(script), str(data)], check=True)
            for outcome in CASES[name](data):
                wrong += not outcome.is_right
                found = outcome.found.replace(str(data), "…").replace("|", "/")
                mark = "yes" if outcome.is_right else "**no**"
                print(f"| {name} | {outcome.what} | {mark} | {found} |", flush=True)
        finally:
            shutil.rmtree(data, ignore_errors=True)
    print(f"\n{wrong} outcomes are not as wanted.")


if __name__ == "__main__":
    main()
