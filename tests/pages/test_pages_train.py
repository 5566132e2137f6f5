"""Pre-train and Evaluate through the app; launched jobs are run by the tests, or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_runs
from streamlit.testing.v1 import AppTest

from sept_core.pretrain import estimate
from sept_core.services.curate import decisions, selections, views
from sept_core.services.project import projects
from sept_core.services.train import evaluation_archive, machine, rounds, runs, weakest
from sept_core.storage import atomic

ROOT = Path(__file__).parents[2]
PRETRAIN, EVALUATE = "pages/train/pretrain.py", "pages/train/evaluate.py"


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that opens a page on a project, with a query."""
    import streamlit as st

    small_runs.hold(monkeypatch)
    monkeypatch.setattr(machine, "here", lambda: machine.Machine(gpu=False, cores=2))

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


def lines(app: AppTest) -> str:
    return texts(app.markdown)


def test_without_a_selection_the_page_leads_to_one(open_app: Any, project: Path) -> None:
    app = open_app(project, PRETRAIN)
    assert sound(app) and by_label(app.text_input, "Manifest")
    assert not [button for button in app.button if button.label == START]


START = "Start pre-training"


def test_an_invalid_manifest_is_an_error(open_app: Any, project: Path) -> None:
    app = open_app(project, PRETRAIN)
    by_label(app.text_input, "Manifest").set_value("/nowhere").run()
    assert not app.exception and "/nowhere does not exist" in texts(app.error)


def test_empty_fields_show_the_values_that_are_used(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    assert sound(app) and "16 images · 3,000 steps of 8 images (1,500 epochs)" in lines(app)
    assert by_label(app.number_input, "Steps").placeholder == "3,000"
    by_label(app.number_input, "Steps").set_value(30).run()
    assert "30 steps of 8 images (15 epochs)" in lines(app)
    assert by_label(app.selectbox, "Decoupled loss").value is None
    by_label(app.selectbox, "Method").set_value("moco").run()
    assert not [field for field in app.selectbox if field.label == "Decoupled loss"]


def test_a_preset_fills_the_form_and_forgets_what_was_typed(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.number_input, "Steps").set_value(30).run()
    by_label(app.button_group, "Preset").set_value("quick").run()
    assert sound(app) and "200 steps of 8 images" in lines(app)
    by_label(app.button_group, "Length").set_value("Epochs").run()
    by_label(app.number_input, "Epochs").set_value(7).run()
    assert "14 steps of 8 images (7 epochs)" in lines(app)


def test_the_cost_follows_the_settings(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.number_input, "Steps").set_value(40_000_000).run()
    assert "days" in lines(app) and "from the size of the network" in texts(app.caption)


def test_invalid_settings_disable_start(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.number_input, "Batch size").set_value(64).run()
    assert "batch_size 64 is more than the 16 images" in texts(app.error)
    assert by_label(app.button, START).disabled


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
    by_label(app.button, START).click().run()
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
    by_label(app.button, START).click().run()
    assert sound(app) and app.query_params["run"] in ("mine", ["mine"])
    (run,) = runs.every(projects.paths_of(project))
    assert (run.name, run.settings.steps, run.settings.augment.crop_min) == ("mine", 30, 0.5)
    assert app.dataframe[0].value["State"].tolist() == ["queued"]


def test_the_draft_is_saved_and_trained_on(open_app: Any, project: Path) -> None:
    app = open_app(project, PRETRAIN, target="toys", budget="16")
    assert sound(app) and "16 images" in lines(app)
    by_label(app.number_input, "Steps").set_value(3).run()
    by_label(app.button, "Save and pre-train").click().run()
    assert sound(app)
    with projects.opened(project) as opened:
        (record,) = selections.every(opened)
    assert record["count"] == 16 and not record.get("study")
    (run,) = runs.every(projects.paths_of(project))
    assert run.settings.steps == 3


def test_a_selection_trains_as_it_is_stored_with_a_notice(open_app: Any, project: Path) -> None:
    chosen = select(project)
    with projects.opened(project) as opened:
        first = selections.picks(opened, chosen)["uid"][0].as_py()
        decisions.decide(opened, ["toys"], "veto", [first])
    app = open_app(project, PRETRAIN, selection=chosen)
    assert "1 image of" in texts(app.info) and "stay in it" in texts(app.info)
    by_label(app.number_input, "Steps").set_value(3).run()
    by_label(app.button, START).click().run()
    assert sound(app) and len(runs.every(projects.paths_of(project))) == 1


def test_the_measured_cost_replaces_the_estimate(open_app: Any, project: Path) -> None:
    select(project)
    app = open_app(project, PRETRAIN)
    by_label(app.number_input, "Image size, px").set_value(16).run()
    by_label(app.button, "Measure").click().run()
    assert sound(app) and "from the size of the network" in texts(app.caption)
    (folder,) = projects.paths_of(project).jobs.glob("*-dryrun-*")
    small_runs.work_off(small_runs.JobFolder(folder), estimate.main)
    app.run()
    assert "Measured by training" in texts(app.caption) and "Memory" in lines(app)
    by_label(app.number_input, "Steps").set_value(30).run()
    assert "Memory" not in lines(app), "a measurement belongs to its settings"


def test_a_finished_run_shows_curves_and_downloads(open_app: Any, trained: Path) -> None:
    app = open_app(trained, PRETRAIN, run=small_runs.RUN)
    assert sound(app)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Steps"] == "6 of 6" and shown["Speed"].endswith("per step")
    charts = app.get("plotly_chart")
    assert "Feature standard deviation" in charts[0].proto.spec
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Download table (CSV)", *CHECKPOINT]
    assert "load_state_dict" in texts(app.code)


CHECKPOINT = ["Download checkpoint", "Download weights", "Download card"]


def test_two_runs_are_compared(open_app: Any, trained: Path) -> None:
    with projects.opened(trained) as opened:
        chosen = selections.every(opened)[0]["selection"]
        small_runs.train(opened, chosen, "other", lr=0.01)
    app = open_app(trained, PRETRAIN, run=["tiny", "other"])
    assert sound(app) and "2 runs compared" in [heading.value for heading in app.subheader]
    (chart,) = app.get("plotly_chart")
    assert '"name":"other"' in chart.proto.spec
    tables = " ".join(element.proto.body for element in app.get("html"))
    assert "<td>lr</td>" in tables and "<td>0.01</td>" in tables and "<td>seed</td>" not in tables


def test_a_run_is_deleted_after_asking(open_app: Any, trained: Path) -> None:
    app = open_app(trained, PRETRAIN, run=small_runs.RUN)
    assert "MB on disk" in texts(app.markdown)
    assert projects.paths_of(trained).run(small_runs.RUN).exists()
    by_label(app.button, "Delete run").click().run()
    assert sound(app) and not projects.paths_of(trained).run(small_runs.RUN).exists()


def test_the_pool_is_embedded_with_a_checkpoint(open_app: Any, trained: Path) -> None:
    app = open_app(trained, PRETRAIN, run=small_runs.RUN)
    by_label(app.button, "Embed pool with this run").click().run()
    assert sound(app)
    settings = max(trained.glob("jobs/*-embed-*/settings.json"))
    asked = json.loads(settings.read_text())
    assert asked["encoder"] == f"checkpoint:{trained / 'runs' / small_runs.RUN}"


def test_evaluation_without_a_run_leads_to_one(open_app: Any, project: Path) -> None:
    app = open_app(project, EVALUATE, show="Compare runs")
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
    assert sound(app) and "2 arms × 3 seeds = 6 runs" in lines(app), "the cost is known before"
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


def test_a_study_by_distillation_asks_for_its_teacher(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE, show="Train and compare")
    by_label(app.selectbox, "Method").set_value("distil").run()
    by_label(app.multiselect, "Budgets (images)").set_value(["12"]).run()
    for label, value in (("Steps", 3), ("Batch size", 4), ("Seeds", 1)):
        by_label(app.number_input, label).set_value(value).run()
    by_label(app.text_input, "Teacher").set_value("classic").run()
    by_label(app.button, "Train and compare").click().run()
    assert sound(app) and not app.error
    (job,) = trained.glob("jobs/*-study-*")
    asked = atomic.read_json(job / "settings.json")
    assert {run["pretrain"]["teacher"] for run in asked["runs"]} == {"classic"}
    by_label(app.selectbox, "Method").set_value("simclr").run()
    assert "Teacher" not in [field.label for field in app.text_input]


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def test_results_compare_with_the_chosen_arm(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE)
    shown = html(app)
    assert sound(app) and "tiny scores" in shown and "too few to tell chance" in shown
    assert "data:image/svg+xml" in shown and "Linear probe, all labels" in shown
    assert not app.get("plotly_chart"), "the figure waits for no script"
    by_label(app.selectbox, "Compare with").set_value("tiny").run()
    assert app.query_params["reference"] in ("tiny", ["tiny"])
    assert "random-init scores" in html(app)
    labels = [button.proto.label for button in app.get("download_button")]
    assert {"Report (HTML)", "Report (Markdown)", "Figure (SVG)", "Costs (CSV)"} <= set(labels)
    by_label(app.button, "Delete evaluation").click().run()
    assert sound(app) and not evaluation_archive.every(projects.paths_of(trained))


def test_the_runs_stay_in_view_when_a_run_ends(open_app: Any, project: Path) -> None:
    with projects.opened(project) as opened:
        job = small_runs.begin(opened, small_runs.select(opened))
    app = open_app(project, PRETRAIN)
    assert by_label(app.button, "Cancel")
    job.update_status(state="cancelled", ended_at=2e9)
    app.query_params.pop("run", None)
    app.run()
    assert sound(app) and not [button for button in app.button if button.label == START]


@pytest.mark.parametrize("view", ["Results", "Compare runs", "Rounds"])
def test_evaluate_waits_for_a_run_to_end(open_app: Any, project: Path, view: str) -> None:
    app = open_app(project, EVALUATE, show=view)
    assert sound(app) and not [button for button in app.button if button.label == "Cancel"]
    with projects.opened(project) as opened:
        small_runs.begin(opened, small_runs.select(opened))
    app.run()
    assert sound(app) and by_label(app.button, "Cancel"), "the panel watches the run"


def test_the_weakest_classes_open_curate(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE)
    by_label(app.button, "Find weakest classes").click().run()
    assert sound(app) and "of 12 training images" in lines(app)
    assert "Most often taken for" in html(app) and "Weight" in html(app)
    by_label(app.button, "Curate with these weights").click().run()
    assert sound(app)
    given = {name: [v] if isinstance(v, str) else v for name, v in app.query_params.items()}
    with projects.opened(trained) as project:
        place = views.read(project, given)
        errs = weakest.stored(project, small_runs.RUN, "toys")
    assert errs is not None and place.budget == 16
    found = rounds.weights_of({one.name: one.error for one in errs.classes}, errs.error)
    assert place.request.settings.weights.to_json() == (
        {"classes": {f"toys/{name}": weight for name, weight in found.items()}} if found else {}
    )


def test_rounds_go_from_a_run_to_the_next_training(open_app: Any, trained: Path) -> None:
    app = open_app(trained, EVALUATE, show="Rounds")
    by_label(app.button, "Start rounds from this run").click().run()
    by_label(app.button, "Score round 1").click().run()
    assert sound(app) and "95% interval" in html(app)
    by_label(app.button, "Select round 2 with these weights").click().run()
    assert sound(app) and "that the round before did not have" in lines(app)
    by_label(app.button, "Train round 2").click().run()
    assert sound(app)
    with projects.opened(trained) as project:
        series = rounds.find(project, "toys")
        assert series is not None and series.rounds[1].run
    by_label(app.button, "Remove rounds").click().run()
    assert sound(app) and by_label(app.button, "Start rounds from this run")
