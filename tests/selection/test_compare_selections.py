import pyarrow as pa

from sept_core.selection.compare import compare


def picks(*uids):
    return pa.table({"uid": pa.array(uids, pa.string())})


def test_overlap_and_what_only_one_holds_in_its_order():
    found = compare(picks("c", "a", "b"), picks("d", "b", "e"))
    assert (found.shared, found.jaccard) == (1, 1 / 5)
    assert found.only_a == ["c", "a"]
    assert found.only_b == ["d", "e"]


def test_empty_selections_are_equal():
    found = compare(picks(), picks())
    assert (found.shared, found.jaccard, found.only_a, found.only_b) == (0, 1.0, [], [])
