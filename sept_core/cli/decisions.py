"""Commands that exchange decisions with other tools: decide, decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.cli import output, summaries
from sept_core.cli.options import Dir, Json, Targets, path_option
from sept_core.export import tables
from sept_core.services.curate import decision_export, decision_file, decision_import
from sept_core.services.project import projects
from sept_core.storage import atomic, project_paths

MOST_ROWS = 10
"""Rows of a decision file that are printed for each problem."""


def decide(
    folder: Dir,
    target: Targets,
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="PATH",
            parser=project_paths.expanded,
            help="Table (csv, jsonl, parquet) of images and decisions, FiftyOne's samples.json or "
            "labels.csv, or a list of the paths of one tag.",
        ),
    ],
    decision: Annotated[
        str,
        typer.Option(metavar="veto|keep|pin|negative", help="Decision of the rows that name none."),
    ] = "",
    words: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="WORD=DECISION",
            help="Decision that a tag or another word of the file stands for. Repeatable.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace different decisions in the project.")
    ] = False,
    who: Annotated[
        str | None,
        typer.Option(help="Reviewer of the rows that name none. Default: the project's."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Import; without it, only the preview is shown.")
    ] = False,
    outcomes: Annotated[Path | None, path_option("CSV file for the outcome of every row.")] = None,
    as_json: Json = False,
) -> None:
    """Import decisions that were made elsewhere: show what matches, then import with --yes."""
    file = decision_file.read(source, decision_file.words_of(words or ()), decision)
    with projects.opened(folder) as project:
        shown = decision_import.preview(project, target, file, replacing=replace)
        if outcomes is not None:
            _save(shown.rows, outcomes)
        done = decision_import.commit(project, shown, who) if yes and shown.planned else None
    if as_json:
        return output.as_json(shown.to_json() | {"done": done and asdict(done)})
    _show_preview(shown, whole=outcomes is not None)
    if done:
        return _show_imported(shown, done)
    if not shown.planned:
        return output.say("There is nothing to import.")
    return summaries.next_step("to import, repeat this command with --yes.")


def _show_preview(shown: decision_import.Preview, whole: bool) -> None:
    """Print the outcomes of the rows of a decision file, and the first rows of each problem."""
    title = (
        f"{shown.file.path.name}: {output.counted(len(shown.rows), 'row')} ({shown.file.read_as})"
    )
    facts: dict[str, Any] = {decision_import.OUTCOMES[k]: n for k, n in shown.counts.items()}
    output.facts(title, facts)
    if shown.planned:
        output.facts("Decisions to import", shown.decisions)
        output.facts("Matched", {decision_import.WAYS[way]: n for way, n in shown.ways.items()})
    if unmapped := shown.file.unmapped:
        output.say(
            f"Tags that stand for no decision (--map TAG=DECISION): {output.plain(unmapped)}."
        )
    left = [row for row in shown.rows if row.outcome not in decision_import.IMPORTED]
    for outcome, words in decision_import.OUTCOMES.items():
        rows = [row for row in left if row.outcome == outcome]
        if rows:
            _rows_left(rows, words)
    if len(left) > MOST_ROWS and not whole:
        output.say("--outcomes FILE.csv saves the outcome of every row.", to=output.notes)


def _rows_left(rows: Sequence[decision_import.Row], words: str) -> None:
    shown = [row.to_json() for row in rows[:MOST_ROWS]]
    columns = ["row", "name", "decision", "note"]
    more = f" (first {MOST_ROWS})" if len(rows) > MOST_ROWS else ""
    title = f"{output.counted(len(rows), 'row')} {words}{more}"
    output.rows(title, columns, ([row[name] or None for name in columns] for row in shown))


def _show_imported(shown: decision_import.Preview, done: decision_import.Imported) -> None:
    """Print how many decisions were imported and how to take them back."""
    output.say(
        f"Imported {output.counted(done.imported, 'decision')} for {', '.join(shown.targets)} "
        f"(positions {shown.position + 1:,} to {done.position:,} of the log)."
    )
    summaries.next_step(f"sept undo --to {shown.position} takes them back.")


def _save(rows: Iterable[decision_import.Row], out: Path) -> None:
    values = [row.to_json() for row in rows]
    with atomic.write_then_rename(out) as temporary:
        tables.write_csv(temporary, list(values[0]), values)


def decisions(
    folder: Dir,
    target: Targets,
    to: Annotated[
        Path | None, path_option("File to write (.csv, .jsonl or .parquet); must not exist.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the decisions that stand, one row per image, or write them to a table for others."""
    with projects.opened(folder) as project:
        found = decision_export.table(project, target)
    if to is not None:
        decision_export.write(found, to)
    if as_json:
        written = None if to is None else str(to)
        return output.as_json({"decisions": found.to_pylist(), "out": written})
    if to is not None:
        return output.say(f"Wrote {output.counted(found.num_rows, 'decision')} to {to}.")
    columns = ["uid", "decision", "who", "at", "reason", "target", "path"]
    return output.rows(
        "Decisions", columns, ([row[name] for name in columns] for row in found.to_pylist())
    )
