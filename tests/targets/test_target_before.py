"""Target sets that an earlier version added keep what it stored."""

from target_worlds import images, rows

from sept_core.ingest.entries import FileEntry
from sept_core.targets import before


def kept(
    entries: list[FileEntry], known: dict[str, tuple[str, str | None]]
) -> dict[str, tuple[str | None, str | None]]:
    places = {(path, ""): value for path, value in known.items()}
    return {e.rel_path: (e.split, e.label) for e in before.keep(entries, places)}


def test_what_was_stored_stays_and_new_files_follow_their_folder() -> None:
    known = {"train/0.jpg": ("train", "train"), "test/0.jpg": ("train", "test")}
    entries = images("train", "test", "other", "val", each=2)
    found = kept(entries, {**known, "other/0.jpg": ("train", "other")})
    assert found["test/0.jpg"] == ("train", "test"), "wrong, but as it was"
    assert found["test/1.jpg"] == ("train", "test")
    assert found["other/1.jpg"] == ("train", "other")
    assert found["val/0.jpg"] == ("unassigned", None), "a new folder may hold out images"


def test_new_files_between_different_splits_are_unassigned() -> None:
    known = {"train/a/0.jpg": ("train", "a"), "test/a/0.jpg": ("test", "a")}
    found = kept(images("train/a", "train/b", "test/a", "", each=1), known)
    assert found["train/b/0.jpg"] == ("train", "a"), "as all that is known below train"
    assert found["0.jpg"] == ("unassigned", "a")


def test_columns_of_a_table_state_their_rows() -> None:
    known = {f"all/{n}.jpg": ("train", "x") for n in range(2)}
    entries = rows({"split": "Test", "label": "y"}, {"split": None, "label": None})
    assert list(kept(entries, known).values()) == [("test", "y"), ("train", "x")]
