"""Exports started from a project: labels of the owning targets, the order of the pool, names."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import small_runs
from small_project import picture, png, sept

from sept_core import errors
from sept_core.export import formats, run
from sept_core.features import feature_store
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import export_needs, exports, manifests, selections
from sept_core.services.data import collections
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing

Export = Callable[[Project, str, str], Path]


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Exports a selection in this process; gives the path that was written."""
    small_runs.hold(monkeypatch)

    def work(project: Project, selection: str, name: str) -> Path:
        job = manifests.start_export(project, selection, name, tmp_path / name)
        return Path(small_runs.work_off(job, run.main)["out"])

    return work


def selected(project: Project, strategy: str, budget: int | None = 12) -> str:
    settings = SelectionSettings(strategy=strategy, budget=budget)
    return str(selections.select(project, selections.Request(("toys",), settings))["id"])


def test_labels_are_those_of_the_targets_that_own_the_images(
    project: Path, small_data: Path, export: Export
) -> None:
    truth = {
        hashing.uid_of(path.read_bytes()): path.parent.name
        for path in (small_data / "target" / "train").rglob("*.png")
    }
    with projects.opened(project) as opened:
        selection = selected(opened, "instance-search")
        table = pq.read_table(export(opened, selection, "huggingface") / "metadata.parquet")
        labels = json.loads((export(opened, selection, "fiftyone") / "labels.json").read_text())
    owners = dict(zip(table["uid"].to_pylist(), table["target_uid"].to_pylist(), strict=True))
    wanted = {uid: truth[owner] for uid, owner in owners.items()}
    assert set(wanted.values()) == {"blue", "red"}
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    named = [features["target_label"]["names"][n] for n in table["target_label"].to_pylist()]
    assert dict(zip(owners, named, strict=True)) == wanted
    classes = labels["classes"]
    assert {uid: classes[number] for uid, number in labels["labels"].items()} == wanted


def test_images_without_an_owner_get_no_label(project: Path, export: Export) -> None:
    with projects.opened(project) as opened:
        out = export(opened, selected(opened, "random"), "huggingface")
    assert "target_label" not in pq.read_schema(out / "metadata.parquet").names


def test_the_first_target_set_of_a_selection_labels_what_two_of_them_hold(
    project: Path, tmp_path: Path
) -> None:
    shared = png(picture("red", 1000))
    for label, data in (("scarlet", shared), ("blue", png(picture("blue", 1001)))):
        path = tmp_path / "second" / label
        path.mkdir(parents=True)
        (path / "x.png").write_bytes(data)
    with projects.opened(project) as opened:
        collections.add(opened, "target", "second", tmp_path / "second")
    assert sept("embed", project).returncode == 0
    with projects.opened(project) as opened:
        for names, label in ((("toys", "second"), "red"), (("second", "toys"), "scarlet")):
            request = selections.Request(names, SelectionSettings(budget=4))
            record = selections.select(opened, request)
            found = export_needs.of(opened, record, "imagefolder")["labels"]
            assert found[hashing.uid_of(shared)] == label


def test_rows_of_the_pool_come_with_the_keys_that_they_index(project: Path, export: Export) -> None:
    with projects.opened(project) as opened:
        selection = selected(opened, "random")
        out = export(opened, selection, "ssl-data-curation")
        record = selections.find(opened, selection)
        store = feature_store.FeatureStore(opened.paths.pool_features(record["encoder_id"]))
        picks = selections.picks(opened, selection)["uid"].to_pylist()
    keys, rows = np.load(out / "keys.npy"), np.load(out / "indices.npy")
    assert (keys == store.uids).all() and keys[rows].astype(str).tolist() == picks


def test_target_images_have_no_row_in_the_pool(project: Path, export: Export) -> None:
    with projects.opened(project) as opened:
        selection = selected(opened, "target-images-only", None)
        with pytest.raises(errors.InputError, match="numbers images of the pool only"):
            export(opened, selection, "ssl-data-curation")


def test_the_command_exports_rows_and_takes_options(project: Path, tmp_path: Path) -> None:
    made = sept("select", project, "--target", "toys", "--budget", 6, "--json")
    selection = json.loads(made.stdout)["selection"]
    rows = sept("export", project, selection, "--format", "ssl-data-curation",
                "--out", tmp_path / "rows")  # fmt: skip
    assert rows.returncode == 0, rows.stderr
    assert len(np.load(tmp_path / "rows" / "indices.npy")) == 6
    shards = sept("export", project, selection, "--format", "webdataset",
                  "--option", "images_per_shard=4", "--out", tmp_path / "shards")  # fmt: skip
    assert shards.returncode == 0, shards.stderr
    assert len(list((tmp_path / "shards" / "png").iterdir())) == 2
    wrong = sept("export", project, selection, "--option", "labels=x", "--out", tmp_path / "x")
    assert wrong.returncode == 1 and "native takes no options" in wrong.stderr


@pytest.mark.parametrize("name", formats.FORMATS)
def test_a_proposal_has_the_suffix_of_its_format(project: Path, name: str) -> None:
    endings = {"flat": "", "csv": ".csv", "jsonl": ".jsonl", "txt": ".txt", "datacomp": ".npy"}
    with projects.opened(project) as opened:
        path = exports.propose(opened, selected(opened, "random"), name)
        assert path.suffix == endings.get(name, formats.FORMATS[name].suffix)
        path.parent.mkdir(parents=True)
        path.touch()
        assert exports.propose(opened, selected(opened, "random"), name) == path.with_stem(
            f"{path.stem}-2"
        )
