"""Pre-train and Evaluate through the app; launched jobs are run by the tests, or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_runs
from streamlit.testing.v1 import AppTest

from sept_core.pretrain import estimate
from sept_core.services.project import projects
from sept_core.services.train import evaluation_archive, runs
from sept_core.storage import atomic

ROOT = Path(__file__).parents[2]
PRETRAIN, EVALUATE = "pages/train/pretrain.py", "pages/train/evaluate.py"


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that opens a page on a project, with a query."""
    import streamlit as st

    small_runs.hold(monkeypatch)

    def opened(folder: Path, page: str, **query: str) -> AppTest:
        monkeypatch.setenv("SEPT_PROJECT", str(folder))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.run().switch_page(page)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    yield opened
    st.cache_resource.clear()


def select(folder: Path) -> str:
    with projects.opened(folder) as project:
        return small_runs.select(project)


def texts(elements: Any) -> str:
    """Return the texts without their Markdown escapes."""
    return " ".join(element.value for element in elements).replace("\\", "")


def by_label(elements: Any, label: str) -> Any:
    return next(element for element in elements if element.label == label)


def sound(app: AppTest) -> bool:
    return not app.exception and not app.error


def test_without_a_selection_the_page_leads_to_one(open_app: Any, project: Path) -> None:
    app = open_app(project, PRETRAIN)
    assert sound(app) and by_label(app.text_input, "Manifest")
    assert not [button for button in app.button if button.label == "Start"]


def test_an_invalid_manifest_is_an_error(open_app: Any, project: Path) -> None:
    app = open_app(project, PRETRAIN)
    by_label(app.text_input, "Manifest").set_value("/nowhere").run()
    assert not app.exception and "/nowhere does not exist" in texts(app.error)


def test_empty_fields_show_the_values_that_are_used(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    assert sound(app) and "16 images · 400 steps of 8 images (200 epochs)" in texts(app.markdown)
    assert by_label(app.number_input, "Epochs").placeholder == "200"
    by_label(app.number_input, "Steps").set_value(30).run()
    assert "30 steps of 8 images (15 epochs)" in texts(app.markdown)
    assert by_label(app.number_input, "Epochs").placeholder == "–"
    assert not [field for field in app.selectbox if field.label == "Decoupled loss"]
    by_label(app.selectbox, "Method").set_value("simclr").run()
    assert by_label(app.selectbox, "Decoupled loss").value is None


def test_invalid_settings_disable_start(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.number_input, "Batch size").set_value(64).run()
    assert "batch_size 64 is more than the 16 images" in texts(app.error)
    assert by_label(app.button, "Start").disabled


def test_a_run_on_slurm_needs_valid_options(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.number_input, "Processes").set_value(3).run()
    assert "must be a multiple of 3" in texts(app.error)
    by_label(app.number_input, "Processes").set_value(2)
    by_label(app.selectbox, "Launcher").set_value("slurm").run()
    by_label(app.text_input, "Options").set_value("slurm_partition").run()
    assert "write slurm_partition=VALUE" in texts(app.error)
    by_label(app.text_input, "Options").set_value("slurm_partition=gpu timeout_min=60").run()
    by_label(app.button, "Start").click().run()
    assert sound(app)
    (job,) = projects.paths_of(project).jobs.glob("*-pretrain-*")
    assert atomic.read_json(job / "settings.json")["launch"] == {
        "on": "slurm", "processes": 2, "nodes": 1,
        "options": {"slurm_partition": "gpu", "timeout_min": 60},
    }  # fmt: skip


def test_start_launches_a_run_and_shows_it(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.text_input, "Run name").set_value("mine")
    by_label(app.number_input, "Steps").set_value(30)
    by_label(app.number_input, "Minimum crop scale").set_value(0.5).run()
    by_label(app.button, "Start").click().run()
    assert sound(app) and app.query_params["run"] == "mine"
    (run,) = runs.every(projects.paths_of(project))
    assert (run.name, run.settings.steps, run.settings.augment.crop_min) == ("mine", 30, 0.5)
    assert app.dataframe[0].value["State"].tolist() == ["queued"]


def test_the_estimate_appears_once_it_is_finished(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.selectbox, "Backbone").set_value("resnet10-narrow")
    by_label(app.number_input, "Image size, px").set_value(16).run()
    by_label(app.button, "Estimate").click().run()
    assert sound(app) and not app.metric
    (folder,) = projects.paths_of(project).jobs.glob("*-dryrun-*")
    small_runs.work_off(small_runs.JobFolder(folder), estimate.main)
    app.run()
    assert {metric.label for metric in app.metric} >= {"Time per step", "Total time", "Memory"}
    by_label(app.number_input, "Steps").set_value(30).run()
    assert not app.metric, "an estimate belongs to its settings"


def test_a_finished_run_shows_curves_and_downloads(open_app: Any, trained: Path) -> None:
    app = open_app(trained, PRETRAIN)
    assert sound(app)
    assert {metric.label: metric.value for metric in app.metric}["Steps"] == "6 of 6"
    charts = app.get("plotly_chart")
    assert "Feature standard deviation" in charts[0].proto.spec
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Download checkpoint", "Download weights", "Download card"]
    assert "load_state_dict" in texts(app.code)


def test_a_run_is_deleted_after_asking(open_app: Any, trained: Path) -> None:
    app = open_app(trained, PRETRAIN)
    assert "MB on disk" in texts(app.markdown)
    assert projects.paths_of(trained).run(small_runs.RUN).exists()
    by_label(app.button, "Delete run").click().run()
    assert sound(app) and not projects.paths_of(trained).run(small_runs.RUN).exists()


def test_the_pool_is_embedded_with_a_checkpoint(open_app: Any, trained: Path) -> None:
    app = open_app(trained, PRETRAIN)
    by_label(app.button, "Embed pool with this run").click().run()
    assert sound(app)
    settings = max(trained.glob("jobs/*-embed-*/settings.json"))
    asked = json.loads(settings.read_text())
    assert asked["encoder"] == f"checkpoint:{trained / 'runs' / small_runs.RUN}"


def test_evaluation_without_a_run_leads_to_one(open_app: Any, project: Path) -> None:
    app = open_app(project, EVALUATE)
    assert sound(app) and "no finished run" in texts(app.info)
    assert by_label(app.button, "Evaluate").disabled


def test_evaluate_counts_and_launches(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE, show="Compare runs")
    assert sound(app) and "18 scores**: 2 arms × 3 readouts × 1 label count × 3 seeds" in texts(
        app.markdown
    )
    by_label(app.number_input, "Seeds").set_value(1).run()
    by_label(app.button, "Evaluate").click().run()
    assert sound(app) and len(list(trained.glob("jobs/*-evaluate-*"))) == 2


def test_a_study_is_planned_and_launched(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE, show="Train and compare")
    assert sound(app)
    by_label(app.multiselect, "Baselines").set_value(["random", "target-images-only"]).run()
    by_label(app.multiselect, "Budgets (images)").set_value(["12"]).run()
    for label, value in (("Steps", 3), ("Batch size", 4), ("Image size, px", 16)):
        by_label(app.number_input, label).set_value(value).run()
    by_label(app.button, "Train and compare").click().run()
    assert sound(app) and not app.error
    (job,) = trained.glob("jobs/*-study-*")
    asked = atomic.read_json(job / "settings.json")
    assert len(asked["runs"]) == 9 and len(asked["evaluations"]) == 1
    assert {run["pretrain"]["steps"] for run in asked["runs"]} == {3}


def test_results_compare_with_the_chosen_arm(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE)
    assert sound(app) and "20-NN, all labels:" in texts(app.markdown)
    table = app.dataframe[0].value
    assert table["Arm"].tolist() == ["random-init", "tiny"] * 2
    assert table["Difference, 95% interval"].tolist()[0] == "–"
    by_label(app.selectbox, "Reference arm").set_value("tiny").run()
    assert app.query_params["reference"] == "tiny"
    assert app.dataframe[0].value["Difference, 95% interval"].tolist()[1] == "–"
    assert len(app.get("plotly_chart")) == 1
    by_label(app.button, "Delete evaluation").click().run()
    assert sound(app) and not evaluation_archive.every(projects.paths_of(trained))
