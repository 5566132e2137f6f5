"""The embedding worker: every file accounted for, the same bytes however it was run."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import embedding_worlds
import numpy as np
import pytest
import torch
from embedding_worlds import (
    DIM,
    FakeEncoder,
    install_fake,
    make_job,
    outcomes_of,
    png,
    pool_store,
    run_job,
    sixteen,
    stored_bytes,
    wait_until,
    worklist_of,
    write_pool,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.encoders import backbones, checkpoint, registry
from sept_core.features import devices, engine, feature_store, worker
from sept_core.imaging import images
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing, project_paths

fake = embedding_worlds.fake

# What is stored


def test_every_file_is_embedded_or_listed(tmp_path: Path, fake: FakeEncoder) -> None:
    result = worker.main(make_job(tmp_path, sixteen(tmp_path)))
    store = pool_store(tmp_path)
    rows = outcomes_of(store)
    assert [row["rel_path"] for row in rows] == [f"{i:02d}.png" for i in range(16)]
    rejected = {row["rel_path"]: row["reason"] for row in rows if row["status"] == "rejected"}
    assert rejected.keys() == {"05.png", "06.png", "09.png"}
    assert all(rejected.values())
    assert result["parts"] == [
        {
            "collection": "pool",
            "ok": 13,
            "rejected": 3,
            "no_features": 0,
            "unreadable": 0,
            "duplicates": 2,
            "shards": 3,
            "already_done": 0,
        }
    ]
    expected = list(dict.fromkeys(row["uid"].encode() for row in rows if row["status"] == "ok"))
    assert store.uids.tolist() == expected
    assert (result["encoder_id"], result["identity"], result["kind"]) == (
        fake.id,
        fake.identity(),
        fake.kind,
    )


def test_vectors_and_outcomes_agree_with_a_plain_loop(tmp_path: Path, fake: FakeEncoder) -> None:
    worker.main(make_job(tmp_path, sixteen(tmp_path)))
    store = pool_store(tmp_path)
    for row in outcomes_of(store):
        data = (tmp_path / "pool" / row["rel_path"]).read_bytes()
        if row["status"] == "rejected":
            assert row["width"] is None
            continue
        decoded = images.decode(data)
        assert row["uid"] == hashing.uid_of(data)
        assert row["sha256"][:32] == row["uid"]
        assert row["bytes"] == len(data)
        assert (row["width"], row["height"], row["format"], row["mode"]) == (9, 7, "PNG", "RGB")
        assert row["phash"] == images.perceptual_hash(decoded.image)
        for name, value in images.quality(decoded.image).items():
            assert row[name] == pytest.approx(value)
        vector = fake.encode(fake.preprocess(decoded.image)[None]).numpy()
        stored = store.vectors_of(np.array([row["uid"]], hashing.UID_DTYPE))
        assert np.abs(stored - vector).max() < 1e-3


def test_a_file_that_changed_is_embedded_as_it_is_now(tmp_path: Path, fake: FakeEncoder) -> None:
    root = write_pool(tmp_path / "pool", {"a.png": png(1), "b.png": png(2)})
    uids = {"a.png": hashing.uid_of(png(1)), "b.png": hashing.uid_of(png(9))}
    worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", root, ["a.png", "b.png"], uids)))
    rows = outcomes_of(pool_store(tmp_path))
    expected = [("ok", hashing.uid_of(png(1))), ("ok", hashing.uid_of(png(2)))]
    assert [(row["status"], row["uid"]) for row in rows] == expected


def test_a_missing_file_is_one_outcome(tmp_path: Path, fake: FakeEncoder) -> None:
    root = write_pool(tmp_path / "pool", {"a.png": png(1)})
    worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", root, ["gone.png", "a.png"])))
    rows = outcomes_of(pool_store(tmp_path))
    assert [(row["status"], row["uid"] is None) for row in rows] == [
        ("unreadable", True),
        ("ok", False),
    ]
    assert rows[0]["reason"] == "unreadable: No such file or directory"


def test_an_image_that_the_encoder_cannot_take_is_one_outcome(
    tmp_path: Path, fake: FakeEncoder
) -> None:
    root = write_pool(tmp_path / "pool", {"a.png": png(1, (13, 13)), "b.png": png(2)})
    worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", root, ["a.png", "b.png"])))
    rows = outcomes_of(pool_store(tmp_path))
    assert rows[0]["reason"] == "could not be prepared: ValueError: unlucky size"
    assert [row["status"] for row in rows] == ["no_features", "ok"]
    assert rows[0]["phash"] is not None, "the image itself is whole"


def test_an_image_without_usable_features_is_one_outcome(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = fake.encode

    def spoil_second(batch: torch.Tensor) -> torch.Tensor:
        vectors = encode(batch)
        vectors[1] = torch.nan
        return vectors

    monkeypatch.setattr(fake, "encode", spoil_second)
    contents = {f"{name}.png": png(i) for i, name in enumerate("abc")}
    root = write_pool(tmp_path / "pool", contents)
    worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", root, sorted(contents))))
    store = pool_store(tmp_path)
    assert [row["status"] for row in outcomes_of(store)] == ["ok", "no_features", "ok"]
    assert "length nan" in outcomes_of(store)[1]["reason"]
    assert store.uids.tolist() == [hashing.uid_of(png(i)).encode() for i in (0, 2)]


def test_a_worklist_of_bad_files_only(tmp_path: Path, fake: FakeEncoder) -> None:
    root = write_pool(tmp_path / "pool", {"a.png": b"", "b.png": b"x"})
    result = worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", root, ["a.png", "b.png"])))
    assert (result["parts"][0]["ok"], result["parts"][0]["rejected"]) == (0, 2)
    assert pool_store(tmp_path).dim == DIM


def test_an_empty_worklist_is_done_at_once(tmp_path: Path, fake: FakeEncoder) -> None:
    result = worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", tmp_path, [])))
    assert result["parts"][0]["shards"] == 0


def test_parts_go_to_stores_of_their_own(tmp_path: Path, fake: FakeEncoder) -> None:
    root = write_pool(tmp_path / "pool", {"a.png": png(1), "b.png": png(2)})
    parts = [
        {"worklist": str(worklist_of(tmp_path / name, root, [file])), "collection": collection}
        for name, file, collection in (
            ("w1", "a.png", "targets/pets/search"),
            ("w2", "b.png", "targets/pets/heldout"),
        )
    ]
    job = make_job(tmp_path, tmp_path / "w1", parts=parts)
    result = worker.main(job)
    assert [part["collection"] for part in result["parts"]] == [
        "targets/pets/search",
        "targets/pets/heldout",
    ]
    paths = project_paths.ProjectPaths(tmp_path)
    for heldout, seed in ((False, 1), (True, 2)):
        store = feature_store.FeatureStore(paths.target_features(fake.id, "pets", heldout=heldout))
        assert store.uids.tolist() == [hashing.uid_of(png(seed)).encode()]
    assert atomic.read_json(job.path / "progress.json")["done"] == 2


def test_the_card_names_the_encoder_and_guards_its_folder(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(tmp_path, sixteen(tmp_path))
    worker.main(job)
    card = atomic.read_json(tmp_path / "features" / fake.id / "encoder.json")
    assert card == {
        "id": fake.id,
        "identity": fake.identity(),
        "kind": "hand-made",
        "dim": DIM,
        "spec": "fake",
        "precision": "fp32",
    }
    monkeypatch.setattr(fake, "identity", lambda: {"encoder": "other"})
    with pytest.raises(errors.IntegrityError, match=fake.id):
        worker.main(job)


# The same bytes, however it was run


@pytest.mark.parametrize("cores", [1, 5])
def test_the_number_of_threads_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    worklist = sixteen(tmp_path)
    stored = []
    for threads in (2, cores):
        install_fake(monkeypatch)
        monkeypatch.setattr(worker.joblib, "cpu_count", lambda threads=threads: threads)
        worker.main(make_job(tmp_path / str(threads), worklist))
        stored.append(stored_bytes(tmp_path / str(threads)))
    assert stored[0] == stored[1]


def test_a_finished_job_reads_nothing_again(tmp_path: Path, fake: FakeEncoder) -> None:
    job = make_job(tmp_path, sixteen(tmp_path))
    worker.main(job)
    before = stored_bytes(tmp_path)
    fake.batch_sizes.clear()
    result = worker.main(job)
    assert fake.batch_sizes == []
    assert result["parts"][0]["already_done"] == 16
    assert stored_bytes(tmp_path) == before


@settings(deadline=None, max_examples=12)
# Batches of 3 of 13 images enter in any order: before the last of them 10 are encoded at least.
@given(stop=st.integers(0, 10), replan=st.booleans(), cancelled=st.booleans())
def test_stopping_anywhere_and_going_on_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, stop: int, replan: bool, cancelled: bool
) -> None:
    """Both ways to go on: the same job again, or a worklist of what has no outcome yet."""
    folder = tmp_path_factory.mktemp("stop")
    worklist = sixteen(folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        encoder = install_fake(monkeypatch)
        worker.main(make_job(folder / "whole", worklist))
        encoder.batch_sizes.clear()
        job = make_job(folder / "stopped", worklist)

        def stop_here(encoded: int) -> None:
            if encoded >= stop:
                if cancelled:
                    (job.path / "cancel").touch()
                else:
                    raise RuntimeError("killed")

        encoder.before_encode = stop_here
        with pytest.raises(job_folder.Cancelled if cancelled else RuntimeError):
            worker.main(job)
        (job.path / "cancel").unlink(missing_ok=True)
        encoder.before_encode = lambda encoded: None
        if replan:
            done = {row["rel_path"] for row in outcomes_of(pool_store(folder / "stopped"))}
            left = [f"{i:02d}.png" for i in range(16) if f"{i:02d}.png" not in done]
            worklist = worklist_of(folder / "rest.parquet", folder / "pool", left)
        name = "planned-again" if replan else "job"
        worker.main(make_job(folder / "stopped", worklist, name))
    assert stored_bytes(folder / "stopped") == stored_bytes(folder / "whole")


def test_leftovers_of_a_killed_run_are_cleared(tmp_path: Path, fake: FakeEncoder) -> None:
    folder = tmp_path / "features" / fake.id / "pool"
    folder.mkdir(parents=True)
    (folder / ".00000.npy.abc.tmp").write_bytes(b"half")
    (folder / "00000.npy").write_bytes(b"of a shard without its header")
    worker.main(make_job(tmp_path, sixteen(tmp_path)))
    worker.main(make_job(tmp_path / "clean", tmp_path / "w.parquet"))
    assert stored_bytes(tmp_path) == stored_bytes(tmp_path / "clean")


def test_new_files_of_a_grown_pool_come_after_the_old(tmp_path: Path, fake: FakeEncoder) -> None:
    contents = {f"{i}.png": png(i) for i in range(5)}
    root = write_pool(tmp_path / "pool", contents)
    worker.main(make_job(tmp_path, worklist_of(tmp_path / "w1", root, ["2.png", "4.png"])))
    known = {f"{i}.png": hashing.uid_of(png(i)) for i in (2, 4)}
    grown = worklist_of(tmp_path / "w2", root, sorted(contents), known)
    result = worker.main(make_job(tmp_path, grown, name="later"))
    store = pool_store(tmp_path)
    order = (2, 4, 0, 1, 3)
    assert store.uids.tolist() == [hashing.uid_of(png(i)).encode() for i in order]
    assert (result["parts"][0]["ok"], result["parts"][0]["already_done"]) == (3, 2)


def test_a_changed_file_is_read_again_by_the_next_job(tmp_path: Path, fake: FakeEncoder) -> None:
    """The catalogue forgets the uid of a file that changed or that came back."""
    root = write_pool(tmp_path / "pool", {"a.png": png(1), "b.png": b"cut off"})
    worklist = worklist_of(tmp_path / "w", root, ["a.png", "b.png"])
    worker.main(make_job(tmp_path, worklist))
    write_pool(root, {"a.png": png(2), "b.png": png(3)})
    worker.main(make_job(tmp_path, worklist))
    assert len(pool_store(tmp_path)) == 1  # the same job had read them
    worker.main(make_job(tmp_path, worklist, name="later"))
    expected = [hashing.uid_of(png(i)).encode() for i in (1, 2, 3)]
    assert pool_store(tmp_path).uids.tolist() == expected


# Errors that concern the whole job


def test_a_missing_root_is_an_error_not_sixteen_rejections(
    tmp_path: Path, fake: FakeEncoder
) -> None:
    worklist = worklist_of(tmp_path / "w", tmp_path / "unplugged", ["a.png"])
    with pytest.raises(errors.SourceError, match="unplugged"):
        worker.main(make_job(tmp_path, worklist))
    assert len(pool_store(tmp_path).shards) == 0


def test_running_out_of_gpu_memory_says_what_to_do(tmp_path: Path, fake: FakeEncoder) -> None:
    def out_of_memory(encoded: int) -> None:
        raise torch.OutOfMemoryError("tried to allocate")

    fake.before_encode = out_of_memory
    with pytest.raises(errors.EncoderError, match="smaller batch"):
        worker.main(make_job(tmp_path, sixteen(tmp_path)))


# Fitting


def test_an_encoder_without_weights_is_fitted_on_decodable_images_in_order(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"a.png": b"bad", "b.png": png(1), "c.png": png(2), "d.png": png(3)}
    root = write_pool(tmp_path / "pool", contents)
    worklist = worklist_of(tmp_path / "w", root, sorted(contents))
    fitted: list[Any] = []

    def fit(spec: str, sample: Any, folder: Path, seed: int, progress: Any) -> None:
        fitted.extend([spec, folder, seed, [np.asarray(image).tobytes() for image in sample]])
        progress(1, 2)

    monkeypatch.setattr(registry, "needs_fit", lambda spec, folder: True)
    monkeypatch.setattr(registry, "fit", fit)
    monkeypatch.setattr(registry, "FIT_IMAGES", 2)
    job = make_job(tmp_path, worklist, encoder="classic", seed=4, fit_worklist=str(worklist))
    worker.main(job)
    pixels = [np.asarray(images.decode(png(i)).image).tobytes() for i in (1, 2)]
    assert fitted == ["classic", tmp_path / "encoders", 4, pixels]


def test_fitting_without_a_sample_is_refused(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "needs_fit", lambda spec, folder: True)
    with pytest.raises(errors.EncoderError, match="embed the pool"):
        worker.main(make_job(tmp_path, sixteen(tmp_path)))


# Real processes


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The spec of a small checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    spec = {"name": backbones.NARROW}
    card = {
        "backbone": spec,
        "image_size": 16,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "method": "none",
        "settings": {},
        "manifest": "",
        "metrics": {},
        "kind": "self-supervised",
    }
    checkpoint.save(folder, backbones.build(spec), card)
    return f"checkpoint:{folder}"


def test_two_devices_give_the_bytes_of_one(tmp_path: Path, trained: str) -> None:
    worklist = sixteen(tmp_path)
    for name, chosen in (("one", ["cpu"]), ("two", ["cpu", "cpu"])):
        result = worker.main(make_job(tmp_path / name, worklist, encoder=trained, devices=chosen))
        assert (result["parts"][0]["ok"], result["parts"][0]["duplicates"]) == (13, 2)
    assert stored_bytes(tmp_path / "one") == stored_bytes(tmp_path / "two")
    assert multiprocessing.active_children() == []


def test_an_error_in_a_devices_process_is_raised_here(tmp_path: Path) -> None:
    job = make_job(
        tmp_path, sixteen(tmp_path), encoder=f"checkpoint:{tmp_path}", devices=["cpu", "cpu"]
    )
    with pytest.raises(errors.EncoderError, match=str(tmp_path)):
        worker.main(job)
    assert multiprocessing.active_children() == []


def test_a_devices_process_that_dies_is_noticed(tmp_path: Path, trained: str) -> None:
    worklist = sixteen(tmp_path)
    choice = engine.EncoderChoice(trained, tmp_path, "auto")
    engines = devices.DeviceEngines(choice, ["cpu"], threads=1)
    victim = multiprocessing.active_children()[0]
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    with pytest.raises(errors.JobError, match="exited unexpectedly"):
        list(engines.batches(worklist, [np.arange(3)]))


forkserver = multiprocessing.get_context("forkserver")
"""Real processes that need not load torch again, each a group that can be killed."""


def headers(folder: Path) -> int:
    return len(list(folder.rglob("pool/*.json")))


@pytest.mark.parametrize("moments", [(1,), (4, 11)])
def test_kill_9_and_resume_give_the_bytes_of_an_uninterrupted_run(
    tmp_path: Path, trained: str, moments: tuple[int, ...]
) -> None:
    """Killed as soon as so many of the 20 shards are there, which is while the next is made."""
    contents = {f"{i:03d}.png": png(i, (24, 24)) for i in range(120)}
    contents["017.png"], contents["100.png"] = b"bad", contents["003.png"]
    root = write_pool(tmp_path / "pool", contents)
    worklist = worklist_of(tmp_path / "w", root, sorted(contents))
    worker.main(make_job(tmp_path / "whole", worklist, encoder=trained))
    job = make_job(tmp_path / "killed", worklist, encoder=trained)
    for moment in moments:
        process = forkserver.Process(target=run_job, args=(job.path,))
        process.start()
        wait_until(lambda moment=moment: headers(tmp_path / "killed") >= moment, "shards exist")
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert moment <= headers(tmp_path / "killed") < 20
    worker.main(job)
    assert stored_bytes(tmp_path / "killed") == stored_bytes(tmp_path / "whole")


def test_the_module_runs_a_job_folder(tmp_path: Path, trained: str) -> None:
    worklist = sixteen(tmp_path)
    job = make_job(tmp_path, worklist, encoder=trained)
    ended = subprocess.run(
        [sys.executable, "-m", "sept_core.features", str(job.path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert job.status()["state"] == "done"
    assert job.result()["parts"][0]["ok"] == 13
    worker.main(make_job(tmp_path / "here", worklist, encoder=trained))
    assert stored_bytes(tmp_path) == stored_bytes(tmp_path / "here")


def open_devices_and_wait(spec: str, pids: Any) -> None:
    choice = engine.EncoderChoice(spec, Path(), "auto")
    devices.DeviceEngines(choice, ["cpu", "cpu"], threads=1)
    pids.put([process.pid for process in multiprocessing.active_children()])
    threading.Event().wait()


def test_device_processes_end_when_their_worker_is_killed(trained: str) -> None:
    pids = forkserver.Queue()
    process = forkserver.Process(target=open_devices_and_wait, args=(trained, pids))
    process.start()
    children = pids.get(timeout=60)
    assert len(children) == 2
    process.kill()
    process.join()
    wait_until(lambda: not any(is_running(pid) for pid in children), "the children ended")


def is_running(pid: int) -> bool:
    """Return True for a running process, False for one that has ended and was not reaped."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
