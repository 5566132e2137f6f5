"""The main job through the pipeline's functions, on the small project."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_project import picture, png, sept

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import blocks
from sept_core.manifest import manifest, verification
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, manifests, selections
from sept_core.services.data import collections
from sept_core.services.project import projects


def request(budget: int = 20, **settings: object) -> selections.Request:
    return selections.Request(("toys",), SelectionSettings(budget=budget, **settings))  # type: ignore[arg-type]


def test_every_file_is_embedded_or_listed(project: Path) -> None:
    with projects.opened(project) as project:
        state = projects.status(project).json()
        rejected = collections.rejected(project).to_pylist()
    pool = state["pool"]
    assert pool["files"] == 163
    assert pool["waiting"] == 0
    assert pool["images"] == 161, "equal bytes are one image with two locations"
    assert [row["rel_path"] for row in rejected] == ["broken.jpg"]
    assert state["targets"][0]["splits"] == {"test": 9, "train": 12}


def test_selection_is_the_targets_families_without_the_leak(
    project: Path, small_data: Path
) -> None:
    with projects.opened(project) as project:
        record = selections.select(project, request(24))
        picks = selections.picks(project, record["id"]).to_pylist()
        places = {
            row["uid"]: row["rel_path"]
            for row in _locations(project, [pick["uid"] for pick in picks])
        }
    assert record["count"] == 24 and record["short_because"] is None
    assert record["funnel"]["pool"] == 162 and record["funnel"]["decodable"] == 161
    assert record["funnel"]["not_leaked"] < record["funnel"]["in_filter"]
    assert "red/07.png" not in places.values()
    right = [path.split("/")[0] in ("red", "blue") for path in places.values()]
    assert np.mean(right) > 0.7


def _locations(project: projects.Project, uids: list[str]) -> list[dict[str, str]]:
    from sept_core.catalogue import place_table

    rows: list[dict[str, str]] = place_table.locations(project.db, uids).to_pylist()
    return rows


def test_same_request_gives_the_same_selection(project: Path) -> None:
    with projects.opened(project) as project:
        first = selections.select(project, request())
        before = selections.picks(project, first["id"])
        project.paths.selection(first["id"]).unlink()
        assert selections.picks(project, first["id"]).equals(before), "picks can be made again"


def reshard(store: Path, rows: int) -> None:
    """Write a feature store anew in reverse order and in shards of another size."""
    old = feature_store.FeatureStore(store)
    encoder_id = old.shards[0].header["encoder_id"]
    uids, vectors = old.uids[::-1], old.gather(np.arange(len(old)))[::-1]
    outcomes = pa.concat_tables(shard.outcomes() for shard in old.shards)
    for path in store.glob("[0-9]*"):
        path.unlink()
    for number, low in enumerate(range(0, len(uids), rows)):
        chosen = slice(low, low + rows)
        table = outcomes if low == 0 else outcomes.slice(0, 0)
        feature_store.write_shard(store, number, encoder_id, uids[chosen], vectors[chosen], table)


@pytest.mark.parametrize("strategy", ["instance-search", "hub-corrected", "clusters", "coverage"])
def test_shards_and_batches_do_not_change_the_manifest(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    chosen = request(strategy=strategy, local_scaling=strategy == "instance-search")
    with projects.opened(project) as opened:
        record = selections.select(opened, chosen)
        before = manifests.write_manifest(opened, record["id"], tmp_path / "before")
        stores = [
            opened.paths.pool_features(record["encoder_id"]),
            opened.paths.target_features(record["encoder_id"], record["target_ids"][0]),
        ]
    for store in stores:
        reshard(store, 7)
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 512 * 5)
    assert sept("prepare", project).returncode == 0
    with projects.opened(project) as opened:
        record = selections.select(opened, chosen)
        after = manifests.write_manifest(opened, record["id"], tmp_path / "after")
    assert len(feature_store.FeatureStore(stores[0]).shards) > 20
    assert after.content_hash == before.content_hash


def test_veto_backfills_and_undo_brings_back(project: Path) -> None:
    with projects.opened(project) as opened:
        first = selections.select(opened, request())
        victim = selections.picks(opened, first["id"])["uid"][3].as_py()
        decisions.decide(opened, ["toys"], "veto", [victim])
        old = manifests.write_manifest(opened, first["id"], project / "exports" / "old")
        assert victim in old.rows["uid"].to_pylist(), "a selection is written as it is stored"
        assert "1 image of" in manifests.notice(opened, first["id"])
        second = selections.update(opened, first["id"])
        assert second["churn"]["went"] == (victim,) and not manifests.notice(opened, second["id"])
        assert len(second["churn"]["came"]) == 1
        assert second["count"] == first["count"]
        decisions.undo(opened, ["toys"])
        third = selections.update(opened, second["id"])
        assert third["churn"]["came"] == (victim,)


def test_decisions_hold_for_other_strategies_and_survive_reopening(project: Path) -> None:
    with projects.opened(project) as opened:
        first = selections.select(opened, request())
        uids = selections.picks(opened, first["id"])["uid"].to_pylist()
        decisions.decide(opened, ["toys"], "veto", uids[:2], reason="not a toy")
        decisions.decide(opened, ["toys"], "pin", uids[5:6])
    with projects.opened(project) as opened:
        for strategy in ("hub-corrected", "classifier", "random", "coverage", "importance"):
            record = selections.select(opened, request(strategy=strategy))
            picked = selections.picks(opened, record["id"])["uid"].to_pylist()
            assert not set(uids[:2]) & set(picked)
            assert uids[5] in picked


def test_manifest_is_verified_and_tells_what_happened(project: Path, tmp_path: Path) -> None:
    with projects.opened(project) as opened:
        record = selections.select(opened, request(12))
        written = manifests.write_manifest(opened, record["id"], tmp_path / "manifest")
        again = manifests.write_manifest(opened, record["id"], tmp_path / "second")
    assert verification.verify(tmp_path / "manifest").problems == []
    assert written.content_hash == again.content_hash
    assert written.header["guard"]["state"] == "on"
    assert manifest.picks(written).num_rows == 12


def test_pool_grows_and_selections_say_so(project: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    for number in range(5):
        (extra / f"{number}.png").write_bytes(png(picture("red", 3000 + number)))
    with projects.opened(project) as opened:
        record = selections.select(opened, request())
        assert not record["older_than_pool"]
        collections.add(opened, "pool", "extra", extra)
    assert sept("embed", project).returncode == 0
    with projects.opened(project) as opened:
        assert projects.status(opened).pool.images == 166
        assert selections.find(opened, record["id"])["older_than_pool"]
    done = sept("update", project, record["id"], "--json")
    assert done.returncode == 0, done.stderr
    churn = json.loads(done.stdout)["churn"]
    assert len(churn["came"]) == len(churn["went"])


def test_rescan_reports_new_changed_and_gone(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    moving = tmp_path / "moving"
    shutil.copytree(small_data / "pool" / "grey", moving)
    with projects.opened(project) as opened:
        assert collections.add(opened, "pool", "moving", moving).new == 40
        (moving / "00.png").unlink()
        (moving / "01.png").write_bytes(png(picture("grey", 4000)))
        (moving / "new.png").write_bytes(png(picture("grey", 4001)))
        report = collections.add(opened, "pool", "moving", moving)
        assert (report.new, report.changed, report.gone, report.unchanged) == (1, 1, 1, 38)
        shutil.copy(small_data / "pool" / "grey" / "00.png", moving / "00.png")
        assert collections.scan(opened, "pool", "moving").gone == 0
    assert sept("embed", project).returncode == 0
    with projects.opened(project) as opened:
        counts = {s.name: s for s in projects.status(opened).sources}["moving"]
        assert (counts.ok, counts.waiting, counts.gone) == (41, 0, 0)


def test_rename_keeps_everything(project: Path) -> None:
    with projects.opened(project) as opened:
        record = selections.select(opened, request())
        uid = selections.picks(opened, record["id"])["uid"][0].as_py()
        decisions.decide(opened, ["toys"], "veto", [uid])
        collections.rename(opened, "target", "toys", "playthings")
        collections.rename(opened, "pool", "shapes", "forms")
        assert selections.find(opened, record["id"])["targets"] == ["playthings"]
        assert decisions.history(opened, ["playthings"])[0]["uids"] == (uid,)
        with pytest.raises(errors.NotFoundError, match="playthings"):
            selections.select(opened, request())


def test_filter_narrows_the_pool(project: Path) -> None:
    with projects.opened(project) as project:
        narrow = selections.Request(
            ("toys",), SelectionSettings(budget=10), filter="path ~ red/ and width = 48"
        )
        record = selections.select(project, narrow)
        picked = selections.picks(project, record["id"])["uid"].to_pylist()
        assert all(row["rel_path"].startswith("red/") for row in _locations(project, picked)
                   if row["rel_path"] != "again.png")  # fmt: skip
        assert record["funnel"]["in_filter"] == 40


def test_target_images_only_reads_the_training_split(project: Path, tmp_path: Path) -> None:
    with projects.opened(project) as opened:
        chosen = selections.Request(
            ("toys",), SelectionSettings(strategy="target-images-only"), guard=False
        )
        record = selections.select(opened, chosen)
        assert record["count"] == 12
        written = manifests.write_manifest(opened, record["id"], tmp_path / "manifest")
    assert set(written.rows["source"].to_pylist()) == {"target:toys"}
    assert verification.verify(tmp_path / "manifest").problems == []


def test_files_that_were_touched_are_read_again_whatever_the_encoder(
    project: Path, small_data: Path, tmp_path: Path
) -> None:
    """Two encoders say the very same of the same files; each has to be believed."""
    home = tmp_path / "home"
    shutil.copytree(small_data / "pool", home)
    for path in home.rglob("*.*"):
        os.utime(path, (1, 1))
    assert sept("pool", "move", project, "shapes", home).returncode == 0
    assert sept("embed", project, "--encoder", "classic").returncode == 0
    for path in home.rglob("*.*"):
        os.utime(path, (2, 2))
    assert sept("pool", "add", project, "shapes", home).returncode == 0
    assert sept("embed", project, "--encoder", "classic").returncode == 0
    with projects.opened(project) as opened:
        counts = projects.status(opened).sources[0]
    assert (counts.waiting, counts.ok, counts.rejected) == (0, 162, 1)
