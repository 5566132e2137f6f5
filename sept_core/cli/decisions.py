"""Commands that exchange decisions with other tools: decide, decisions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from sept_core.cli import output, summaries
from sept_core.cli.options import Dir, Json, Targets, path_option
from sept_core.export import tables
from sept_core.services.curate import decision_export, decision_file, decision_import
from sept_core.services.project import projects
from sept_core.storage import atomic, project_paths


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
        return output.as_json(shown.to_json() | {"done": done})
    summaries.decision_preview(shown, whole=outcomes is not None)
    if done:
        return summaries.decisions_imported(shown, done)
    if not shown.planned:
        return output.say("There is nothing to import.")
    return summaries.next_step("to import, repeat this command with --yes.")


def _save(rows: Iterable[decision_import.Row], out: Path) -> None:
    values = [row.to_json() for row in rows]
    with atomic.write_then_rename(out) as temporary:
        tables.write_csv(temporary, list(values[0]) if values else [], values)


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
