"""Pages opened through the app as a user does, and the imports of the first page."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import access, page_list
from sept_core import auth
from sept_core.services.curate import decisions
from sept_core.services.project import backups, projects

ROOT = Path(__file__).parents[2]


def texts(elements: Any) -> str:
    return " ".join(element.value for element in elements)


def test_overview_shows_the_state_of_the_project(app: AppTest) -> None:
    app.run()
    assert not app.exception and not app.error
    shown = " ".join(element.proto.body for element in app.get("html"))
    assert "<b>161</b><span>images</span>" in shown
    assert "Select a subset" in texts(app.markdown)


def _kept_safe() -> None:
    from pages.shared import safety

    safety.draw()


@pytest.fixture
def safety_page(app: AppTest) -> AppTest:
    """The content of the dialog, which stays open."""
    return AppTest.from_function(_kept_safe, default_timeout=60)


def test_the_project_is_checked_and_repaired_in_the_app(
    safety_page: AppTest, project: Path
) -> None:
    app = safety_page.run()
    button(app, "Check project").click().run()
    assert [shown.value for shown in app.success] == ["No problems found."]
    (vectors, *_) = project.glob("features/*/pool/00000.npy")
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"x")
    button(app, "Check project").click().run()
    assert "00000\\.npy was altered" in texts(app.markdown) and not app.success
    button(app, "Quarantine rebuildable files").click().run()
    assert not vectors.exists() and [*project.glob("damaged/*/features/*/pool/00000.npy")]
    assert not app.exception and not app.error


def test_a_backup_restores_lost_decisions(safety_page: AppTest, project: Path) -> None:
    with projects.opened(project) as opened:
        (uid,) = opened.db.execute("SELECT min(uid) FROM images").fetchone() or ("",)
        decisions.decide(opened, ["toys"], "veto", [uid])
        saved = backups.data(opened)
        opened.db.execute("DELETE FROM decisions")
    app = safety_page.run()
    app.file_uploader[0].upload("saved.json.gz", saved, "application/gzip").run()
    button(app, "Restore decisions").click().run()
    assert [shown.value for shown in app.success] == ["Decisions restored: 1."]
    app.file_uploader[0].upload("saved.json.gz", saved[:-20], "application/gzip").run()
    button(app, "Restore decisions").click().run()
    assert "is not a complete backup" in texts(app.error)


def button(app: AppTest, label: str) -> Any:
    return next(button for button in app.button if button.label == label)


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


class Visitor(dict[str, Any]):
    """Fields of `st.user`."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        return self[name]


@pytest.mark.parametrize(
    ("visitor", "enters"),
    [
        (Visitor(is_logged_in=False), False),
        (Visitor(is_logged_in=True, email="eve@example.org"), False),
        (Visitor(is_logged_in=True, email="ada@example.org", email_verified=False), False),
        (Visitor(is_logged_in=True, email="ada@example.org", email_verified=True), True),
    ],
)
def test_oidc_admits_known_users_only(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, visitor: Visitor, enters: bool
) -> None:
    login = auth.Login("oidc", ("ada@example.org",))
    monkeypatch.setattr(access, "LOGIN", login)
    monkeypatch.setattr(access.st, "user", visitor)
    app.run()
    assert not app.exception
    if not enters:
        assert [title.value for title in app.title] == ["SEPT"]
        assert len(app.button) == 1 and not app.sidebar.children
        return
    assert not app.title and "Next" in texts(app.markdown)
    app.switch_page("pages/curate/export.py")
    assert "&token=" in access.token("p") and access.who() == "ada@example.org"


def test_the_list_of_pages_is_complete() -> None:
    listed = [page.file for page in page_list.PAGES.values()]
    scripts = {str(path.relative_to(ROOT)) for path in ROOT.glob("pages/*/*.py")}
    shared = {str(path.relative_to(ROOT)) for path in ROOT.glob("pages/shared/*.py")}
    assert sorted(listed) == sorted(scripts - shared)
