"""Outcomes: what became of one file, and which reasons can pass by themselves.

In: what reading raised, or a status and a reason as any version wrote them. Out: one of four words.
A rejection is a fact of the bytes; everything that a mount, a permission or a disk did is not, and
such a file stays unreadable for now. Whether an encoder gave a vector is a fact of both.
"""

import errno
import os
import re

OK = "ok"
REJECTED = "rejected"
"""The bytes prove that the file is no image that can be used, or its name and kind exclude it."""

UNREADABLE = "unreadable"
"""The file cannot be read now; nothing is known of its bytes, and it is tried again."""

NO_FEATURES = "no_features"
"""The bytes decode, but this encoder gave no finite vector of length one."""

UNKNOWN_DECODER = "unknown"
"""The decoder version of shards and rejections from before it was recorded."""

_OF_CONTENT = {errno.EINVAL}
"""What the system says of offsets that a damaged archive names; every other number is about the
place where a file lies."""

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
    for damaged content. What came before an error counts: `zipfile` says that a file is no zip
    when its end cannot be read.
    """
    while True:
        if isinstance(problem, OSError) and problem.errno not in (None, *_OF_CONTENT):
            return f"unreadable: {problem.strerror or problem}"
        if isinstance(problem, MemoryError):
            return f"unreadable: {os.strerror(errno.ENOMEM)}"
        before = problem.__cause__ or problem.__context__
        if before is None:
            return None
        problem = before


def can_pass(reason: str) -> bool:
    """Return whether a listed reason is about the place of a file: then it is unreadable for now.

    Every version wrote what the system said; those before `unreadable` was a status of its own
    wrapped it in other texts, or gave its number.
    """
    if reason in _PASSING or reason.startswith("unreadable folder: "):
        return True
    if number := re.search(r"\[Errno (\d+)\]", reason):
        return int(number[1]) not in _OF_CONTENT
    return reason.startswith("unreadable: ") and reason.removeprefix("unreadable: ") in _MESSAGES


def of_earlier(status: str, reason: str | None) -> str:
    """Return today's word for an outcome of a version that knew `ok` and `rejected` only."""
    if status != REJECTED or reason is None:
        return status
    if reason.startswith(_FEATURELESS):
        return NO_FEATURES
    return UNREADABLE if can_pass(reason) else REJECTED
