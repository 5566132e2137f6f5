"""Kept rankings: a replay equals a fresh selection; keys name contents; requests are kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sept_core import errors
from sept_core.catalogue import decision_table, revision
from sept_core.retrieval import neighbour_lists
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, groups, rankings, standings
from sept_core.services.curate.rankings import Ranking
from sept_core.services.curate.requests import Request
from sept_core.services.project import projects
from sept_core.services.project.project import Project

ASKED = Request(("toys",), SelectionSettings(budget=1))


def fresh(project: Project, request: Request) -> Ranking:
    return Ranking(project, request, standings.find(project, request))


def picks(ranking: Ranking, project: Project, budget: int) -> list[dict[str, Any]]:
    state = decision_table.log_of(project.db, ranking.target_ids).state
    found: list[dict[str, Any]] = ranking.select(state, budget).picks.to_pylist()
    return found


@pytest.mark.parametrize(
    "strategy", ["instance-search", "classifier", "clusters", "importance", "class-balanced"]
)
def test_a_replay_equals_a_fresh_selection(project: Path, strategy: str) -> None:
    rng = np.random.default_rng(len(strategy))
    request = replace(ASKED, settings=SelectionSettings(strategy, 1, floor_percentile=20.0))
    with projects.opened(project) as opened:
        kept = rankings.ranking(opened, request)
        targets = [target.uid for target in kept.targets]
        for turn in range(6):
            chosen = [row["uid"] for row in picks(kept, opened, 30)]
            uids = rng.choice(chosen, 2, replace=False).tolist()
            action = ("veto", "pin", "negative", "keep")[turn % 4]
            decisions.decide(opened, ["toys"], action, uids)
            if turn == 3:
                decisions.decide(opened, ["toys"], "veto", targets[:2], scope="target")
            assert rankings.ranking(opened, request) is kept
            for budget in (30, 12):
                assert picks(kept, opened, budget) == picks(fresh(opened, request), opened, budget)


def test_a_key_names_what_is_ranked_and_no_budget_or_decision(project: Path) -> None:
    with projects.opened(project) as opened:
        key = standings.find(opened, ASKED).key
        larger = replace(ASKED, settings=SelectionSettings(budget=50))
        assert standings.find(opened, larger).key == key
        uid = picks(rankings.ranking(opened, ASKED), opened, 1)[0]["uid"]
        decisions.decide(opened, ["toys"], "veto", [uid])
        assert standings.find(opened, ASKED).key == key
        groups.save(opened, "few", [uid])
        others = [
            replace(ASKED, settings=SelectionSettings(budget=1, seed=1)),
            replace(ASKED, guard=False),
            replace(ASKED, filter="width > 3"),
            replace(ASKED, group="few"),
            replace(ASKED, refill_duplicates=True),
        ]
        keys = [standings.find(opened, request).key for request in others]
        assert len({key, *keys}) == 6
        groups.save(opened, "few", [uid, uid])
        assert standings.find(opened, others[3]).key != keys[3]


@pytest.mark.parametrize(
    "change",
    [
        # The first number of the funnel counts files that cannot be read, too.
        "UPDATE files SET state = 'unreadable' WHERE state = 'rejected'",
        "DELETE FROM files WHERE state = 'rejected'",
        # Diagnostics compare with held-out images, with and without a guard.
        "UPDATE files SET gone = TRUE WHERE rel_path LIKE 'test/blue/%'",
    ],
)
@pytest.mark.parametrize("guard", [True, False])
def test_a_key_names_all_that_its_answers_count(project: Path, guard: bool, change: str) -> None:
    request = replace(ASKED, guard=guard)
    with projects.opened(project) as opened:
        key = standings.find(opened, request).key
        opened.db.execute(change)
        revision.renew(opened.db)
        is_same = "unreadable" in change  # unreadable and rejected files count alike
        assert (standings.find(opened, request).key == key) is is_same


def test_only_the_latest_requests_stay_on_disk(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rankings, "MOST_REQUESTS", 3)
    with projects.opened(project) as opened:
        picks(rankings.ranking(opened, ASKED), opened, 5)
        rankings.remember(opened, ASKED)
        (lists,) = opened.paths.rankings.glob("*/header.json")
        seeds = [replace(ASKED, settings=SelectionSettings("random", 1, seed=n)) for n in range(5)]
        keys = [rankings.remember(opened, request) for request in seeds]
        found = {path.parent.name for path in opened.paths.rankings.glob("*/request.json")}
        assert found == set(keys[-3:])
        assert {path.name for path in opened.paths.rankings.iterdir()} == found | {
            lists.parent.name
        }, "folders without content are deleted, and lists stay"
        assert rankings.remember(opened, seeds[0]) == keys[0], "it is stored again when it is used"
        rankings._held.clear()
        assert rankings.find(opened, keys[0]).key == keys[0]


def test_a_remembered_request_is_found_after_a_restart(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(ASKED, filter="width > 3", settings=SelectionSettings("random", 1, seed=4))
    with projects.opened(project) as opened:
        key = rankings.remember(opened, request)
        rankings._held.clear()
        found = rankings.find(opened, key)
        assert found.request.settings == request.settings and found.request.filter == "width > 3"
        (opened.paths.ranking(key) / "request.json").write_text("{")
        rankings._held.clear()
        for name in (key, "nothing", "../x", ""):
            with pytest.raises(errors.NotFoundError, match="no longer exists"):
                rankings.find(opened, name)


def test_the_pool_is_searched_once_for_all_rankings_and_not_again_after_a_restart(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    find = neighbour_lists.find_neighbours
    monkeypatch.setattr(
        neighbour_lists, "find_neighbours", lambda *a, **k: searched.append(a[3]) or find(*a, **k)
    )
    plain, floored = ASKED, replace(ASKED, settings=SelectionSettings("coverage", 1), guard=False)
    with projects.opened(project) as opened:
        before = picks(rankings.ranking(opened, plain), opened, 25)
        picks(rankings.ranking(opened, floored), opened, 25)
        assert len(searched) == 1
        assert rankings.progress(opened, standings.find(opened, plain).key)["done"] == 2
        rankings._held.clear()
        rankings._bases.clear()
        assert picks(rankings.ranking(opened, plain), opened, 25) == before
        assert len(searched) == 1
        (header,) = opened.paths.rankings.glob("*/header.json")
        (header.parent / "rows.npy").write_bytes(b"damaged")
        rankings._held.clear()
        rankings._bases.clear()
        assert picks(rankings.ranking(opened, plain), opened, 25) == before
        assert len(searched) == 2, "a mismatch is searched again"
