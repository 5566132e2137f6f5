"""`status` of sources, target sets and imported features: counts, reasons, a CSV file of all.

In: a role. Out: tables or JSON; and the last line of the commands that list and embed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa

from sept_core import errors
from sept_core.cli import output, summaries
from sept_core.cli.options import path_option
from sept_core.cli.output import counted, say
from sept_core.services.data import collections, embedding, file_outcomes
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, commands

SHOWN = 50
"""Maximum number of files printed per state; --out and --json give all."""

Out = Annotated[
    Path | None,
    path_option("Also write all problem files with the reason to this CSV file; must not exist."),
]
TITLES = {"rejected": "Rejected files", "unreadable": "Unreadable files"}
KINDS = {"pool": "sources", "target": "targets"}


def show(folder: Path, role: str, name: str | None, out: Path | None, as_json: bool) -> None:
    """Print counts and reasons for the files of a role, or of one source or target set."""
    with projects.opened(folder) as project:
        state = projects.status(project).json()
        table = file_outcomes.reasons(project, role, name)
        more = file_outcomes.more(project, role, name)
    entries = [entry for entry in state[KINDS[role]] if name in (None, entry["name"])]
    found = file_outcomes.by_state(table)
    _keep(table, out, to_stdout=not as_json)
    if as_json:
        keys = ("pool", "value_ranges") if role == "pool" else ()
        facts = {key: state[key] for key in keys}
        return output.as_json(facts | {KINDS[role]: entries} | found | more)
    _counts(KINDS[role], entries)
    summaries.value_ranges(state["value_ranges"])
    if partly := more["partly_taken"]:
        columns = ["source", "format", "pixels", "taken", "images"]
        output.rows("Partly used images", columns, ([row[c] for c in columns] for row in partly))
    columns = ["source", "rel_path", "member", *(["split"] if role == "target" else []), "reason"]
    for held, rows in found.items():
        _listed(TITLES.get(held, f"{held.capitalize()} files"), columns, rows, out)
    if without := more["no_features"]:
        columns = ["encoder", "source", "rel_path", "member", "reason"]
        _listed("Images without features under an encoder", columns, without, None)
        summaries.without_features(state["encoders"])
    if waiting := found.get("unreadable"):
        retry = commands.line(role, "retry", folder)
        say(f"{counted(len(waiting), 'file')} unreadable. To try again: {retry}")
    return None


def _counts(title: str, entries: Sequence[Mapping[str, Any]]) -> None:
    columns = [
        "name",
        "images",
        *(s for s in file_outcomes.STATES if s in (entries or [{}])[0]),
        "gone",
    ]
    output.rows(title.capitalize(), columns, ([entry[c] for c in columns] for entry in entries))
    for entry in entries:
        if splits := entry.get("splits"):
            text = ", ".join(f"{split} {count:,}" for split, count in splits.items())
            say(f"Splits of {entry['name']}, in files: {text}.")


def _listed(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], out: Path | None
) -> None:
    output.rows(title, columns, ([row[column] for column in columns] for row in rows[:SHOWN]))
    if len(rows) > SHOWN and out is None:
        say(f"and {len(rows) - SHOWN:,} more; list all with --out FILE.csv or --json.")


def _keep(table: pa.Table, out: Path | None, *, to_stdout: bool) -> None:
    if out is None:
        return
    if out.exists():
        raise errors.InputError(f"{out} already exists; choose another name.")
    with atomic.write_then_rename(out.absolute()) as temporary:
        temporary.write_text(file_outcomes.as_csv(table), newline="")
    where = output.console if to_stdout else output.notes
    say(f"Wrote {counted(table.num_rows, 'row')} to {out}", to=where)


def close_listing(project: Project, folder: Path, role: str, name: str, as_json: bool) -> None:
    """Print the number of rejected files of a source or target set: the last line of its listing.

    Raises:
        SourceError: all files are rejected.
    """
    reasons = commands.line(role, "status", folder)
    known = file_outcomes.check_listing(project, role, name, reasons)
    if as_json:
        return
    text = f"{counted(known['files'], 'file')} in {name}, {known['rejected']:,} rejected"
    say(f"{text}. For the reasons: {reasons}" if known["rejected"] else f"{text}.")
    summaries.next_step(f"compute the features: {commands.line('embed', folder)}")


def close_embedding(folder: Path, result: Mapping[str, Any], as_json: bool) -> None:
    """Print the result of an embedding, the counts last.

    Raises:
        SourceError: files are still unread, or no file has features.
    """
    with projects.opened(folder) as project:
        found = embedding.summary(project, result)
        targets = collections.names(project, "target")
    if as_json:
        output.as_json(result)
    else:
        summaries.embedded(result, found)
        summaries.fit(folder, result["spec"], result["fit"])
    if found.failure:
        raise errors.SourceError(found.failure)
    if not as_json:
        summaries.next_step(_after_embedding(folder, targets))


def _after_embedding(folder: Path, targets: Sequence[str]) -> str:
    if not targets:
        command = commands.line("target", "add", folder, "NAME", "PATH")
        return f"add images of your task: {command}"
    command = commands.line("select", folder, "--target", targets[0], "--budget", "NUMBER")
    return f"select a subset: {command}"


def show_feature_rows(folder: Path, out: Path | None, as_json: bool) -> None:
    """Print the encoders and the rejected rows of imported features."""
    with projects.opened(folder) as project:
        known = projects.encoders(project)
        table = file_outcomes.feature_rows(project)
    _keep(table, out, to_stdout=not as_json)
    if as_json:
        return output.as_json({"encoders": known, "rejected": table.to_pylist()})
    columns = ["id", "kind", "dim", "pool_images"]
    output.rows("Encoders", columns, ([card[c] for c in columns] for card in known))
    return _listed("Rejected feature rows", file_outcomes.ROWS.names, table.to_pylist(), out)


def close_import(folder: Path, path: Path, result: Mapping[str, Any], as_json: bool) -> None:
    """Print the result of an import, the rejected rows last.

    Raises:
        InputError: all rows are rejected.
    """
    parts = [result[part] for part in ("search", "heldout") if part in result] or [result]
    stored, known, rejected = (
        sum(part[name] for part in parts) for name in ("stored", "duplicates", "rejected")
    )
    reasons = commands.line("features", "status", folder)
    if rejected and not stored + known:
        raise errors.InputError(
            f"All rows of {path} are rejected ({rejected:,}; first: "
            f"{_first_reason(parts)}); see: {reasons}"
        )
    if as_json:
        return
    encoder = parts[0]["encoder_id"]
    say(
        f"Imported {counted(stored, 'vector')} from {path} as {encoder}; {known:,} already existed."
    )
    if unmatched := result["unmatched"]:
        keys = counted(len(unmatched), "key")
        say(f"Skipped {keys} without a known image: {output.plain(unmatched)}.")
    text = f"{counted(rejected, 'row')} rejected"
    say(f"{text}. For the reasons: {reasons}" if rejected else f"{text}.")


def _first_reason(parts: Sequence[Mapping[str, Any]]) -> str:
    key, reason = next(row for part in parts for row in part["reasons"])
    return f"{key}: {reason}"
