"""Undocumented behaviour of libraries: each test fails when a new version changes it."""

import hashlib
import inspect
import io
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path

import duckdb
import pytest
import torch
from PIL import Image

from sept_core.compat import (
    duckdb_messages,
    hash_type,
    pillow,
    ray_options,
    tarfile_headers,
    torch_cpu,
    warning_filters,
)


def test_duckdb_names_the_process_that_holds_a_file(tmp_path: Path) -> None:
    path = tmp_path / "held.duckdb"
    opening = f"import duckdb; duckdb.connect({str(path)!r})"
    with duckdb.connect(str(path)):
        other = subprocess.run([sys.executable, "-c", opening], capture_output=True, text=True)
        message = RuntimeError(other.stderr)
        assert duckdb_messages.holder(message) == str(_own_pid()), other.stderr
    assert duckdb_messages.holder(RuntimeError("No such file")) is None


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def test_a_hash_is_updated_and_copied() -> None:
    running: hash_type.RunningHash = hashlib.sha256(b"a")
    copied = running.copy()
    copied.update(b"b")
    assert running.hexdigest() == hashlib.sha256(b"a").hexdigest()
    assert copied.hexdigest() == hashlib.sha256(b"ab").hexdigest()


def test_tarfile_goes_on_without_the_headers_it_has_read() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for number in range(20):
            archive.addfile(tarfile.TarInfo(f"{number}.jpg"))
    made.seek(0)
    names = []
    with tarfile.open(fileobj=made, mode="r:") as archive:
        while (info := archive.next()) is not None:
            assert len(vars(archive)["members"]) <= 1, "tarfile keeps headers elsewhere now"
            tarfile_headers.forget(archive)
            names.append(info.name)
    assert names == [f"{number}.jpg" for number in range(20)]


@pytest.mark.parametrize("amx", [False, True])
@pytest.mark.parametrize("avx512", [False, True])
def test_torch_tells_what_the_cpu_multiplies(
    amx: bool, avx512: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(torch_cpu.multiplies_bf16(), bool)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert torch_cpu.multiplies_bf16() == (amx or avx512)


def test_ray_takes_the_options_of_a_local_cluster() -> None:
    ray = pytest.importorskip("ray")
    source = inspect.getsource(ray.init)
    public = set(inspect.signature(ray.init).parameters)
    for name in ray_options.ONLY_HERE:
        assert name in public or f'pop("{name}"' in source, f"ray.init no longer takes {name}"


def test_pillow_tells_the_size_of_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _saved(Image.new("L", (30, 20)), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError) as caught:
        Image.open(io.BytesIO(data))
    assert pillow.declared_pixels(caught.value) == 600


def test_pillow_reads_pixels_by_another_raw_mode() -> None:
    colour = Image.new("RGB", (2, 2), (1, 2, 3))
    plain = Image.open(io.BytesIO(_saved(colour, "PPM")))
    assert pillow.raw_mode(plain) == "RGB" and not pillow.is_read_by_libtiff(plain)
    pillow.set_raw_mode(plain, "BGR")
    assert plain.getpixel((0, 0)) == (3, 2, 1)
    packed = Image.open(io.BytesIO(_saved(colour, "TIFF", compression="tiff_lzw")))
    assert pillow.raw_mode(packed) == "RGB" and pillow.is_read_by_libtiff(packed)


def _saved(image: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def test_warnings_stay_silent_and_their_filters_few() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        for name in ("first_library.x", "other_library.y", "first_library.x"):
            warning_filters.silence(rf"{name.partition('.')[0]}\.")
            before = len(warnings.filters)
            warnings.warn_explicit("odd", UserWarning, "x.py", 1, module=name)
        assert not shown
        warning_filters.silence(r"other_library\.")
        assert len(warnings.filters) == before, "an ignored module is not listed again"
        warnings.simplefilter("always", UserWarning)
        warning_filters.silence(r"first_library\.")
        warnings.warn_explicit("odd", UserWarning, "x.py", 2, module="first_library.x")
        assert not shown
        warnings.warn_explicit("seen", UserWarning, "x.py", 1, module="own.module")
        assert [str(found.message) for found in shown] == ["seen"]
