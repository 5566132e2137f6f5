"""Overview, Pool and Targets through the app: projects, sources, embedding, inspection."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import page_list
from sept_core.catalogue import revision
from sept_core.jobs import job_folder, launcher
from sept_core.services.data import feature_import
from sept_core.services.project import projects, recent
from sept_core.storage import atomic

ROOT = Path(__file__).parents[2]
POOL, TARGETS = "pages/data/pool.py", "pages/data/targets.py"


@pytest.fixture
def open_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Return a function that opens a page; only the test's folder is allowed."""
    monkeypatch.setenv("SEPT_ROOTS", str(tmp_path))

    def opened(folder: Path | None, page: str | None = None, **query: str) -> AppTest:
        if folder is None:
            monkeypatch.delenv("SEPT_PROJECT", raising=False)
        else:
            monkeypatch.setenv("SEPT_PROJECT", str(folder))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        return app.switch_page(page).run() if page else app

    yield opened
    st.cache_resource.clear()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the kinds of jobs that the app would have started."""
    kinds: list[str] = []
    monkeypatch.setattr(launcher, "_start", lambda job, kind: kinds.append(kind))
    return kinds


CHOICES = {"New project", "Open project", "Create demo"}


def texts(elements: Any) -> str:
    return " ".join(element.value for element in elements)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def fill(app: AppTest, key: str, value: str) -> None:
    app.text_input(key=key).set_value(value)


def test_without_a_project_one_can_be_chosen(open_app: Callable[..., AppTest]) -> None:
    app = open_app(None)
    assert not app.exception and not app.error
    assert {button.label for button in app.button} >= CHOICES
    app.switch_page(POOL).run()
    assert "No project is open" in texts(app.error)


@pytest.mark.parametrize("query", [{}, {"project": "gone-123456"}])
def test_a_project_that_cannot_be_opened_leaves_the_choice(
    open_app: Callable[..., AppTest], tmp_path: Path, query: dict[str, str]
) -> None:
    app = open_app(tmp_path / "nowhere", **query)
    assert not app.exception and app.error
    assert {button.label for button in app.button} >= CHOICES


def test_a_project_is_created(open_dialog: Callable[..., AppTest], tmp_path: Path) -> None:
    app = open_dialog("create")
    fill(app, "new project name", "fresh")
    fill(app, "path:new project", str(tmp_path))
    press(app, "Create project")
    folder = tmp_path / "fresh"
    assert not app.exception and not app.error
    assert [entry.folder for entry in recent.every()] == [folder]
    key = recent.key_of(folder)
    assert app.query_params["project"] in (key, [key])


def _dialog() -> None:
    """Draw a page that keeps a dialog open, as a click in the browser does."""
    import streamlit as st

    from pages.shared import project_menu

    if name := st.query_params.get("dialog"):
        getattr(project_menu, name)()


@pytest.fixture
def open_dialog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open a dialog of the project menu; a project that it opens stays on this page."""
    monkeypatch.setattr(page_list, "go", lambda title, parameters: st.rerun())
    monkeypatch.delenv("SEPT_PROJECT", raising=False)
    monkeypatch.setenv("SEPT_ROOTS", str(tmp_path))

    def opened(name: str) -> AppTest:
        app = AppTest.from_function(_dialog, default_timeout=60)
        app.query_params["dialog"] = name
        return app.run()

    return opened


def test_a_project_is_renamed_and_deleted(
    monkeypatch: pytest.MonkeyPatch, project: Path, launched: list[str]
) -> None:
    monkeypatch.setenv("SEPT_PROJECT", str(project))
    app = AppTest.from_function(_dialog, default_timeout=60)
    app.query_params["dialog"] = "rename"
    app.run().text_input[0].set_value("Birds of the north")
    press(app, "Rename")
    assert [entry.title for entry in recent.every()] == ["Birds of the north"]
    app.text_input[0].set_value(" ")
    press(app, "Rename")
    assert "1 to 100 characters" in texts(app.error)

    app.query_params["dialog"] = "delete"
    app.run()
    assert "0 decisions and 0 selections" in texts(app.markdown) and app.button[0].disabled
    app.text_input[0].set_value("Birds of the north").run()
    paths = projects.paths_of(project)
    job = launcher.launch(paths, "map", {}, "Drawing the map")
    press(app, "Delete project")
    assert "has unfinished jobs" in texts(app.error) and project.exists()
    job.update_status(state="cancelled")
    press(app, "Delete project")
    assert not app.exception and not project.exists()
    assert recent.every() == []


@pytest.mark.parametrize("parent", ["/etc", "", "link"])
def test_projects_are_created_in_allowed_folders_only(
    open_dialog: Callable[..., AppTest], tmp_path: Path, parent: str
) -> None:
    (tmp_path / "link").symlink_to("/etc")
    app = open_dialog("create")
    fill(app, "new project name", "fresh")
    fill(app, "path:new project", str(tmp_path / parent) if parent == "link" else parent)
    press(app, "Create project")
    assert not app.exception
    assert "outside the folders" in texts(app.error) or "No folder is chosen" in texts(app.error)


def test_switching_keeps_each_tab_with_its_project(
    open_app: Callable[..., AppTest], project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    projects.init(other)
    recent.remember(other, "other")
    first = open_app(project)
    second = open_app(project, project=recent.key_of(other))
    assert first.query_params["project"] != second.query_params["project"]
    second.switch_page(POOL).run()  # without the parameter
    assert second.query_params["project"] == recent.key_of(other)
    assert "The pool is empty" in texts(second.info)
    assert "Next" in texts(first.run().markdown)


def test_the_demo_starts_and_continues(
    open_app: Callable[..., AppTest],
    open_dialog: Callable[..., AppTest],
    tmp_path: Path,
    launched: list[str],
) -> None:
    app = open_dialog("demo")
    fill(app, "path:demo", str(tmp_path))
    press(app, "Create demo")
    assert not app.exception and not app.error
    assert recent.every()[0].title == "sept-demo"
    for _ in range(2):
        assert not open_app(tmp_path / "sept-demo").exception
    assert launched == ["demo"], "one step at a time"


def test_a_source_is_added_rescanned_and_removed_after_a_question(
    open_app: Callable[..., AppTest], project: Path, tmp_path: Path
) -> None:
    source = tmp_path / "more"
    source.mkdir()
    (source / "a.png").write_bytes(b"no picture")
    app = open_app(project, POOL)
    fill(app, "path:pool", str(source))
    fill(app, "pool path name", "more")
    app.button(key="pool add path").click().run()
    assert "more: 1 new files" in texts(app.success)

    (source / "b.png").write_bytes(b"another")
    (source / "a.png").unlink()
    app.button(key="scan pool more").click().run()
    assert "more: 1 new files, 1 gone" in texts(app.success)

    app.button(key="remove pool more").click().run()
    assert any(button.label == "Remove 2 files" for button in app.button), "asks with the count"


def test_a_path_outside_is_not_added(open_app: Callable[..., AppTest], project: Path) -> None:
    app = open_app(project, POOL)
    fill(app, "path:pool", "/etc")
    fill(app, "pool path name", "secrets")
    app.button(key="pool add path").click().run()
    assert "outside the folders" in texts(app.error)


def test_embedding_and_a_trial_are_launched(
    open_app: Callable[..., AppTest], project: Path, launched: list[str]
) -> None:
    app = open_app(project, POOL)
    assert "Kind: **self-supervised**" in texts(app.markdown)
    assert "Speed on this machine: **not measured yet**" in texts(app.markdown)
    press(app, "Measure speed")
    assert launched == ["speed"]
    assert next(b for b in app.button if b.label == "Embed").disabled, "one at a time"


def test_the_value_range_is_shown_and_set(
    open_app: Callable[..., AppTest], project: Path, launched: list[str]
) -> None:
    app = open_app(project, POOL)
    next(box for box in app.text_input if box.label == "Value range").input("7:5").run()
    press(app, "Embed")
    assert "is not a valid range" in texts(app.error) and not launched
    next(box for box in app.text_input if box.label == "Value range").input("uint16=0:4095").run()
    press(app, "Embed")
    assert launched == ["embed"]
    assert "uint16 images are scaled from 0 to 4,095 (set by the user)." in texts(app.caption)


def test_the_pool_is_inspected(open_app: Callable[..., AppTest], project: Path) -> None:
    app = open_app(project, POOL)
    assert "Lowest brightness" in texts(app.caption)
    app.session_state["look"] = "Near-duplicates"
    app.run()
    assert "**1** files are byte-identical to another" in texts(app.markdown)
    app.session_state["look"] = "Rejected files"
    app.run()
    assert "broken.jpg" in app.dataframe[-1].value["rel_path"].tolist()
    assert not app.exception and not app.error


def test_rejected_feature_rows_are_listed_with_a_csv(
    open_app: Callable[..., AppTest], project: Path, tmp_path: Path
) -> None:
    vectors = np.eye(3, 4, dtype=np.float32)
    vectors[1] = np.nan
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "v.csv").write_text("path\nred/00.png\nred/01.png\nred/02.png\n")
    with projects.opened(project) as opened:
        feature_import.import_pool(opened, "theirs", tmp_path / "v.npy")
    app = open_app(project, POOL)
    app.session_state["look"] = "Rejected files"
    app.run()
    assert "Rejected rows of imported features: **1**" in texts(app.markdown)
    rows = next(f.value for f in app.dataframe if "key" in f.value.columns)
    assert rows[["key", "reason"]].values.tolist() == [
        ["red/01.png", "vector with NaN or infinity"]
    ]
    assert "Download rejected rows (CSV)" in [b.label for b in app.get("download_button")]
    assert not app.exception and not app.error


def test_a_target_set_is_inspected(open_app: Callable[..., AppTest], project: Path) -> None:
    app = open_app(project, TARGETS)
    assert app.dataframe[0].value["train"].tolist() == [6, 6, 12], "as listed"
    assert app.dataframe[1].value["train"].tolist() == [6, 6], "as embedded"
    app.session_state["see"] = "Gaps in the pool"
    app.run()
    assert "gap" in texts(app.markdown)
    app.session_state["see"] = "Leaks"
    app.run()
    assert "**1** pool images are near-duplicates of the 9 held-out" in texts(app.markdown)
    assert not app.exception and not app.error


def test_an_ambiguous_target_set_is_added_as_chosen(
    open_app: Callable[..., AppTest], project: Path, tmp_path: Path
) -> None:
    for folder in ("train", "bus"):
        (tmp_path / "vehicles" / folder).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "vehicles" / folder / f"{number}.png").write_bytes(b"no picture")
    app = open_app(project, TARGETS)
    fill(app, "path:target", str(tmp_path / "vehicles"))
    fill(app, "target path name", "vehicles")
    app.button(key="target add path").click().run()
    assert "can be read in several ways" in texts(app.warning)
    assert "'train' next to 'bus' may be a split or a class" in texts(app.warning).replace("\\", "")
    assert app.button(key="choose vehicles").disabled, "nothing is chosen for the user"
    readings = app.radio(key="reading of vehicles")
    assert readings.options == [
        "1: a folder for each class, no splits (10 images to search with, none held out)",
        "2: a folder for each split, classes inside (5 images to search with, none held out, "
        "5 unassigned)",
    ]
    readings.set_value(0).run()
    app.button(key="choose vehicles").click().run()
    assert not app.exception and not app.error
    assert "10 images to search with, none held out" in texts(app.success)
    assert "guard: none" in texts(app.markdown).replace("\\", "")
    app.selectbox[0].set_value("vehicles").run()
    app.button(key="hold out vehicles").click().run()
    assert not app.exception and "2 changed" in texts(app.success)
    assert "guard: none" not in texts(app.markdown).replace("\\", "")

    fill(app, "path:target", str(tmp_path / "vehicles"))
    fill(app, "target path name", "again")
    app.button(key="target add path").click().run()
    app.button(key="cancel again").click().run()
    assert not app.warning and app.button(key="target add path")


def test_unreadable_files_are_shown_and_retried(
    open_app: Callable[..., AppTest], project: Path, launched: list[str]
) -> None:
    for page, where in ((POOL, "path LIKE '%pool%'"), (TARGETS, "path LIKE '%target%'")):
        with projects.opened(project) as opened:
            opened.db.execute(
                "UPDATE files SET state = 'unreadable', reason = 'unreadable: Stale file handle', "
                f"decoder = '1' WHERE source_id IN (SELECT id FROM sources WHERE {where}) "
                "AND rel_path LIKE '%red/%'"
            )
        app = open_app(project, page)
        assert not app.exception and "files are unreadable" in texts(app.warning)
        press(app, "Retry")
        assert not app.exception and not app.error
        for status in launcher.all_jobs(projects.paths_of(project)):
            job_folder.JobFolder(projects.paths_of(project).job(status.id)).update_status(
                state="failed"
            )
    assert launched == ["embed", "embed"]


def test_features_of_an_older_decoder_are_offered_for_renewal(
    open_app: Callable[..., AppTest], project: Path, launched: list[str]
) -> None:
    for header in (project / "features").glob("*/pool/[0-9]*.json"):
        atomic.write_json(header, atomic.read_json(header) | {"decoder": "0 pillow-1"})
    app = open_app(project, POOL)
    assert "made with another decoder (0 pillow-1" in texts(app.info)
    press(app, "Renew features")
    assert launched == ["embed"]
    [job] = [j for j in launcher.all_jobs(projects.paths_of(project)) if not j.ended]
    assert job.title.startswith("Renewing the features")


def test_images_without_features_are_listed_by_encoder(
    open_app: Callable[..., AppTest], project: Path
) -> None:
    with projects.opened(project) as opened:
        encoder_id = projects.find_encoder(opened, None)
        opened.db.execute(
            "INSERT INTO featureless SELECT ?, min(uid), 'length nan' FROM files WHERE state = 'ok'"
            " AND rel_path LIKE 'red/%'",
            [encoder_id],
        )
        revision.renew(opened.db)
    app = open_app(project, POOL, look="Rejected files")
    assert not app.exception
    assert f"**1** images have no features under {encoder_id}" in texts(app.markdown)


def test_decisions_are_imported_after_a_preview(
    project: Path, open_app: Callable[..., AppTest]
) -> None:
    app = open_app(project, TARGETS, target="toys", see="Decisions")
    assert "no decisions for this target set" in texts(app.caption)
    table = b"path,decision\nred/01.png,veto\nnowhere.png,keep\n"
    app.file_uploader(key="decision file toys").upload("decided.csv", table, "text/csv").run()
    assert not app.exception and not app.error, texts(app.error)
    (outcomes,) = [t.value for t in app.dataframe if "Rows" in t.value]
    assert outcomes["Outcome"].tolist() == ["to import", "name no image of the project"]
    press(app, "Import 1 decision (1 veto)")
    assert "Imported 1 decision" in texts(app.success)
    assert "**1** images have a decision: 1 veto" in texts(app.markdown)
