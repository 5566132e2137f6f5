"""Image routes and headers, requested as by a browser and by an attacker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.shared import routes, state
from sept_core.services.project import recent

UNKNOWN = "f" * 32


@pytest.fixture
def client(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("SEPT_PROJECT", str(project))
    app = Starlette(routes=routes.ROUTES, middleware=routes.MIDDLEWARE)
    yield TestClient(app, base_url="http://127.0.0.1")
    st.cache_resource.clear()


def test_known_images_are_cached_forever(client: TestClient, project: Path) -> None:
    from sept_core.catalogue import image_table

    with state.project() as opened:
        uid = image_table.eligible(opened.db)[0].decode()
    for kind in ("images", "thumbnails"):
        answer = client.get(f"/{kind}/{uid}?project={recent.key_of(project)}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("image/")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_images_that_depend_on_value_ranges_are_not_cached(
    client: TestClient, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from sept_core.catalogue import place_table
    from sept_core.filesystem import roots
    from sept_core.storage import hashing

    path = tmp_path / "deep.png"
    Image.new("I;16", (9, 9), 7500).save(path)
    uid = hashing.uid_of(path.read_bytes())
    place = place_table.Place("s", "s1", roots.Root(tmp_path), "deep.png", "", -1, -1, "PNG", None)
    monkeypatch.setattr(place_table, "places", lambda db, wanted: [place])
    for kind in ("images", "thumbnails", "thumbnails"):
        answer = client.get(f"/{kind}/{uid}?project={recent.key_of(project)}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name", [UNKNOWN, "-1", "catalogue.duckdb", "..%2fcatalogue.duckdb", "%00"]
)
def test_anything_else_is_not_found(client: TestClient, project: Path, name: str) -> None:
    for kind in ("images", "thumbnails"):
        answer = client.get(f"/{kind}/{name}?project={recent.key_of(project)}")
        assert answer.status_code == 404
        assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.parametrize("key", ["", "nowhere-123456", "../other"])
def test_a_project_that_was_not_opened_is_not_found(client: TestClient, key: str) -> None:
    for path in (f"/images/{UNKNOWN}", "/curate/sheet/k/l/200"):
        answer = client.get(f"{path}?project={key}")
        assert answer.status_code == 404 and "No project" in answer.text


def test_only_get_and_only_this_host(client: TestClient) -> None:
    assert client.post(f"/images/{UNKNOWN}").status_code == 405
    answer = client.get(f"/images/{UNKNOWN}", headers={"host": "evil.example"})
    assert answer.status_code == 400
