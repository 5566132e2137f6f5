"""The command line in this process: quicker than a process of its own for each command."""

from typer.testing import CliRunner, Result

from sept_core import errors
from sept_core.cli import app


def run(*words: object) -> Result:
    """The outcome of a command; errors of ours end with exit code 1, as in `app.main`."""
    found = CliRunner().invoke(app.app, [str(word) for word in words])
    if found.exception and not isinstance(found.exception, SystemExit | errors.SeptError):
        raise found.exception
    return found


def said(*words: object) -> str:
    """Return the text that a successful command prints."""
    found = run(*words)
    assert found.exit_code == 0, f"{found.exception}: {found.output}"
    return found.stdout
