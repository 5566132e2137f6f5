"""Silence the warnings of one library for good, whatever else changes the filters.

A filter is lost whenever other code resets the filters, and `warnings.catch_warnings` around each
call is not thread-safe; so the list of filters is checked before each call.
"""

import re
import warnings

_ours: list[object] = []


def silence(module: str) -> None:
    """Ignore all warnings of a module, unless they are ignored already.

    Args:
        module: a regular expression that its name begins with, as `r"PIL\\."`.
    """
    wanted = ("ignore", None, Warning, re.compile(module), 0)
    for known in warnings.filters:
        if known == wanted:
            return
        if known not in _ours:
            break  # comes first, and may show what is to be ignored
    warnings.filterwarnings("ignore", module=module)
    if wanted not in _ours:
        _ours.append(wanted)
