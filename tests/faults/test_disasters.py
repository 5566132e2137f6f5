"""A full disk, a folder that cannot be written, a clock that goes back, one command twice."""

import datetime
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_project import sept

from sept_core import errors
from sept_core.catalogue import decision_table
from sept_core.jobs import launcher
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, rankings, selections
from sept_core.services.project import backups, project_check, projects
from sept_core.storage import atomic, project_paths

DISK = 24_000_000  # bytes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs leave to mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    """Take all free space, also what was freed since an earlier call."""
    with (disk / "rest").open("ab") as rest:
        rest.write(bytes(shutil.disk_usage(disk).free))


def test_a_full_disk_is_told_in_a_sentence_and_loses_nothing(disk: Path, prepared: Path) -> None:
    project = disk / "project"
    shutil.copytree(prepared, project)
    with projects.opened(project) as opened:
        uids = [u for (u,) in opened.db.execute("SELECT uid FROM images ORDER BY 1").fetchall()]
        kept = decisions.decide(opened, ["toys"], "veto", uids[:3])["position"]
        fill(disk)
        with pytest.raises(errors.StorageError, match="This step was rolled back"):
            for uid in uids * 100:
                kept = decisions.decide(opened, ["toys"], "keep", [uid])["position"]
        with pytest.raises(errors.StorageError):
            backups.write(opened, disk / "saved.gz")
    for words in (
        ("veto", project, "--target", "toys", uids[0]),
        ("select", project, "--target", "toys", "--budget", "9"),
        ("backup", project, disk / "saved.gz"),
        ("embed", project, "--encoder", "classic"),
    ):
        fill(disk)  # closing the catalogue truncates its write-ahead log
        done = sept(*words)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "No space left" in done.stderr or "cannot be written" in done.stderr
    (disk / "rest").unlink()
    assert {finding.kind for finding in project_check.check(project)} <= {"leftover", "job"}
    with projects.opened(project) as opened:
        assert decision_table.last_position(opened.db) == kept
        decisions.decide(opened, ["toys"], "keep", uids[:1])
    done = sept("embed", project, "--encoder", "classic")
    assert done.returncode == 0, done.stderr


def test_a_disk_that_cannot_be_written_is_told(disk: Path, prepared: Path) -> None:
    project = disk / "project"
    shutil.copytree(prepared, project)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        for words in (("status", project), ("embed", project), ("check", project)):
            done = sept(*words)
            assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
            assert "ead-only" in done.stderr or "cannot be" in done.stdout
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert project_check.check(project) == []


def test_a_clock_that_goes_back_changes_no_order(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Backwards(datetime.datetime):
        hour_now = 20

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Backwards":
            cls.hour_now -= 1
            return cls(2026, 1, 1, cls.hour_now, tzinfo=tz)

    clock = types.SimpleNamespace(datetime=Backwards, UTC=datetime.UTC)
    monkeypatch.setattr(decision_table, "datetime", clock)
    with projects.opened(project) as opened:
        uid = opened.db.execute("SELECT min(uid) FROM images").fetchall()[0][0]
        for action in ("veto", "keep", "veto", "keep"):
            decisions.decide(opened, ["toys"], action, [uid])
        events = decisions.history(opened, ["toys"])
    assert [event["position"] for event in events] == [1, 2, 3, 4]
    assert [event["at"] for event in events] == sorted((e["at"] for e in events), reverse=True)
    with projects.opened(project) as opened:
        request = selections.Request(("toys",), SelectionSettings(budget=160))
        ids = rankings.ranking(opened, request).target_ids
        state = selections.log_for(opened, request, ids).state
        assert state.decisions[uid].position == 4


def test_one_command_twice_at_once_ends_like_once(project: Path, tmp_path: Path) -> None:
    once = tmp_path / "once"
    shutil.copytree(project, once)
    command = [sys.executable, "-m", "sept_core", "embed", "--encoder", "classic"]
    both = [subprocess.Popen([*command, str(project)], stderr=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[1].decode() for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes, told
    for code, text in zip(codes, told, strict=True):
        assert code == 0 or "in use by" in text or "already running" in text, text
    assert sept("embed", once, "--encoder", "classic").returncode == 0
    assert _sums(project) == _sums(once)
    assert all(
        job.state == "done" for job in launcher.all_jobs(project_paths.ProjectPaths(project))
    )
    assert project_check.check(project) == []


def _sums(project: Path) -> dict[str, str]:
    found = sorted((project / "features").rglob("*.*"))
    return {str(p.relative_to(project)): atomic.sha256_file(p) for p in found if p.is_file()}
