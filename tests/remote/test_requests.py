"""Objects looked up, listed and read over connections that fail."""

import os
from pathlib import Path

import pytest
from object_server import ObjectServer, address

from sept_core import errors
from sept_core.imaging import outcomes
from sept_core.remote import buckets, failures, files, requests

DATA = bytes(range(256)) * 4096
"""1 MiB."""


@pytest.fixture(params=["s3", "http"])
def place(request: pytest.FixtureRequest, server: ObjectServer, bucket: Path) -> str:
    (bucket / "x.bin").write_bytes(DATA)
    return "s3://bucket/x.bin" if request.param == "s3" else address(server, "bucket/x.bin")


def test_ranges_and_whole_objects(place: str) -> None:
    found = requests.stat(place)
    assert found.size == len(DATA)
    assert requests.read(found, 1000, 5000) == DATA[1000:5000]
    assert requests.fetch(place, 1 << 30) == (found, DATA)
    assert requests.fetch(place, 10) == (found, b"")


def test_a_connection_is_reused(server: ObjectServer, bucket: Path) -> None:
    (bucket / "x.bin").write_bytes(DATA)
    place = address(server, "bucket/x.bin")
    found = requests.stat(place)
    for _ in range(3):
        assert requests.stat(place) == found
        assert requests.read(found, 0, 10) == DATA[:10]
        with pytest.raises(FileNotFoundError):
            requests.stat(place + ".not")
        server.fault(method="HEAD", part=".old", location=place)
        assert requests.stat(place + ".old").size == len(DATA)
    assert server.connections == 1


def test_another_range_is_not_taken_for_the_wanted_one(server: ObjectServer, bucket: Path) -> None:
    (bucket / "x.bin").write_bytes(DATA)
    found = requests.stat(address(server, "bucket/x.bin"))
    server.fault(span="bytes=0-99")
    with pytest.raises(failures.Unreachable, match="another range"):
        requests.read(found, 1, 101)


def test_errors_of_the_server_are_retried(place: str, server: ObjectServer) -> None:
    server.fault(status=503, times=2)
    server.fault(method="HEAD", status=500)
    found = requests.stat(place)
    assert requests.read(found, 0, found.size) == DATA
    assert not any(fault.times for fault in server.faults)


def test_a_cut_body_is_continued_where_it_ended(place: str, server: ObjectServer) -> None:
    found = requests.stat(place)
    server.requests.clear()
    server.fault(cut_after=300_000)
    server.fault(cut_after=290_000)
    assert requests.read(found, 0, found.size) == DATA
    starts = [span.removeprefix("bytes=").partition("-")[0] for _, _, span in server.requests]
    assert len(starts) == 3
    assert 200_000 < int(starts[1]) < int(starts[2])


def test_a_stalled_connection_is_given_up_and_repeated(
    place: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "1")
    files.forget()
    found = requests.stat(place)
    server.fault(pause=2.0)
    assert requests.read(found, 0, 100) == DATA[:100]


def test_a_lasting_outage_is_unreachable_not_rejected(
    place: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.2")
    found = requests.stat(place)
    server.fault(status=503, times=1000)
    with pytest.raises(OSError, match="status 503") as caught:
        requests.read(found, 0, 100)
    reason = outcomes.of_machine(caught.value)
    assert reason == "unreachable: the server answered with status 503"
    assert outcomes.can_pass(reason)


def test_a_changed_object_is_noticed(place: str, bucket: Path) -> None:
    found = requests.stat(place)
    (bucket / "x.bin").write_bytes(DATA[::-1])
    os.utime(bucket / "x.bin", ns=(found.mtime_ns, found.mtime_ns))
    with pytest.raises(OSError, match="has changed"):
        requests.read(found, 0, 100)
    assert requests.stat(place).mtime_ns != found.mtime_ns


def test_missing_and_denied(place: str, server: ObjectServer) -> None:
    with pytest.raises(FileNotFoundError):
        requests.stat(place + ".not")
    server.fault(method="HEAD", status=403)
    with pytest.raises(failures.Unreachable, match="access denied"):
        requests.stat(place)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "address",
    ["https://host:abc/x", "https://host:99999/x", "https://[::1/x", "https://a..b/x",
     f"https://{'a' * 70}.org/x", "s3://bucket/\udcff"],
)  # fmt: skip
def test_invalid_addresses_are_not_tried_again(
    address: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEPT_REMOTES")
    with pytest.raises(failures.Unreachable, match=r"invalid|this name") as caught:
        requests.stat(address)
    assert caught.value.lasting


def test_redirects_to_invalid_addresses(server: ObjectServer) -> None:
    server.fault(method="HEAD", part="x.bin", location="http://[::1/y")
    with pytest.raises(failures.Unreachable, match="invalid"):
        requests.stat(address(server, "bucket/x.bin"))


def test_names_that_are_not_utf8(server: ObjectServer, bucket: Path) -> None:
    (bucket / "ü\udcff.bin").write_bytes(b"x")
    assert requests.stat(f"{server.url}/bucket/ü\udcff.bin").size == 1


def test_no_address_and_no_key_in_an_error(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.1")
    server.fault(status=500, times=1000)
    server.fault(method="HEAD", status=400, times=1000)
    with pytest.raises(OSError) as caught:
        list(requests.walk("s3://bucket/shards/"))
    with pytest.raises(OSError) as again:
        requests.stat("s3://bucket/x")
    for text in (repr(caught.value), repr(again.value)):
        assert "127.0.0.1" not in text
        assert "AKID" not in text
        assert "list-type" not in text


def test_redirects_stay_within_what_is_allowed(server: ObjectServer, bucket: Path) -> None:
    (bucket / "y.bin").write_bytes(b"y")
    server.fault(method="HEAD", part="x.bin", location=address(server, "bucket/y.bin"))
    assert requests.stat(address(server, "bucket/x.bin")).size == 1
    for target in ("http://169.254.169.254/latest", address(server, "other/y"), "file:///etc"):
        server.fault(method="HEAD", part="x.bin", location=target)
        with pytest.raises(failures.Unreachable, match="redirected") as caught:
            requests.stat(address(server, "bucket/x.bin"))
        assert "169.254" not in str(caught.value)


def test_listing_goes_on_behind_the_last_name(server: ObjectServer, bucket: Path) -> None:
    for number in range(1200):
        (bucket / f"{number:05d}").write_bytes(b"x")
    server.fault(part="continuation-token", status=500, times=2)
    found = [item.url for item in requests.walk("s3://bucket/")]
    assert found == [f"s3://bucket/{number:05d}" for number in range(1200)]


def test_an_object_is_streamed_once(server: ObjectServer, bucket: Path) -> None:
    size = 2 * files.CHUNK + 1000
    (bucket / "large").write_bytes(os.urandom(size))
    file = files.open_object("s3://bucket/large", ahead=True)
    whole = b"".join(files.read_at(file, 100_000, at) for at in range(0, size, 100_000))
    assert whole == (bucket / "large").read_bytes()
    assert server.sent == size
    exact = files.open_object("s3://bucket/large")
    assert files.read_at(exact, 10, files.CHUNK - 5) == whole[files.CHUNK - 5 :][:10]
    assert server.sent == size + 10


def test_google_storage_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore
    from obstore.store import MemoryStore

    store = MemoryStore()
    obstore.put(store, "a/x.bin", DATA)
    monkeypatch.setattr(buckets, "open_store", lambda kind, name: store)
    monkeypatch.delenv("SEPT_REMOTES", raising=False)
    files.forget()
    found = requests.stat("gs://bucket/a/x.bin")
    assert requests.read(found, 10, 20) == DATA[10:20]
    assert [item.url for item in requests.walk("gs://bucket/a/")] == ["gs://bucket/a/x.bin"]
    assert requests.top("gs://bucket/") == {"a": True}
    files.forget()


def test_the_web_has_no_folders(server: ObjectServer) -> None:
    with pytest.raises(errors.SourceError, match="cannot be listed"):
        list(requests.walk(address(server, "bucket/")))
