"""The Export page through the app, and the services behind it."""

from pathlib import Path
from zipfile import ZipFile

from small_project import sept
from streamlit.testing.v1 import AppTest

from sept_core.export import formats
from sept_core.jobs import launcher
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import exports, manifests, selections
from sept_core.services.project import projects

ROOT = Path(__file__).parents[2]
PAGE = "pages/curate/export.py"


def test_without_a_selection_it_shows_the_next_step(app: AppTest) -> None:
    app.run().switch_page(PAGE).run()
    assert not app.exception and "no selection to export" in app.info[0].value


def test_it_shows_the_plan_and_refuses_an_existing_destination(app: AppTest, project: Path) -> None:
    assert sept("select", project, "--target", "toys", "--budget", 9).returncode == 0
    app.run().switch_page(PAGE).run()
    assert not app.exception and not app.error
    assert "### 9 images" in [text.value for text in app.markdown]
    app.text_input[0].set_value(str(project)).run()
    next(b for b in app.button if b.label == "Export").click().run()
    assert not app.exception and "exists; choose another name" in app.error[0].value


def test_the_draft_is_saved_and_exported(app: AppTest, project: Path) -> None:
    app.run().switch_page(PAGE)
    app.query_params["target"], app.query_params["budget"] = "toys", "9"
    app.run()
    assert not app.exception and "up to 9 images" in " ".join(t.value for t in app.markdown)
    next(b for b in app.button if b.label == "Save and export").click().run()
    assert not app.exception and not app.error
    with projects.opened(project) as opened:
        (record,) = selections.every(opened)
    paths = projects.paths_of(project)
    (job,) = [status for status in launcher.all_jobs(paths) if status.kind == "export"]
    assert [s.state for s in launcher.follow(paths, job.id)][-1] == "done"
    assert record["count"] == 9 and record["selection"] in job.title


def test_exports_are_listed_checked_and_zipped(project: Path) -> None:
    with projects.opened(project) as opened:
        request = selections.Request(("toys",), SelectionSettings(budget=9))
        ident = selections.select(opened, request)["id"]
        planned = exports.plan(opened, ident, "flat", "copy")
        assert planned["count"] == 9 and planned["guard"]["state"] == "on"
        assert exports.every(opened) == [] and not list(opened.paths.exports.glob("*"))
        out = exports.propose(opened, ident, "flat")
        job = manifests.start_export(opened, ident, "flat", out)
        assert [s.state for s in launcher.follow(opened.paths, job.id)][-1] == "done"
        (export,) = exports.every(opened)
        assert (export.out, export.images, export.selection) == (out, 9, ident)
        assert export.bytes == sum(path.stat().st_size for path in out.rglob("*"))
        assert exports.propose(opened, ident, "flat") != out
        assert exports.check(opened, export, lambda done, total: None).problems == []
        with ZipFile(exports.zipped(opened, export)) as packed:
            names = [name for name in packed.namelist() if not name.endswith("/")]
        assert len(names) == len(list(out.iterdir()))


def test_code_snippets_are_code() -> None:
    found = {name: formats.snippets(name, Path("/a 'b\"/c")) for name in formats.FORMATS}
    for name, snippets in found.items():
        for snippet in snippets:
            assert "{out" not in snippet.text
            if snippet.language == "python":
                compile(snippet.text, name, "exec")
    assert all(found.values())


def test_every_format_can_be_exported_from_the_page(app: AppTest, project: Path) -> None:
    assert sept("select", project, "--target", "toys", "--budget", 9).returncode == 0
    app.run().switch_page(PAGE).run()
    for name, last in (("datacomp", ".npy"), ("ssl-data-curation", "ssl-data-curation")):
        next(b for b in app.selectbox if b.label == "Format").set_value(name).run()
        assert not app.exception and not app.error
        assert app.text_input[0].value.endswith(last)
        next(b for b in app.button if b.label == "Export").click().run()
        assert not app.exception and not app.error
    paths = projects.paths_of(project)
    started = [status for status in launcher.all_jobs(paths) if status.kind == "export"]
    for status in started:
        assert [s.state for s in launcher.follow(paths, status.id)][-1] == "done"
    assert len(started) == 2


def test_the_page_offers_the_options_of_the_format(app: AppTest, project: Path) -> None:
    assert sept("select", project, "--target", "toys", "--budget", 9).returncode == 0
    app.run().switch_page(PAGE).run()
    next(b for b in app.selectbox if b.label == "Format").set_value("webdataset").run()
    field = next(t for t in app.text_input if t.label == "Images per shard")
    field.set_value("many").run()
    next(b for b in app.button if b.label == "Export").click().run()
    assert "images_per_shard=many is not a number" in app.error[0].value.replace("\\", "")
    next(t for t in app.text_input if t.label == "Images per shard").set_value("4").run()
    next(b for b in app.button if b.label == "Export").click().run()
    assert not app.exception and not app.error
    paths = projects.paths_of(project)
    (job,) = [status for status in launcher.all_jobs(paths) if status.kind == "export"]
    assert [s.state for s in launcher.follow(paths, job.id)][-1] == "done"
    assert len(list((paths.exports / "out").rglob("*.tar"))) == 3, "9 images, 4 in each tar"


def test_a_page_for_colleagues_can_be_downloaded(app: AppTest, project: Path) -> None:
    assert sept("select", project, "--target", "toys", "--budget", 9).returncode == 0
    app.run().switch_page(PAGE).run()
    next(b for b in app.button if b.label == "Create page").click().run()
    assert not app.exception and not app.error
    assert "9 of 9 images are shown" in " ".join(text.value for text in app.caption)
