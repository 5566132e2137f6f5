"""`sept check`: every kind of damage is found and explained, and repair brings back the same."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from small_project import sept, sept_process

from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, manifests, selections
from sept_core.services.project import project_check, projects
from sept_core.storage import project_paths


def flip(path: Path, place: float = 0.5) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)


def select(project: Path) -> str:
    with projects.opened(project) as opened:
        request = selections.Request(("toys",), SelectionSettings("instance-search", 20))
        return str(selections.select(opened, request)["id"])


def kinds(project: Path) -> list[str]:
    return [finding.kind for finding in project_check.check(project)]


def test_a_whole_project_has_no_finding(project: Path) -> None:
    select(project)
    assert project_check.check(project) == []
    told = sept("check", project)
    assert told.returncode == 0 and told.stdout.strip().endswith("no problems found.")


def only(project: Path, pattern: str) -> Path:
    (found, *_) = sorted(project.glob(pattern))
    return found


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [flip, Path.unlink, empty])
def test_damage_anywhere_is_found_and_moved_away(
    project: Path, harm: Callable[[Path], None]
) -> None:
    select(project)
    expected = {
        "features/*/pool/00000.npy": "features",
        "features/*/targets/*/search/00000.uids.npy": "features",
        "features/*/targets/*/heldout/00000.parquet": "features",
        "indexes/*/graph/neighbours.npy": "artefact",
        "indexes/*/duplicates/groups.parquet": "artefact",
        "selections/*.parquet": "selection",
        "encoders/*/classic.safetensors": "encoder",
    }
    if harm is not flip:  # a flipped letter in a title is no damage that anybody could see
        expected["jobs/2*-embed-*/status.json"] = "job"
    for pattern in expected:
        harm(only(project, pattern))
    found = project_check.check(project)
    assert sorted(finding.kind for finding in found) == sorted(expected.values())
    assert all(finding.problem and finding.remedy for finding in found)
    movable = [finding for finding in found if finding.aside]
    moved = project_check.repair(project, found)
    assert len(movable) >= len(found) - 1 and all(place.exists() for place in moved)
    left = [finding.problem for finding in project_check.check(project)]
    assert all("picks" in problem for problem in left), "the picks come back by themselves"


@pytest.mark.parametrize("harm", [flip, empty])
def test_a_damaged_header_is_found(project: Path, harm: Callable[[Path], None]) -> None:
    for pattern in ("features/*/pool/00000.json", "indexes/*/graph/header.json"):
        path = only(project, pattern)
        kept = path.read_bytes()
        if harm is flip:
            path.write_bytes(kept.replace(b"a", b"\xff", 1))
        else:
            harm(path)
        (finding,) = project_check.check(project)
        assert finding.aside and "damaged" in finding.problem
        path.write_bytes(kept)


def test_what_was_repaired_is_made_again_the_same(project: Path) -> None:
    selection = select(project)
    with projects.opened(project) as opened:
        before = selections.picks(opened, selection)
    for pattern in (
        "features/*/pool/00000.npy",
        "indexes/*/graph/uids.npy",
        "encoders/*/classic.safetensors",
        "selections/*.parquet",
    ):
        flip(only(project, pattern))
    assert sept("check", project, "--repair").returncode == 0, "all of it can be made again"
    for command in ("embed", "prepare"):
        done = sept(command, project)
        assert done.returncode == 0, done.stderr
    with projects.opened(project) as opened:
        assert selections.picks(opened, selection).equals(before)
    assert project_check.check(project) == []


def test_a_part_that_a_kill_left_is_a_leftover(project: Path) -> None:
    store = only(project, "features/*/pool")
    shutil.copy(store / "00000.npy", store / "00007.npy")
    (project / "selections").mkdir(exist_ok=True)
    (project / "selections" / ".x.parquet.abc.tmp").write_bytes(b"half")
    found = project_check.check(project)
    assert [finding.kind for finding in found] == ["leftover", "leftover"]
    project_check.repair(project, found)
    assert project_check.check(project) == []


def test_a_source_that_moved_or_changed_is_told_and_can_be_moved(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_data / "pool", home)
    moved = sept("pool", "move", project, "shapes", home, "--json")
    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout)["unchanged"] == 163, "copytree keeps times"
    assert project_check.check(project) == []
    (home / "red" / "00.png").unlink()
    (home / "red" / "01.png").write_bytes(b"another")
    os.utime(home / "red" / "02.png", (0, 0))  # the clock went backwards
    found = project_check.check(project)
    assert [finding.problem for finding in found] == [
        "1 of its 162 files are gone (first: 'red/00.png').",
        "2 of its 162 files have changed since they were listed (first: 'red/01.png', "
        "'red/02.png').",
    ]
    home.rename(tmp_path / "elsewhere")
    (gone,) = project_check.check(project)
    assert "pool move" in gone.remedy and str(home) in gone.problem


def test_a_manifest_whose_pool_moved_or_that_was_edited_is_told(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(small_data / "pool", home)
    assert sept("pool", "move", project, "shapes", home).returncode == 0
    selection = select(project)
    with projects.opened(project) as opened:
        written = manifests.write_manifest(opened, selection, project / "exports" / selection)
    assert project_check.check(project) == []
    home.rename(tmp_path / "elsewhere")
    found = {finding.kind: finding for finding in project_check.check(project)}
    assert set(found) == {"source", "manifest"}
    assert "roots.json" in found["manifest"].remedy
    (tmp_path / "elsewhere").rename(home)
    flip(written.folder / "manifest.parquet")
    assert "manifest" in kinds(project)


def test_a_damaged_catalogue_is_told_and_the_backup_brings_decisions_back(
    project: Path, tmp_path: Path
) -> None:
    with projects.opened(project) as opened:
        uid = opened.db.execute("SELECT min(uid) FROM images").fetchall()[0][0]
        decisions.decide(opened, ["toys"], "veto", [uid], reason="=blurred")
    saved = tmp_path / "saved.gz"
    assert sept("backup", project, saved).returncode == 0
    catalogue = project / "catalogue.duckdb"
    whole = catalogue.read_bytes()
    for place in (0.001, 0.2, 0.5, 0.9):
        catalogue.write_bytes(whole)
        flip(catalogue, place)
        told = sept_process("check", project, "--json")
        # A flipped bit lies in a block that is read, or in one that holds nothing.
        findings = json.loads(told.stdout)["findings"]
        assert told.returncode == (1 if findings else 0)
        assert {finding["kind"] for finding in findings} <= {"catalogue"}
        assert "Traceback" not in told.stderr
    catalogue.write_bytes(whole[: len(whole) // 2])
    (finding,) = project_check.check(project)
    assert finding.kind == "catalogue" and "sept restore" in finding.remedy
    again = tmp_path / "again"
    assert sept("restore", again, saved).returncode == 0
    with projects.opened(again) as opened:
        (event,) = decisions.history(opened, ["toys"])
        assert (event["uids"], event["reason"], event["action"]) == ((uid,), "=blurred", "veto")


def test_a_catalogue_of_a_newer_version_is_refused_in_a_sentence(project: Path) -> None:
    with duckdb.connect(str(project / "catalogue.duckdb")) as db:
        db.execute("INSERT INTO migrations VALUES (99, 'from the future', 0)")
        db.execute("INSERT INTO migrations SELECT 99, 'more', 0 FROM range(40)")
    (finding,) = project_check.check(project)
    assert finding.kind == "catalogue" and "newer version of SEPT" in finding.problem
    assert "newer version of SEPT" in sept("status", project).stderr


def test_a_run_whose_weights_changed_is_told(trained: Path) -> None:
    assert project_check.check(trained) == []
    run = only(trained, f"runs/*/{project_paths.RUN_HEADER}").parent
    flip(run / "backbone.safetensors")
    assert kinds(trained) == ["run"]
