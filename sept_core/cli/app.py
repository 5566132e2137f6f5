"""The command `sept`: all commands in one place, and the border where errors become a sentence.

Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage.
"""

import importlib.metadata
import logging
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from sept_core import errors
from sept_core.cli import curate, data, output, safety, serve, train

app = typer.Typer(
    name="sept",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS: dict[str, Callable[..., None]] = {
    "init": data.init,
    "status": data.status,
    "embed": data.embed,
    "map": data.draw_map,
    "prepare": curate.prepare,
    "calibrate": curate.calibrate,
    "advise": curate.advise,
    "select": curate.select,
    "again": curate.again,
    "veto": curate.veto,
    "keep": curate.keep,
    "pin": curate.pin,
    "undo": curate.undo,
    "history": curate.history,
    "suggest": curate.suggest,
    "audit": curate.audit,
    "report": curate.report,
    "compare": curate.compare,
    "export": curate.export,
    "verify": curate.verify,
    "train-encoder": train.train_encoder,
    "pretrain": train.pretrain,
    "evaluate": train.evaluate,
    "jobs": train.list_jobs,
    "check": safety.check,
    "backup": safety.backup,
    "restore": safety.restore,
    "demo": train.demo,
    "app": serve.serve,
}
GROUPS = {"pool": data.pool, "target": data.target, "features": data.feature, "job": train.job}


def _print_version(asked: bool) -> None:
    if asked:
        output.console.print(f"sept {importlib.metadata.version('sept')}")
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
    """Choose the part of an unlabelled image pool that is worth pre-training on."""


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)
data.feature.command("import")(curate.features_import)


def main() -> None:
    """Run the command line; the console script `sept`."""
    output.survive_any_encoding()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    try:
        app()
    except errors.SeptError as problem:
        _fail(str(problem))
    except OSError as problem:  # a disk or a folder that is not as it should be
        _fail(f"{problem.filename or 'The project'}: {problem.strerror or problem}.")


def _fail(sentence: str) -> None:
    output.say(f"error: {sentence}", style="red", to=output.notes)
    sys.exit(1)
