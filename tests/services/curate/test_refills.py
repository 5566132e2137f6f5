"""Vetoes and near-duplicates: what takes the place of a vetoed image, and what ids that gives."""

from dataclasses import replace
from pathlib import Path

from sept_core.catalogue import selection_table
from sept_core.manifest import manifest
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, manifests, selections
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.services.project.project import Project

ASKED = Request(("toys",), SelectionSettings(budget=160))


def picks(project: Project, request: Request) -> tuple[str, set[str]]:
    made = selections.select(project, request)
    return made["id"], set(selections.picks(project, made["id"])["uid"].to_pylist())


def grouped(project: Project, chosen: set[str]) -> tuple[str, str]:
    """A selected image with a near-duplicate, and that near-duplicate."""
    encoder = projects.find_encoder(project, None)
    groups = preparation.groups_by_uid(project, encoder)
    uid = min(uid for uid in chosen if groups.get(uid.encode()) is not None)
    return uid, groups.fellows(uid.encode())[0].decode()


def test_a_near_duplicate_of_a_veto_is_taken_only_if_allowed(project: Path) -> None:
    with projects.opened(project) as opened:
        before, chosen = picks(opened, ASKED)
        assert picks(opened, replace(ASKED, refill_duplicates=True))[0] == before
        uid, fellow = grouped(opened, chosen)
        decisions.decide(opened, ["toys"], "veto", [uid])
        ident, after = picks(opened, ASKED)
        assert after == chosen - {uid}
        allowed, refilled = picks(opened, replace(ASKED, refill_duplicates=True))
        assert refilled == chosen - {uid} | {fellow} and allowed != ident
        decisions.decide(opened, ["toys"], "keep", [fellow])
        assert fellow in picks(opened, ASKED)[1], "a kept near-duplicate may stay"
        decisions.undo(opened, ["toys"])


def test_selections_keep_their_rule_and_their_ids(project: Path, tmp_path: Path) -> None:
    with projects.opened(project) as opened:
        _, chosen = picks(opened, ASKED)
        uid, fellow = grouped(opened, chosen)
        decisions.decide(opened, ["toys"], "veto", [uid])
        for request, is_in in ((ASKED, False), (replace(ASKED, refill_duplicates=True), True)):
            ident, found = picks(opened, request)
            opened.paths.selection(ident).unlink()
            assert set(selections.picks(opened, ident)["uid"].to_pylist()) == found
            assert (fellow in found) == is_in
            written = manifests.write_manifest(opened, ident, tmp_path / ident)
            stored = manifest.read(written.folder).header["settings"]
            assert ("refill_duplicates" in stored) != is_in
        record = selection_table.find(opened.db, ident)
        earlier = {name: v for name, v in record.items() if name != "refill_duplicates"}
        selection_table.put(opened.db, ident, earlier)
        assert selections.update(opened, ident)["id"] == ident, "made before there was the rule"


def test_a_selection_of_a_study_is_marked_until_a_person_makes_it(project: Path) -> None:
    with projects.opened(project) as opened:
        made = selections.select(opened, ASKED, study=True)
        assert made["study"] is True
        assert "study" not in selections.select(opened, ASKED)
        again = selections.select(opened, ASKED, study=True)
        assert "study" not in again and again["id"] == made["id"]
