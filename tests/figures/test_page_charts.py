"""The charts of a page that stands alone."""

import re

from sept_core.figures import page_charts


def test_ranks_are_written_as_whole_numbers() -> None:
    def names(*ranks: float) -> list[str]:
        drawn = page_charts.curve(ranks, [0.1, 0.1], [0.2, 0.2], [0.3, 0.3], "rank")
        return re.findall(r'text-anchor="middle">([^<]+)<', drawn)

    assert names(1, 1_000_000)[-2:] == ["1,000,000", "rank"]
    assert names(1, 2) == ["1", "2", "rank"]
