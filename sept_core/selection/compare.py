"""Comparison of two selections: the images that they share and those that only one of them has.

In: the pick tables of two selections. Out: counts and uids; also the churn of a re-run.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Comparison:
    """Overlap of selections a and b.

    Attributes:
        shared: images in both.
        jaccard: shared over all distinct images; 1 when both are empty.
        only_a: uids (hex) that only a holds, in a's order.
        only_b: uids (hex) that only b holds, in b's order.
    """

    shared: int
    jaccard: float
    only_a: list[str]
    only_b: list[str]


def compare(a: pa.Table, b: pa.Table) -> Comparison:
    """Compare two tables of picks by their `uid` column."""
    only_a, only_b = _missing(a, b), _missing(b, a)
    shared = a.num_rows - len(only_a)
    union = shared + len(only_a) + len(only_b)
    return Comparison(shared, shared / union if union else 1.0, only_a, only_b)


def _missing(of: pa.Table, other: pa.Table) -> list[str]:
    """List the uids of the first table that are missing in the second."""
    found = pc.is_in(of["uid"], value_set=other["uid"])
    return [str(uid) for uid in of["uid"].filter(pc.invert(found)).to_pylist()]
