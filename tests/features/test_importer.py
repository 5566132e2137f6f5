"""Import of features computed elsewhere: layouts, checks, matching, the store."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from sept_core import errors
from sept_core.features import feature_store, importer
from sept_core.storage import hashing

DIM = 5


def raw_vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32) * 7


def save_npy(path: Path, vectors: np.ndarray, keys: list[str], column: str = "key") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, vectors)
    pq.write_table(pa.table({column: keys}), path.with_suffix(".parquet"))
    return path


def all_vectors(imported: importer.ImportedFeatures, rows: int = 2) -> np.ndarray:
    blocks = list(imported.blocks(rows))
    assert [start for start, _ in blocks] == np.cumsum(
        [0, *(len(block) for _, block in blocks)]
    ).tolist()[:-1]
    return np.concatenate([block for _, block in blocks])


def known_images(rows: list[tuple[str, str | None, str]]) -> pa.Table:
    """Rows of (name to hash into a uid, source_uid, rel_path)."""
    return pa.table(
        {
            "uid": [hashing.uid_of(name.encode()) for name, _, _ in rows],
            "source_uid": pa.array([source_uid for _, source_uid, _ in rows], pa.string()),
            "rel_path": [rel_path for _, _, rel_path in rows],
        }
    )


def uid(name: str) -> bytes:
    return hashing.uid_of(name.encode()).encode()


# Layouts


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_npy_with_a_table_of_keys(tmp_path: Path, suffix: str) -> None:
    vectors = raw_vectors(3)
    np.save(tmp_path / "f.npy", vectors)
    table = pa.table({"caption": ["x", "y", "z"], "key": ["000", "001", "010"]})
    write = pq.write_table if suffix == ".parquet" else pyarrow.csv.write_csv
    write(table, tmp_path / f"f{suffix}")
    imported = importer.read(tmp_path / "f.npy")
    assert (imported.layout, imported.dim, len(imported)) == ("npy", DIM, 3)
    assert imported.keys.tolist() == ["000", "001", "010"]  # not the numbers 0, 1, 10
    assert (all_vectors(imported) == vectors).all()


def test_a_folder_of_npy_files_is_read_in_name_order(tmp_path: Path) -> None:
    save_npy(tmp_path / "b.npy", raw_vectors(1, 1), ["late"])
    save_npy(tmp_path / "a.npy", raw_vectors(2, 2), ["early", "next"])
    imported = importer.read(tmp_path)
    assert imported.keys.tolist() == ["early", "next", "late"]
    assert (all_vectors(imported) == np.concatenate([raw_vectors(2, 2), raw_vectors(1, 1)])).all()


def test_clip_retrieval_counts_its_parts_as_numbers(tmp_path: Path) -> None:
    """img_emb_10 comes after img_emb_9."""
    for number in (9, 10):
        (tmp_path / "metadata").mkdir(exist_ok=True)
        (tmp_path / "img_emb").mkdir(exist_ok=True)
        np.save(tmp_path / "img_emb" / f"img_emb_{number}.npy", raw_vectors(2, number))
        table = pa.table({"caption": ["", ""], "image_path": [f"{number}/a", f"{number}/b"]})
        pq.write_table(table, tmp_path / "metadata" / f"metadata_{number}.parquet")
    imported = importer.read(tmp_path)
    assert imported.layout == "clip-retrieval"
    assert imported.keys.tolist() == ["9/a", "9/b", "10/a", "10/b"]
    assert (all_vectors(imported)[2:] == raw_vectors(2, 10)).all()


def test_datacomp_takes_the_larger_encoder_or_the_one_asked_for(tmp_path: Path) -> None:
    large, small = raw_vectors(3, 1).astype(np.float16), raw_vectors(3, 2)[:, :4]
    np.savez(tmp_path / "00000.npz", l14_img=large, b32_img=small, l14_txt=large)
    uids = [f"{i:032x}" for i in range(3)]
    pq.write_table(pa.table({"url": ["u"] * 3, "uid": uids}), tmp_path / "00000.parquet")
    for path in (tmp_path, tmp_path / "00000.npz"):
        imported = importer.read(path)
        assert (imported.layout, imported.dim) == ("datacomp:l14_img", DIM)
        assert imported.keys.tolist() == uids
        assert (all_vectors(imported) == large).all()
    imported = importer.read(tmp_path, array="b32_img")
    assert (imported.layout, imported.dim) == ("datacomp:b32_img", 4)
    assert (all_vectors(imported) == small).all()
    with pytest.raises(errors.InputError, match="h14_img"):
        importer.read(tmp_path, array="h14_img")


# Refusals


def test_what_is_not_there_or_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match="does not exist"):
        importer.read(tmp_path / "missing")
    with pytest.raises(errors.InputError, match="contains no features"):
        importer.read(tmp_path)
    (tmp_path / "img_emb").mkdir()
    with pytest.raises(errors.InputError, match="img_emb_NUMBER"):
        importer.read(tmp_path)


def test_vectors_without_keys_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", raw_vectors(2))
    with pytest.raises(errors.InputError, match=r"f\.parquet or f\.csv"):
        importer.read(tmp_path / "f.npy")


def test_a_key_too_few_is_refused(tmp_path: Path) -> None:
    path = save_npy(tmp_path / "f.npy", raw_vectors(3), ["a", "b"])
    with pytest.raises(errors.InputError, match=r"3 vectors but .* 2 keys"):
        importer.read(path)


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    path = save_npy(tmp_path / "f.npy", raw_vectors(2), ["a", None])  # type: ignore[list-item]
    with pytest.raises(errors.InputError, match="1 rows without a key"):
        importer.read(path)


def test_a_table_without_a_key_column_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", raw_vectors(1))
    pq.write_table(pa.table({"one": ["a"], "two": ["b"]}), tmp_path / "f.parquet")
    with pytest.raises(errors.InputError, match=r"no key column.*one, two"):
        importer.read(tmp_path / "f.npy")


@pytest.mark.parametrize(
    "vectors", [np.zeros(4), np.zeros((4, 0)), np.zeros((2, 2, 2)), np.zeros((4, 3), np.int64)]
)
def test_arrays_that_are_not_float_rows_are_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    path = save_npy(tmp_path / "f.npy", vectors, ["a", "b", "c", "d"][: len(vectors)])
    with pytest.raises(errors.InputError, match="floats of shape"):
        importer.read(path)


@pytest.mark.parametrize("name", ["f.npy", "f.npz"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an array")
    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "f.parquet")
    with pytest.raises(errors.InputError, match="cannot be read"):
        importer.read(tmp_path / name)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.array([{"a": 1}], object), allow_pickle=True)
    pq.write_table(pa.table({"key": ["a"]}), tmp_path / "f.parquet")
    with pytest.raises(errors.InputError, match="cannot be read"):
        importer.read(tmp_path / "f.npy")


def test_two_dimensions_in_one_import_are_refused(tmp_path: Path) -> None:
    save_npy(tmp_path / "a.npy", raw_vectors(1), ["a"])
    save_npy(tmp_path / "b.npy", raw_vectors(1)[:, :3], ["b"])
    with pytest.raises(errors.InputError, match=r"\[3, 5\]"):
        importer.read(tmp_path)


# Keys to images


def test_keys_match_by_source_id_or_path() -> None:
    known = known_images([("A", "id-1", "x/a.jpg"), ("B", None, "x/b.jpg"), ("C", None, "c.jpg")])
    keys = np.array(["id-1", "x/b.jpg", "nobody", "x/a.jpg"], object)
    matched = importer.match_uids(keys, known)
    assert matched.tolist() == [uid("A"), uid("B"), b"", uid("A")]


def test_absolute_paths_match_below_their_shared_folder() -> None:
    known = known_images([("A", None, "pool/x/a.jpg"), ("B", None, "pool/y/a.jpg")])
    keys = np.array(["/data/pool/x/a.jpg", "/data/pool/y/a.jpg", "/data/pool/z.jpg"], object)
    assert importer.match_uids(keys, known).tolist() == [uid("A"), uid("B"), b""]


def test_a_path_outside_the_shared_folder_does_not_match_by_its_end() -> None:
    """`/other/a.jpg` must not become `a.jpg` because `/data/a.jpg` does."""
    known = known_images([("A", None, "a.jpg"), ("B", None, "b.jpg")])
    keys = np.array(["/data/a.jpg", "/data/sub/b.jpg"], object)
    assert importer.match_uids(keys, known).tolist() == [uid("A"), b""]


def test_no_keys_match_nothing() -> None:
    assert len(importer.match_uids(np.empty(0, object), known_images([]))) == 0


def test_features_only_uids_hash_source_and_key() -> None:
    keys = np.array(["a", "b"], object)
    got = importer.features_only_uids(keys, "laion")
    assert got.tolist() == [
        hashing.uid_of(b"laion:a").encode(),
        hashing.uid_of(b"laion:b").encode(),
    ]
    assert (got != importer.features_only_uids(keys, "other")).all()


# The store


def write(
    imported: importer.ImportedFeatures, uids: np.ndarray, folder: Path
) -> importer.ImportCounts:
    return importer.write_store(imported, uids, folder, "imported-x-1", "pool")


def test_vectors_are_stored_normalised_in_row_order(tmp_path: Path) -> None:
    vectors = raw_vectors(4)
    imported = importer.read(save_npy(tmp_path / "f.npy", vectors, list("abcd")))
    uids = importer.features_only_uids(imported.keys, "pool")
    counts = write(imported, uids, tmp_path / "store")
    assert counts == importer.ImportCounts(4, 0, 0, [])
    store = feature_store.FeatureStore(tmp_path / "store")
    assert (store.uids == uids).all()
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(store.gather(np.arange(4)) - expected).max() < 1e-3
    outcomes = store.shards[0].outcomes()
    assert outcomes["rel_path"].to_pylist() == list("abcd")
    assert set(outcomes["source"].to_pylist()) == {"pool"}


def test_large_float16_vectors_are_normalised_without_overflow(tmp_path: Path) -> None:
    vectors = np.full((1, DIM), 60000, np.float16)
    imported = importer.read(save_npy(tmp_path / "f.npy", vectors, ["a"]))
    write(imported, np.array([uid("a")]), tmp_path / "store")
    stored = feature_store.FeatureStore(tmp_path / "store").gather(np.arange(1))
    assert stored == pytest.approx(np.full((1, DIM), DIM**-0.5), abs=1e-3)


def test_rows_that_cannot_be_used_are_listed_not_stored(tmp_path: Path) -> None:
    vectors = raw_vectors(6)
    vectors[1, 2], vectors[2, 0], vectors[3] = np.nan, -np.inf, 0
    imported = importer.read(save_npy(tmp_path / "f.npy", vectors, list("abcdef")))
    uids = np.array([uid("a"), uid("b"), uid("c"), uid("d"), b"", uid("a")])
    counts = write(imported, uids, tmp_path / "store")
    assert (counts.stored, counts.duplicates, counts.rejected) == (1, 1, 3)
    assert counts.reasons == [
        ("b", "vector with NaN or infinity"),
        ("c", "vector with NaN or infinity"),
        ("d", "zero vector"),
    ]
    store = feature_store.FeatureStore(tmp_path / "store")
    assert store.uids.tolist() == [uid("a")]
    rows = store.shards[0].outcomes().to_pylist()
    assert [(row["rel_path"], row["status"], row["reason"]) for row in rows] == [
        ("a", "ok", None),
        ("b", "no_features", "vector with NaN or infinity"),
        ("c", "no_features", "vector with NaN or infinity"),
        ("d", "no_features", "zero vector"),
        ("f", "ok", None),
    ]


def test_shards_are_cut_and_an_import_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer.ImportedFeatures.blocks, "__defaults__", (2,))
    imported = importer.read(save_npy(tmp_path / "f.npy", raw_vectors(5), list("abcde")))
    uids = importer.features_only_uids(imported.keys, "pool")
    assert write(imported, uids, tmp_path / "store").stored == 5
    assert [len(s) for s in feature_store.FeatureStore(tmp_path / "store").shards] == [2, 2, 1]
    again = write(imported, uids, tmp_path / "store")
    assert (again.stored, again.duplicates) == (0, 5)
    assert len(feature_store.FeatureStore(tmp_path / "store")) == 5


def test_a_store_of_another_encoder_is_not_added_to(tmp_path: Path) -> None:
    imported = importer.read(save_npy(tmp_path / "f.npy", raw_vectors(1), ["a"]))
    uids = importer.features_only_uids(imported.keys, "pool")
    write(imported, uids, tmp_path / "store")
    with pytest.raises(errors.IntegrityError, match="imported-y-2"):
        importer.write_store(imported, uids, tmp_path / "store", "imported-y-2", "pool")


def test_pool_and_target_under_one_name_share_an_encoder(tmp_path: Path) -> None:
    card = importer.encoder_card("clip-l14", 768)
    assert card == importer.encoder_card("clip-l14", 768)
    assert card["id"].startswith("imported-clip-l14-")
    assert card["id"] != importer.encoder_card("clip-l14", 512)["id"]
    feature_store.write_card(tmp_path, card)
    with pytest.raises(errors.InputError, match="encoder name"):
        importer.encoder_card("../up", 768)
