"""Outcomes of files for display: the number of each, and the reasons.

In: a role, and the name of a source or target set. Out: tables.
"""

import pyarrow as pa

from sept_core.catalogue.connection import Connection, table


def with_reasons(db: Connection, role: str, name: str | None = None) -> pa.Table:
    """Return every live file that is not embedded for a stated reason.

    Columns: source (its name), rel_path, member, split, state, reason; ordered by place.

    Args:
        db: the catalogue.
        role: `pool` or `target`.
        name: of one source or target set; None for all of the role.
    """
    return table(
        db,
        """SELECT s.name AS source, rel_path, member, split, state, reason
           FROM files f JOIN sources s ON s.id = f.source_id
           WHERE s.role = ? AND s.name = coalesce(?, s.name) AND NOT gone
             AND state <> 'ok' AND reason IS NOT NULL
           ORDER BY s.added_at, rel_path, member""",
        [role, name],
    )
