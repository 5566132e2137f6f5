"""Renewal of features of an older decoder: complete or not begun, and nothing lost on the way."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import embedding_worlds
import numpy as np
import pytest
from embedding_worlds import FakeEncoder, make_job, outcomes_of, png, pool_store, write_pool

from sept_core import errors
from sept_core.features import feature_store, renewing, worker
from sept_core.imaging import decoders
from sept_core.storage import hashing

fake = embedding_worlds.fake
NAMES = [f"{number:02d}.png" for number in range(10)]
OLD, NEW = "1 old", "2 new"


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda version: monkeypatch.setattr(decoders, "version", lambda: version)


def embedded(folder: Path, names: list[str], job: str = "first") -> Path:
    """Embed files as a later job lists them; gives the worklist with the uids that are known."""
    contents = {name: png(int(name[:2])) for name in NAMES}
    root = write_pool(folder / "pool", contents)
    worker.main(make_job(folder, embedding_worlds.worklist_of(folder / "w", root, names), job))
    uids = {name: hashing.uid_of(data) for name, data in contents.items()}
    return embedding_worlds.worklist_of(folder / "known", root, NAMES, uids)


def renewal(folder: Path, worklist: Path, name: str = "renewal", **changes: Any) -> dict[str, Any]:
    return worker.main(make_job(folder, worklist, name, renew=FakeEncoder.id, **changes))


def turned(fake: FakeEncoder) -> None:
    """From now on the encoder gives other vectors, as another decoder would make it."""
    encode = fake.encode
    fake.encode = lambda batch: -encode(batch)  # type: ignore[method-assign]


def vectors(folder: Path) -> dict[str, np.ndarray]:
    store = pool_store(folder)
    assert len(set(store.uids.tolist())) == len(store), "each image has one vector"
    named = {hashing.uid_of(png(int(name[:2]))).encode(): name for name in NAMES}
    gathered = store.gather(np.arange(len(store)))
    return {named[uid]: row for uid, row in zip(store.uids.tolist(), gathered, strict=True)}


def by_decoder(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for shard in pool_store(folder).shards:
        counts[shard.decoder] = counts.get(shard.decoder, 0) + len(shard)
    return counts


def test_only_what_an_older_decoder_read_is_embedded_anew(
    tmp_path: Path, fake: FakeEncoder, decoder: Callable[[str], None]
) -> None:
    decoder(OLD)
    embedded(tmp_path, NAMES[:7])
    decoder(NEW)
    worklist = embedded(tmp_path, NAMES[7:], "second")
    before = vectors(tmp_path)
    turned(fake)
    result = renewal(tmp_path, worklist)
    after = vectors(tmp_path)
    assert result["parts"][0]["ok"] == 7 and after.keys() == before.keys()
    assert all(np.array_equal(after[name], -before[name]) for name in NAMES[:7])
    assert all(np.array_equal(after[name], before[name]) for name in NAMES[7:])
    assert by_decoder(tmp_path) == {NEW: 10}
    assert not (tmp_path / feature_store.RENEWAL / FakeEncoder.id / "pool").exists()
    fake.batch_sizes.clear()
    renewal(tmp_path, worklist, "again")
    assert fake.batch_sizes == [] and by_decoder(tmp_path) == {NEW: 10}


def test_an_image_that_cannot_be_read_now_keeps_its_features(
    tmp_path: Path, fake: FakeEncoder, decoder: Callable[[str], None]
) -> None:
    decoder(OLD)
    worklist = embedded(tmp_path, NAMES)
    before = vectors(tmp_path)
    decoder(NEW)
    turned(fake)
    (tmp_path / "pool" / NAMES[3]).rename(tmp_path / "aside")
    result = renewal(tmp_path, worklist)
    after = vectors(tmp_path)
    assert result["parts"][0]["unreadable"] == 1
    assert by_decoder(tmp_path) == {NEW: 9, OLD: 1}
    assert np.array_equal(after[NAMES[3]], before[NAMES[3]])
    assert np.array_equal(after[NAMES[2]], -before[NAMES[2]])
    kept = [row for row in outcomes_of(pool_store(tmp_path)) if row["rel_path"] is None]
    assert [(row["status"], row["phash"] is not None) for row in kept] == [("ok", True)]
    (tmp_path / "aside").rename(tmp_path / "pool" / NAMES[3])
    renewal(tmp_path, worklist, "later")
    assert by_decoder(tmp_path) == {NEW: 10}


def test_an_image_that_the_new_decoder_does_not_take_loses_its_features(
    tmp_path: Path, fake: FakeEncoder, decoder: Callable[[str], None]
) -> None:
    decoder(OLD)
    worklist = embedded(tmp_path, NAMES)
    decoder(NEW)
    preprocess = fake.preprocess

    def refuse_the_first(image: Any) -> Any:
        if image.tobytes() == first:
            raise ValueError("not any more")
        return preprocess(image)

    from sept_core.imaging import images

    first = images.decode(png(0)).image.tobytes()
    fake.preprocess = refuse_the_first  # type: ignore[method-assign]
    result = renewal(tmp_path, worklist)
    assert result["parts"][0]["no_features"] == 1
    assert vectors(tmp_path).keys() == set(NAMES[1:]) and by_decoder(tmp_path) == {NEW: 9}


def test_another_encoder_renews_nothing(
    tmp_path: Path, fake: FakeEncoder, decoder: Callable[[str], None]
) -> None:
    decoder(OLD)
    worklist = embedded(tmp_path, NAMES)
    with pytest.raises(errors.EncoderError, match="cannot renew the features of gone-1"):
        worker.main(make_job(tmp_path, worklist, "renewal", renew="gone-1"))
    assert by_decoder(tmp_path) == {OLD: 10}


STEPS = [(feature_store, "write_shard"), (renewing, "_remove"), (renewing, "_move")]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
@pytest.mark.parametrize("moment", range(5))
@pytest.mark.parametrize("resumed", [True, False])
def test_killed_at_any_step_it_is_finished_by_the_same_or_another_job(
    tmp_path: Path,
    fake: FakeEncoder,
    decoder: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[Any, str],
    moment: int,
    resumed: bool,
) -> None:
    decoder(OLD)
    worklist = embedded(tmp_path, NAMES)
    before = vectors(tmp_path)
    decoder(NEW)
    turned(fake)
    (tmp_path / "pool" / NAMES[3]).rename(tmp_path / "aside")
    calls = 0
    whole = getattr(*step)

    def killed(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > moment:
            raise RuntimeError("killed")
        return whole(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(*step, killed)
        with contextlib.suppress(RuntimeError):
            renewal(tmp_path, worklist)
    renewal(tmp_path, worklist, "renewal" if resumed else "another")
    after = vectors(tmp_path)
    assert after.keys() == before.keys() and by_decoder(tmp_path) == {NEW: 9, OLD: 1}
    assert all(np.array_equal(after[name], -before[name]) for name in NAMES if name != NAMES[3])
    assert np.array_equal(after[NAMES[3]], before[NAMES[3]])
    assert not (tmp_path / feature_store.RENEWAL / FakeEncoder.id / "pool").exists()
