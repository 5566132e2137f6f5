"""Outcomes: the result for one file, and the reasons that may be temporary.

In: an exception from reading, or a status and a reason as any version wrote them. Out: one of four
words. A rejection is a property of the bytes; failures of a mount, a permission or a disk are not,
and such a file stays unreadable for now. Whether an encoder returns a vector depends on both bytes
and encoder.
"""

import errno
import os
import re

OK = "ok"
REJECTED = "rejected"
"""The bytes prove that the file is not a usable image, or its name and kind exclude it."""

UNREADABLE = "unreadable"
"""The file cannot be read now; nothing is known of its bytes, and it is tried again."""

NO_FEATURES = "no_features"
"""The bytes decode, but this encoder returned no finite vector of length one."""

UNREACHABLE = "unreachable: "
"""Beginning of the reasons that a remote place gave (`remote.failures`)."""

UNKNOWN_DECODER = "unknown"
"""The decoder version of shards and rejections from before it was recorded."""

_OF_CONTENT = {errno.EINVAL}
"""Error numbers of the system for offsets in a damaged archive; all other numbers are about the
place of a file."""

_MAC = ("Stale NFS file handle", "Operation timed out", "Host is down")
_MESSAGES = {
    *_MAC,
    *(os.strerror(code) for code in errno.errorcode if code not in _OF_CONTENT),
}
_PASSING = {
    "missing file",
    "dangling link",
    "changed since it was first read",
    "unreadable: not a regular file",
    "unreadable: the read ended early",
}
_FEATURELESS = "no features: "


def of_machine(problem: BaseException) -> str | None:
    """Return the reason to list if the machine is to blame, and None if the bytes are.

    Errors that the system itself raised carry its number; libraries raise `OSError` without one
    for damaged content. The cause of an error counts: `zipfile` reports that a file is not a zip
    when its end cannot be read.
    """
    while True:
        if isinstance(problem, OSError) and problem.errno not in (None, *_OF_CONTENT):
            reason = str(problem.strerror or problem)
            return reason if reason.startswith(UNREACHABLE) else f"unreadable: {reason}"
        if isinstance(problem, MemoryError):
            return f"unreadable: {os.strerror(errno.ENOMEM)}"
        before = problem.__cause__ or problem.__context__
        if before is None:
            return None
        problem = before


def can_pass(reason: str) -> bool:
    """Return whether a listed reason is about the place of a file, which is then unreadable for
    now.

    Every version wrote the system's message; those before `unreadable` was a separate status
    wrapped it in other texts, or gave its number.
    """
    if reason in _PASSING or reason.startswith(("unreadable folder: ", UNREACHABLE)):
        return True
    if number := re.search(r"\[Errno (\d+)\]", reason):
        return int(number[1]) not in _OF_CONTENT
    return reason.startswith("unreadable: ") and reason.removeprefix("unreadable: ") in _MESSAGES


def of_earlier(status: str, reason: str | None) -> str:
    """Return the current word for an outcome of a version that knew only `ok` and `rejected`."""
    if status != REJECTED or reason is None:
        return status
    if reason.startswith(_FEATURELESS):
        return NO_FEATURES
    return UNREADABLE if can_pass(reason) else REJECTED
