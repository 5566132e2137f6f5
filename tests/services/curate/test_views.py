"""URL state of Curate: what a link holds and what it leads back to."""

from dataclasses import replace
from pathlib import Path

import pytest

from sept_core import errors
from sept_core.selection.settings import SelectionSettings
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
