"""A table of texts that is part of the page: it appears with the text, follows the theme, and is
read out row by row.

In: column titles and rows. Out: an HTML table; all texts are escaped.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

import streamlit as st

from sept_core.services.train import report

_STYLE = """<style>
.sept-plain{overflow-x:auto}
.sept-plain table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;
 font-size:.93rem}
.sept-plain th{font-weight:500;opacity:.75;vertical-align:bottom}
.sept-plain th,.sept-plain td{text-align:right;padding:.38rem 0 .38rem 1.1rem;border:0;
 border-bottom:1px solid var(--st-border-color,#8884)}
.sept-plain th:first-child,.sept-plain td:first-child{text-align:left;padding-left:0}
.sept-plain.left th,.sept-plain.left td{text-align:left}
</style>"""


def draw(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> None:
    """Draw a table.

    Args:
        heads: column titles.
        rows: of the table, each as long as `heads`.
        numbers: align all columns but the first to the right.
    """
    kind = "sept-plain" if numbers else "sept-plain left"
    st.html(f'{_STYLE}<div class="{kind}">{report.table(heads, rows)}</div>')


def as_csv(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table as csv."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([heads, *rows])
    return out.getvalue()
