"""The Python facade: errors, what it holds, jobs and their handles."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import small_runs
from small_project import picture, png

from sept_core import errors
from sept_core.api import AmbiguousError, Comparison, Project, Recipe, SelectionSettings
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.curate import manifests
from sept_core.services.data import foreground, source_options
from sept_core.services.notebook import results
from sept_core.services.project import projects
from sept_core.services.train import evaluation_archive
from sept_core.storage import project_paths

SIXTEEN = SelectionSettings(budget=16)


def _run(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _pictures(folder: Path, names: str, start: int = 0) -> Path:
    """Four different pictures in each of some folders."""
    for place, name in enumerate(names.split()):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            number += start + 4 * place
            (folder / name / f"{number}.png").write_bytes(png(picture("green", number)))
    return folder


def test_the_import_is_light() -> None:
    heavy = ["streamlit", "torch", "timm", "umap", "typer", "rich"]
    found = _run(f"import sys, sept_core.api; print([m for m in {heavy} if m in sys.modules])")
    assert found.stdout == "[]\n", found.stderr


def test_projects_are_made_in_empty_folders_and_opened_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match="is not a SEPT project"):
        Project.open(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(errors.InputError, match="not an empty folder"):
        Project.create(tmp_path)
    made = Project.create(tmp_path / "new")
    with pytest.raises(errors.InputError, match="is already a SEPT project"):
        Project.create(tmp_path / "new")
    again = Project.open(str(tmp_path / "new"))
    assert again.folder == made.folder and again.folder.is_absolute()
    status = again.status()
    assert status.pool["images"] == 0 and status.sources.num_rows == 0 and status.runs == ()
    assert status.selections.schema == results.SELECTIONS, "an empty table has its columns"


def test_nothing_is_held_between_calls(tmp_path: Path) -> None:
    opening = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('SELECT 1')"
    with Project.create(tmp_path / "project") as project:
        project.status()
        other = _run(opening, project.folder / "catalogue.duckdb")
        assert other.returncode == 0, other.stderr
        project.status()


def test_calls_after_the_block_are_refused(project: Path) -> None:
    with Project.open(project) as opened:
        assert opened.targets()["name"].to_pylist() == ["toys"]
    calls: list[Callable[[], object]] = [
        opened.status,
        opened.runs,
        opened.prepare,
        opened.embed,
        lambda: opened.select("toys", SIXTEEN),
        lambda: opened.image("0" * 32),
        lambda: opened.pretrain(project / "manifest"),
    ]
    for call in calls:
        with pytest.raises(
            errors.InputError, match=r"was closed; open it again with Project\.open"
        ):
            call()
    assert Project.open(project).targets().num_rows == 1


def test_ambiguous_sets_carry_their_readings(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    path = _pictures(tmp_path / "vehicles", "bus train")
    with pytest.raises(AmbiguousError) as caught:
        project.add_target("vehicles", path)
    readings = (caught.value.reading, *caught.value.reading.others)
    assert len(readings) > 1 and project.targets().num_rows == 0
    for number, reading in enumerate(readings):
        listed = project.add_target(f"set-{number}", path, **reading.options.stored())
        assert listed.splits == reading.splits
    shared = project.add_target("held", path, layout="classes", split_fraction={"test": 0.25})
    assert shared.splits == {"train": {"bus": 3, "train": 3}, "test": {"bus": 1, "train": 1}}


def test_sources_say_what_is_wrong_with_them(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    path = _pictures(tmp_path / "pool", "a b")
    with pytest.raises(
        errors.InputError, match=r"'colour' is unknown; use one of root, path_column"
    ):
        project.add_source("pool", path, colour="red")  # type: ignore[call-arg]
    with pytest.raises(errors.InputError, match="option 'layout' is unknown"):
        project.add_source("pool", path, layout="flat")  # type: ignore[call-arg]
    with pytest.raises(errors.SourceError):
        project.add_source("pool", tmp_path / "missing")
    assert project.add_source("pool", path).new == 8
    again = project.add_source("pool", str(path))
    assert (again.files, again.new, again.unchanged) == (8, 0, 8)
    other = _pictures(tmp_path / "other", "c")
    with pytest.raises(errors.InputError):
        project.add_source("pool", other)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("no image")
    with pytest.raises(errors.SourceError, match="All files of notes are rejected"):
        project.add_source("notes", notes)
    assert project.sources()["name"].to_pylist() == ["pool", "notes"]


def test_options_are_stored_as_texts() -> None:
    given = {
        "root": Path("images"),
        "follow_links": True,
        "bands": None,
        "split_folder": ["extra=train", "old=unassigned"],
        "split_fraction": {"val": 0.1, "test": 0.2},
    }
    assert source_options.stored(given) == {
        "root": "images",
        "follow_links": "yes",
        "split_folder": "extra=train\nold=unassigned",
        "split_fraction": "val=0.1\ntest=0.2",
    }
    assert source_options.stored({"follow_links": False, "split_folder": []}) == {}


def test_nothing_to_select_from_is_said(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    with pytest.raises(errors.InputError, match="nothing to embed"):
        project.embed()
    with pytest.raises(errors.NotFoundError, match="Nothing is embedded yet"):
        project.select("toys", SIXTEEN)
    with pytest.raises(errors.InputError, match="needs a budget"):
        SelectionSettings()


def test_a_selection_has_its_provenance(project: Path, tmp_path: Path) -> None:
    opened = Project.open(project)
    with pytest.raises(errors.NotFoundError, match="toys"):
        opened.select(["toys", "birds"], SIXTEEN)
    made = opened.select("toys", SIXTEEN, filter="width >= 48")
    assert made.count == 16 == len(made.uids) == len(made.to_pandas())
    assert made.record["filter"] == "width >= 48" and made.churn is None
    assert opened.selection(made.id[:-2]).table.equals(made.table)
    assert opened.selections()["id"].to_pylist() == [made.id]
    assert opened.image(made.uids[0])[:4] == b"\x89PNG"
    assert opened.image(made.uids[0], thumbnail=True)[:2] == b"\xff\xd8"
    with pytest.raises(errors.InputError, match="exists"):
        opened.export(made, tmp_path)
    with pytest.raises(errors.InputError, match="The export format 'zip' is unknown"):
        opened.export(made, tmp_path / "out", "zip")


def test_decisions_are_returned_and_taken_back(project: Path, tmp_path: Path) -> None:
    opened = Project.open(project)
    made = opened.select("toys", SIXTEEN)
    with pytest.raises(errors.InputError, match="nothing to undo"):
        opened.undo("toys")
    with pytest.raises(errors.NotFoundError, match="no image"):
        opened.decide("keep", "0" * 32, "toys")
    with pytest.raises(errors.InputError, match="minimum similarity"):
        opened.decide("keep", made.uids[0], "toys", scope="radius")
    done = opened.decide("veto", made.uids[:2], "toys", reason="blurred", who="Ann")
    assert (done.position, done.uids) == (1, tuple(made.uids[:2]))
    opened.export(made, tmp_path / "out")  # as it is stored
    updated = opened.update(made)
    assert updated.churn is not None and updated.churn.went == done.uids
    assert opened.undo("toys").positions == (1,)
    assert opened.update(updated).uids == made.uids
    history = opened.history("toys")
    assert history["who"].to_pylist()[0] == "Ann" and history["stands"].to_pylist()[0] is False


def test_an_export_goes_through_the_queue(project: Path, tmp_path: Path) -> None:
    opened, seen = Project.open(project), []
    made = opened.select("toys", SIXTEEN)
    out = opened.export(
        made, tmp_path / "out", "imagefolder", progress=lambda *so_far: seen.append(so_far)
    )
    assert (out.images, out.copied, out.path) == (16, 16, tmp_path / "out")
    assert seen[-1] == (16, 16, "images")
    assert [job.state for job in launcher.all_jobs(_paths(opened)) if job.kind == "export"] == [
        "done"
    ]
    native = opened.export(made.id, tmp_path / "native")
    assert Project.verify(native.path).problems == []
    with next(native.path.glob("*.parquet")).open("ab") as file:
        file.write(b"edited")
    found = Project.verify(native.path, progress=lambda *so_far: seen.append(so_far))
    assert found.problems[0].kind == "edited"


def _paths(project: Project) -> project_paths.ProjectPaths:
    return project_paths.ProjectPaths(project.folder)


@pytest.fixture
def held(project: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose jobs wait until the test ends them."""
    small_runs.hold(monkeypatch)
    return Project.open(project)


RECIPE = Recipe("moco", "resnet10-narrow", steps=6, batch_size=4, image_size=16, more={"queue": 4})


def test_a_handle_waits_and_reports(held: Project) -> None:
    made = held.select("toys", SIXTEEN)
    started = held.pretrain(made, RECIPE, run="tiny", wait=False)
    assert started.status().state == "queued" and repr(started) == f"Job(id={started.id!r})"
    assert held.run("tiny").state == "queued" and held.status().runs == ()
    with pytest.raises(errors.InputError, match="run named 'tiny' already exists"):
        held.pretrain(made, RECIPE, run="tiny")
    folder = JobFolder(_paths(held).job(started.id))
    folder.progress(6, 6, "steps")
    folder.update_status(state="failed", reason="the disk is full")
    seen: list[tuple[int, int, str]] = []
    with pytest.raises(errors.JobError, match="Pre-training tiny failed: the disk is full"):
        started.wait(lambda *so_far: seen.append(so_far))
    assert seen == [(6, 6, "steps")] and started.log() == ""
    with pytest.raises(errors.NotFoundError, match="no run named 'other'"):
        held.run("other")


def test_a_manifest_may_be_named_from_here(
    held: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = held.select("toys", SIXTEEN)
    with projects.opened(held.folder) as opened:
        manifests.write_manifest(opened, made.id, tmp_path / "subset")
    monkeypatch.chdir(tmp_path)
    started = held.pretrain(Path("subset"), RECIPE, wait=False)
    asked = JobFolder(_paths(held).job(started.id)).settings()
    assert Path(asked["manifest"]) == tmp_path / "subset", "jobs have another working folder"
    assert Path(asked["run"]).name == "subset-moco-0"
    with pytest.raises(errors.ManifestError):
        held.pretrain(Path("missing"), RECIPE)


def test_an_interrupt_cancels_the_job(held: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    made = held.select("toys", SIXTEEN)
    started = held.pretrain(made, RECIPE, run="tiny", wait=False)

    def interrupt(status: object) -> None:
        raise KeyboardInterrupt

    cancelled: list[str] = []

    def cancel(paths: object, job_id: str) -> None:
        JobFolder(_paths(held).job(job_id)).update_status(state="cancelled", reason="by the user")

    monkeypatch.setattr(launcher, "cancel", cancel)
    with pytest.raises(errors.JobError, match="cancelled: by the user"):
        foreground.to_end(_paths(held), started.id, interrupt, lambda: cancelled.append(started.id))
    assert cancelled == [started.id]


def test_a_comparison_is_of_runs_or_of_arms(held: Project) -> None:
    for wanted in (
        Comparison("toys"),
        Comparison("toys", runs=("tiny",), arms=("random",), budgets=(16,)),
    ):
        with pytest.raises(errors.InputError, match="either finished runs or arms"):
            held.evaluate(wanted)
    with pytest.raises(errors.NotFoundError, match="No finished run named 'tiny'"):
        held.evaluate(Comparison("toys", runs=("tiny",)))
    study = Comparison("toys", arms=("random",), budgets=(16,), recipe=RECIPE, seeds=1)
    started = held.evaluate(study, wait=False)
    asked = JobFolder(_paths(held).job(started.id)).settings()
    assert [run["pretrain"]["steps"] for run in asked["runs"]] == [6]
    with pytest.raises(errors.BusyError, match="is already running as job"):
        held.evaluate(study)


def test_evaluations_come_as_tables(trained: Path) -> None:
    (found,) = evaluation_archive.every(_paths(Project.open(trained)))
    result = results.evaluation(found)
    assert result.table.column_names == list(evaluation_archive.COLUMNS)
    assert result.table["arm"].to_pylist() == ["random-init", "tiny"] * 2
    assert result.target == "toys" and result.page.exists() and len(result.sentences) == 2
    run = Project.open(trained).run("tiny")
    assert (run.state, run.steps, run.table["step"].to_pylist()[-1]) == ("done", 6, 6)
    assert isinstance(run.table, pa.Table) and Project.open(trained).runs().num_rows == 1
