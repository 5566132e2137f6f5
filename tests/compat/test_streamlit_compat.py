"""Undocumented behaviour of Streamlit; the deep link itself is tested in a browser."""

from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.server.starlette import starlette_routes

from pages.shared import streamlit_compat


def test_streamlit_ignores_the_folder_of_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pages").mkdir()
    main = str(tmp_path / "app.py")
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    PagesManager(main)
    assert PagesManager.uses_pages_directory is True, "not looked for any more: drop use_menu_only"
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    streamlit_compat.use_menu_only()
    PagesManager(main)
    assert PagesManager.uses_pages_directory is False


def test_streamlit_says_there_that_it_is_up() -> None:
    assert f"/{starlette_routes.ROUTE_HEALTH}" == streamlit_compat.HEALTH
