"""The routes of Curate, requested as the browser does: what they answer and how it is cached."""

import base64
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from httpx import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pages.shared import routes, state
from sept_core.catalogue import revision
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import (
    drafts,
    groups,
    judging,
    outbox,
    rankings,
    searches,
    selections,
    views,
    workspace,
)
from sept_core.services.curate.outbox import Step
from sept_core.services.curate.requests import Request
from sept_core.services.project import recent
from sept_core.services.project.project import Project

Get = Callable[..., Response]
BUDGET = 20


@pytest.fixture
def get(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Get]:
    monkeypatch.setenv("SEPT_PROJECT", str(project))
    app = Starlette(routes=routes.ROUTES, middleware=routes.MIDDLEWARE)
    client = TestClient(app, base_url="http://127.0.0.1")

    def answer(path: str, **query: str) -> Response:
        named = {"project": recent.key_of(project), "target": "toys", **query}
        return client.get(path, params=named)

    yield answer
    st.cache_resource.clear()


@contextlib.contextmanager
def opened() -> Iterator[Project]:
    """The project under test, by its key: the session of a bare run outlives a test."""
    with state.project(recent.key_of(Path(os.environ["SEPT_PROJECT"]))) as project:
        yield project


def data(**url: list[str]) -> dict[str, Any]:
    with opened() as project:
        return workspace.data(project, views.read(project, {"target": ["toys"], **url})).json()


def decide(*steps: Step) -> None:
    with opened() as project:
        outbox.apply(project, data()["context"], steps)


def test_a_sheet_is_the_selection_that_saving_makes(get: Get) -> None:
    sheet = get(f"{data()['urls']['sheet']}/{BUDGET}").json()
    with opened() as project:
        request = Request(("toys",), SelectionSettings(budget=1))
        made = drafts.save(project, request, BUDGET)
        picks = selections.picks(project, made["id"])
    assert sheet["uids"] == picks["uid"].to_pylist()
    assert sheet["rank"] == picks["target_rank"].fill_null(0).to_pylist()
    shown = [sheet["targets"][place]["uid"] for place in sheet["target"]]
    assert shown == picks["target_uid"].to_pylist()
    assert sheet["funnel"] == made["funnel"] and sheet["exact_at"] is None
    assert len(sheet["targets"]) == 12 and {t["label"] for t in sheet["targets"]} == {"red", "blue"}
    assert "8 held-out images" in sheet["guard"]["sentence"] or sheet["guard"]["state"] == "on"


def test_rows_number_the_uids_of_the_pages(get: Get) -> None:
    urls = data()["urls"]
    page = get(f"{urls['uids']}/0")
    assert page.headers["content-type"] == "application/octet-stream"
    uids = [page.content[i : i + 16].hex() for i in range(0, len(page.content), 16)]
    assert uids == sorted(uids) and len(uids) == data()["pool"]["eligible"]
    sheet = get(f"{urls['sheet']}/5").json()
    assert [uids[row] for row in sheet["rows"]] == sheet["uids"]
    assert get(f"{urls['uids']}/1").status_code == 404
    found = np.frombuffer(get(urls["passing"], filter="path ~ red").content, "<u4")
    assert 0 < len(found) < len(uids) and found.tolist() == sorted(found.tolist())
    refused = get(urls["passing"], filter="colour = red")
    assert refused.status_code == 404 and "No image has a field 'colour'" in refused.text


def test_a_veto_changes_the_name_of_the_log_and_the_next_sheet(get: Get) -> None:
    before = data()
    first = get(f"{before['urls']['sheet']}/{BUDGET}").json()
    vetoed = first["uids"][2]
    decide(Step("tab", 1, "veto", (vetoed,)))
    after = data()
    assert after["log"] != before["log"] and after["marks"] == {vetoed: "veto"}
    assert get(after["urls"]["pulse"]).json() == {"log": after["log"], "rows": after["rows"]}
    second = get(f"{after['urls']['sheet']}/{BUDGET}").json()
    assert vetoed not in second["uids"] and len(second["uids"]) == BUDGET
    assert get(f"{before['urls']['sheet']}/{BUDGET}").json() == first, "its URL names its log"
    events = get(after["urls"]["history"]).json()["events"]
    assert [(e["action"], e["count"], e["uids"]) for e in events] == [("veto", 1, [vetoed])]


def test_a_vetoed_target_stays_in_the_list_and_brings_nothing(get: Get) -> None:
    target = get(f"{data()['urls']['sheet']}/{BUDGET}").json()["targets"][0]["uid"]
    decide(Step("tab", 1, "veto", (target,), "target"))
    found = data()
    sheet = get(f"{found['urls']['sheet']}/{BUDGET}").json()
    assert found["vetoed_targets"] == [target]
    assert sheet["targets"][0]["vetoed"] and 0 not in sheet["target"]
    assert get(found["urls"]["targets"]).json()[0]["uid"] == target


def test_answers_that_name_their_state_are_cached_and_others_are_not(get: Get) -> None:
    urls = data()["urls"]
    for path in (f"{urls['sheet']}/{BUDGET}", urls["figures"], urls["targets"], urls["selections"]):
        assert "immutable" in get(path).headers["cache-control"], path
    for path in (urls["pulse"], urls["progress"], f"{urls['audit']}/{BUDGET}"):
        assert get(path).headers["cache-control"] == "no-store", path
    older = urls["targets"].rsplit("/", 1)[0] + "/before"
    assert get(older).headers["cache-control"] == "no-store"


def test_renamed_files_are_searched_by_their_new_names(get: Get) -> None:
    before = data()["urls"]
    found = get(before["passing"], word="red")
    assert len(found.content) and "immutable" in found.headers["cache-control"]
    with opened() as project:
        project.db.execute("UPDATE files SET rel_path = replace(rel_path, 'red', 'scarlet')")
        revision.renew(project.db)
    after = data()
    assert after["urls"]["passing"] != before["passing"], "its answer would be a cached one"
    assert after["urls"]["colours"] != before["colours"], "sources may have changed, too"
    assert get(after["urls"]["passing"], word="red").content == b""
    assert get(before["passing"], word="red").headers["cache-control"] == "no-store"


def test_the_members_of_a_group_are_never_cached(get: Get) -> None:
    urls = data()["urls"]
    with opened() as project:
        groups.save(project, "few", get(f"{urls['sheet']}/3").json()["uids"])
    answer = get(urls["passing"], group="few")
    assert len(answer.content) == 3 * 4 and answer.headers["cache-control"] == "no-store"


def test_unknown_names_are_not_found_with_one_sentence(get: Get) -> None:
    found = data()
    urls, encoder = found["urls"], found["encoder"]
    for path in (
        f"/curate/sheet/nothing/{found['log']}/5",
        f"/curate/sheet/.../{found['log']}/5",
        urls["sheet"].rsplit("/", 1)[0] + "/0123456789abcdef/5",
        f"{urls['sheet']}/0",
        f"{urls['order']}/5/by-name",
        f"/curate/{encoder}/uids/before/0",
        f"/curate/{encoder}/facts/{'f' * 32}",
        f"/curate/{encoder}/search/{found['rows']}/nothing",
        f"/curate/{encoder}/clusters/{found['rows']}/undrawn",
        "/curate/history/s99/x",
        "/curate/compare/a/b",
        f"/curate/nobody/points/{found['rows']}/x",
    ):
        answer = get(path)
        assert answer.status_code == 404, path
        assert answer.text.strip().endswith((".", "?")), answer.text
        assert "immutable" not in answer.headers["cache-control"]


def test_an_audit_counts_vetoes_that_have_left_the_draft(get: Get) -> None:
    urls = data()["urls"]
    nothing = get(f"{urls['audit']}/{BUDGET}").json()
    assert nothing["judged"] == 0 and nothing["precision"] is None
    sample = get(f"{urls['order']}/{BUDGET}/audit").json()["uids"]
    assert len(sample) == BUDGET
    decide(Step("a", 1, "veto", tuple(sample[:4])), Step("a", 2, "keep", tuple(sample[4:8])))
    urls = data()["urls"]
    found = get(f"{urls['audit']}/{BUDGET}").json()
    assert (found["judged"], found["size"]) == (8, BUDGET)
    assert found["low"] < found["precision"] < found["high"] and found["precision"] < 0.8
    assert found["budgets"][-1]["estimate"] == found["precision"]
    assert [part["budget"] for part in found["budgets"]][-1] == BUDGET
    assert get(f"{urls['order']}/{BUDGET}/audit").json()["uids"] == sample
    with opened() as project:
        saved = drafts.save(project, Request(("toys",), SelectionSettings(budget=1)), BUDGET)
        assert not set(sample[:4]) & set(selections.picks(project, saved["id"])["uid"].to_pylist())
        audited = judging.audit_plan(project, saved["id"])
    assert audited["precision"] == found["budgets"], "the audit of the draft goes on"
    assert audited["uids"] == sample and len(audited["to_judge"]) == BUDGET - 8
    doubt = get(f"{urls['order']}/{BUDGET}/doubt").json()["uids"]
    assert not set(doubt) & set(sample[:8])


def test_a_tab_from_before_an_audit_does_not_begin_it_again(get: Get) -> None:
    older = data()["urls"]
    first = get(f"{older['sheet']}/{BUDGET}").json()["uids"]
    decide(Step("a", 1, "veto", tuple(first[:2])))
    urls = data()["urls"]
    sample = get(f"{urls['order']}/{BUDGET}/audit").json()["uids"]
    assert not set(sample) & set(first[:2])
    assert get(f"{older['audit']}/{BUDGET}").json()["size"] == BUDGET
    assert set(get(f"{older['order']}/{BUDGET}/audit").json()["uids"]) == set(first)
    assert get(f"{urls['order']}/{BUDGET}/audit").json()["uids"] == sample


def test_the_floor_of_the_figures_is_the_floor_of_the_selection(get: Get) -> None:
    request = views.request_json(Request(("toys",), SelectionSettings(budget=1))) | {"floor": 97.6}
    with opened() as project:
        place = replace(
            views.read(project, {"target": ["toys"]}), request=views.request_from(request)
        )
        url = workspace.data(project, place).json()["urls"]["figures"]
        ranking = rankings.ranking(project, place.request)
    assert ranking.request.settings.floor_percentile == 97.6
    found = get(url).json()
    assert found["percentiles"][97] < found["floor"] < found["percentiles"][98]
    assert found["floor"] == pytest.approx(ranking.background_percentile(97.6))


def test_facts_of_pool_and_target_images(get: Get) -> None:
    found = data()
    sheet = get(f"{found['urls']['sheet']}/5").json()
    pool = get(f"{found['urls']['facts']}/{sheet['uids'][0]}").json()
    assert pool["targets"][0] == [
        sheet["targets"][sheet["target"][0]]["uid"],
        pytest.approx(sheet["similarity"][0], abs=1e-4),
    ]
    assert pool["places"][0].startswith("shapes/") and (pool["width"], pool["height"]) == (48, 48)
    target = get(f"{found['urls']['facts']}/{sheet['targets'][0]['uid']}").json()
    assert target["pool"][0][1] == pytest.approx(sheet["targets"][0]["best"])
    assert sheet["targets"][0]["uid"] not in [uid for uid, _ in target["targets"]]


def test_a_search_by_image_is_stored_and_gives_rows(get: Get) -> None:
    found = data()
    uid = get(f"{found['urls']['sheet']}/1").json()["uids"][0]
    with opened() as project:
        ident = searches.store_image(project, uid)
        assert searches.store_image(project, uid) == ident
        path = views.write(project, replace(views.read(project, {}), order="uid"))
    assert path == {"order": ["uid"]}
    answer = get(f"{found['urls']['search']}/{ident}").json()
    assert answer["uids"][0] == uid and answer["similarity"][0] == 1
    assert answer["similarity"] == sorted(answer["similarity"], reverse=True)


def test_colours_give_each_row_a_class_of_the_legend(get: Get) -> None:
    found = data()
    answer = get(found["urls"]["colours"], by="source").json()
    classes = np.frombuffer(base64.b64decode(answer["classes"]), np.uint8)
    assert len(classes) == found["pool"]["eligible"] and classes.max() < len(answer["palette"])
    counts = {entry["class"]: entry["count"] for entry in answer["legend"]}
    assert counts == {0: len(classes)}
    assert get(found["urls"]["colours"], by="mood").status_code == 404


def _view(**request: Any) -> str:
    """Store a view with these settings; return its id."""
    with opened() as project:
        wanted = views.request_from({"targets": ["toys"], **request})
        (name,) = views.write(project, views.Place(wanted))["view"]
    return name


def test_a_sheet_names_parts_and_weights(get: Get) -> None:
    recipe = [
        {"name": "search", "strategy": "instance-search", "share": 0.75},
        {"name": "any", "strategy": "random", "share": 0.25},
    ]
    weights = {"classes": {"toys/red": 2}}
    url = data(view=[_view(recipe=recipe, weights=weights, with_target=True)])["urls"]
    sheet = get(f"{url['sheet']}/20").json()
    assert sheet["part"][:12] == ["target"] * 12
    assert sorted(sheet["part"][12:]) == ["any"] * 2 + ["search"] * 6
    assert {2.0, 1.0} == {value for value in sheet["weight"] if value is not None}
    with opened() as project:
        place = views.read(project, {"target": ["toys"], "view": [_view(recipe=recipe)]})
        made = drafts.save(project, place.request, 8)
        assert selections.picks(project, made["id"])["part"].to_pylist().count("search") == 6
    assert len(get(f"/curate/picked/{made['id']}").json()["uids"]) == 8
    assert get("/curate/picked/gone").status_code == 404


def test_the_stop_by_similarity_names_its_budget(get: Get) -> None:
    plain = data()["urls"]
    found = get(plain["stop"], ratio="0.9", round="1").json()
    assert found["stopped"] and found["images"] == found["budget"] >= 12
    assert f"at a budget of {found['budget']}" in found["sentence"]
    sheet = get(f"{plain['sheet']}/100").json()
    ended = get(f"{data(view=[_view(stop_ratio=0.9, stop_round=1)])['urls']['sheet']}/100").json()
    assert ended["uids"] == sheet["uids"][: found["budget"]], "a budget of the plain search"
    recipe = [
        {"name": "search", "strategy": "instance-search", "share": 0.5},
        {"name": "any", "strategy": "random", "share": 0.5},
    ]
    mixed = get(data(view=[_view(recipe=recipe)])["urls"]["stop"], ratio="0.9", round="1").json()
    assert (mixed["images"], mixed["budget"]) == (found["images"], 2 * found["images"])
    refused = get(data(strategy=["random"])["urls"]["stop"])
    assert refused.status_code == 404 and "choose instance search" in refused.text
    assert get(plain["stop"], ratio="2").status_code == 404


def test_the_pool_is_shown_without_a_target_set(get: Get) -> None:
    with opened() as project:
        found = workspace.data(project, views.read(project, {})).json()
    assert found["urls"]["sheet"] is None and found["request"]["targets"] == []
    assert found["urls"]["points"] is None and found["map"]["drawn"] is False
    assert len(get(f"{found['urls']['uids']}/0").content) == 16 * found["pool"]["eligible"]


def test_saved_selections_are_listed_and_compared(get: Get) -> None:
    with opened() as project:
        request = Request(("toys",), SelectionSettings(budget=1))
        names = [drafts.save(project, request, budget)["id"] for budget in (10, 20)]
    rows = get(data()["urls"]["selections"]).json()
    assert [row["id"] for row in rows] == names[::-1]
    assert [row["state"] for row in rows] == ["up to date"] * 2
    found = get(f"/curate/compare/{names[0]}/{names[1]}").json()
    assert found["shared"] == 10 and found["only_a"] == [] and len(found["only_b"]) == 10
    assert found["diagnostics"] and all(len(v) == 2 for v in found["diagnostics"].values())
