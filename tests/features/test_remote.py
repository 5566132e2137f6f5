"""Features in object storage: copies are complete, checked and fetched by the part."""

import shutil
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_project import sept

from sept_core import errors
from sept_core.features import feature_store, remote
from sept_core.storage import atomic, hashing, project_paths

DIM, ROWS = 8, 5


def write_stores(folder: Path, shards: int = 3) -> Path:
    """An encoder's folder with a pool of some shards and one target set."""
    rng = np.random.default_rng(0)
    for store, count in (("pool", shards), ("targets/s1/search", 1)):
        for number in range(count):
            vectors = rng.standard_normal((ROWS, DIM))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            uids = [hashing.uid_of(f"{store}/{number}/{row}".encode()) for row in range(ROWS)]
            feature_store.write_shard(
                folder / store,
                number,
                "e-1",
                np.array(uids, hashing.UID_DTYPE),
                vectors,
                pa.table({}),
            )
    feature_store.write_card(folder, {"id": "e-1", "identity": {"model": "a"}})
    return folder


@pytest.fixture(params=["memory", "folder"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"memory://{uuid.uuid4()}/x" if request.param == "memory" else str(tmp_path / "far [1]")


def quiet(done: int, total: int) -> None:
    assert 0 < done <= total


def content(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in found
        if path.name != remote.RECORD
    }


def test_what_was_pushed_comes_back(tmp_path: Path, url: str) -> None:
    stores = write_stores(tmp_path / "e-1")
    assert remote.push(stores, url, quiet) == 4
    assert remote.push(stores, url, quiet) == 0, "only what is new is copied"
    assert remote.encoder_of(url) == "e-1"
    back = tmp_path / "back"
    assert remote.pull(url, back, quiet) == 4
    assert content(back) == content(stores)
    (back / "pool" / "00001.json").unlink()
    assert remote.pull(url, back, quiet) == 1
    assert content(back) == content(stores)


def test_a_copy_that_was_broken_off_goes_on(tmp_path: Path, url: str) -> None:
    stores = write_stores(tmp_path / "e-1")

    def break_off(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remote.push(stores, url, break_off)
    assert not (stores / "pool" / remote.RECORD).exists(), "half a mirror is none"
    assert remote.push(stores, url, quiet) == 2


def test_other_features_are_not_mixed(tmp_path: Path, url: str) -> None:
    stores = write_stores(tmp_path / "e-1")
    remote.push(stores, url, quiet)
    shutil.rmtree(tmp_path / "e-1")
    with pytest.raises(errors.InputError, match=r"does not have \(first: pool/00001\.json\)"):
        remote.push(write_stores(tmp_path / "e-1", shards=1), url, quiet)
    atomic.write_json(stores / project_paths.CARD, {"id": "e-2", "identity": {"model": "b"}})
    with pytest.raises(errors.InputError, match="contains features of e-1, not of e-2"):
        remote.push(stores, url, quiet)
    with pytest.raises(errors.InputError, match="contains features of e-1, not of e-2"):
        remote.pull(url, stores, quiet)


@pytest.mark.parametrize("damage", ["flip", "remove"])
def test_a_damaged_copy_is_refused(tmp_path: Path, damage: str) -> None:
    url = tmp_path / "far"
    remote.push(write_stores(tmp_path / "e-1"), str(url), quiet)
    victim = url / "pool" / "00001.npy"
    if damage == "flip":
        changed = bytearray(victim.read_bytes())
        changed[-1] ^= 1
        victim.write_bytes(changed)
    else:
        victim.unlink()
    with pytest.raises(errors.IntegrityError, match=r"00001\.npy.*push the features again"):
        remote.pull(str(url), tmp_path / "back", quiet)
    assert not (tmp_path / "back" / "pool" / "00001.json").exists()


def test_names_that_lead_out_of_the_place_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{uuid.uuid4()}/x"
    remote.push(write_stores(tmp_path / "e-1"), url, quiet)
    system, root = remote.Place(url)._opened
    monkeypatch.setattr(type(system), "find", lambda self, path: [f"{root}/../../00000.json"])
    with pytest.raises(errors.IntegrityError, match="leads outside it"):
        remote.pull(url, tmp_path / "back" / "e-1", quiet)
    assert not list(tmp_path.rglob("back/**/*.json"))


def test_places_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match="not a URL to copy to"):
        remote.encoder_of("nowhere://bucket/x")
    with pytest.raises(errors.InputError, match="contains a password or key"):
        remote.encoder_of("s3://key:secret@bucket/x")
    with pytest.raises(errors.NotFoundError, match="no features at"):
        remote.encoder_of(str(tmp_path / "empty"))
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.JobError, match="cannot be used"):
        remote.push(write_stores(tmp_path / "e-1"), str(tmp_path / "file"), quiet)


def test_a_machine_without_the_folder_fetches_its_shards(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stores = write_stores(tmp_path / "e-1")
    store = feature_store.FeatureStore(stores / "pool")
    expected = store.part(slice(1, 3)).gather(np.arange(2 * ROWS))
    (alone,) = remote.references(store, [slice(1, 3)])
    remote.push(stores, url, quiet)
    (mirrored,) = remote.references(store, [slice(1, 3)])
    stores.rename(tmp_path / "gone")
    with pytest.raises(errors.NotFoundError, match="sept features push"):
        alone.open()
    opened = mirrored.open()
    assert (opened.gather(np.arange(2 * ROWS)) == expected).all()
    assert [path.name for path in sorted(opened.folder.glob("*.json"))] == [
        "00001.json", "00002.json",
    ]  # fmt: skip


def test_a_mirror_that_is_out_of_date_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stores = write_stores(tmp_path / "e-1")
    remote.push(stores, str(tmp_path / "far"), quiet)
    pool = stores / "pool"
    old = feature_store.FeatureStore(pool)
    vectors = np.roll(old.gather(np.arange(ROWS)), 1, axis=0)
    feature_store.write_shard(pool, 0, "e-1", old.shards[0].uids.copy(), vectors, pa.table({}))
    (reference,) = remote.references(feature_store.FeatureStore(pool), [slice(0, 3)])
    stores.rename(tmp_path / "gone")
    with pytest.raises(errors.IntegrityError, match="push them again"):
        reference.open()


def test_lost_features_of_a_project_come_back(project: Path, tmp_path: Path) -> None:
    url = tmp_path / "far"
    pushed = sept("features", "push", project, url)
    assert pushed.returncode == 0, pushed.stderr
    before = content(project / "features")
    shutil.rmtree(project / "features")
    pulled = sept("features", "pull", project, url)
    assert pulled.returncode == 0, pulled.stderr
    assert content(project / "features") == before
    chosen = sept("select", project, "--target", "toys", "--budget", "20")
    assert chosen.returncode == 0, chosen.stderr
