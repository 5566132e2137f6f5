"""Layout of a target set in a terminal: splits × classes, and the choice of a layout."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sept_core.catalogue.source_table import ScanReport
from sept_core.cli import output, summaries
from sept_core.filesystem.roots import FOLLOW_LINKS
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.targets.reading import AmbiguousError, Reading

SHOWN = 20
"""Maximum number of classes, and of names in the table of splits, that are printed."""

OTHERWISE = (
    "Or set the held-out images: --split-folder NAME=test, --split-file test=FILE or "
    "--split-fraction test=0.2."
)


def warn(folder: Path, entry: Mapping[str, Any]) -> None:
    """Print the warnings of a target set, as in the JSON of `projects.status`."""
    for sentence in entry["warnings"]:
        text = f"warning: target set {entry['name']}: {sentence}"
        output.console.print(output.text(text), style="yellow")
    if entry["outdated"]:
        command = shlex.join(["sept", "target", "adopt", str(folder), entry["name"]])
        output.console.print(output.text(f"  To detect them again: {command}"))


def show(folder: Path, project: Project, name: str, report: ScanReport, as_json: bool) -> None:
    """Print the listing of a target set, and its layout."""
    known = projects.status(project).json()["targets"]
    found = next(target for target in known if target["name"] == name)
    keys = ("layout", "splits", "classes", "taken", "warnings")
    if as_json:
        return output.as_json({"name": name, **asdict(report)} | {key: found[key] for key in keys})
    summaries.listed(name, report)
    _table(f"Read as {found['layout'] or 'before'}", found["classes"])
    _taken([(t["what"], t["split"], t["files"]) for t in found["taken"]])
    return warn(folder, found)


@contextlib.contextmanager
def choice(command: Sequence[str], given: Mapping[str, str], as_json: bool) -> Iterator[None]:
    """Print all readings of an ambiguous target set, with the command that chooses each.

    Args:
        command: the command that was given, without options.
        given: the options.
        as_json: print JSON.

    Raises:
        AmbiguousError: again, for the command's last line and exit code.
    """
    try:
        yield
    except AmbiguousError as problem:
        readings = (problem.reading, *problem.reading.others)
        if as_json:
            output.as_json(_choices(command, given, problem.reading))
        else:
            for number, reading in enumerate(readings, 1):
                _table(f"Reading {number}: {reading.options.title}", reading.splits)
                _taken([(t.what, t.split, t.files) for t in reading.taken])
                output.console.print(output.text(f"  {_command(command, given, reading)}") + "\n")
            output.console.print(OTHERWISE)
        raise


def _choices(command: Sequence[str], given: Mapping[str, str], reading: Reading) -> dict[str, Any]:
    return {
        "ambiguous": True,
        "why": reading.why,
        "readings": [
            {
                "layout": one.options.layout.folders,
                "classes": one.splits,
                "taken": [{"what": t.what, "split": t.split, "files": t.files} for t in one.taken],
                "command": _command(command, given, one),
            }
            for one in (reading, *reading.others)
        ],
    }


def _command(command: Sequence[str], given: Mapping[str, str], reading: Reading) -> str:
    """Return the command that chooses a reading, to paste."""
    others = [
        word
        for name in ("path_column", "image_column", "root", "only_suffix", "bands")
        if name in given
        for word in (f"--{name.replace('_', '-')}", given[name])
    ]
    links = ["--follow-links"] if FOLLOW_LINKS in given else []
    return shlex.join(["sept", *command, *others, *links, *reading.options.words()])


def _table(title: str, splits: Mapping[str, Mapping[str, int]]) -> None:
    labels = sorted({label for found in splits.values() for label in found})
    rows = [[label or "no class", *(found.get(label, 0) for found in splits.values())]
            for label in labels[:SHOWN]]  # fmt: skip
    if len(labels) > SHOWN:
        rest = [sum(found.get(label, 0) for label in labels[SHOWN:]) for found in splits.values()]
        rows.append([f"{len(labels) - SHOWN:,} more classes", *rest])
    if len(labels) > 1:
        rows.append(["all", *(sum(found.values()) for found in splits.values())])
    output.rows(title, ["class", *splits], rows)


def _taken(taken: Sequence[tuple[str, str, int]]) -> None:
    """Print which names were interpreted as which split, unless there are none."""
    stated = [(what, split, files) for what, split, files in taken if what or split != "train"]
    if not stated:
        return
    rows = [[what or "outside the folders", split, files] for what, split, files in stated[:SHOWN]]
    if len(stated) > SHOWN:
        rows.append([f"{len(stated) - SHOWN:,} more", "", sum(t[2] for t in stated[SHOWN:])])
    output.rows("Interpreted as splits", ["what", "split", "files"], rows)
