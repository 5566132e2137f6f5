"""The Map page through the app; the component itself is tested in the browser."""

from pathlib import Path

import pytest
from small_project import sept
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from pages.shared import routes
from sept_core.services.explore import text_search
from sept_core.services.project import recent

ROOT = Path(__file__).parents[2]
PAGE = "pages/data/map.py"


def said(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown)


def test_without_a_map_it_offers_to_draw_one(app: AppTest) -> None:
    app.run().switch_page(PAGE).run()
    assert not app.exception and "not been drawn" in app.info[0].value
    assert any(button.label == "Draw map" for button in app.button)


def test_an_area_of_the_url_is_gathered_and_kept_as_a_group(app: AppTest, project: Path) -> None:
    assert sept("map", project).returncode == 0
    app.run()
    app.query_params["area"] = "[[0,0],[1,0],[1,1],[0,1]]"
    app.switch_page(PAGE).run()
    assert not app.exception and not app.error
    assert "**161** images in the area" in said(app)
    next(f for f in app.text_input if f.key == "gathered name").set_value("all").run()
    next(b for b in app.button if b.label == "Save 161 images").click().run()
    assert not app.exception and not app.error
    assert "all" in next(s for s in app.selectbox if s.label == "Named group").options


def test_a_metadata_filter_is_inspected_and_an_invalid_one_is_an_error(
    app: AppTest, project: Path
) -> None:
    assert sept("map", project).returncode == 0
    app.run().switch_page(PAGE).run()
    field = next(f for f in app.text_input if f.label == "Metadata filter")
    field.set_value("path ~ red").run()
    assert not app.exception and "images match `path ~ red`" in said(app)
    assert app.query_params["filter"] == "path ~ red"
    next(f for f in app.text_input if f.label == "Metadata filter").set_value("colour = 1").run()
    assert not app.exception and "colour" in app.error[0].value


def test_every_choice_counts_and_is_in_the_url(app: AppTest, project: Path) -> None:
    assert sept("map", project).returncode == 0
    app.run().switch_page(PAGE).run()
    for choice in ("source", "quality:sharpness", "cluster", "decision:toys"):
        next(s for s in app.selectbox if s.label == "Colour").set_value(choice).run()
        assert app.query_params["colour"] == choice
    app.query_params["colour"] = "source"
    app.run()
    assert next(s for s in app.selectbox if s.label == "Colour").value == "source"


def test_a_text_query_needs_an_encoder_of_words(
    app: AppTest, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sept("map", project).returncode == 0
    app.run().switch_page(PAGE).run()
    assert not [field for field in app.text_input if field.label == "Text query"]
    uid = "0" * 31 + "7"
    monkeypatch.setattr(text_search, "understands_words", lambda *_: True)
    monkeypatch.setattr(text_search, "find", lambda *_: [(uid, 0.31)])
    app.run()
    next(f for f in app.text_input if f.label == "Text query").set_value("a red circle").run()
    assert not app.exception and not app.error
    assert "**1** images most similar to the text" in said(app)
    assert app.query_params["words"] == "a red circle"
    assert any(uid in element.proto.body for element in app.get("html"))
    app.query_params["near"] = "f" * 32
    app.run()
    assert "no features" in app.error[0].value, "a clicked image comes before words"


def test_routes_serve_bytes_for_every_point(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    assert sept("map", project).returncode == 0
    encoder = next((project / "maps").iterdir()).name
    recent.remember(project, "p")
    client = TestClient(Starlette(routes=routes.ROUTES), base_url="http://127.0.0.1")
    key = f"project={recent.key_of(project)}"
    try:
        points = client.get(f"/map/{encoder}/points/x?{key}")
        colours = client.get(f"/map/{encoder}/colours/x?{key}&by=source")
        assert len(points.content) == 161 * 4 and len(colours.content) == 161
        assert points.headers["content-encoding"] == "identity"
        near = client.get(f"/map/{encoder}/nearest/x?{key}&x=0.5&y=0.5&within=2")
        assert len(near.json()["uid"]) == 32
        for bad in (f"/map/{encoder}/nearest/x?{key}&x=a", f"/map/..%2f/points/x?{key}",
                    f"/map/{encoder}/colours/x?{key}&by=magic"):  # fmt: skip
            assert client.get(bad).status_code == 404
    finally:
        st.cache_resource.clear()
