"""Processes and threads that take turns on one catalogue."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sept_core import errors
from sept_core.catalogue import connection, decision_table, sharing

DECIDE = """
import sys
from pathlib import Path
from sept_core.catalogue import decision_table, sharing
catalogue = sharing.Shared(Path(sys.argv[1]), idle=float(sys.argv[2]))
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    with catalogue.use(60) as db:
        decision_table.append(db, ["t"], who=sys.argv[4], action="veto", uids=[f"{number:032d}"])
"""

HOLD = """
import sys
from pathlib import Path
from sept_core.catalogue import sharing
with sharing.Shared(Path(sys.argv[1])).use():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.duckdb"
    connection.connect(path).close()
    return path


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the catalogue until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process


def positions(path: Path) -> list[tuple[int, str]]:
    with sharing.Shared(path).use() as db:
        return [(entry["position"], entry["who"]) for entry in decision_table.log(db)]


def test_two_processes_decide_in_turn_and_nothing_is_lost(path: Path) -> None:
    def start(who: str, idle: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", DECIDE, str(path), str(idle), "25", who]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with start("app", 5.0) as app, start("terminal", 0.0) as terminal:
        assert (app.wait(), terminal.wait()) == (0, 0)
    found = positions(path)
    assert [position for position, _ in found] == list(range(1, 51))
    assert sorted(who for _, who in found) == ["app"] * 25 + ["terminal"] * 25


def test_a_process_that_waits_gets_its_turn_from_one_that_is_never_idle(path: Path) -> None:
    catalogue, done = sharing.Shared(path, idle=60), threading.Event()

    def work() -> None:
        while not done.is_set():
            with catalogue.use() as db:
                db.execute("SELECT 1").fetchall()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    command = [sys.executable, "-c", DECIDE, str(path), "0", "3", "terminal"]
    try:
        assert subprocess.run(command, check=False).returncode == 0
    finally:
        done.set()
        for worker in workers:
            worker.join()
    catalogue.close()
    assert len(positions(path)) == 3


def test_who_holds_it_is_named(path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(errors.BusyError) as told, sharing.Shared(path).use(wait=0.0):
        pass
    assert f"process {holder.pid} (" in str(told.value) and " since " in str(told.value)


def test_a_killed_holder_holds_nothing(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert positions(path) == []


def test_actions_of_one_thread_are_nested_even_while_another_process_waits(path: Path) -> None:
    catalogue = sharing.Shared(path)
    command = [sys.executable, "-c", DECIDE, str(path), "0", "1", "terminal"]
    with contextlib.ExitStack() as outer:
        outer.enter_context(catalogue.use())
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stdout and waiting.stdout.readline() == "ready\n"
            with catalogue.use() as db:
                assert db.execute("SELECT 1").fetchall() == [(1,)]
            assert waiting.poll() is None
            catalogue.close()  # refuses: an action is under way
            outer.close()
            catalogue.close()
        assert waiting.returncode == 0


def test_it_stays_open_for_the_next_action(path: Path) -> None:
    catalogue = sharing.Shared(path, idle=60)
    with catalogue.use() as db:
        first = db.execute("SELECT current_setting('threads')").fetchall()
    busy = pytest.raises(errors.BusyError, match=f"process {os.getpid()} ")
    with busy, sharing.Shared(path).use(wait=0.0):
        pass
    catalogue.close()
    with sharing.Shared(path).use(wait=0.0) as db:
        assert db.execute("SELECT current_setting('threads')").fetchall() == first
