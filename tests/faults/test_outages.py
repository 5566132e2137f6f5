"""Outages: no file is rejected for what a mount, a permission or a disk did, and none is lost."""

import contextlib
import errno
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedding_worlds
import pyarrow as pa
import pytest
from embedding_worlds import FakeEncoder, make_job, outcomes_of, pool_store
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile import outages
from sept_core import errors
from sept_core.features import feature_store, preparing, retrying, worker
from sept_core.filesystem import roots, safe_paths
from sept_core.imaging import decoders, images, outcomes
from sept_core.ingest import sources, worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing

install_fake = embedding_worlds.install_fake
fake = embedding_worlds.fake
BY_KIND = {kind.name: kind for kind in outages.KINDS}


def read_all(spec: sources.SourceSpec, reader: sources.ByteReader) -> dict[str, bytes | str]:
    """The bytes of every listed file, or the reason why it cannot be read now."""
    found: dict[str, bytes | str] = {}
    for entry in sources.scan(spec):
        place = f"{entry.rel_path}:{entry.member}"
        try:
            found[place] = reader.read(
                "pool", entry.rel_path, entry.member, entry.offset, entry.size
            )
        except images.UnreadableFile as problem:
            found[place] = problem.reason
    return found


# Reading


@pytest.mark.parametrize("number", outages.NUMBERS, ids=errno.errorcode.get)
@pytest.mark.parametrize("kind", BY_KIND.values(), ids=BY_KIND)
def test_whatever_the_system_says_the_file_is_unreadable_and_comes_back(
    kind: outages.Kind, number: int, tmp_path: Path
) -> None:
    spec = sources.detect("pool", kind.write(tmp_path))
    entries = [entry for entry in sources.scan(spec) if entry.problem is None]
    entry = entries[0]
    place = ("pool", entry.rel_path, entry.member, entry.offset, entry.size)
    with sources.ByteReader({"pool": spec.root}) as reader:
        with outages.refused(number), pytest.raises(images.UnreadableFile) as caught:
            reader.read(*place)
        assert outcomes.can_pass(caught.value.reason)
        assert reader.read(*place) in outages.contents().values()


@pytest.mark.parametrize("kind", BY_KIND.values(), ids=BY_KIND)
def test_an_error_while_reading_is_no_damage(kind: outages.Kind, tmp_path: Path) -> None:
    spec = sources.detect("pool", kind.write(tmp_path))
    entry = next(entry for entry in sources.scan(spec) if entry.problem is None)
    place = ("pool", entry.rel_path, entry.member, entry.offset, entry.size)
    with sources.ByteReader({"pool": spec.root}) as reader:
        with outages.unread(), pytest.raises(images.UnreadableFile, match="Input/output error"):
            reader.read(*place)
        assert reader.read(*place) in outages.contents().values()


def test_an_archive_that_is_open_already_is_opened_anew_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a share came back: what was open before stays stale."""
    spec = sources.detect("pool", BY_KIND["tar"].write(tmp_path))
    entry, *_ = sources.scan(spec)
    place = ("pool", entry.rel_path, entry.member, entry.offset, entry.size)
    opened: list[str] = []
    open_inside = safe_paths.open_inside

    def counted(root: Path, rel_path: str, *beyond: Any) -> int:
        opened.append(rel_path)
        return open_inside(root, rel_path, *beyond)

    monkeypatch.setattr(safe_paths, "open_inside", counted)
    with sources.ByteReader({"pool": spec.root}) as reader:
        before = reader.read(*place)
        assert reader.read(*place) == before
        kept = len(opened)
        with outages.unread(), pytest.raises(images.UnreadableFile):
            reader.read(*place)
        assert len(opened) == kept, "it was open already"
        assert reader.read(*place) == before
        assert len(opened) == 2 * kept


def test_a_read_that_ends_early_is_no_truncated_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = sources.detect("pool", BY_KIND["tar"].write(tmp_path))
    monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: b"x" * (size // 2))
    with sources.ByteReader({"pool": spec.root}) as reader:
        assert set(read_all(spec, reader).values()) == {"unreadable: the read ended early"}


def test_a_full_disk_for_what_is_unpacked_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sept_core.archives import streams

    class Full:
        written = 0

        def write(self, data: bytes) -> int:
            if self.written > 100:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.written += len(data) // 2 + 1  # what a full disk does before it says so
            return len(data) // 2 + 1

        def seek(self, place: int) -> int:
            return place

        def fileno(self) -> int:
            raise AssertionError

        def close(self) -> None: ...

    spec = sources.detect("pool", BY_KIND["tar.gz"].write(tmp_path))
    with sources.ByteReader({"pool": spec.root}) as reader:
        with monkeypatch.context() as patched:
            patched.setattr(streams.tempfile, "TemporaryFile", lambda **options: Full())
            told = set(read_all(spec, reader).values())
        assert told == {"unreadable: No space left on device"}
        assert list(read_all(spec, reader).values()) == list(outages.contents().values())


def test_memory_that_ends_while_decoding_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: Any, **options: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(images.Image, "open", exhausted)
    with pytest.raises(images.UnreadableFile, match="Cannot allocate memory"):
        images.decode(outages.picture(0))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_any_outage_of_any_source_rejects_nothing_but_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    assert outages.trial(tmp_path_factory.mktemp("outage"), random.Random(seed)) is None


# Embedding


def worklist_of(path: Path, spec: sources.SourceSpec) -> Path:
    rows = [
        {
            "source": "s",
            "root": str(spec.root),
            "rel_path": entry.rel_path,
            "member": entry.member,
            "offset": entry.offset,
            "size": entry.size,
            "uid": None,
        }
        for entry in sources.scan(spec)
        if entry.problem is None
    ]
    worklists.write(path, pa.Table.from_pylist(rows, schema=worklists.SCHEMA))
    return path


def latest(store: feature_store.FeatureStore) -> dict[tuple[str, str], str]:
    """The status that counts, by place."""
    return {(row["rel_path"], row["member"]): row["status"] for row in outcomes_of(store)}


GOOD = {hashing.uid_of(outages.picture(number)).encode() for number in range(outages.PICTURES)}


def check_all_is_there(store: feature_store.FeatureStore) -> None:
    found = list(latest(store).values())
    assert sorted(found) == ["ok"] * outages.PICTURES + ["rejected"]
    assert sorted(store.uids.tolist()) == sorted(GOOD), "each once"


def at_the_try(
    monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]
) -> list[float]:
    """Do something right before a try (from 1); returns the delays, which nobody waits for."""
    waited: list[float] = []

    def wait(seconds: float, steps: Callable[[int], None]) -> None:
        waited.append(seconds)
        steps(0)
        if len(waited) == number:
            act()

    monkeypatch.setattr(retrying, "_wait", wait)
    return waited


@pytest.mark.parametrize("name", ["away", "covered", "looping"])
@pytest.mark.parametrize("kind", BY_KIND.values(), ids=BY_KIND)
def test_every_file_waits_through_an_outage_and_is_embedded_after_it(
    kind: outages.Kind, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake(monkeypatch)
    spec = sources.detect("pool", kind.write(tmp_path))
    worklist = worklist_of(tmp_path / "w", spec)
    with outages.of_place(tmp_path / kind.hidden)[name]:
        result = worker.main(make_job(tmp_path, worklist, "during"))
        assert set(latest(pool_store(tmp_path)).values()) == {"unreadable"}
        assert result["parts"][0]["unreadable"] == outages.PICTURES + 1
        reasons = {row["reason"] for row in outcomes_of(pool_store(tmp_path))}
        assert all(map(outcomes.can_pass, reasons))
    worker.main(make_job(tmp_path, worklist, "after"))
    check_all_is_there(pool_store(tmp_path))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_share_that_drops_out_while_it_is_read_is_tried_until_it_is_back(
    number: int, tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = sources.detect("pool", BY_KIND["folder"].write(tmp_path))
    outage = outages.away(tmp_path / "pool" / "share")

    def drop_out(encoded: int) -> None:
        fake.before_encode = lambda encoded: None
        outage.__enter__()

    fake.before_encode = drop_out
    monkeypatch.setattr(worker.joblib, "cpu_count", lambda: 1)
    waited = at_the_try(monkeypatch, number, lambda: outage.__exit__(None, None, None))
    job = make_job(tmp_path, worklist_of(tmp_path / "w", spec), retry_delays=[5, 15, 40])
    result = worker.main(job)
    assert waited == [5, 15, 40][:number]
    check_all_is_there(pool_store(tmp_path))
    counts = result["parts"][0]
    assert (counts["ok"], counts["rejected"], counts["unreadable"]) == (outages.PICTURES, 1, 0)


def test_nothing_is_waited_for_where_everything_was_read(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = sources.detect("pool", BY_KIND["zip"].write(tmp_path))
    waited = at_the_try(monkeypatch, 1, lambda: None)
    worker.main(make_job(tmp_path, worklist_of(tmp_path / "w", spec), retry_delays=[5]))
    assert waited == []


def test_one_missing_root_does_not_keep_the_other_sources_away(
    tmp_path: Path, fake: FakeEncoder
) -> None:
    spec = sources.detect("pool", BY_KIND["folder"].write(tmp_path))
    table = worklists.read(worklist_of(tmp_path / "w", spec))
    lost = [row | {"source": "t", "root": str(tmp_path / "gone")} for row in table.to_pylist()]
    both = pa.concat_tables([pa.Table.from_pylist(lost, schema=table.schema), table])
    worklists.write(tmp_path / "both", both)
    worker.main(make_job(tmp_path, tmp_path / "both"))
    rows = outcomes_of(pool_store(tmp_path))
    assert {row["status"] for row in rows if row["source"] == "t"} == {"unreadable"}
    assert sorted(r["status"] for r in rows if r["source"] == "s") == ["ok"] * 5 + ["rejected"]
    worklists.write(tmp_path / "lost", pa.Table.from_pylist(lost, schema=table.schema))
    with pytest.raises(errors.SourceError, match="gone"):
        worker.main(make_job(tmp_path, tmp_path / "lost", "other"))


@contextlib.contextmanager
def hidden_until_the_first_try(folder: Path) -> Iterator[None]:
    """Half of the pool is away in the first pass of whatever run, and back for its tries."""
    share = folder / "pool" / "b"
    aside = folder / "aside"
    if share.exists():
        share.rename(aside)
    wait = retrying._wait

    def bring_back(seconds: float, steps: Callable[[int], None]) -> None:
        if aside.exists():
            aside.rename(share)

    retrying._wait = bring_back  # type: ignore[assignment]
    try:
        yield
    finally:
        retrying._wait = wait
        if aside.exists():
            aside.rename(share)


def two_shares(folder: Path) -> Path:
    """A worklist of 16 files in turn from two folders, equal bytes and bad ones among them."""
    embedding_worlds.sixteen(folder)
    names = [f"{number:02d}.png" for number in range(16)]
    for number, name in enumerate(names):
        home = folder / "pool" / "ab"[number % 2]
        home.mkdir(exist_ok=True)
        (folder / "pool" / name).rename(home / name)
    places = [f"{'ab'[number % 2]}/{name}" for number, name in enumerate(names)]
    return embedding_worlds.worklist_of(folder / "w", folder / "pool", places)


@settings(deadline=None, max_examples=10)
@given(stop=st.integers(0, 12), cancelled=st.booleans())
def test_stopping_anywhere_in_an_outage_and_going_on_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, stop: int, cancelled: bool
) -> None:
    """In the first pass or in a try: nothing is lost, nothing is stored twice."""
    folder = tmp_path_factory.mktemp("stop")
    worklist = two_shares(folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        encoder = install_fake(monkeypatch)
        with hidden_until_the_first_try(folder):
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
        with (
            hidden_until_the_first_try(folder),
            contextlib.suppress(RuntimeError, job_folder.Cancelled),
        ):
            worker.main(job)
        (job.path / "cancel").unlink(missing_ok=True)
        encoder.before_encode = lambda encoded: None
        with hidden_until_the_first_try(folder):
            worker.main(job)
    stored = embedding_worlds.stored_bytes
    assert stored(folder / "stopped") == stored(folder / "whole")
    store = pool_store(folder / "stopped")
    assert sorted(latest(store).values()) == ["ok"] * 13 + ["rejected"] * 3
    assert len(set(store.uids.tolist())) == len(store) == 11


def run_and_wait(path: Path, back: Any) -> None:
    """The worker in a process of its own; its first try waits for the share instead of a clock."""

    def wait(seconds: float, steps: Callable[[int], None]) -> None:
        steps(0)
        assert back.wait(60)

    retrying._wait = wait  # type: ignore[assignment]
    embedding_worlds.run_job(path)


def test_a_real_worker_waits_for_a_share_that_dropped_out(tmp_path: Path) -> None:
    spec = sources.detect("pool", BY_KIND["folder"].write(tmp_path))
    job = make_job(tmp_path, worklist_of(tmp_path / "w", spec), encoder="bundled")
    context = multiprocessing.get_context("forkserver")
    back = context.Event()
    process = context.Process(target=run_and_wait, args=(job.path, back))
    with outages.away(tmp_path / "pool" / "share"):
        process.start()
        embedding_worlds.wait_until(lambda: "try 1" in note(job), "the files are tried again")
    back.set()
    process.join(60)
    assert process.exitcode == 0, (job.path / "status.json").read_text()
    [part] = job.result()["parts"]
    assert (part["ok"], part["rejected"], part["unreadable"]) == (outages.PICTURES, 1, 0)


def note(job: job_folder.JobFolder) -> str:
    try:
        return str(atomic.read_json(job.path / "progress.json")["note"])
    except errors.NotFoundError:
        return ""


def test_waiting_ends_when_the_job_is_cancelled(tmp_path: Path, fake: FakeEncoder) -> None:
    worklist = embedding_worlds.worklist_of(tmp_path / "w", tmp_path, ["gone.png"])
    job = make_job(tmp_path, worklist, retry_delays=[3600])
    (job.path / "cancel").touch()
    with pytest.raises(job_folder.Cancelled):
        worker.main(job)


def test_the_wait_takes_as_long_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = iter(range(100))
    monkeypatch.setattr(retrying.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(retrying.time, "sleep", slept.append)
    retrying._wait(3.0, lambda files: None)  # type: ignore[arg-type]
    assert slept == [1.0, 1.0]


# Images without features


def test_an_image_without_features_is_not_encoded_again_by_the_same_decoder(
    tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"a.png": embedding_worlds.png(1, (13, 13)), "b.png": embedding_worlds.png(2)}
    root = embedding_worlds.write_pool(tmp_path / "pool", contents)
    known = {name: hashing.uid_of(data) for name, data in contents.items()}
    worklist = embedding_worlds.worklist_of(tmp_path / "w", root, sorted(contents), known)
    worker.main(make_job(tmp_path, worklist, "first"))
    result = worker.main(make_job(tmp_path, worklist, "second"))
    assert result["parts"][0]["already_done"] == 2
    monkeypatch.setattr(decoders, "version", lambda: "2 another")
    result = worker.main(make_job(tmp_path, worklist, "third"))
    assert (result["parts"][0]["already_done"], result["parts"][0]["no_features"]) == (1, 1)


def test_shards_name_the_decoder_that_read_their_images(tmp_path: Path, fake: FakeEncoder) -> None:
    worker.main(make_job(tmp_path, embedding_worlds.sixteen(tmp_path)))
    store = pool_store(tmp_path)
    assert {shard.decoder for shard in store.shards} == {decoders.version()}
    assert "decoder" not in store.shards[0].header["encoder_id"]


def test_no_root_at_all_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    preparing.refuse_missing({})
    preparing.refuse_missing({"a": roots.Root(tmp_path / "gone"), "b": roots.Root(tmp_path)})
    with pytest.raises(errors.SourceError, match="gone"):
        preparing.refuse_missing({"a": roots.Root(tmp_path / "gone")})
