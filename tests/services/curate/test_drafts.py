"""Saved selections as the menus list them."""

from pathlib import Path

from sept_core.catalogue import source_table
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import drafts, selections
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
