"""Output for people: sentences and tables, never a Python value, nothing that a terminal obeys."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import run, said
from small_project import sept_process as sept

from sept_core.cli import output

PYTHON = re.compile(
    r"[\[({]['\"]|\[\d|['\"][\])}]|\[\]|\{\}|\bNone\b|\bTrue\b|\bFalse\b|<[a-z_.]+ "
)
"""Traces of a list, dict, tuple, constant or object as Python writes it."""

WORDS = st.text("abc xyz", max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_no_value_is_shown_as_python_writes_it(value: Any) -> None:
    assert not PYTHON.search(output.plain(value))


@given(st.text())
def test_what_is_shown_stays_on_its_line_and_steers_no_terminal(text: str) -> None:
    assert output.plain(text).isprintable()
    output.plain(text).encode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([], "none"),
        (["a", "b"], "a, b"),
        (list(range(8)), "0, 1, 2, 3, 4 and 3 more (--json lists all)"),
        ([{"ok": 1}, {"ok": 2000}], "ok 1; ok 2,000"),
        ("a\x1b[2J\n", r"a\x1b[2J\n"),
        ("[red]é🐼:smile:", "[red]é🐼:smile:"),
        ("\udc80", r"\udc80"),
        (float("nan"), "–"),
        (True, "yes"),
    ],
)
def test_values_read_well(value: Any, shown: str) -> None:
    assert output.plain(value) == shown


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.facts("[bold]", {"a_b": "[red]", "inner": {"c": [1, 2]}})
    output.rows("[t]", ["x"], [["[/red]:smile:"]])
    output.rows("nothing", ["x"], [])
    printed = capsys.readouterr().out
    for part in ("[bold]\n", "  a b    [red]", "    c    1, 2", "[/red]:smile:", "nothing: none."):
        assert part in printed


def test_long_cells_are_whole_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = "/a/" + "long/" * 60
    output.rows("Files", ["id", "path"], [["x" * 60, path]])
    output.facts("Of", {"path": path})
    assert capsys.readouterr().out.count(path) == 2


def test_every_command_tells_its_result_in_words(project: Path, tmp_path: Path) -> None:
    made = json.loads(run("select", project, "--target", "toys", "--budget", 6, "--json").stdout)
    other = json.loads(
        run("select", project, "--target", "toys", "--budget", 9, "--strategy", "random",
            "--json").stdout
    )  # fmt: skip
    ident, second = made["selection"], other["selection"]
    uid = json.loads(run("suggest", project, ident, "--json").stdout)["uids"][0]
    for words in (
        ("status", project),
        ("pool", "status", project),
        ("target", "status", project),
        ("features", "status", project),
        ("prepare", project),
        ("calibrate", project),
        ("advise", project, "--target", "toys", "--budget", 5),
        ("select", project, "--target", "toys", "--budget", 500),
        ("veto", project, uid, "--target", "toys", "--reason", "[x]"),
        ("history", project, "--target", "toys"),
        ("undo", project, "--target", "toys"),
        ("update", project, ident),
        ("suggest", project, ident, "--count", 3),
        ("audit", project, ident, "--size", 3),
        ("report", project, ident),
        ("compare", project, ident, second),
        ("export", project, ident, "--out", tmp_path / "native"),
        ("verify", tmp_path / "native"),
        ("jobs", project),
        ("backup", project, tmp_path / "kept"),
        ("restore", tmp_path / "other", tmp_path / "kept"),
        ("check", project),
        ("features", "push", project, tmp_path / "store"),
        ("features", "pull", project, tmp_path / "store"),
        ("pool", "note", project, "shapes", "fine"),
    ):
        told = said(*words)
        assert told.strip() and not PYTHON.search(told.replace("[x]", "")), (words, told)


def test_a_terminal_of_another_encoding_is_no_reason_to_fail(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    run("pool", "note", project, "shapes", "fünf 🐼")
    shown = sept("jobs", project)  # a job that ended well has "–" for a reason
    assert shown.returncode == 0 and r"\u2013" in shown.stdout
    found = sept("status", project, "--json")
    assert json.loads(found.stdout)["sources"][0]["note"] == "fünf 🐼"
