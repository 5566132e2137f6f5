"""Pages through the app, as a person reaches them, and what the first one must not import."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_project import sept
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parent.parent
REVIEW = "pages/curate/review.py"


@pytest.fixture
def app(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    import streamlit as st

    monkeypatch.setenv("SEPT_PROJECT", str(project))
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    st.cache_resource.clear()


def select(project: Path) -> str:
    made = sept("select", project, "--target", "toys", "--budget", 12, "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["selection"])


def texts(elements: Any) -> str:
    return " ".join(element.value for element in elements)


def test_overview_says_where_the_project_stands(app: AppTest) -> None:
    app.run()
    assert not app.exception and not app.error
    assert {metric.label: metric.value for metric in app.metric}["Images in the pool"] == "161"
    assert "Select a subset" in texts(app.info)


def test_pool_lists_rejected_files_with_reasons(app: AppTest) -> None:
    app.run().switch_page("pages/data/pool.py").run()
    assert not app.exception and not app.error
    assert "broken.jpg" in app.dataframe[-1].value["rel_path"].tolist()
    assert "hand-made" in texts(app.markdown)


def test_targets_show_gaps_and_leaks(app: AppTest) -> None:
    app.run().switch_page("pages/data/targets.py").run()
    assert not app.exception and not app.error
    assert app.dataframe[0].value["train"].tolist() == [6, 6]
    assert "**1** pool images are copies of the 9 held-out" in texts(app.markdown)
    assert "the pool has a gap" in texts(app.markdown)


def test_a_project_is_made_and_deleted_in_the_app(app: AppTest, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    os.environ["SEPT_ROOTS"] = str(tmp_path)
    try:
        app.run()
        field = next(f for f in app.text_input if f.label == "Folder of the new project")
        field.set_value(str(folder)).run()
        next(b for b in app.button if b.label == "Make the project").click().run()
        assert not app.exception and not app.error
        assert (folder / "catalogue.duckdb").exists()
        assert app.title[0].value == "fresh" and "Add a source" in texts(app.info)
        field = next(f for f in app.text_input if f.label == "Folder of the new project")
        field.set_value("/etc/sept").run()
        next(b for b in app.button if b.label == "Make the project").click().run()
        assert "outside the folders" in texts(app.error)
    finally:
        del os.environ["SEPT_ROOTS"]


def test_review_without_a_selection_says_what_to_do(app: AppTest) -> None:
    app.run().switch_page(REVIEW).run()
    assert not app.exception and "no selection to review" in texts(app.info)


def test_review_keeps_the_choice_in_the_url(app: AppTest, project: Path) -> None:
    ident = select(project)
    app.run().switch_page(REVIEW).run()
    assert not app.exception and not app.error
    assert app.query_params["selection"] == ident
    assert app.query_params["order"] == "by-target"
    again = next(button for button in app.button if button.label == "Make again")
    assert again.disabled


def test_no_project_is_a_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPT_PROJECT", "nowhere")
    app.run()
    assert not app.exception and "not a SEPT project" in texts(app.error)


def test_first_page_imports_nothing_heavy(prepared: Path) -> None:
    script = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
assert app.metric and not app.exception and not app.error
heavy = "torch torchvision timm open_clip umap numba sklearn faiss lightly".split()
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"SEPT_PROJECT": str(prepared)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
