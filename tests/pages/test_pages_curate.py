"""The Curate page: its place in the URL, and the wishes of the browser, each fulfilled once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import wishes, workspace
from sept_core import errors
from sept_core.services.curate import groups, searches, selections, views
from sept_core.services.project import projects
from sept_core.services.project.project import Project

PAGE = "pages/curate/curate.py"


@pytest.fixture
def turn(project: Path) -> Iterator[wishes.Turn]:
    with projects.opened(project) as opened:
        yield wishes.Turn(opened, views.read(opened, {"target": ["toys"], "budget": ["9"]}))


def some_uids(project: Project, count: int) -> list[str]:
    rows = project.db.execute(f"SELECT uid FROM images ORDER BY uid LIMIT {count}").fetchall()
    return [row[0] for row in rows]


def test_the_page_starts_with_the_first_target_set(app: AppTest) -> None:
    app.run().switch_page(PAGE).run()
    assert not app.exception and not app.error
    assert app.query_params["target"] == "toys"


def test_the_whole_pool_stays_chosen(app: AppTest) -> None:
    app.run()
    app.query_params["target"] = ""
    app.switch_page(PAGE).run()
    assert not app.exception and not app.error
    assert app.query_params["target"] == ""


def test_an_unknown_view_is_a_sentence(app: AppTest) -> None:
    app.run()
    app.query_params["view"] = "nothing"
    app.switch_page(PAGE).run()
    assert not app.exception and "no view 'nothing'" in app.error[0].value.replace("\\", "")


def test_an_old_link_becomes_a_place_in_the_url(app: AppTest) -> None:
    app.run()
    app.query_params["from"] = "map"
    app.query_params["area"] = "[[0,0],[1,0],[1,1]]"
    app.switch_page(PAGE).run()
    assert not app.exception and not app.error
    assert "from" not in app.query_params and "area" not in app.query_params
    assert app.query_params["order"] == "uid" and app.query_params["view"]


def test_what_is_asked_for_changes_the_place(turn: wishes.Turn) -> None:
    request = views.request_json(turn.place.request) | {"strategy": "random", "cap": 3}
    wishes.fulfil(turn, "request", request)
    wishes.fulfil(turn, "view", {"area": [[0, 0], [1, 0], [1, 1]], "cluster": 2, "target": "t"})
    wishes.fulfil(turn, "order", {"order": "audit"})
    wishes.fulfil(turn, "budget", {"budget": 17})
    place = turn.place
    assert place.request.settings.strategy == "random"
    assert place.request.settings.duplicate_cap == 3
    assert (place.order, place.budget, place.view.cluster) == ("audit", 17, 2)
    wishes.fulfil(turn, "request", request | {"targets": []})
    assert turn.place.view.target == "", "it belonged to the target sets before"
    wishes.fulfil(turn, "request", request | {"encoder": "another"})
    assert turn.place.view.area == () and turn.place.view.cluster is None, "it was of another map"


def test_a_draft_is_saved_opened_and_deleted(turn: wishes.Turn) -> None:
    wishes.fulfil(turn, "save", {"budget": 12})
    (record,) = selections.every(turn.project)
    assert record["count"] == 12 and turn.notice and record["id"] in turn.notice["text"]
    assert turn.notice["link"]["query"] == {"selection": record["id"]}
    wishes.fulfil(turn, "budget", {"budget": 40})
    wishes.fulfil(turn, "open-selection", {"id": record["id"]})
    assert turn.place.budget == 12
    wishes.fulfil(turn, "delete-selections", {"ids": [record["id"]]})
    assert selections.every(turn.project) == []


def test_images_become_a_group_or_an_export(turn: wishes.Turn) -> None:
    uids = some_uids(turn.project, 6)
    wishes.fulfil(turn, "save-group", {"name": "mine", "uids": uids})
    assert groups.members(turn.project, "mine") == uids
    wishes.fulfil(turn, "export", {"uids": uids})
    assert turn.leave and turn.leave[0] == "Export"
    made = selections.find(turn.project, turn.leave[1]["selection"])
    assert made["settings"]["strategy"] == "whole-pool" and 0 < made["count"] <= 6
    wishes.fulfil(turn, "remove-group", {"name": "mine"})
    assert "mine" not in groups.names(turn.project)


def test_a_search_is_a_part_of_the_view(turn: wishes.Turn) -> None:
    (uid,) = some_uids(turn.project, 1)
    wishes.fulfil(turn, "search", {"uid": uid})
    found = turn.place.view.search
    wishes.fulfil(turn, "search", {"uids": some_uids(turn.project, 3)})
    assert found and turn.place.view.search != found
    results = searches.results(turn.project, turn.encoder, turn.place.view.search)
    assert results.label == "like 3 images"
    assert set(some_uids(turn.project, 3)) & set(results.uids[:20].astype(str))
    found = turn.place.view.search
    with pytest.raises(errors.InputError, match="cannot be used"):
        wishes.fulfil(turn, "search", {"image": "bm8gaW1hZ2U=", "name": "a.png"})
    assert turn.place.view.search == found


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("dance", {}), ("budget", {}), ("budget", {"budget": "many"}), ("order", {"order": "odd"}),
     ("open-selection", {"id": "nothing"}), ("save-group", {"name": "../x", "uids": ["a"]})],
)  # fmt: skip
def test_a_wish_that_cannot_be_fulfilled_is_a_sentence(
    turn: wishes.Turn, kind: str, payload: dict[str, Any]
) -> None:
    before = turn.place
    with pytest.raises(errors.SeptError):
        wishes.fulfil(turn, kind, payload)
    assert turn.place == before


def test_the_cause_of_an_unreadable_wish_is_logged(
    turn: wishes.Turn, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.InputError, match="cannot be read"):
        wishes.fulfil(turn, "budget", {"budget": "many"})
    (record,) = [one for one in caplog.records if one.name == "sept"]
    assert record.exc_info and isinstance(record.exc_info[1], ValueError)


def test_a_wish_that_finds_the_project_busy_is_answered_with_a_sentence(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    open_project = workspace.state.project

    def busy() -> None:
        raise errors.BusyError("Process 12 holds the project; try again.")

    def draw(key: str, data: dict[str, Any], on_outbox: Any, on_wishes: Any) -> None:
        drawn.append(data)
        if len(drawn) == 1:
            monkeypatch.setattr(workspace.state, "project", busy)
            on_wishes()
            monkeypatch.setattr(workspace.state, "project", open_project)

    monkeypatch.setattr(workspace, "draw", draw)
    monkeypatch.setattr(workspace, "wishes", lambda _: ("c", [workspace.Wish(1, "save", {})]))
    app.run().switch_page(PAGE).run()
    app.run()
    assert not app.exception
    assert drawn[-1]["notice"]["text"] == "Process 12 holds the project; try again."
    assert drawn[-1]["notice"]["kind"] == "error" and drawn[-1]["done"] == 1


def test_posts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    posted = {
        "outbox": {"context": "t", "steps": [["c", 1, "veto", ["u"], "group", "why", None]]},
        "wishes": {"client": "c", "list": [[3, "order", {"order": "uid"}]]},
    }
    monkeypatch.setattr(workspace.state, "component_value", lambda _, name: posted.get(name))
    sent = workspace.sent("key")
    assert sent and sent.context == "t" and sent.steps[0].scope == "group"
    assert workspace.wishes("key") == ("c", [workspace.Wish(3, "order", {"order": "uid"})])
    posted.clear()
    assert workspace.sent("key") is None and workspace.wishes("key") == ("", [])
