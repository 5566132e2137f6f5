"""Addresses as paths, and those that are refused."""

from pathlib import Path

import pytest

from sept_core import errors
from sept_core.remote import permission, places

SECRET = "hunter2"


def test_an_address_survives_as_a_path() -> None:
    for address in ("s3://bucket/a/b.tar", "gs://bucket", "https://host:8443/x/list.txt"):
        assert places.is_remote(Path(address))
        assert places.url(Path(address)) == address
        assert places.absolute(Path(address)) == Path(address)
    assert not places.is_remote(Path("/data/s3:/bucket"))
    assert places.joined(Path("s3:"), "bucket/key") == "s3://bucket/key"
    assert places.joined(Path("s3://bucket/a"), "b c.jpg") == "s3://bucket/a/b c.jpg"


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{SECRET}@host/list.txt",
        f"s3://AKIA:{SECRET}@bucket/key",
        f"https://host/list.txt?X-Amz-Signature={SECRET}",
        f"s3://bucket/a.tar?key={SECRET}",
        f"https://host/list.txt#{SECRET}",
    ],
)
def test_secrets_in_an_address_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(errors.SourceError) as caught:
        places.absolute(Path(address))
    assert SECRET not in str(caught.value)


def test_other_schemes_are_named() -> None:
    with pytest.raises(errors.SourceError, match="ftp:// is not supported"):
        places.absolute(Path("ftp://host/a.tar"))


def test_names_in_messages_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(permission.VARIABLE, "s3://bucket")
    with pytest.raises(errors.SourceError) as caught:
        permission.check("https://host/\udcff.jpg")
    assert r"https://host/\udcff.jpg" in str(caught.value)
    str(caught.value).encode()


def test_prefixes_hold_by_whole_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(permission.VARIABLE, "s3://bucket/shards https://host/a/, gs://other")
    permission.check("s3://bucket/shards/0.tar")
    permission.check("https://host/a/x.jpg")
    permission.check("gs://other/x")
    for address in (
        "s3://bucket/shards-of-others/0.tar",
        "s3://bucket/shards/../secret",
        "https://host/a/%2e%2E/secret",
        "https://host/a/..%2fsecret",
        "s3://bucket2/shards/0.tar",
        "gs://others/x",
        "https://host.evil/a/x.jpg",
    ):
        with pytest.raises(errors.SourceError, match="SEPT_REMOTES"):
            permission.check(address)


def test_nothing_is_allowed_behind_a_login_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(permission.VARIABLE, raising=False)
    monkeypatch.delenv("SEPT_LOGIN", raising=False)
    permission.check("s3://bucket/x")
    monkeypatch.setenv("SEPT_LOGIN", "password")
    with pytest.raises(errors.SourceError, match="SEPT_REMOTES"):
        permission.check("s3://bucket/x")
    monkeypatch.setenv(permission.VARIABLE, "s3://bucket")
    permission.check("s3://bucket/x")


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "[fe80::1]", "[::ffff:10.0.0.1]",
     "[64:ff9b::169.254.169.254]", "[::10.0.0.1]", "[2002:a00:1::]"],
)  # fmt: skip
def test_private_addresses_need_a_prefix(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(permission.VARIABLE, raising=False)
    with pytest.raises(errors.SourceError, match="private or local"):
        permission.addresses(f"https://{number}/x.jpg")
    monkeypatch.setenv(permission.VARIABLE, f"https://{number}")
    assert permission.addresses(f"https://{number}/x.jpg")


def test_unencrypted_places_need_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(permission.VARIABLE, raising=False)
    with pytest.raises(errors.SourceError, match="not encrypted"):
        permission.check("http://93.184.216.34/x.jpg")
