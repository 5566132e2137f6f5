"""Paths as people type them, and commands that can be pasted."""

import getpass
import os
import pwd
import shlex
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import run, said

from sept_core import errors
from sept_core.cli import app, lazy, manifest
from sept_core.encoders import registry
from sept_core.services.project import project_check, projects
from sept_core.storage import commands, project_paths


def path_parameters() -> Iterator[tuple[str, Callable[[str], Path]]]:
    """Every argument and option of every command that is a path, with what parses it."""
    for name, callback in lazy.functions(app.SECTIONS):
        for parameter, hint in typing.get_type_hints(callback, include_extras=True).items():
            kind, *extras = typing.get_args(hint) or (hint,)
            if kind is Path or Path in typing.get_args(kind):
                yield (
                    f"sept {name} {parameter}",
                    next(e.parser for e in extras if hasattr(e, "parser")),
                )


def test_a_tilde_is_expanded_in_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = dict(path_parameters())
    assert {"sept export out", "sept verify path", "sept init folder"} <= set(found)
    assert len(found) > 40
    for name, parse in found.items():
        assert parse and parse("~/x") == Path("/home/me/x"), name


def test_homes_are_expanded_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    user = getpass.getuser()
    assert project_paths.expanded("~") == Path("/home/me")
    assert project_paths.expanded(f"~{user}/x") == Path(pwd.getpwnam(user).pw_dir) / "x"
    for left in ("~no-such-user/x", "$HOME/x", "a/~/x", "a~", "plain"):
        assert project_paths.expanded(left) == Path(left)


def test_roots_and_encoders_are_expanded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert manifest._root("photos=~/x") == ("photos", Path("/home/me/x"))
    with pytest.raises(errors.SeptError, match="/home/me/none"):
        registry.load("checkpoint:~/none", folder=tmp_path)


def test_a_tilde_in_an_option_leads_home(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    said("target", "status", project, "--out=~/rejected.csv")
    assert (tmp_path / "rejected.csv").exists()


@given(st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1))
def test_a_command_is_read_back_by_a_shell_word_by_word(words: list[str]) -> None:
    assert shlex.split(commands.line(*words)) == ["sept", *words]


def pasted(text: str) -> list[str]:
    """The words of the last command in some output."""
    return shlex.split(text[text.rindex("sept ") :].splitlines()[0])


def test_printed_commands_can_be_pasted(tmp_path: Path, small_data: Path) -> None:
    folder = tmp_path / "my 'own' project; $(x)"
    assert pasted(said("init", folder)) == ["sept", "pool", "add", str(folder), "NAME", "PATH"]
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "a.txt").write_text("no image")
    os.link(small_data / "pool" / "red" / "00.png", tmp_path / "few" / "b.png")
    told = said("pool", "add", folder, "few", tmp_path / "few")
    if "rejected; " in told:  # a text file may be known at once, or once it is read
        assert pasted(told) == ["sept", "pool", "status", str(folder)]
    missing = run("status", tmp_path / "no project")
    assert pasted(str(missing.exception)) == ["sept", "init", str(tmp_path / "no project")]
    (tmp_path / "few").rename(tmp_path / "moved")
    found = [f for f in project_check.check(folder, lambda what: None) if f.kind == "source"]
    assert pasted(found[0].remedy) == ["sept", "pool", "move", str(folder), "few", "PATH"]
    with projects.opened(folder) as project:
        assert project.paths.root == folder
