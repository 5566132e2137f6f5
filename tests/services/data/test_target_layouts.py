"""Target sets in a project: listed, asked about, adopted; held-out images are not searched with."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_project import picture, png, sept

from sept_core import errors
from sept_core.catalogue import scans, source_table, split_table
from sept_core.features import feature_store
from sept_core.ingest import sources
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import rankings, selections
from sept_core.services.data import collections
from sept_core.services.project import backups, projects
from sept_core.storage import hashing
from sept_core.targets.reading import AmbiguousError


def draw(root: Path, *folders: str, each: int = 2) -> Path:
    """Different pictures in each of some folders."""
    for place, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            image = picture("red", 7000 + 100 * place + number, size=16)
            (root / folder / f"{number}.png").write_bytes(png(image))
    return root


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    projects.init(tmp_path / "empty")
    return tmp_path / "empty"


def entry(project: projects.Project, name: str = "set") -> dict[str, Any]:
    known = projects.status(project).json()["targets"]
    return next(target for target in known if target["name"] == name)


def as_before(project: projects.Project, root: Path) -> None:
    """Add a set as an earlier version read it: every top folder a class, all to search with."""
    spec = sources.detect("set", root)
    record = source_table.add(project.db, "target", spec)
    listing = [
        replace(e, split="train", label=e.rel_path.split("/")[0]) for e in sources.scan(spec)
    ]
    scans.merge_scan(project.db, record.id, scans.scan_table(listing))


def test_a_set_is_read_shown_and_warned_about(empty: Path, tmp_path: Path) -> None:
    root = draw(tmp_path / "set", "train/a", "train/train", "test/a", "unlabeled")
    with projects.opened(empty) as project:
        collections.add(project, "target", "set", root)
        found = entry(project)
    assert found["layout"] == "splits/classes"
    assert found["splits"] == {"train": 4, "test": 2, "unassigned": 2}
    assert found["classes"]["train"] == {"a": 2, "train": 2}
    assert {"what": "unlabeled", "split": "unassigned", "files": 2} in found["taken"]
    assert found["waiting"] == 6, "unassigned files wait for nothing"
    assert not found["outdated"]
    like, alone, stray = found["warnings"]
    assert "named like a split: train" in like
    assert "in one split only: train (train)" in alone
    assert "2 files are unassigned" in stray and "unlabeled (2)" in stray


def test_an_ambiguous_set_is_not_added(empty: Path, tmp_path: Path) -> None:
    root = draw(tmp_path / "set", "train", "bus", "car")
    with projects.opened(empty) as project:
        with pytest.raises(AmbiguousError, match="'train' next to 'bus', 'car'"):
            collections.add(project, "target", "set", root)
        assert projects.status(project).targets == []
        collections.add(project, "target", "set", root, {"layout": "classes"})
        assert entry(project)["splits"] == {"train": 6}
        assert "guard: none" in entry(project)["warnings"][0]


def test_a_set_is_listed_again_as_it_was_read(empty: Path, tmp_path: Path) -> None:
    root = draw(tmp_path / "set", "train/a", "test/a")
    with projects.opened(empty) as project:
        collections.add(project, "target", "set", root)
        draw(root, "bus", "train/b")  # alone, `bus` would make it ambiguous
        report = collections.scan(project, "target", "set")
        assert (report.new, report.changed) == (4, 0)
        assert entry(project)["classes"] == {
            "train": {"a": 2, "b": 2},
            "test": {"a": 2},
            "unassigned": {"": 2},
        }
        assert collections.add(project, "target", "set", root).unchanged == 8
        with pytest.raises(errors.InputError, match="another --layout"):
            collections.add(project, "target", "set", root, {"layout": "classes"})
        collections.add(project, "target", "set", root, {"layout": "splits/classes"})


def test_a_fraction_stays_through_listings_moves_and_backups(empty: Path, tmp_path: Path) -> None:
    root = draw(tmp_path / "set", "a", "b", each=10)
    with projects.opened(empty) as project:
        collections.add(project, "target", "set", root, {"split_fraction": "test=20%"})
        ident = source_table.find(project.db, "target", "set").id
        first = source_table.known(project.db, ident)
        assert entry(project)["splits"] == {"train": 16, "test": 4}
        shutil.copytree(root, tmp_path / "moved")
        collections.move(project, "target", "set", tmp_path / "moved")
        assert source_table.known(project.db, ident) == first
        draw(tmp_path / "moved", "c", each=10)
        collections.scan(project, "target", "set")
        again = source_table.known(project.db, ident)
        assert {place: again[place] for place in first} == first
        assert entry(project)["splits"] == {"train": 24, "test": 6}
        content = backups._content(project)
    backups.begin(tmp_path / "restored", content)
    with projects.opened(tmp_path / "restored") as project:
        collections.scan(project, "target", "set")
        assert source_table.known(project.db, ident) == again


def test_a_set_of_an_earlier_version_keeps_its_reading(empty: Path, tmp_path: Path) -> None:
    root = draw(tmp_path / "set", "train/a", "test/a", "unlabeled")
    with projects.opened(empty) as project:
        as_before(project, root)
        before = entry(project)
        assert before["outdated"] and before["layout"] == ""
        assert before["warnings"][0] == (
            "This set was read by an earlier version; if it is read again, 2 training images would "
            "be held out."
        )
        draw(root, "test/a", "val/a", each=3)
        collections.scan(project, "target", "set")
        kept = entry(project)
        assert kept["outdated"]
        assert kept["classes"] == {
            "train": {"train": 2, "test": 3, "unlabeled": 2},
            "unassigned": {"": 3},
        }
        collections.adopt(project, "set")
        adopted = entry(project)
    assert not adopted["outdated"] and adopted["layout"] == "splits/classes"
    assert adopted["splits"] == {"train": 2, "val": 3, "test": 3, "unassigned": 2}


def test_an_ambiguous_set_of_an_earlier_version(empty: Path, tmp_path: Path) -> None:
    with projects.opened(empty) as project:
        as_before(project, draw(tmp_path / "set", "train", "bus"))
        assert "needs a choice of layout: 'train' next to" in entry(project)["warnings"][0]
        with pytest.raises(AmbiguousError):
            collections.adopt(project, "set")
        collections.adopt(project, "set", {"layout": "classes"})
        assert not entry(project)["outdated"] and entry(project)["layout"] == "classes"


def test_a_sound_set_of_an_earlier_version_is_not_warned_about(empty: Path, tmp_path: Path) -> None:
    with projects.opened(empty) as project:
        as_before(project, draw(tmp_path / "set", "cat", "dog"))
        assert not entry(project)["outdated"]
        assert all("earlier version" not in sentence for sentence in entry(project)["warnings"])


def test_images_held_out_since_are_not_searched_with(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    """A copy of the pool's red/07 is in the test split: read wrongly it is searched with.

    One more image is in both splits.
    """
    root = tmp_path / "set"
    shutil.copytree(small_data / "target", root)
    shutil.copytree(root / "train" / "red", root / "unlabeled")
    shutil.copy(root / "test" / "red" / "2000.png", root / "train" / "red" / "both.png")
    both = hashing.uid_of((root / "train" / "red" / "both.png").read_bytes()).encode()
    leak = hashing.uid_of((small_data / "pool" / "red" / "07.png").read_bytes())
    request = selections.Request(("set",), SelectionSettings(budget=15))
    with projects.opened(project) as opened:
        as_before(opened, root)
    assert sept("embed", project).returncode == 0
    with projects.opened(project) as opened:
        wrong = selections.select(opened, request)
        assert wrong["guard"]["state"] == "none"
        assert leak in selections.picks(opened, wrong["id"])["uid"].to_pylist()

        collections.adopt(opened, "set")
        assert entry(opened)["waiting"] == 9, "what is held out now is embedded apart"
        scene = rankings.ranking(opened, replace(request, guard=False))
        ident = source_table.find(opened.db, "target", "set").id
        assert len(scene.evidence(frozenset()).target_uids) == 13, "both.png is known in one split"
        assert set(scene.evidence(frozenset()).target_uids) == set(
            split_table.searching(opened.db, ident)
        )
        with pytest.raises(errors.LeakError, match="9 held-out images"):
            selections.select(opened, request)
    assert sept("embed", project).returncode == 0
    with projects.opened(project) as opened:
        assert entry(opened)["waiting"] == 0 and entry(opened)["splits"]["unassigned"] == 6
        assert entry(opened)["warnings"][-1].startswith("1 image lies in the training split and")
        assert len(split_table.searching(opened.db, ident)) == 12
        assert both in split_table.held_out(opened.db, ident)
        assert both not in split_table.searching(opened.db, ident)
        right = selections.select(opened, request)
        assert right["guard"]["state"] == "on" and right["guard"]["leaks"] >= 1
        assert leak not in selections.picks(opened, right["id"])["uid"].to_pylist()
        store = opened.paths.target_features(right["encoder_id"], ident, heldout=True)
        assert set(feature_store.FeatureStore(store).uids) == set(
            split_table.held_out(opened.db, ident)
        )


def test_on_the_command_line(empty: Path, tmp_path: Path) -> None:
    root = draw(tmp_path / "my set", "train", "bus")
    asked = sept("target", "add", empty, "set", root)
    assert asked.returncode == 1
    assert "Reading 1: a folder for each class, no splits" in asked.stdout
    assert "Reading 2: a folder for each split, classes inside" in asked.stdout
    assert asked.stderr.startswith("error: The layout of set is ambiguous ('train' next to 'bus'")
    command = next(line for line in asked.stdout.splitlines() if line.strip().startswith("sept"))
    assert "'" in command, "a path with a blank is quoted"

    again = sept("target", "add", empty, "set", root, "--json")
    told = json.loads(again.stdout)
    assert again.returncode == 1 and told["ambiguous"]
    assert [one["layout"] for one in told["readings"]] == ["classes", "splits/classes"]
    assert told["readings"][0]["command"] == command.strip()
    assert json.loads(sept("status", empty, "--json").stdout)["targets"] == []

    added = sept(*shlex.split(command)[1:])
    assert added.returncode == 0, added.stderr
    assert "Read as classes" in added.stdout and "guard: none" in added.stdout
    shown = sept("status", empty)
    assert "warning: target set set: No held-out split" in shown.stdout
    options = ("--split-fraction", "test=0.5", "--layout", "classes", "--json")
    adopted = json.loads(sept("target", "adopt", empty, "set", *options).stdout)
    assert adopted["splits"] == {"train": 2, "test": 2} and adopted["changed"] == 2


def test_how_to_adopt_is_printed(empty: Path, tmp_path: Path) -> None:
    with projects.opened(empty) as project:
        as_before(project, draw(tmp_path / "set", "train/a", "test/a"))
    shown = sept("status", empty).stdout
    assert "warning: target set set: This set was read by an earlier version" in shown
    assert f"To detect them again: sept target adopt {shlex.quote(str(empty))} set" in shown
