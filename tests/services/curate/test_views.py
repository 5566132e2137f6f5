"""URL state of Curate: what a link holds and what it leads back to."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sept_core import errors
from sept_core.catalogue import settings
from sept_core.selection.recipes import Part
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.weights import Weights
from sept_core.services.curate import selections, views
from sept_core.services.curate.requests import Request
from sept_core.services.curate.views import Place, View
from sept_core.services.project import projects

FULL = Place(
    Request(
        ("toys",),
        SelectionSettings("coverage", 1, seed=3, floor_percentile=90.0, min_targets=2),
        "classic",
        filter="width > 10",
        guard=False,
    ),
    View(area=((0.1, 0.2), (0.3, 0.4), (0.5, 0.1)), cluster=4, state="vetoed", words="red"),
    budget=40,
    order="doubt",
)


def test_a_link_leads_back_to_the_same_place(project: Path) -> None:
    with projects.opened(project) as opened:
        url = views.write(opened, FULL)
        assert sorted(url) == ["budget", "encoder", "order", "strategy", "target", "view"]
        assert views.read(opened, url) == FULL
        assert views.write(opened, FULL) == url, "a view is named by its content"
        assert views.write(opened, views.read(opened, {})) == {}


def test_what_the_browser_returns_is_the_request(project: Path) -> None:
    assert views.request_from(views.request_json(FULL.request)) == FULL.request
    with pytest.raises(errors.InputError, match="cannot be read"):
        views.request_from({"floor": "high"})
    with pytest.raises(errors.InputError, match="cannot be read"):
        views.view_from({"area": [[1, 2, 3]]})


MIXED = Request(
    ("toys",),
    SelectionSettings(
        budget=1,
        recipe=(Part("search", "instance-search", 0.7), Part("any", "random", 0.3)),
        unfilled_part="donate",
        with_target=True,
        stop_ratio=0.9,
        stop_round=5,
        weights=Weights((("toys", 2.0),), (("toys/red", 3.0),), (("0" * 32, 0.5),)),
    ),
)


def test_a_link_holds_recipe_weights_and_stop(project: Path) -> None:
    place = Place(MIXED, View(part="search", state="round"), 20, "part")
    with projects.opened(project) as opened:
        url = views.write(opened, place)
        assert sorted(url) == ["budget", "order", "target", "view"]
        found = views.read(opened, url)
        assert replace(found, request=replace(found.request, encoder=None)) == place
    sent = json.loads(json.dumps(views.request_json(MIXED)))
    assert sent["weights"]["classes"] == {"toys/red": 3.0} and sent["recipe"][1]["share"] == 0.3
    assert views.request_from(sent) == MIXED and sent["more"] == {}
    assert views.lost(sent, views.request_from(sent)) == []


def test_views_and_requests_without_recipe_keep_their_ids(project: Path) -> None:
    with projects.opened(project) as opened:
        assert views.write(opened, FULL)["view"] == ["8b632d8f3bcd1de0"]
        stored = {"request": {"more": asdict(MIXED.settings) | {"budget": 1}}, "view": {}}
        settings.put(opened.db, "view:before", stored)
        found = views.read(opened, {"target": ["toys"], "view": ["before"]})
        assert replace(found.request, encoder=None) == MIXED, "a view of the version before"


def test_settings_that_the_choice_cannot_use_are_left_out_and_named() -> None:
    sent = views.request_json(MIXED)
    plain = views.request_from(sent | {"strategy": "random", "recipe": []})
    assert plain.settings == SelectionSettings(
        "random", 1, unfilled_part="donate", with_target=True, stop_round=5
    )
    assert views.lost(sent | {"recipe": []}, plain) == ["weights", "the stop"]
    own = views.request_from(sent | {"strategy": "target-images-only", "recipe": []})
    assert not own.settings.with_target
    other = views.request_from(sent | {"targets": ["birds"]})
    assert other.settings.weights == Weights(images=MIXED.settings.weights.images)
    assert views.request_from(sent | {"strategy": "coverage"}).settings.recipe == ()
    with pytest.raises(errors.InputError, match="must be a number from"):
        views.request_from(sent | {"weights": {"sets": {"toys": 1000}}})
    with pytest.raises(errors.InputError, match="they must sum to 1"):
        views.request_from(sent | {"recipe": sent["recipe"][:1]})


def test_invalid_parameters_are_ignored_and_unknown_views_refused(project: Path) -> None:
    with projects.opened(project) as opened:
        found = views.read(
            opened,
            {"target": ["toys", "gone"], "strategy": ["magic"], "budget": ["-4"], "order": ["?"]},
        )
        assert found.request.targets == ("toys",)
        assert (found.budget, found.order) == (None, "similarity")
        with pytest.raises(errors.NotFoundError, match="no view 'x'"):
            views.read(opened, {"view": ["x"]})


def test_links_to_earlier_pages_lead_to_the_same(project: Path) -> None:
    with projects.opened(project) as opened:
        request = Request(("toys",), SelectionSettings(budget=12, duplicate_cap=2))
        made = selections.select(opened, request)
        place = views.of_old_link(
            opened, "review", {"selection": [made["id"]], "order": ["by-doubt"]}
        )
        assert place.budget == 12 and place.order == "doubt"
        again = replace(place.request, settings=replace(place.request.settings, budget=12))
        assert selections.select(opened, again)["id"] == made["id"]
        found = views.of_old_link(
            opened, "map", {"area": ["[[0.1,0.2],[0.3,0.4],[0.5,0.1]]"], "filter": ["width > 3"]}
        )
        assert found.view.area == FULL.view.area and found.request.filter == "width > 3"
        assert found.request.targets == ()
        found = views.of_old_link(opened, "map", {"words": ["a red fox"], "area": ["{"]})
        assert found.view.search and not found.view.area
        found = views.of_old_link(opened, "retrieve", {"target": ["toys"], "strategy": ["random"]})
        assert found.request.settings.strategy == "random"
