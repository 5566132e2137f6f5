"""Commands import what they use: the table of commands, and what help and decisions leave out."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from benchmarks import structure
from sept_core.cli import app, lazy
from sept_core.services.curate import decisions
from sept_core.services.project import opening

LIBRARIES = {
    "PIL",
    "faiss",
    "numpy",
    "pandas",
    "plotly",
    "pyarrow",
    "scipy",
    "sklearn",
    "streamlit",
    "torch",
    "umap",
}
"""Neither the help nor a decision on single images needs one of them."""


def loaded(code: str, *words: object) -> set[str]:
    """The libraries that a process of its own has loaded after some code."""
    script = f"import sys\nsys.argv = ['sept', *sys.argv[1:]]\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


RUN = """
from sept_core.cli import app
try:
    app.main()
except SystemExit as end:
    assert not end.code
"""


def test_help_loads_no_library_but_that_of_the_command_line() -> None:
    found = loaded(RUN, "--help")
    assert "typer" in found
    assert not found & {*LIBRARIES, "duckdb", "pydantic"}


def test_a_veto_loads_the_catalogue_and_no_other_library(project: Path) -> None:
    with opening.opened(project) as opened:
        (uid,) = opened.db.execute("SELECT min(uid) FROM images").fetchall()[0]
    found = loaded(RUN, "veto", project, uid, "--target", "toys")
    assert "duckdb" in found
    assert not found & LIBRARIES
    with opening.opened(project) as opened:
        assert decisions.history(opened, ["toys"])[-1]["uids"] == (uid,)


def test_help_shows_the_first_paragraph_of_every_command() -> None:
    for name, place in lazy.places(app.SECTIONS).items():
        module, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        text = found.info.help if isinstance(found, typer.Typer) else found.__doc__
        assert lazy.summary(place) == text.partition("\n\n")[0], name


@pytest.mark.parametrize(("name", "call"), list(lazy.functions(app.SECTIONS)))
def test_help_texts_are_sentences(name: str, call: object) -> None:
    command = lazy.load("sept", lazy.places(app.SECTIONS)[name.split()[0]])
    if " " in name:
        command = command.commands[name.split()[1]]
    first = command.help.partition("\n\n")[0]
    assert first[0].isupper() and first.endswith("."), name
    for parameter in command.params:
        if parameter.name != "help":
            text = getattr(parameter, "help", "") or ""
            assert text and text[-1] in ".'", f"{name} {parameter.name}: {text!r}"


def test_every_table_entry_is_an_import_that_the_layer_test_sees() -> None:
    imports = structure.read(Path(__file__).parent.parent.parent).imports["sept_core.cli.app"]
    named = {place.partition(":")[0] for place in lazy.places(app.SECTIONS).values()}
    assert named <= imports
