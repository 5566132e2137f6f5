"""The manifest round-trips, names its content whatever the order, and refuses what is wrong."""

import hashlib
import json
import math
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.manifest import image_reader, manifest, manifest_tables
from sept_core.storage import hashing

NO_LOCATIONS = manifest_tables.LOCATIONS.empty_table()
NO_GUARD = manifest_tables.GUARD.empty_table()
RELAXED = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)
floats = st.floats(-1, 1).map(lambda value: round(value, 6))
counts = st.integers(0, 2**31 - 2)
maybe = st.one_of(st.none(), names)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """One row that a selection could make, with hostile text wherever text may stand."""
    sha256 = hashlib.sha256(draw(st.binary(max_size=8))).hexdigest()
    archived = draw(st.booleans())
    path = "x" + draw(names)  # not '..'
    return {
        "uid": sha256[:32],
        "sha256": sha256,
        "source": draw(names),
        "source_uid": draw(maybe),
        "rel_path": "" if archived else path,
        "shard": path if archived else "",
        "key": draw(names) if archived else "",
        "n_locations": draw(counts),
        "width": draw(counts),
        "height": draw(counts),
        "target_uid": draw(maybe),
        "target_rank": draw(st.one_of(st.none(), counts)),
        "similarity": draw(floats),
        "n_targets": draw(counts),
        "phase": draw(st.sampled_from(["core", "expand", "fill"])),
        "decision": draw(maybe),
        "reason": draw(maybe),
        "decided_by": draw(maybe),
        "decided_at": draw(maybe),
        "dup_group": draw(st.one_of(st.none(), st.integers(0, 2**60))),
        "leak_distance": draw(st.one_of(st.none(), floats)),
        "encoder_id": draw(names),
        "index_id": draw(maybe),
    }


tables = st.lists(rows(), max_size=6, unique_by=lambda row: row["uid"])


def _hash(rows: list[dict[str, Any]]) -> str:
    return manifest_tables.content_hash(_table(rows))


def _table(given_rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(given_rows, manifest_tables.SCHEMA)


def _header(**changes: Any) -> dict[str, Any]:
    return dict.fromkeys(manifest.REQUIRED) | {"guard": {"state": "none"}} | changes


def _row(data: bytes, rel_path: str = "a.jpg", **changes: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    row = dict.fromkeys(manifest_tables.SCHEMA.names) | {"uid": sha256[:32], "sha256": sha256}
    return row | {"source": "pool", "rel_path": rel_path, "phase": "core"} | changes


def _write(folder: Path, given_rows: list[dict[str, Any]], **extra: Any) -> manifest.Manifest:
    arguments = {"locations": NO_LOCATIONS, "guard": NO_GUARD, "header": _header(), "roots": {}}
    return manifest.write(folder, _table(given_rows), **(arguments | extra))


@settings(RELAXED, max_examples=12)  # each example syncs five files to the disk
@given(tables)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    header = _header(settings={"budget": 3}, seed=7)
    _write(folder, given_rows, header=header, roots={"pool": Path("/data")})
    opened = manifest.read(folder / manifest.HEADER)
    assert opened.rows.to_pylist() == given_rows
    assert opened.header.items() >= header.items()
    assert opened.roots() == {"pool": Path("/data")}
    assert opened.content_hash == manifest_tables.content_hash(opened.rows)
    assert len(opened) == len(given_rows)


@RELAXED
@given(tables, st.randoms(use_true_random=False))
def test_content_hash_does_not_depend_on_order(given_rows: list[dict[str, Any]], chance) -> None:
    shuffled = list(given_rows)
    chance.shuffle(shuffled)
    assert manifest_tables.content_hash(_table(shuffled)) == manifest_tables.content_hash(
        _table(given_rows)
    )


@RELAXED
@given(rows(), st.sampled_from(manifest_tables.SCHEMA.names))
def test_content_hash_depends_on_each_column_but_people_times_and_versions(
    row: dict[str, Any], name: str
) -> None:
    other = row[name] + 1 if isinstance(row[name], int | float) else f"{row[name]}!"
    if row[name] is None and not pa.types.is_string(manifest_tables.SCHEMA.field(name).type):
        other = 1
    same = manifest_tables.content_hash(_table([row])) == manifest_tables.content_hash(
        _table([row | {name: other}])
    )
    assert same == (name in ("decided_by", "decided_at", "index_id"))


def test_content_hash_is_the_documented_one() -> None:
    row = _row(b"1", similarity=0.12345649, n_targets=2, reason="é", index_id="ivf")
    row["leak_distance"] = math.nan
    values: list[Any] = [
        row["uid"], row["sha256"], "pool", None, "a.jpg", None, None, None, None, None, None, None,
        0.123456, 2, "core", None, "é", None, None, None,
    ]  # fmt: skip
    lines = [json.dumps(manifest_tables.HASHED, separators=(",", ":"))]
    lines.append(json.dumps(values, separators=(",", ":")))
    expected = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert manifest_tables.content_hash(_table([row])) == expected


def test_digits_beyond_a_millionth_and_the_sign_of_zero_do_not_count() -> None:
    first = [_row(b"1", similarity=0.25, leak_distance=0.0)]
    second = [_row(b"1", similarity=0.25 + 1e-9, leak_distance=-0.0)]
    assert manifest_tables.content_hash(_table(first)) == manifest_tables.content_hash(
        _table(second)
    )


def test_picks_come_back_in_selected_order(tmp_path: Path) -> None:
    given_rows = [
        _row(bytes([n]), f"{n}.jpg", target_uid="t", target_rank=n, similarity=1 / (n + 1))
        for n in range(20)
    ]
    _write(tmp_path / "m", given_rows)
    picks = manifest.picks(manifest.read(tmp_path / "m"))
    assert picks.column_names == list(manifest_tables.PICKS)
    assert picks.to_pylist() == [{n: row[n] for n in manifest_tables.PICKS} for row in given_rows]


def test_rows_may_come_with_other_types_and_column_order(tmp_path: Path) -> None:
    table = _table([_row(b"1", n_targets=3)])
    loose = table.select(list(reversed(table.column_names)))
    loose = loose.set_column(loose.column_names.index("uid"), "uid", loose["uid"].cast(pa.binary()))
    written = manifest.write(tmp_path / "m", loose, NO_LOCATIONS, NO_GUARD, _header(), {})
    assert written.rows.schema == manifest_tables.SCHEMA
    assert written.rows.to_pylist() == [_row(b"1", n_targets=3) | {"shard": "", "key": ""}]


@pytest.mark.parametrize(
    ("given_rows", "message"),
    [
        ([_row(b"1"), _row(b"1")], "twice"),
        ([_row(b"1", uid="A" * 32)], "not 32 hex digits"),
        ([_row(b"1", uid="a" * 32)], "not the beginning"),
        ([_row(b"1", source="")], "no source"),
        ([_row(b"1", rel_path="/etc/passwd")], "points outside"),
        ([_row(b"1", rel_path="x/../../y")], "points outside"),
        ([_row(b"1", rel_path="", shard="../a.zip", key="k")], "points outside"),
        ([_row(b"1", shard="a.zip", key="k")], "either a rel_path"),
        ([_row(b"1", rel_path="", shard="a.zip")], "either a rel_path"),
        ([_row(b"1", rel_path="")], "no path"),
    ],
)
def test_rows_that_no_selection_makes_are_refused(
    tmp_path: Path, given_rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(errors.ManifestError, match=message):
        _write(tmp_path / "m", given_rows)
    assert not (tmp_path / "m" / manifest.HEADER).exists()


def test_locations_belong_to_rows(tmp_path: Path) -> None:
    place = {"uid": "0" * 32, "source": "pool", "rel_path": "x", "shard": "", "key": ""}
    with pytest.raises(errors.ManifestError, match="not selected"):
        _write(
            tmp_path / "m",
            [_row(b"1")],
            locations=pa.Table.from_pylist([place], manifest_tables.LOCATIONS),
        )


def test_columns_and_header_must_be_complete(tmp_path: Path) -> None:
    table = _table([_row(b"1")])
    with pytest.raises(errors.ManifestError, match="unknown: phase"):
        manifest.write(
            tmp_path, table.drop_columns(["phase"]), NO_LOCATIONS, NO_GUARD, _header(), {}
        )
    with pytest.raises(errors.ManifestError, match="lacks guard"):
        header = {k: v for k, v in _header().items() if k != "guard"}
        manifest.write(tmp_path, table, NO_LOCATIONS, NO_GUARD, header, {})
    with pytest.raises(errors.ManifestError, match="state of the guard"):
        _write(tmp_path, [_row(b"1")], header=_header(guard={}))


def test_a_held_out_image_is_never_written(tmp_path: Path) -> None:
    row = _row(b"1")
    guard = pa.Table.from_pylist([{"uid": row["uid"], "phash": 2**64 - 1}], manifest_tables.GUARD)
    on = _header(guard={"state": "on", "bits": 6})
    with pytest.raises(errors.LeakError, match="held-out"):
        _write(tmp_path / "m", [row], guard=guard, header=on)
    with pytest.raises(errors.LeakError, match="no held-out image was checked"):
        _write(tmp_path / "m", [row], header=on)
    written = _write(tmp_path / "m", [_row(b"2")], guard=guard, header=on)
    assert written.guard["phash"].to_pylist() == [2**64 - 1]


def test_value_ranges_stand_in_the_header_and_not_in_the_hash(tmp_path: Path) -> None:
    ranges = ValueRanges((ValueRange("uint16", 7424, 7676, images=60),))
    given = [_row(b"1")]
    plain = _write(tmp_path / "plain", given)
    scaled = _write(tmp_path / "scaled", given, header=_header(value_ranges=ranges.to_json()))
    assert plain.value_ranges == ValueRanges() and scaled.value_ranges == ranges
    assert plain.content_hash == scaled.content_hash
    odd = _write(tmp_path / "odd", given, header=_header(value_ranges={"uint16": [1, 2]}))
    with pytest.raises(errors.ManifestError, match="value ranges"):
        _ = odd.value_ranges


def test_a_manifest_is_never_written_over(tmp_path: Path) -> None:
    _write(tmp_path / "m", [_row(b"1")])
    with pytest.raises(errors.ManifestError, match="already holds"):
        _write(tmp_path / "m", [_row(b"2")])


def test_without_a_header_there_is_no_manifest(tmp_path: Path) -> None:
    _write(tmp_path / "m", [_row(b"1")])
    (tmp_path / "m" / manifest.HEADER).unlink()
    with pytest.raises(errors.ManifestError, match="has no complete manifest"):
        manifest.read(tmp_path / "m")


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 99}', "nonsense"])
def test_a_header_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / manifest.HEADER).write_text(text)
    with pytest.raises(errors.ManifestError):
        manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["manifest", "locations", "guard"])
def test_an_altered_table_is_refused(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "m", [_row(b"1")])
    path = tmp_path / "m" / f"{name}.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path, compression="none")
    with pytest.raises(errors.ManifestError, match="checksum differs"):
        manifest.read(tmp_path / "m")
    path.unlink()
    with pytest.raises(errors.ManifestError, match="is missing"):
        manifest.read(tmp_path / "m")


def _pool(folder: Path) -> tuple[dict[str, Path], list[bytes]]:
    """A folder and a zip that share their first image."""
    data = [bytes([number]) * 100 for number in range(8)]
    (folder / "plain").mkdir()
    (folder / "packed").mkdir()
    for number, content in enumerate(data):
        (folder / "plain" / f"{number}.jpg").write_bytes(content)
    with zipfile.ZipFile(folder / "packed" / "a.zip", "w") as archive:
        archive.writestr("in/0.jpg", data[0])
    return {"plain": folder / "plain", "packed": folder / "packed"}, data


def _pool_manifest(folder: Path) -> tuple[manifest.Manifest, list[bytes]]:
    roots, data = _pool(folder)
    given_rows = [
        _row(content, f"{n}.jpg", source="plain", n_locations=1 + (n == 0))
        for n, content in enumerate(data)
    ]
    places = [
        {"uid": given_rows[0]["uid"], "source": "plain", "rel_path": "0.jpg"},
        {"uid": given_rows[0]["uid"], "source": "packed", "shard": "a.zip", "key": "in/0.jpg"},
    ]
    locations = pa.Table.from_pylist(places, manifest_tables.LOCATIONS)
    return _write(folder / "m", given_rows, locations=locations, roots=roots), data


def test_images_are_read_by_uid_from_many_threads(tmp_path: Path) -> None:
    opened, data = _pool_manifest(tmp_path)
    uids = [hashing.uid_of(content) for content in data]
    barrier = threading.Barrier(4)

    def read_all(_: int) -> list[bytes]:
        barrier.wait()
        return [reader.read(uid) for uid in uids]

    with image_reader.ImageReader(opened) as reader, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read_all, range(4))) == [data] * 4


def test_reader_falls_back_to_another_place(tmp_path: Path) -> None:
    opened, data = _pool_manifest(tmp_path)
    uid = hashing.uid_of(data[0])
    with image_reader.ImageReader(opened) as reader:
        assert reader.fetch(uid) == (("plain", "0.jpg", ""), data[0])
    for damage in (b"other bytes", None):
        path = tmp_path / "plain" / "0.jpg"
        path.unlink() if damage is None else path.write_bytes(damage)
        with image_reader.ImageReader(opened) as reader:
            assert reader.fetch(uid) == (("packed", "a.zip", "in/0.jpg"), data[0])


def test_reader_never_gives_other_bytes(tmp_path: Path) -> None:
    opened, data = _pool_manifest(tmp_path)
    (tmp_path / "plain" / "3.jpg").write_bytes(b"changed")
    (tmp_path / "plain" / "4.jpg").unlink()
    with image_reader.ImageReader(opened) as reader:
        with pytest.raises(errors.IntegrityError, match=r"plain → 3\.jpg has changed"):
            reader.read(hashing.uid_of(data[3]))
        with pytest.raises(errors.NotFoundError, match=r"4\.jpg"):
            reader.read(hashing.uid_of(data[4]))
        with pytest.raises(errors.NotFoundError, match="has no image"):
            reader.read("0" * 32)


def test_reader_says_which_source_has_no_folder(tmp_path: Path) -> None:
    opened, data = _pool_manifest(tmp_path)
    with image_reader.ImageReader(opened, {"packed": tmp_path / "packed"}) as reader:
        assert reader.unrooted == ["plain"]
        assert reader.read(hashing.uid_of(data[0])) == data[0]
        with pytest.raises(errors.NotFoundError, match="plain"):
            reader.read(hashing.uid_of(data[1]))


def test_an_image_of_features_only_has_no_bytes(tmp_path: Path) -> None:
    row = _row(b"1", rel_path="", sha256=None)
    opened = _write(tmp_path / "m", [row])
    with (
        image_reader.ImageReader(opened) as reader,
        pytest.raises(errors.NotFoundError, match="features only"),
    ):
        reader.read(row["uid"])
