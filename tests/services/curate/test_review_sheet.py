"""The review protocol: every step counts once, all or none, and the sheets show every pick."""

from pathlib import Path

import pytest

from sept_core import errors
from sept_core.catalogue import place_table, selection_table, source_table
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, outbox, review_sheet, selections
from sept_core.services.curate.outbox import Step
from sept_core.services.curate.review_sheet import Order
from sept_core.services.project import projects


def selection(project: projects.Project) -> str:
    request = selections.Request(("toys",), SelectionSettings(budget=20))
    return str(selections.select(project, request)["selection"])


def test_a_step_sent_again_counts_once(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        first, second = selections.picks(opened, ident)["uid"].to_pylist()[:2]
        steps = [Step("tab", 1, "veto", (first,)), Step("tab", 2, "veto", (second,))]
        review_sheet.apply(opened, ident, steps)
        steps.append(Step("tab", 3, "undo", ()))
        review_sheet.apply(opened, ident, steps)
        assert review_sheet.marks(opened, ident) == {first: "veto"}
    with projects.opened(project) as restarted:
        review_sheet.apply(restarted, ident, steps)
        assert review_sheet.marks(restarted, ident) == {first: "veto"}
        assert len(decisions.history(restarted, ["toys"])) == 3
        assert outbox.acknowledged(restarted) == {"tab": 3}


def test_two_tabs_do_not_share_numbers(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        first, second = selections.picks(opened, ident)["uid"].to_pylist()[:2]
        review_sheet.apply(opened, ident, [Step("one", 1, "keep", (first,))])
        review_sheet.apply(opened, ident, [Step("two", 1, "pin", (second,))])
        assert review_sheet.marks(opened, ident) == {first: "keep", second: "pin"}


@pytest.mark.parametrize("action, uid", [("veto", "f" * 32), ("delete", None)])
def test_a_batch_is_saved_whole_or_not_at_all(project: Path, action: str, uid: str | None) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        first = selections.picks(opened, ident)["uid"][0].as_py()
        steps = [Step("tab", 1, "veto", (first,)), Step("tab", 2, action, (uid or first,))]
        with pytest.raises(errors.InputError, match="does not match"):
            review_sheet.apply(opened, ident, steps)
        assert review_sheet.marks(opened, ident) == {}
        assert outbox.acknowledged(opened) == {}


def test_undo_of_nothing_is_acknowledged(project: Path) -> None:
    with projects.opened(project) as opened:
        review_sheet.apply(opened, selection(opened), [Step("tab", 1, "undo", ())])
        assert outbox.acknowledged(opened) == {"tab": 1}


def test_only_recent_tabs_are_remembered(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        for number in range(outbox.CLIENTS_REMEMBERED + 5):
            review_sheet.apply(opened, ident, [Step(f"tab {number}", 1, "undo", ())])
        known = outbox.acknowledged(opened)
    assert len(known) == outbox.CLIENTS_REMEMBERED and "tab 0" not in known


def test_a_sheet_by_target_holds_every_pick_beside_its_target(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        picks = {row["uid"]: row for row in selections.picks(opened, ident).to_pylist()}
        sheet = review_sheet.sheet(opened, ident, Order("by-target"))
    assert sorted(sheet["uids"]) == sorted(picks)
    shown = [sheet["targets"][row] for row in sheet["target"]]
    assert shown == [picks[uid]["target_uid"] for uid in sheet["uids"]]
    assert len(list(dict.fromkeys(shown))) == sum(
        before != after for before, after in zip([None, *shown], shown, strict=False)
    ), "the images of one target stand together"


def test_a_sheet_by_doubt_stays_the_same_while_decisions_are_made(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        before = review_sheet.sheet(opened, ident, Order("by-doubt", review_sheet.position(opened)))
        review_sheet.apply(opened, ident, [Step("tab", 1, "veto", (before["uids"][0],))])
        assert review_sheet.sheet(opened, ident, Order("by-doubt", 0)) == before
        after = review_sheet.sheet(opened, ident, Order("by-doubt", review_sheet.position(opened)))
    assert before["uids"][0] not in after["uids"] and len(after["uids"]) == 19


def test_why_an_image_is_here_names_targets_files_and_its_decisions(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        first, second = selections.picks(opened, ident).to_pylist()[:2]
        decisions.decide(opened, ["toys"], "keep", [first["uid"]], reason="right", who="ada")
        decisions.decide(opened, ["toys"], "veto", [first["uid"], second["uid"]], who="bob")
        decisions.undo(opened, ["toys"])
        told = review_sheet.why(opened, ident, first["uid"])
        assert told["targets"][0] == (first["target_uid"], pytest.approx(first["similarity"]))
        assert len(told["targets"]) == review_sheet.NEAREST
        assert told["targets"] == sorted(told["targets"], key=lambda pair: (-pair[1], pair[0]))
        found = [(d["who"], d["action"], d["reason"], d["stands"]) for d in told["decisions"]]
        assert found == [("bob", "veto", "", False), ("ada", "keep", "right", True)]
        names = {f"{row['source']}/{row['rel_path']}" for row in place_table.locations(
            opened.db, [first["uid"]]).to_pylist()}  # fmt: skip
        assert set(told["places"]) == names and names
        with pytest.raises(errors.NotFoundError, match="not in this selection"):
            review_sheet.why(opened, ident, "f" * 32)


def test_choices_come_by_target_set_latest_first(project: Path) -> None:
    with projects.opened(project) as opened:
        assert review_sheet.choices(opened) == {}
        ident = selection(opened)
        assert [record["id"] for record in review_sheet.choices(opened)["toys"]] == [ident]
        with pytest.raises(errors.NotFoundError, match="by-target"):
            review_sheet.sheet(opened, ident, Order("by-name"))


def test_a_selection_is_found_once_for_a_batch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    find = selection_table.find
    monkeypatch.setattr(
        selection_table, "find", lambda db, ident: found.append(ident) or find(db, ident)
    )
    with projects.opened(project) as opened:
        ident = selection(opened)
        uids = selections.picks(opened, ident)["uid"].to_pylist()[:5]
        found.clear()
        steps = [Step("tab", number, "veto", (uid,)) for number, uid in enumerate(uids, 1)]
        review_sheet.apply(opened, ident, steps)
        assert found == [ident]
        chosen = selections.resolve(opened, ident[:-1])
        assert chosen.id == ident
        assert chosen.picks.equals(selections.picks(opened, ident))
        assert list(chosen.log.state.decisions) == uids
        assert [event.who for event in chosen.log.events] == [decisions.signature(opened)] * 5


def test_nothing_is_decided_for_a_target_set_that_was_removed(project: Path) -> None:
    with projects.opened(project) as opened:
        ident = selection(opened)
        first = selections.picks(opened, ident)["uid"][0].as_py()
        source_table.remove(opened.db, "target", "toys")
        with pytest.raises(errors.NotFoundError, match="was removed"):
            review_sheet.apply(opened, ident, [Step("tab", 1, "veto", (first,))])
        assert review_sheet.position(opened) == 0
