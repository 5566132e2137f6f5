"""Unreadable files, and images that one encoder gives no features, by commands and buttons."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_project import picture, png, sept

from sept_core import errors
from sept_core.catalogue import image_table, split_table
from sept_core.features import feature_store
from sept_core.jobs import launcher
from sept_core.manifest import verification
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import contamination_guard, manifests, selections, subset_diagnostics
from sept_core.services.data import collections, embedding, inspection
from sept_core.services.project import projects
from sept_core.storage import atomic, hashing


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of jobs that would have been started."""
    kinds: list[str] = []
    monkeypatch.setattr(launcher, "_start", lambda job, kind: kinds.append(kind))
    return kinds


def fresh(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    assert sept("init", tmp_path / "project").returncode == 0
    assert sept("pool", "add", tmp_path / "project", "pool", folder).returncode == 0
    return tmp_path / "project"


def last_line(text: str) -> str:
    return [line for line in text.splitlines() if line.strip()][-1]


# Commands


def test_a_share_that_is_away_is_told_and_its_files_come_back(tmp_path: Path) -> None:
    contents = {f"{number}.png": png(picture("red", number)) for number in range(3)}
    project = fresh(tmp_path, contents | {"bad.png": b"no picture"})
    for number in (1, 2):
        (tmp_path / "pool" / f"{number}.png").rename(tmp_path / f"{number}.png")
    done = sept("embed", project, "--encoder", "bundled", "--retry-for", "0")
    assert done.returncode == 1
    assert last_line(done.stdout).startswith("Embedded 1 of 4 files; 1 rejected; 2 unreadable.")
    assert "2 files could not be read and wait to be retried" in last_line(done.stderr)
    state = json.loads(sept("pool", "status", project, "--json").stdout)
    assert [state["pool"][word] for word in ("images", "unreadable", "rejected")] == [1, 2, 1]
    assert [row["rel_path"] for row in state["unreadable"]] == ["1.png", "2.png"]
    assert state["unreadable"][0]["reason"] == "unreadable: No such file or directory"
    assert [row["rel_path"] for row in state["rejected"]] == ["bad.png"]
    for number in (1, 2):
        (tmp_path / f"{number}.png").rename(tmp_path / "pool" / f"{number}.png")
    done = sept("pool", "retry", project)
    assert done.returncode == 0, done.stderr
    assert last_line(done.stdout).startswith("Embedded 2 of 2 files.")
    done = sept("pool", "retry", project)
    assert done.returncode == 1 and "nothing to retry" in done.stderr
    state = json.loads(sept("status", project, "--json").stdout)
    assert [state["pool"][word] for word in ("images", "unreadable", "rejected")] == [3, 0, 1]
    done = sept("embed", project, "--encoder", "bundled")
    assert done.returncode == 0 and "had been embedded before" in last_line(done.stdout)


def test_a_run_that_rejects_everything_is_no_success(tmp_path: Path) -> None:
    project = fresh(tmp_path, {"a.png": b"", "b.png": b"no picture"})
    done = sept("embed", project, "--encoder", "bundled")
    assert done.returncode == 1
    assert last_line(done.stdout).startswith("Embedded 0 of 2 files; 2 rejected.")
    assert "All 2 files were rejected" in last_line(done.stderr)
    done = sept("embed", project, "--encoder", "bundled")
    assert done.returncode == 1
    assert "There is nothing to embed; all 2 files were rejected" in done.stderr


def test_nothing_to_embed_says_why(tmp_path: Path, launched: list[str]) -> None:
    projects.init(tmp_path / "project")
    with projects.opened(tmp_path / "project") as project:
        with pytest.raises(errors.InputError, match="add a source first"):
            embedding.start(project, embedding.EmbedSettings())
        (tmp_path / "list.csv").write_text("path\na.png\n")
        collections.add(project, "pool", "list", tmp_path / "list.csv")
        with pytest.raises(errors.InputError, match="1 file cannot be read now"):
            embedding.start(project, embedding.EmbedSettings())
        with pytest.raises(errors.InputError, match="1 file cannot be read now"):
            embedding.retry(project, "pool")
        (tmp_path / "a.png").write_bytes(png(picture("red", 1)))
        embedding.retry(project, "pool")
        assert launched == ["embed"], "what listing could not look at is listed again"
        assert sources_of(project) == {"waiting": 1, "unreadable": 0}


def sources_of(project: projects.Project) -> dict[str, int]:
    [source] = projects.status(project).sources
    return {"waiting": source.waiting, "unreadable": source.unreadable}


def test_a_source_that_cannot_be_listed_stays_as_it_is(tmp_path: Path, launched: list[str]) -> None:
    projects.init(tmp_path / "project")
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "list.csv").write_text("path\na.png\nb.png\n")
    (tmp_path / "share" / "a.png").write_bytes(png(picture("red", 1)))
    with projects.opened(tmp_path / "project") as project:
        collections.add(project, "pool", "list", tmp_path / "share" / "list.csv")
        (tmp_path / "share").rename(tmp_path / "away")
        collections.list_unreadable_again(project, "pool")
        assert sources_of(project) == {"waiting": 1, "unreadable": 1}


# The guard


@pytest.fixture
def opened(project: Path) -> Iterator[projects.Project]:
    with projects.opened(project) as found:
        yield found


def target_id(project: projects.Project) -> str:
    return str(next(iter(selections.source_table.every(project.db, "target"))).id)


def test_the_guard_does_not_run_without_an_image_that_may_be_held_out(
    opened: projects.Project,
) -> None:
    request = selections.Request(("toys",), SelectionSettings(budget=5))
    for split in ("test", None):
        opened.db.execute(
            "UPDATE files SET state = 'unreadable', reason = 'unreadable: Stale file handle', "
            "split = ? WHERE rel_path LIKE 'test/red/leak.png'",
            [split],
        )
        with pytest.raises(errors.LeakError, match=r"leak\.png: .*Stale.*sept target retry"):
            selections.select(opened, request)
        with pytest.raises(errors.LeakError, match="cannot be read now"):
            inspection.leaks(opened, "toys")
    opened.db.execute("UPDATE files SET split = 'train' WHERE rel_path LIKE 'test/red/leak.png'")
    assert selections.select(opened, request)["guard"]["state"] == "on", "it is searched with only"


def without(store: Path, uid: str) -> None:
    """Take the vector of an image out of a store, as if the encoder had given it none."""
    old = feature_store.FeatureStore(store)
    keep = old.uids != uid.encode()
    encoder_id = str(old.encoder_id)
    uids, vectors = old.uids[keep], old.gather(np.flatnonzero(keep))
    [table] = [shard.outcomes() for shard in old.shards]
    for path in store.glob("[0-9]*"):
        path.unlink()
    feature_store.write_shard(store, 0, encoder_id, uids, vectors, table)


def test_a_held_out_image_without_features_is_guarded_by_its_bytes(
    opened: projects.Project, tmp_path: Path
) -> None:
    encoder_id, target = projects.find_encoder(opened, None), target_id(opened)
    [leak] = [
        row["uid"]
        for row in split_table.labelled(opened.db, target, ["test"]).to_pylist()
        if row["rel_path"].endswith("leak.png")
    ]
    before = contamination_guard.check(opened, encoder_id, (target,), wanted=True)
    store = opened.paths.target_features(encoder_id, target, heldout=True)
    without(store, leak)
    opened.db.execute("INSERT INTO featureless VALUES (?, ?, 'nan')", [encoder_id, leak])
    image_table.revision.renew(opened.db)
    found = contamination_guard.check(opened, encoder_id, (target,), wanted=True)
    assert (before.featureless, found.featureless) == (0, 1)
    assert found.record()["heldout_without_features"] == 1
    assert leak in found.found["uid"].to_pylist(), "the pool holds its bytes"
    request = selections.Request(("toys",), SelectionSettings(budget=9))
    record = selections.select(opened, request)
    assert manifests.write_manifest(opened, record["id"], tmp_path / "m").header["guard"][
        "heldout_without_features"
    ]


# One encoder's failure


@pytest.fixture(scope="module")
def two_encoders(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The prepared project with a black image, and an encoder that gives it no features."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
    import make_fixture  # brings torch, which the other tests do without

    root = tmp_path_factory.mktemp("two")
    shutil.copytree(prepared, root / "project")
    (root / "black").mkdir()
    (root / "black" / "black.png").write_bytes(png(Image.new("RGB", (48, 48))))
    spec = make_fixture.encoder_without_features_of_black(root / "checkpoint")
    for words in (
        ("pool", "add", root / "project", "black", root / "black"),
        ("embed", root / "project"),
        ("select", root / "project", "--target", "toys", "--strategy", "random", "--budget", 200),
        ("embed", root / "project", "--encoder", spec),
        ("prepare", root / "project"),
    ):
        done = sept(*words)
        assert done.returncode == 0, done.stderr
    return root / "project", spec


def test_one_encoders_failure_removes_no_image_for_the_others(
    two_encoders: tuple[Path, str], tmp_path: Path
) -> None:
    project, spec = two_encoders
    black = hashing.uid_of(png(Image.new("RGB", (48, 48))))
    with projects.opened(project) as opened:
        record = next(r for r in projects.encoders(opened) if r["spec"] == spec)
        status = projects.status(opened)
        assert (status.pool.images, status.pool.rejected) == (162, 1)
        assert (record["pool_images"], record["no_features"]) == (161, 1)
        [selected] = selections.every(opened)
        assert not selected["older_than_pool"], "the same images are in the pool"
        assert black in selections.picks(opened, selected["id"])["uid"].to_pylist()
        manifests.write_manifest(opened, selected["id"], tmp_path / "manifest")
        assert verification.verify(tmp_path / "manifest").problems == []
        request = selections.Request(("toys",), SelectionSettings(budget=20), record["id"])
        made = selections.select(opened, request)
        assert (made["funnel"]["decodable"], made["funnel"]["no_features"]) == (162, 1)
        assert made["funnel"]["in_filter"] == 161
        report = subset_diagnostics.report(opened, selected["id"], second=record["id"])
        assert report["second_kid"] is not None
    told = sept("pool", "status", project).stdout
    assert f"1 image has no features under {record['id']}" in told and "black.png" in told
    assert "1 image has no features under" in sept("status", project).stdout


def test_the_same_encoder_reads_it_no_more(two_encoders: tuple[Path, str]) -> None:
    project, spec = two_encoders
    done = sept("embed", project, "--encoder", spec, "--json")
    assert done.returncode == 0, done.stderr
    parts: list[dict[str, Any]] = json.loads(done.stdout)["parts"]
    assert [part["ok"] + part["no_features"] for part in parts] == [0, 0, 0]


def test_an_encoder_that_gives_nothing_takes_no_other_ones_place(
    project: Path, tmp_path: Path
) -> None:
    with projects.opened(project) as opened:
        before = projects.find_encoder(opened, None)
        card = atomic.read_json(opened.paths.features(before) / "encoder.json")
        blind = card | {"id": "blind-1", "identity": {"encoder": "blind"}, "spec": "blind"}
        feature_store.write_card(opened.paths.features("blind-1"), blind)
        rows = [
            {"source": "s1", "rel_path": "x", "member": "", "status": "no_features",
             "reason": "length nan", "uid": uid}
            for uid in image_table.eligible(opened.db).astype(str).tolist()
        ]  # fmt: skip
        table = feature_store.pa.Table.from_pylist(rows, feature_store.OUTCOME_SCHEMA)
        feature_store.write_shard(
            opened.paths.pool_features("blind-1"), 0, "blind-1",
            np.empty(0, hashing.UID_DTYPE), np.empty((0, 4)), table, "1",
        )  # fmt: skip
        path = opened.paths.job("20260101-000000000-embed-1")
        atomic.write_json(path / "settings.json", {})
        state = {"kind": "embed", "title": "t", "state": "done", "launched_at": 0.0}
        atomic.write_json(path / "status.json", state)
        atomic.write_json(path / "result.json", {"encoder_id": "blind-1"})
        embedding.finish(opened, path.name)
        assert projects.find_encoder(opened, None) == before
        assert image_table.pool_counts(opened.db)["images"] == 161
        with pytest.raises(errors.InputError, match="none of the pool's 161 images features"):
            projects.pool_features(opened, "blind-1")
        request = selections.Request(("toys",), SelectionSettings(budget=5), "blind-1", guard=False)
        with pytest.raises(errors.InputError, match="blind-1"):
            selections.select(opened, request)


# Another decoder


def test_status_names_older_decoders_and_renewal_replaces_them(project: Path) -> None:
    with projects.opened(project) as opened:
        [record] = projects.encoders(opened)
        with pytest.raises(errors.InputError, match="nothing to renew"):
            embedding.renew(opened)
    for header in (project / "features").glob("*/**/[0-9]*.json"):
        atomic.write_json(header, atomic.read_json(header) | {"decoder": "0 pillow-1"})
    told = sept("status", project).stdout
    assert "182 features of" in told and "0 pillow-1" in told and "--renew" in told
    done = sept("embed", project, "--renew", "--json")
    assert done.returncode == 0, done.stderr
    assert [part["ok"] for part in json.loads(done.stdout)["parts"]] == [161, 12, 9]
    with projects.opened(project) as opened:
        [after] = projects.encoders(opened)
        assert (after["older_decoder"], after["pool_images"]) == (0, 161)
        assert list(after["decoders"]) == list(record["decoders"])
        state = projects.status(opened)
        assert (state.pool.images, state.pool.rejected) == (161, 1)
