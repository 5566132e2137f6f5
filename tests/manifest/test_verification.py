"""Each thing that can happen to a manifest or its images is found, and nothing else is."""

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_world import World, header, recompressed, rows_of
from PIL import Image

from sept_core import errors
from sept_core.manifest import manifest, manifest_tables, verification
from sept_core.storage import atomic, hashing


def _kinds(report: verification.VerifyReport) -> set[tuple[str, str]]:
    return {(problem.kind, problem.uid) for problem in report.problems}


def _edit(world: World, change: dict[str, object], *, forge: bool) -> None:
    """Alter the first row; a forger also brings the checksums up to date."""
    path = world.manifest.folder / "manifest.parquet"
    rows = world.manifest.rows.to_pylist()
    rows[0] |= change
    pq.write_table(pa.Table.from_pylist(rows, manifest_tables.SCHEMA), path)
    if forge:
        plain = {k: v for k, v in world.manifest.header.items() if k != "fingerprint"}
        plain["sha256"] = plain["sha256"] | {"manifest": atomic.sha256_file(path)}
        fingerprint = {"fingerprint": hashing.fingerprint(plain)}
        atomic.write_json(world.manifest.folder / manifest.HEADER, plain | fingerprint)


def test_an_untouched_manifest_has_no_problems(world: World) -> None:
    seen: list[tuple[int, int]] = []
    report = verification.verify(
        world.manifest.folder, progress=lambda done, total: seen.append((done, total))
    )
    assert report.problems == []
    assert report.checked == {"rows": 11, "images": 11, "guard": 11}
    assert seen == [(11, 11)]


def test_a_missing_file_is_named(world: World) -> None:
    world.path("new\nline.jpg").unlink()
    report = verification.verify(world.manifest.folder)
    assert _kinds(report) == {("missing", world.uids[2])}
    assert "new\nline.jpg" in report.problems[0].message


def test_one_lost_place_of_two_is_no_problem(world: World) -> None:
    world.path("plain.jpg").unlink()
    assert verification.verify(world.manifest.folder).problems == []


def test_a_changed_byte_is_found(world: World) -> None:
    path = world.path("=cmd|' calc'!A0.gif")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert _kinds(verification.verify(world.manifest.folder)) == {("changed", world.uids[5])}
    assert verification.verify(world.manifest.folder, images=False).problems == []


def test_an_edited_row_is_found(world: World) -> None:
    _edit(world, {"similarity": 0.5}, forge=False)
    assert {kind for kind, _ in _kinds(verification.verify(world.manifest.folder))} == {"edited"}
    with pytest.raises(errors.ManifestError, match="checksum differs"):
        manifest.read(world.manifest.folder)


def test_an_edited_row_is_found_by_its_content_too(world: World) -> None:
    _edit(world, {"similarity": 0.5}, forge=True)
    report = verification.verify(world.manifest.folder)
    assert "content hash" in report.problems[0].message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uid": "x"}, "not 32 hex digits"),
        ({"sha256": "0" * 64}, "not the beginning"),
        ({"source": None}, "no source"),
        ({"rel_path": "/etc/passwd"}, "points outside"),
        ({"rel_path": "a/../../b"}, "points outside"),
        ({"shard": "a.zip"}, "either a rel_path"),
    ],
)
def test_an_impossible_row_is_found_even_if_forged(
    world: World, change: dict[str, object], message: str
) -> None:
    _edit(world, change, forge=True)
    report = verification.verify(world.manifest.folder, images=False)
    assert any(p.kind == "row" and message in p.message for p in report.problems)


def test_an_edited_header_is_found(world: World) -> None:
    path = world.manifest.folder / manifest.HEADER
    path.write_text(path.read_text().replace('"state": "on"', '"state": "off"'))
    report = verification.verify(world.manifest.folder)
    assert _kinds(report) == {("edited", "")}


def test_a_lost_table_is_found(world: World) -> None:
    (world.manifest.folder / "guard.parquet").unlink()
    report = verification.verify(world.manifest.folder)
    assert {kind for kind, _ in _kinds(report)} == {"edited"}


def test_a_source_without_a_folder_is_one_problem(world: World) -> None:
    roots = world.roots | {"photos": Path("/nowhere/at/all")}
    report = verification.verify(world.manifest.folder, roots)
    assert _kinds(report) == {("root", "")}
    assert "'photos'" in report.problems[0].message
    assert report.checked["images"] == 4  # the archives, one of which has plain.jpg as well


def test_roots_can_be_given_for_another_machine(world: World, tmp_path: Path) -> None:
    shutil.move(world.roots["photos"], tmp_path / "moved")
    roots = world.roots | {"photos": tmp_path / "moved"}
    assert verification.verify(world.manifest.folder, roots).problems == []


def _with_extra(world: World, folder: Path, data: bytes, guard: pa.Table, state: str) -> Path:
    """A manifest of one image that is a leak, made while the guard was off."""
    (world.roots["photos"] / "extra.jpg").write_bytes(data)
    rows = rows_of([(data, "photos", "extra.jpg", "")])
    locations = manifest_tables.LOCATIONS.empty_table()
    off = header({"state": "off"})
    manifest.write(folder, rows, locations, manifest_tables.GUARD.empty_table(), off, world.roots)
    pq.write_table(guard, folder / "guard.parquet")
    plain = atomic.read_json(folder / manifest.HEADER) | {"guard": {"state": state, "bits": 6}}
    plain["sha256"]["guard"] = atomic.sha256_file(folder / "guard.parquet")
    del plain["fingerprint"]
    fingerprint = {"fingerprint": hashing.fingerprint(plain)}
    atomic.write_json(folder / manifest.HEADER, plain | fingerprint)
    return folder


def test_a_held_out_image_is_a_leak(world: World, tmp_path: Path) -> None:
    folder = _with_extra(world, tmp_path / "m", world.held_out, world.manifest.guard, "on")
    found = verification.verify(folder, images=False)
    assert _kinds(found) == {("leak", hashing.uid_of(world.held_out))}


def test_a_near_copy_of_a_held_out_image_is_a_leak(world: World, tmp_path: Path) -> None:
    copy = recompressed(world.held_out)
    folder = _with_extra(world, tmp_path / "m", copy, world.manifest.guard, "on")
    report = verification.verify(folder)
    assert _kinds(report) == {("leak", hashing.uid_of(copy))}
    assert "near copy" in report.problems[0].message


def test_16_bit_images_are_compared_as_they_were_scaled(world: World, tmp_path: Path) -> None:
    """A heat picture is a near copy of a held-out one by the range in the manifest's header."""
    heat = 7424 + np.asarray(Image.open(io.BytesIO(world.held_out)).convert("L"), np.uint16)
    out = io.BytesIO()
    Image.fromarray(heat).save(out, "PNG")
    folder = _with_extra(world, tmp_path / "m", out.getvalue(), world.manifest.guard, "on")
    assert verification.verify(folder).problems == [], "without a range it is all grey"
    plain = atomic.read_json(folder / manifest.HEADER)
    del plain["fingerprint"]
    plain["value_ranges"] = {"uint16": {"low": 7424, "high": 7679}}
    fingerprint = {"fingerprint": hashing.fingerprint(plain)}
    atomic.write_json(folder / manifest.HEADER, plain | fingerprint)
    assert _kinds(verification.verify(folder)) == {("leak", hashing.uid_of(out.getvalue()))}


def test_a_guard_that_is_off_looks_for_nothing_near(world: World, tmp_path: Path) -> None:
    copy = recompressed(world.held_out)
    folder = _with_extra(world, tmp_path / "m", copy, world.manifest.guard, "off")
    report = verification.verify(folder)
    assert report.problems == [] and report.checked["guard"] == 0


def test_nothing_to_verify_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.ManifestError, match="no complete manifest"):
        verification.verify(tmp_path)
