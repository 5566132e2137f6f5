"""Cautions about a target set."""

from sept_core.targets import cautions
from sept_core.targets.reading import Taken


def test_a_sound_set_needs_no_caution() -> None:
    assert cautions.of({"train": {"a": 3, "b": 1}, "test": {"a": 1, "b": 1}}, (), ()) == []
    assert cautions.of({}, (), ()) == []
    assert cautions.of({"train": {"a": 3, "b": 1}, "test": {"": 9}}, (), ()) == []


def test_every_caution() -> None:
    (none,) = cautions.of({"train": {"a": 1}}, (), ["meta/test.json"])
    assert "guard: none" in none and "meta/test.json may define one" in none
    (searching,) = cautions.of({"val": {"a": 1}}, (), ())
    assert searching.startswith("No images to search with")
    like, alone = cautions.of({"train": {"train": 1, "bus": 1}, "test": {"bus": 1}}, (), ())
    assert like == "1 class is named like a split: train."
    assert alone == "1 class is in one split only: train (train)."
    taken = (Taken("docs", "unassigned", 2), Taken("", "unassigned", 1))
    (stray,) = cautions.of({"train": {"": 1}, "test": {"": 1}, "unassigned": {"": 3}}, taken, ())
    assert stray.endswith(
        "(neither searched with nor held out): docs (2), next to the folders (1)."
    )
