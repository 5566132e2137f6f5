"""The command `sept`: the table of all commands, and the place where errors become one sentence.

Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage.
"""

import importlib
import logging
import sys
from typing import Annotated

import typer

from sept_core import errors
from sept_core.cli import lazy, output

SECTIONS = {
    "Project": {
        "init": "sept_core.cli.project:init",
        "demo": "sept_core.cli.demo:demo",
        "status": "sept_core.cli.project:status",
        "app": "sept_core.cli.serve:serve",
        "check": "sept_core.cli.project:check",
        "backup": "sept_core.cli.project:backup",
        "restore": "sept_core.cli.project:restore",
    },
    "Data": {
        "pool": "sept_core.cli.pool:pool",
        "target": "sept_core.cli.target:target",
        "embed": "sept_core.cli.features:embed",
        "features": "sept_core.cli.features:features",
        "map": "sept_core.cli.features:draw_map",
    },
    "Select": {
        "prepare": "sept_core.cli.curate:prepare",
        "calibrate": "sept_core.cli.curate:calibrate",
        "advise": "sept_core.cli.curate:advise",
        "select": "sept_core.cli.curate:select",
        "update": "sept_core.cli.curate:update",
        "report": "sept_core.cli.curate:report",
        "compare": "sept_core.cli.curate:compare",
        "export": "sept_core.cli.manifest:export",
        "verify": "sept_core.cli.manifest:verify",
    },
    "Review": {
        "veto": "sept_core.cli.review:veto",
        "keep": "sept_core.cli.review:keep",
        "pin": "sept_core.cli.review:pin",
        "decide": "sept_core.cli.decisions:decide",
        "decisions": "sept_core.cli.decisions:decisions",
        "undo": "sept_core.cli.review:undo",
        "history": "sept_core.cli.review:history",
        "suggest": "sept_core.cli.judge:suggest",
        "audit": "sept_core.cli.judge:audit",
    },
    "Train": {
        "pretrain": "sept_core.cli.train:pretrain",
        "evaluate": "sept_core.cli.train:evaluate",
        "round": "sept_core.cli.rounds:run_round",
        "train-encoder": "sept_core.cli.train:train_encoder",
    },
    "Jobs": {
        "jobs": "sept_core.cli.jobs:list_jobs",
        "job": "sept_core.cli.jobs:job",
    },
}
"""All commands by section of the help; `lazy` imports a module when its command runs."""

RENAMED = {"again": "update"}


class _Commands(lazy.LazyGroup):
    sections = SECTIONS
    renamed = RENAMED


app = lazy.group(
    name="sept",
    cls=_Commands,
    help="Choose the part of an unlabelled image pool that is worth pre-training on.",
)


def _print_version(asked: bool) -> None:
    if asked:
        metadata = importlib.import_module("importlib.metadata")  # slow, and only needed here
        output.console.print(f"sept {metadata.version('sept')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass  # Typer reads the option from the signature


def main() -> None:
    """Run the command line; the console script `sept`."""
    output.survive_any_encoding()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    try:
        app()
    except errors.SeptError as problem:
        _fail(str(problem))
    except OSError as problem:  # for example a full disk or a missing folder
        _fail(f"{problem.filename or 'The project'}: {problem.strerror or problem}.")


def _fail(sentence: str) -> None:
    output.say(f"error: {sentence}", style="red", to=output.notes)
    sys.exit(1)
