"""The command line as people and scripts use it: JSON, exit codes, one-line errors."""

import json
from inspect import signature
from pathlib import Path

import pytest
from small_project import sept

from sept_core.catalogue import connection
from sept_core.cli import app, lazy


def test_chain_of_commands(project: Path, tmp_path: Path) -> None:
    made = sept("select", project, "--target", "toys", "--budget", 15, "--json")
    assert made.returncode == 0, made.stderr
    selection = json.loads(made.stdout)
    assert {"selection", "count", "funnel", "short_because"} <= set(selection)
    assert selection["count"] == 15
    out = tmp_path / "subset.txt"
    exported = sept(
        "export", project, selection["selection"], "--format", "txt", "--out", out, "--json"
    )
    assert exported.returncode == 0, exported.stderr
    lines = out.read_text().splitlines()
    assert len(lines) == 15 and all(Path(line).exists() for line in lines)
    native = tmp_path / "subset"
    assert sept("export", project, selection["selection"], "--out", native).returncode == 0
    checked = sept("verify", native, "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["problems"] == []
    report = sept("report", project, selection["selection"], "--json")
    assert report.returncode == 0, report.stderr
    assert json.loads(report.stdout)["leaks"] == 0


def test_status_is_readable(project: Path) -> None:
    made = sept("select", project, "--target", "toys", "--budget", 5, "--json")
    ident = json.loads(made.stdout)["selection"]
    done = sept("status", project)
    assert done.returncode == 0, done.stderr
    assert ident in "".join(done.stdout.split()) and "toys" in done.stdout


def test_status_is_machine_readable(prepared: Path) -> None:
    state = json.loads(sept("status", prepared, "--json").stdout)
    assert [target["name"] for target in state["targets"]] == ["toys"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("status", "nowhere"), 1, "is not a SEPT project"),
        (("select", "{project}", "--target", "cats", "--budget", "5"), 1, "project has: toys"),
        (("select", "{project}", "--target", "toys", "--budget", "5", "--strategy", "magic"), 1,
         "choose one of"),
        (("select", "{project}", "--target", "toys"), 1, "needs a budget"),
        (("select", "{project}", "--target", "toys", "--budget", "5", "--filter", "yeer > 1"), 1,
         "no image has a field 'yeer'"),
        (("report", "{project}", "nothing"), 1, "No selection"),
        (("veto", "{project}", "f" * 32, "--target", "toys"), 1, "has no image"),
        (("undo", "{project}", "--target", "toys"), 1, "nothing to undo"),
        (("frobnicate",), 2, "No such command"),
        (("again", "{project}", "some"), 2, "sept again is now: sept update"),
        (("select", "{project}"), 2, "--target"),
    ],
)  # fmt: skip
def test_errors_are_one_sentence_and_a_code(
    prepared: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    done = sept(*(word.format(project=prepared) for word in words))
    assert done.returncode == code, done.stderr
    assert sentence.lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1 or code == 2, "one line"
    assert "Traceback" not in done.stderr


def test_every_command_speaks_json() -> None:
    commands = lazy.functions(app.SECTIONS)
    silent = [name for name, call in commands if "as_json" not in signature(call).parameters]
    assert silent == ["app"], "all but the one that opens the browser take --json"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("pool", "rename", "{project}", "shapes", "forms"), {"name": "forms", "was": "shapes"}),
        (("target", "note", "{project}", "toys", "[b]x"), {"name": "toys", "note": "[b]x"}),
        (("jobs", "{project}"), None),
    ],
)
def test_results_go_to_stdout_as_one_document(
    project: Path, words: tuple[str, ...], expected: dict[str, str] | None
) -> None:
    done = sept(*(word.format(project=project) for word in words), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == expected if expected else found["jobs"]


def test_busy_project_names_its_owner(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    held = connection.connect(prepared / "catalogue.duckdb")
    try:
        done = sept("status", prepared)
        assert sept("jobs", prepared).returncode == 0, "jobs needs no catalogue"
    finally:
        held.close()
    assert done.returncode == 1
    assert f"process {os.getpid()}" in " ".join(done.stderr.split())
