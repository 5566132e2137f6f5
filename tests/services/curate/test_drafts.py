"""Saved selections as the menus list them."""

from dataclasses import asdict
from pathlib import Path

from sept_core.catalogue import source_table
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, drafts, judging, selections
from sept_core.services.project import projects


def test_selections_are_listed_by_target_set_while_it_exists(project: Path) -> None:
    with projects.opened(project) as opened:
        assert drafts.by_target_sets(opened) == {}
        made = [
            selections.select(opened, selections.Request(("toys",), SelectionSettings(budget=n)))
            for n in (10, 20)
        ]
        listed = [record["id"] for record in drafts.by_target_sets(opened)["toys"]]
        assert listed == [record["selection"] for record in reversed(made)]
        chosen = selections.resolve(opened, made[0]["selection"][:-1])
        assert chosen.id == made[0]["selection"]
        assert chosen.picks.equals(selections.picks(opened, chosen.id))
        source_table.remove(opened.db, "target", "toys")
        assert drafts.by_target_sets(opened) == {}


def test_keeps_before_a_selection_do_not_make_it_precise(project: Path) -> None:
    with projects.opened(project) as opened:
        request = selections.Request(("toys",), SelectionSettings(budget=20))
        sample = judging.audit_plan(opened, selections.select(opened, request)["id"])["uids"]
        decisions.decide(opened, ["toys"], "veto", sample[:4])
        decisions.decide(opened, ["toys"], "keep", sample[4:8])
        made = selections.select(opened, request)["id"]
        again = judging.audit_plan(opened, made)
        assert again["precision"] == [], "the vetoed images have left, the kept ones prove nothing"
        decisions.decide(opened, ["toys"], "veto", again["to_judge"][:1])
        found = judging.audited(opened, made)
        assert [asdict(one) for one in found] == judging.audit_plan(opened, made)["precision"]
        assert (found[-1].judged, found[-1].estimate) == (1, 0.0)
