"""Recipes, weights and the target's own images in a project: from the command to the manifest."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from small_project import picture, sept

from sept_core.catalogue import source_table, split_table
from sept_core.dedup import near_duplicates
from sept_core.manifest import manifest, verification
from sept_core.selection.recipes import Part
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.weights import Weights
from sept_core.services.curate import (
    judging,
    manifests,
    own_images,
    recipe_file,
    selections,
    subset_diagnostics,
)
from sept_core.services.curate.requests import Request
from sept_core.services.data import collections
from sept_core.services.data.preparation import GroupsByUid
from sept_core.services.project import projects
from sept_core.services.train import pretraining

RECIPE = """
unfilled_part = "donate"

[[part]]
name = "search"
strategy = "instance-search"
share = 0.7

[[part]]
name = "spread"
strategy = "hierarchical"
share = 0.3
"""
PARTS = (Part("search", "instance-search", 0.7), Part("spread", "hierarchical", 0.3))


@pytest.fixture(scope="module")
def with_birds(prepared, small_data, tmp_path_factory):
    """The prepared project with a second target set: its training images include one of the pool,
    a near-duplicate of one of the pool, and a near-duplicate of one of its own test images.
    """
    root = tmp_path_factory.mktemp("birds")
    project = root / "project"
    shutil.copytree(prepared, project)
    for split, numbers in (("train", range(3000, 3004)), ("test", range(4000, 4003))):
        folder = root / "birds" / split / "owl"
        folder.mkdir(parents=True)
        for number in numbers:
            picture("grey", number).save(folder / f"{number}.png")
    train = root / "birds" / "train" / "owl"
    shutil.copy(small_data / "pool" / "grey" / "03.png", train / "equal.png")
    picture("grey", 5).save(train / "near.jpg", quality=92)
    picture("grey", 4001).save(train / "leaking.jpg", quality=92)
    for words in (("target", "add", project, "birds", root / "birds"), ("embed", project)):
        done = sept(*words)
        assert done.returncode == 0, done.stderr
    assert sept("prepare", project).returncode == 0
    return project


@pytest.fixture
def birds(with_birds, tmp_path):
    copy = tmp_path / "birds-project"
    shutil.copytree(with_birds, copy)
    return copy


def command(folder, *words):
    done = sept("select", folder, "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_recipe_from_the_command_to_the_manifest(project, tmp_path):
    path = tmp_path / "mix.toml"
    path.write_text(RECIPE)
    made = command(
        project, "--target", "toys", "--budget", 20, "--recipe", path, "--weight", "toys/red=2"
    )
    assert made["selection"].startswith("recipe-") and made["strategy"] == "recipe"
    assert (
        command(project, "--target", "toys", "--budget", 20, "--recipe", path)["id"] != made["id"]
    )
    with projects.opened(project) as opened:
        picks = selections.picks(opened, made["id"])
        assert Counter(picks["part"].to_pylist()) == {"search": 14, "spread": 6}
        owned = {uid for uid in picks["target_uid"].to_pylist() if uid}
        assert {w for w in picks["weight"].to_pylist() if w is not None} == {1.0, 2.0} and owned
        written = manifests.write_manifest(opened, made["id"], tmp_path / "manifest")
        report = subset_diagnostics.report(opened, made["id"])
    assert report["parts"] == {"search": 14, "spread": 6}
    assert written.header["format"] == manifest.WITH_PARTS
    assert written.header["strategy"] == "recipe"
    assert written.header["settings"]["weights"] == {"classes": {"toys/red": 2.0}}
    assert manifest.picks(written).equals(picks.cast(manifest.picks(written).schema))
    assert verification.verify(written.folder).problems == []
    shown = sept("report", project, made["id"])
    assert "Images by part" in shown.stdout and "spread" in shown.stdout


def test_a_plain_selection_names_nothing_new(project, tmp_path):
    with projects.opened(project) as opened:
        made = selections.select(opened, Request(("toys",), SelectionSettings(budget=9)))
        written = manifests.write_manifest(opened, made["id"], tmp_path / "manifest")
    assert set(made["settings"]) == {
        "strategy", "budget", "seed", "floor_percentile", "expand_percentiles", "fill",
        "local_scaling", "max_neighbours", "duplicate_cap", "min_targets", "within_cluster",
        "unfilled_quota",
    }  # fmt: skip
    assert written.header["format"] == 1
    assert not {"part", "weight"} & set(written.rows.column_names)


def test_weights_follow_a_renamed_target_set(project):
    settings = SelectionSettings(budget=9, weights=Weights({"toys": 2}, {"toys/red": 3}))
    with projects.opened(project) as opened:
        made = selections.select(opened, Request(("toys",), settings))
        collections.rename(opened, "target", "toys", "blocks")
        again = selections.update(opened, made["id"])
        assert again["id"] == made["id"] and again["churn"]["came"] == ()
        named = selections.named_settings(selections.find(opened, made["id"]))
    assert named["weights"] == {"sets": {"blocks": 2.0}, "classes": {"blocks/red": 3.0}}


def test_a_heavier_class_gains_more_images(project):
    def owned_by_red(opened, weight):
        settings = SelectionSettings(budget=36, weights=Weights(classes={"toys/red": weight}))
        made = selections.select(opened, Request(("toys",), settings))
        target = source_table.find(opened.db, "target", "toys").id
        rows = split_table.labelled(opened.db, target, ("train",)).to_pylist()
        red = {row["uid"] for row in rows if row["label"] == "red"}
        owners = selections.picks(opened, made["id"])["target_uid"].to_pylist()
        return sum(owner in red for owner in owners)

    with projects.opened(project) as opened:
        assert owned_by_red(opened, 1) == 18
        assert owned_by_red(opened, 2) == 24
        assert owned_by_red(opened, 0.5) == 12


def train_of(opened, name):
    target = source_table.find(opened.db, "target", name).id
    rows = split_table.labelled(opened.db, target, ("train",)).to_pylist()
    return {row["rel_path"].split("/")[-1]: row["uid"] for row in rows}


def test_curated_and_target_images(birds, tmp_path):
    request = Request(("birds",), SelectionSettings(budget=12, with_target=True))
    with projects.opened(birds) as opened:
        made = selections.select(opened, request)
        picks = selections.picks(opened, made["id"])
        train = train_of(opened, "birds")
        own = {row["uid"] for row in picks.to_pylist() if row["part"] == "target"}
        assert own == set(train.values()) - {train["leaking.jpg"]}
        assert picks["part"].to_pylist()[: len(own)] == ["target"] * len(own)
        assert made["funnel"]["target_images"] == len(own) and picks.num_rows == 12
        target = source_table.find(opened.db, "target", "birds").id
        held = set(split_table.held_out(opened.db, target).astype(str).tolist())
        assert not held & set(picks["uid"].to_pylist())
        twin = twin_in_pool(opened, "grey/05.png")
        assert twin not in picks["uid"].to_pylist()
        assert pretraining.of_selection(opened, made["id"]).images == 12
        assert subset_diagnostics.report(opened, made["id"])["parts"] == {"target": 6, "": 6}
        doubted = judging.suggest(opened, made["id"])["uids"]
        assert set(doubted) == set(picks["uid"].to_pylist()) - own
        written = manifests.write_manifest(opened, made["id"], tmp_path / "manifest")
    rows = {row["uid"]: row for row in written.rows.to_pylist()}
    both = rows[train["equal.png"]]
    assert (both["n_locations"], both["source"]) == (2, "target:birds")
    places = written.locations.to_pylist()
    assert {row["source"] for row in places if row["uid"] == both["uid"]} == {
        "target:birds", "shapes",
    }  # fmt: skip
    assert verification.verify(written.folder).problems == []


def twin_in_pool(opened, rel_path):
    row = opened.db.execute("SELECT uid FROM files WHERE rel_path = ?", [rel_path]).fetchone()
    return row[0]


def test_a_vetoed_target_image_leaves_the_subset_and_stays_a_target(birds):
    request = Request(("birds",), SelectionSettings(budget=12, with_target=True))
    with projects.opened(birds) as opened:
        first = selections.select(opened, request)
        vetoed = train_of(opened, "birds")["3000.png"]
    assert sept("veto", birds, "--target", "birds", "--scope", "image", vetoed).returncode == 0
    with projects.opened(birds) as opened:
        updated = selections.update(opened, first["id"])
        assert vetoed in updated["churn"]["went"]
        picks = selections.picks(opened, updated["id"])
        assert vetoed not in picks["uid"].to_pylist()
        assert vetoed in picks["target_uid"].to_pylist()


def test_a_budget_below_the_target_images_is_refused(birds):
    done = sept("select", birds, "--target", "birds", "--budget", 3, "--with-target")
    assert done.returncode != 0
    assert "6 training images of its own, but the budget is 3" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("part = [", "cannot be read as a recipe"),
        ("", "has no part; add a [[part]] table"),
        ("shares = 1", "shares = 1 is not a valid entry of a recipe"),
        (
            '[[part]]\nname = "a"\nshare = 1.0',
            "part 1 must have exactly the entries name, strategy",
        ),
        (RECIPE.replace("0.3", "0.2"), "parts search, spread sum to 0.9; they must sum to 1"),
        (RECIPE.replace("hierarchical", "tree"), "'spread' has the unknown strategy 'tree'"),
        (RECIPE.replace('"donate"', '"drop"'), "unfilled_part 'drop' is unknown"),
    ],
)
def test_wrong_recipe_files_are_refused_in_a_sentence(prepared, tmp_path, text, words):
    path = tmp_path / "mix.toml"
    path.write_text(text)
    done = sept("select", prepared, "--target", "toys", "--budget", 5, "--recipe", path)
    assert done.returncode != 0
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipe", "none.toml"), "none.toml cannot be read as a recipe"),
        (("--weight", "birds=2"), "the target set 'birds', which this selection does not search"),
        (("--weight", "toys/pink=2"), "the class 'toys/pink'"),
        (("--weight", "uid:00=2"), "the target image '00'"),
        (("--weight", "toys"), "Weight 'toys' is not of the form"),
        (("--stop-ratio", "2"), "stop_ratio is 2.0"),
        (("--strategy", "random", "--weight", "toys=2"), "'random' does not use weights"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(prepared, options, words):
    done = sept("select", prepared, "--target", "toys", "--budget", 5, *options)
    assert done.returncode != 0
    assert words in done.stderr.replace("\n", " ")


def test_a_stopped_selection_needs_no_budget(project):
    made = command(project, "--target", "toys", "--stop-ratio", 0.9, "--stop-round", 2)
    assert 24 <= made["count"] < 150 and "--stop-ratio" in made["shortfall"]


def test_groups_that_meet_become_one():

    names = np.array([f"{number:032x}" for number in range(8)], "S32")
    groups = GroupsByUid(names[:4], np.array([5, 5, 3, 3]))
    pairs = np.stack([names[[1, 4, 6]], names[[4, 2, 7]]], axis=1)
    joined = dict(own_images.join(groups, pairs))
    assert [joined[name] for name in names[:5].tolist()] == [3] * 5
    assert joined[names[6]] == joined[names[7]] == near_duplicates.group_id(names[6])
    assert names[5] not in joined


def test_the_recipe_in_the_documentation_is_valid(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
    path = tmp_path / "mix.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1])
    found = recipe_file.read(path)
    assert found.with_target and found.unfilled_part == "donate"
    assert len(SelectionSettings(budget=9, recipe=found.parts).recipe) == 3


def test_a_target_set_that_is_not_embedded_adds_no_images(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "later" / "owl"
    folder.mkdir(parents=True)
    picture("green", 5000).save(folder / "0.png")
    settings = SelectionSettings(budget=20, with_target=True)
    with projects.opened(project) as opened:
        collections.add(opened, "target", "later", folder.parent)
        made = selections.select(opened, Request(("toys", "later"), settings))
        picks = selections.picks(opened, made["selection"])
        assert picks["part"].to_pylist().count("target") == made["funnel"]["target_images"] > 0
        record = selections.find(opened, made["selection"])
        found = own_images.vectors(opened, record, picks, record["encoder_id"])
        assert len(found) == picks.num_rows == 20
