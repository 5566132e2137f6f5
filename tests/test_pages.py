"""Pages through the app, as a person reaches them, and what the first one must not import."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from small_project import sept
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parent.parent
REVIEW = "pages/curate/review.py"


def select(project: Path) -> str:
    made = sept("select", project, "--target", "toys", "--budget", 12, "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["selection"])


def texts(elements: Any) -> str:
    return " ".join(element.value for element in elements)


def test_overview_says_where_the_project_stands(app: AppTest) -> None:
    app.run()
    assert not app.exception and not app.error
    assert "161 images in 1 source · 1 rejected files" in texts(app.caption)
    assert "Select a subset" in texts(app.markdown)


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


def test_first_page_imports_nothing_heavy(prepared: Path) -> None:
    script = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
assert app.caption and not app.exception and not app.error
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
