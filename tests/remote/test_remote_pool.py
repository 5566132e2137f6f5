"""A pool in object storage, from `pool add` to an export, over a connection that fails."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from object_server import ObjectServer
from small_project import HUES, picture, png, sept

SECRETS = ("AKIDOFTESTS", "secret-of-tests", "list-type")


def run(*words: object) -> str:
    done = sept(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def shards(bucket: Path) -> int:
    """Four shards of 30 images; their total number."""
    number = 0
    for shard in range(4):
        with tarfile.open(bucket / f"{shard:05d}.tar", "w") as archive:
            for family in list(HUES)[:3]:
                for _ in range(10):
                    data = png(picture(family, number))
                    info = tarfile.TarInfo(f"{family}{number:04d}.png")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
                    number += 1
    return number


def test_a_remote_pool_survives_faults(
    shards: int,
    server: ObjectServer,
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.5")
    monkeypatch.setenv("SEPT_CACHE", str(tmp_path / "cache"))
    project = tmp_path / "project"
    run("init", project)
    server.fault(part="00002.tar", status=503, times=1000)  # longer than anyone waits
    sept("pool", "add", project, "web", "s3://bucket/{00000..00003}.tar")
    state = run("pool", "status", project)
    assert "unreachable: the server answered with status 503" in state
    server.faults.clear()
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "20")
    for number in range(10):
        server.fault(part=f"0000{number % 4}.tar", status=500)
        server.fault(part=f"0000{number % 4}.tar", cut_after=1000 * number)
    run("target", "add", project, "toys", small_data / "target")
    run("embed", project)  # lists the unreachable shard again
    counts = json.loads(run("pool", "status", project, "--json"))
    assert "unreachable" not in json.dumps(counts)
    picked = json.loads(run("select", project, "--target", "toys", "--budget", "30", "--json"))
    assert picked["funnel"]["pool"] == picked["funnel"]["decodable"] == shards
    run("export", project, picked["id"], "--out", tmp_path / "native")
    run("export", project, picked["id"], "--out", tmp_path / "first", "--format", "webdataset")
    assert len(list((tmp_path / "cache" / "images").glob("??/*"))) == 30
    server.requests.clear()
    run("export", project, picked["id"], "--out", tmp_path / "tars", "--format", "webdataset")
    assert not server.requests, "read from the copies of this machine"
    assert "no problems found" in run("verify", tmp_path / "native")
    assert server.requests, "read from the storage again"
    assert "no problems found" in run("check", project)
    for path in [*project.rglob("*"), *(tmp_path / "native").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), path


def test_an_outage_during_a_new_listing_loses_no_image(
    shards: int, server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_CACHE", str(tmp_path / "cache"))
    project = tmp_path / "project"
    run("init", project)
    run("pool", "add", project, "web", "s3://bucket/{00000..00003}.tar")
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.1")
    server.fault(method="HEAD", part="00001.tar", status=503, times=1000)
    again = sept("pool", "add", project, "web", "s3://bucket/{00000..00003}.tar", "--json")
    report = json.loads(again.stdout)
    assert (report["gone"], report["unreadable"]) == (0, 1)
    server.faults.clear()
    report = json.loads(
        run("pool", "add", project, "web", "s3://bucket/{00000..00003}.tar", "--json")
    )
    assert (report["total"], report["unchanged"]) == (shards, shards)


def test_a_changed_shard_is_read_again(
    shards: int, server: ObjectServer, bucket: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    run("init", project)
    run("pool", "add", project, "web", "s3://bucket/{00000..00003}.tar")
    path = bucket / "00001.tar"
    content = bytearray(path.read_bytes())
    content[2000] ^= 1  # the same size
    path.write_bytes(content)
    report = json.loads(
        run("pool", "add", project, "web", "s3://bucket/{00000..00003}.tar", "--json")
    )
    assert (report["changed"], report["unchanged"]) == (30, shards - 30)
