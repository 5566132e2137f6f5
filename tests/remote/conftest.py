"""A server of objects with one bucket, and the environment that leads to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from object_server import ObjectServer, serving

from sept_core.remote import files


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    (tmp_path / "store" / "bucket").mkdir(parents=True)
    with serving(tmp_path / "store") as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SEPT_REMOTES", f"s3://bucket {running.url}/bucket")
        files.forget()
        yield running
    files.forget()


@pytest.fixture
def bucket(server: ObjectServer) -> Path:
    return server.folder / "bucket"
