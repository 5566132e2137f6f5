"""DuckDB names the process that holds a database file in the text of its error only.

In: that error. Out: the process.
"""

import re

_HOLDER = re.compile(r"PID (\d+)")


def holder(problem: Exception) -> str | None:
    """Return the pid of the process that holds the file; None if the error is another one."""
    found = _HOLDER.search(str(problem))
    return None if found is None else found[1]
