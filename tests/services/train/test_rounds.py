"""Rounds: weights from errors, steps that resume, and the command."""

import json
from dataclasses import replace

import pytest
import small_runs
from hypothesis import given
from hypothesis import strategies as st
from small_project import picture, sept

from sept_core import errors
from sept_core.catalogue import source_table, split_table
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.weights import Weights
from sept_core.services.curate import selections, views
from sept_core.services.project import projects
from sept_core.services.train import round_subset, round_table, rounds, weakest
from sept_core.services.train.recipe import Recipe
from sept_core.services.train.rounds import Plan, Round, Series

PLAN = Plan("toys", SelectionSettings(budget=16), Recipe("simclr", "resnet10-narrow"))
TINY = ("--budget", 16, "--method", "simclr", "--backbone", "resnet10-narrow", "--steps", 4,
        "--batch-size", 4, "--image-size", 16)  # fmt: skip


@given(st.dictionaries(st.text(min_size=1), st.floats(0, 1), min_size=1), st.floats(0.01, 1))
def test_weights_are_bounded_and_grow_with_the_error(by_class, mean):
    found = dict.fromkeys(by_class, 1.0) | rounds.weights_of(by_class, mean)
    assert all(rounds.LEAST <= weight <= rounds.MOST for weight in found.values())
    ordered = [found[name] for name in sorted(by_class, key=lambda name: by_class[name])]
    assert ordered == sorted(ordered)


def test_without_errors_all_weights_are_one():
    assert rounds.weights_of({"red": 0.0, "blue": 0.0}, 0.0) == {}
    assert rounds.weights_of({"red": 0.3, "blue": 0.1}, 0.2) == {"red": 1.5, "blue": 0.5}


@pytest.mark.parametrize(
    ("found", "ends"),
    [
        ([0.5], False),
        ([0.5, 0.498], False),
        ([0.5, 0.498, 0.497], True),
        ([0.5, 0.52, 0.51], False),
        ([0.5, 0.498, 0.45, 0.449], False),
    ],
)
def test_rounds_end_after_two_small_gains(found, ends):
    made = tuple(Round(n, {}, "s", 0, 0, "r", error) for n, error in enumerate(found, 1))
    assert bool(rounds.ended(Series(PLAN, made))) == ends


def command(project, *words):
    return sept("round", project, "--target", "toys", *TINY, *words)


def test_rounds_from_the_command(project):
    asked = command(project, "--ask")
    assert asked.returncode == 0 and "Review selection instance-search-" in asked.stdout
    with projects.opened(project) as opened:
        series = rounds.find(opened, "toys")
        (first,) = series.rounds
        assert (first.weights, first.run, series.complete) == ({}, None, 0)
        vetoed = selections.picks(opened, first.selection)["uid"].to_pylist()[0]
        target = source_table.find(opened.db, "target", "toys").id
        held = set(split_table.held_out(opened.db, target).astype(str).tolist())
    assert sept("veto", project, "--target", "toys", vetoed).returncode == 0
    done = command(project, "--json")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["rounds"]
    assert one["run"] == "toys-round-1" and one["position"] > 0
    assert set(one["errors"]) == {"red", "blue"} and 0 <= one["error"] <= 1
    with projects.opened(project) as opened:
        picks = selections.picks(opened, one["selection"])["uid"].to_pylist()
        assert vetoed not in picks and not held & set(picks)
    more = command(project, "--weight", "red=3")
    assert more.returncode == 0, more.stderr
    assert "--arm round-1=instance-search-" in more.stdout.replace("\n", "")
    with projects.opened(project) as opened:
        series = rounds.find(opened, "toys")
        assert [one.number for one in series.rounds] == [1, 2] and series.complete == 2
        assert series.rounds[1].weights == {"red": 3.0} and series.rounds[1].new > 0
        record = selections.find(opened, series.rounds[1].selection)
        assert selections.named_settings(record)["weights"] == {"classes": {"toys/red": 3.0}}
        rows = round_table.rows(opened, series)
        assert rows[1].score == 1 - series.rounds[1].error and rows[0].gain is None
        low, high = rows[1].gain_interval
        assert low <= rows[1].gain <= high and rows[1].verdict
        assert round_table.texts(rows[1])[1] == "3"
    other = command(project, "--seed", 1)
    assert other.returncode != 0 and "were begun with other options" in other.stderr
    again = command(project, "--rounds", 2)
    assert again.returncode == 0 and "toys-round-2" in again.stdout
    assert command(project, "--restart", "--ask").returncode == 0


def test_an_interrupted_round_continues(project, monkeypatch):
    def fail(*given):
        raise errors.SourceError("gone.png cannot be read.")

    with monkeypatch.context() as patch:
        patch.setattr(weakest, "find", fail)
        assert command(project).returncode != 0
    with projects.opened(project) as opened:
        waiting = rounds.find(opened, "toys")
        assert waiting.open.run == "toys-round-1"
        with pytest.raises(errors.InputError, match="Round 1 has been trained; score it first"):
            rounds.select(opened, waiting)
    assert command(project).returncode == 0
    with projects.opened(project) as opened:
        series = rounds.find(opened, "toys")
        assert series.complete == 1 and series.rounds[0].run == "toys-round-1"
        assert replace(series.rounds[0], error=None, errors={}) == waiting.rounds[0]


def test_a_finished_run_begins_a_series_that_curate_continues(trained, monkeypatch):
    small_runs.hold(monkeypatch)
    with projects.opened(trained) as opened:
        assert round_subset.beginnings(opened, "toys") == [small_runs.RUN]
        assert round_subset.beginnings(opened, "birds") == []
        series = round_subset.begin(opened, small_runs.RUN, "toys")
        assert [row.state for row in round_table.rows(opened, series)] == ["trained"]
        with pytest.raises(errors.InputError, match="has rounds already"):
            round_subset.begin(opened, small_runs.RUN, "toys")
        scored = rounds.score(opened, series)
        assert round_table.rows(opened, scored)[0].state == "scored"
        assert rounds.find(opened, "toys") == scored
        place = round_subset.place(opened, scored)
        assert place.budget == 16
        edited = Weights(classes=(("toys/red", 2.5),))
        settings = replace(place.request.settings, weights=edited)
        assert views.read(opened, views.write(opened, place)) == place
        for budget in (12, 16):
            wanted = replace(settings, budget=budget)
            record = selections.select(opened, replace(place.request, settings=wanted))
            if budget == 12:
                with pytest.raises(errors.InputError, match="differ in settings; rounds differ in"):
                    round_subset.take(opened, scored, record["id"])
        assert [one["id"] for one in round_subset.candidates(opened, scored)] == [record["id"]]
        taken = round_subset.take(opened, scored, record["id"])
        assert taken.rounds[1].weights == {"red": 2.5}
        assert [row.state for row in round_table.rows(opened, taken)] == ["scored", "selected"]
        again = rounds.select(opened, taken, taken.rounds[1].weights)
        assert again.rounds[1].selection == record["id"], "the same settings"
        begun, _ = rounds.train(opened, again)
        assert begun.pretrain["image_size"] == small_runs.TINY["image_size"]
        assert round_table.rows(opened, begun)[1].state == "training"


def test_weights_open_the_subset_that_a_run_was_trained_on(trained):
    with projects.opened(trained) as opened:
        place = round_subset.weighted(opened, small_runs.RUN, "toys", {"red": 2.0})
        assert (place.request.targets, place.budget) == (("toys",), 16)
        assert place.request.settings == SelectionSettings(
            budget=1, weights=Weights(classes=(("toys/red", 2.0),))
        )
        assert views.read(opened, views.write(opened, place)) == place
        saved = round_subset.selection_of(opened, small_runs.RUN)
        request = selections.request_of(opened, selections.find(opened, saved))
        assert place.request == replace(request, settings=place.request.settings)
        selections.remove(opened, saved)
        left = round_subset.weighted(opened, small_runs.RUN, "toys", {"red": 2.0})
        assert (left.request.settings, left.budget) == (place.request.settings, 16)


def test_a_target_set_without_classes_is_refused(project, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    picture("red", 5000).save(folder / "one.png")
    assert sept("target", "add", project, "plain", folder).returncode == 0
    done = sept("round", project, "--target", "plain", *TINY)
    assert done.returncode != 0 and "plain has 0 classes" in done.stderr


def test_a_strategy_without_weights_is_refused(prepared):
    done = sept("round", prepared, "--target", "toys", *TINY, "--strategy", "random")
    assert done.returncode != 0 and "'random' does not use weights" in done.stderr
