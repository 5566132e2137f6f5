"""Studies: the arms, what they share, and one job that trains and evaluates them."""

import json
from pathlib import Path
from typing import Any

import pytest
import small_runs
from small_project import sept

from sept_core import errors
from sept_core.catalogue import image_table
from sept_core.evaluation import arms, study
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.manifest import manifest
from sept_core.pretrain import loop
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, groups, selections
from sept_core.services.project import projects
from sept_core.services.train import (
    evaluation_archive,
    evaluations,
    findings,
    report,
    runs,
    studies,
)
from sept_core.services.train.studies import Study
from sept_core.storage import atomic

METHOD, BACKBONE, TINY = small_runs.RECIPE


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.hold(monkeypatch)


def a_study(*arms: str, **changes: Any) -> Study:
    known = {"seeds": 2, "readouts": ("knn",)}
    return Study("toys", arms, (16,), METHOD, BACKBONE, dict(TINY), **{**known, **changes})


def test_a_study_trains_every_arm_alike_and_compares_them(project: Path) -> None:
    with projects.opened(project) as opened:
        job = studies.start(opened, a_study("random", "instance-search", "encoder"))
        result = small_runs.work_off(job, study.main)
        paths = opened.paths
    assert len(result["runs"]) == 4
    (found,) = evaluation_archive.every(paths)
    assert found.arms == ["random-init", "random", "instance-search", "retrieval encoder"]
    trained = {run.name: run for run in runs.every(paths)}
    assert set(trained) == set(result["runs"]) and all(run.done for run in trained.values())
    settings = [atomic.read_json(paths.run(name) / "settings.json") for name in trained]
    seeds = sorted(held["pretrain"].pop("seed") for held in settings)
    assert seeds == [0, 0, 1, 1]
    assert all(held["pretrain"] == settings[0]["pretrain"] for held in settings)
    random = [held["manifest"] for held, name in zip(settings, trained, strict=True)
              if name.startswith("random")]  # fmt: skip
    assert len(set(random)) == 2, "each seed draws its own random subset"
    cost = found.summary["compute"]
    assert cost["random"]["images_seen"] == TINY["steps"] * TINY["batch_size"]
    assert cost["random"]["flops"] > 0 and cost["retrieval encoder"] is None
    assert found.unmatched() is None
    page = report.page(found)
    assert findings.headline(found, "random") in page and page.startswith("<!doctype html>")
    assert "<script" not in page and "instance-search" in page
    text = report.markdown(found)
    assert text.index("Accuracy") < text.index("## Cost") < text.index("## Without a gain")
    with projects.opened(project) as opened:
        assert all(record.get("study") for record in selections.every(opened))


def test_runs_are_shared_and_a_study_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with projects.opened(project) as opened:
        first = studies.start(opened, a_study("random"))
        small_runs.work_off(first, study.main)
        monkeypatch.setattr(loop, "train", lambda *_: pytest.fail("nothing is to be trained"))
        again = studies.start(opened, a_study("random", seeds=2, readouts=("linear",)))
        result = small_runs.work_off(again, study.main)
        assert result["runs"] == first.result()["runs"]
        other = a_study("random")
        other.changes["crop_min"] = 0.5
        with pytest.raises(errors.InputError, match="'crop_min' is unknown"):
            studies.start(opened, other)


def test_what_cannot_be_fine_tuned_is_told(project: Path) -> None:
    with projects.opened(project) as opened:
        asked = a_study("random", "encoder", readouts=("knn", "finetune"), seeds=1)
        small_runs.work_off(studies.start(opened, asked), study.main)
        (found,) = evaluation_archive.every(opened.paths)
    assert any("retrieval encoder: features without a network" in n for n in found.summary["notes"])


def test_a_run_on_a_manifest_from_elsewhere_does_not_serve(project: Path) -> None:
    """Its folder holds no manifest of its own, so nothing could be trained from it again."""
    with projects.opened(project) as opened:
        first = studies.start(opened, a_study("random", seeds=1))
        small_runs.work_off(first, study.main)
        (folder,) = (Path(run["run"]) for run in first.settings()["runs"])
        (folder / "manifest").rename(project / "elsewhere")
        again = studies.start(opened, a_study("random", seeds=1, readouts=("linear",)))
    (run,) = again.settings()["runs"]
    assert Path(run["run"]) != folder and (Path(run["run"]) / "manifest").exists()


def test_the_command_prints_one_json_or_sentences_and_leaves_reports(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # real processes, not held ones
    words = ["--arm", "random", "--budget", 12, "--method", "simclr", "--backbone", "resnet10-tiny"]
    words += ["--steps", 2, "--batch-size", 4, "--image-size", 16, "--seeds", 1]
    words += ["--readout", "knn", "--labels", "2-shot", "--draws", 3]
    done = sept("evaluate", project, "--target", "toys", *words, "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["evaluations"]
    assert one["compute"]["random"]["images_seen"] == 8
    assert {mean["draws"] for mean in one["means"]} == {3}
    assert (project / "runs" / "evaluations" / one["id"] / report.NAME).exists()
    again = sept("evaluate", project, "--target", "toys", *words)
    assert again.returncode == 0 and one["sentences"][0][:20] in again.stdout


def test_named_arms_join_the_target_filter_by_metadata_and_stay_frozen(project: Path) -> None:
    with projects.opened(project) as opened:
        asked = a_study(
            "random", "curated+target", "classifier+target", "metadata=width >= 1",
            "frozen=classic", f"frozen=checkpoint:{project}/x",
        )  # fmt: skip
        planned = {arm.name: arm for arm in studies.plan(opened, asked)}
        request = selections.Request(("toys",), SelectionSettings(budget=16))
        plain = selections.select(opened, request)["selection"]
        drawn = [selections.find(opened, s) for s in planned["metadata width >= 1"].selections]
    assert list(planned) == [
        "random", "curated+target", "classifier+target", "metadata width >= 1", "frozen classic",
        f"frozen checkpoint:{project}/x",
    ]  # fmt: skip
    assert planned["curated+target"].selections == (plain, plain) and planned["curated+target"].own
    assert [one["filter"] for one in drawn] == ["width >= 1"] * 2
    assert drawn[0]["selection"] != drawn[1]["selection"], "each seed has its own draw"
    assert planned["frozen classic"].encoder == "classic" and planned["frozen classic"].frozen


def test_the_targets_images_come_first_in_a_joined_arm(project: Path) -> None:
    with projects.opened(project) as opened:
        asked = a_study("instance-search", "curated+target", seeds=1)
        small_runs.work_off(studies.start(opened, asked), study.main)
        (found,) = evaluation_archive.every(opened.paths)
        folders = [path.parent for path in opened.paths.run_settings()]
        rows = {folder.name: manifest.read(folder / "manifest").rows for folder in folders}
        few = dict(TINY) | {"queue": 2}
        small = Study("toys", ("curated+target",), (12,), METHOD, BACKBONE, few, seeds=1)
        with pytest.raises(errors.InputError, match="12 own images leave no room"):
            studies.start(opened, small)
    assert found.arms == ["random-init", "instance-search", "curated+target"]
    (joined,) = (rows[name] for name in rows if "target-toys" in name)
    (plain,) = (rows[name] for name in rows if "target-toys" not in name)
    sources = joined["source"].to_pylist()
    assert sources[:12] == ["target:toys"] * 12 and "target:toys" not in sources[12:]
    assert len(joined) == len(plain) == 16
    assert joined["uid"].to_pylist()[12:] == plain["uid"].to_pylist()[:4]


def test_a_frozen_network_is_not_fine_tuned(project: Path) -> None:
    with projects.opened(project) as opened:
        first = studies.start(opened, a_study("random", seeds=1))
        small_runs.work_off(first, study.main)
        (run,) = (Path(run["run"]) for run in first.settings()["runs"])
        given = f"checkpoint:{run}"
        asked = a_study(
            "random", f"frozen={given}", f"own={given}", readouts=("finetune",), seeds=1
        )
        evaluated = studies.start(opened, asked).settings()["evaluations"][0]
    (frozen,) = (arm for arm in evaluated["arms"] if arm["name"].startswith("frozen"))
    assert frozen["frozen"] and "frozen" not in evaluated["arms"][-1]
    made = arms.prepare([frozen, evaluated["arms"][-1]], [0], project)
    assert [arm.adaptable for arm in made] == [False, True]


def test_an_arm_continues_from_an_encoder(project: Path) -> None:
    with projects.opened(project) as opened:
        first = studies.start(opened, a_study("random", seeds=1))
        small_runs.work_off(first, study.main)
        (run,) = (run["run"] for run in first.settings()["runs"])
        asked = a_study("random", f"continue=checkpoint:{run}:random", seeds=1)
        continued = studies.start(opened, asked)
        result = small_runs.work_off(continued, study.main)
        (found, *_) = evaluation_archive.every(opened.paths)
        inits = [run["pretrain"]["init"] for run in continued.settings()["runs"]]
    assert inits == ["", run] and len(result["runs"]) == 2
    assert found.arms == ["random-init", "random", "continued random"]


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("continue=random", "is incomplete; write continue=SPEC:ARM"),
        ("continue=timm:resnet18@/x:random", "the weights of resnet18, but the study trains"),
        ("continue=timm:encoder", "encoder is not trained"),
    ],
)
def test_arms_that_cannot_continue(project: Path, arm: str, said: str) -> None:
    with projects.opened(project) as opened, pytest.raises(errors.InputError, match=said):
        studies.plan(opened, a_study(arm))


def test_published_weights_of_the_backbone_are_initial_weights(project: Path) -> None:
    with projects.opened(project) as opened:
        planned = studies.plan(opened, a_study(f"continue=timm:{BACKBONE}@/w.safetensors:random"))
    assert [arm.init for arm in planned] == ["timm@/w.safetensors"]


def test_arms_of_every_kind(project: Path) -> None:
    with projects.opened(project) as opened:
        request = selections.Request(("toys",), SelectionSettings(budget=12))
        mine = selections.select(opened, request)["selection"]
        groups.save(opened, "right", image_table.eligible(opened.db).astype(str).tolist()[:30])
        asked = a_study(
            "random", "random-10x", "whole-pool", "target-images-only", "classifier", mine,
            "best=group:right", "theirs=classic", f"ours={mine}", equal_epochs=True,
        )  # fmt: skip
        asked.changes["queue"] = 2  # the target's own images are few
        arms = {arm.name: arm for arm in studies.plan(opened, asked)}
        chosen = studies.settings_of(opened, asked, list(arms.values()))
        sizes = {name: selections.find(opened, arm.selections[0])["count"]
                 for name, arm in arms.items() if arm.selections}  # fmt: skip
    assert arms["theirs"].encoder == "classic"
    assert arms["ours"].selections == arms[mine].selections == (mine, mine)
    assert len(set(arms["random"].selections)) == 2
    assert sizes["best"] == 16 and sizes["random-10x"] > 16
    longer = {name for name in chosen if name.endswith(studies.EPOCHS)}
    assert longer == {
        f"{name}{studies.EPOCHS}" for name in ("random-10x", "whole-pool", "target-images-only")
    }
    steps = chosen["random"].steps
    assert all(chosen[name].steps == steps for name in set(chosen) - longer)
    for name in longer:
        images_each = chosen[name].steps * TINY["batch_size"] / sizes[name]
        assert images_each == pytest.approx(steps * TINY["batch_size"] / 16, rel=0.2)


def test_a_sweep_names_its_budgets_and_decisions_can_be_left_out(project: Path) -> None:
    with projects.opened(project) as opened:
        before = selections.select(
            opened, selections.Request(("toys",), SelectionSettings(budget=16))
        )
        vetoed = selections.picks(opened, before["selection"])["uid"].to_pylist()[:3]
        decisions.decide(opened, ["toys"], "veto", vetoed)
        asked = a_study("instance-search", without_decisions=True)
        arms = studies.plan(opened, asked)
        kept, bare = (set(selections.picks(opened, arm.selections[0])["uid"].to_pylist())
                      for arm in arms)  # fmt: skip
        assert not kept & set(vetoed) and bare >= set(vetoed)
        record = selections.find(opened, arms[1].selections[0])
        assert not record["older_than_decisions"], "it never asked what was decided"
        job = studies.start(opened, asked)
        assert len(job.settings()["runs"]) == 4
        sweep = Study("toys", ("instance-search",), (8, 16), METHOD, BACKBONE, dict(TINY))
        assert [arm.name for arm in studies.plan(opened, sweep)] == [
            "instance-search 8", "instance-search 16",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ((), "at least one arm"),
        (("random", "random"), "Two arms"),
        (("oracle",), "oracle baseline is unavailable"),
        (("encoder",), "trains at least one arm"),
    ],
)
def test_what_cannot_be_studied_is_told(project: Path, arms: tuple[str, ...], said: str) -> None:
    with projects.opened(project) as opened, pytest.raises(errors.InputError, match=said):
        studies.start(opened, a_study(*arms))


def test_an_unknown_arm_and_group_are_told(project: Path) -> None:
    with projects.opened(project) as opened:
        for arm in ("nonsense", "best=group:nothing"):
            with pytest.raises(errors.NotFoundError):
                studies.plan(opened, a_study(arm))


def test_a_part_tells_its_progress_as_a_part_of_the_whole(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    part = study.Part(job, {"own": 1}, "training a", (2, 7))
    part.progress(5, 100, "steps")
    told = atomic.read_json(tmp_path / "progress.json")
    assert (told["done"], told["total"], told["unit"]) == (2, 7, "parts")
    assert "training a: 5 of 100 steps" in told["note"] and part.settings() == {"own": 1}


def test_the_job_is_known_to_the_evaluate_page(project: Path) -> None:
    with projects.opened(project) as opened:
        job = studies.start(opened, a_study("random"))
        (name,) = evaluations.evaluations_of(opened.paths, job.id)
        assert name.startswith("toys-") and launcher.status(opened.paths, job.id).kind == "study"
        with pytest.raises(errors.BusyError):
            studies.start(opened, a_study("random"))
