"""Failures of a remote place: the sentence that a file is listed with, and which of them may pass.

In: what a client met. Out: an `OSError` with a number, so that the file counts as unreadable for
now and never as rejected. The texts hold no address: clients may not repeat what a server says.
"""

import errno

from sept_core.imaging import outcomes


class Unreachable(OSError):
    """A place that did not answer as it should; `lasting` if another try is of no use."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(errno.EHOSTUNREACH, f"{outcomes.UNREACHABLE}{reason}")
        self.lasting = lasting


def missing() -> FileNotFoundError:
    """Return the error for an object that does not exist."""
    return FileNotFoundError(errno.ENOENT, "missing file")


def changed() -> Unreachable:
    """Return the error for an object that is no longer the one that was listed."""
    return Unreachable("the object has changed since it was listed; list it again", lasting=True)


def of_status(status: int) -> OSError | None:
    """Return the error for a status of HTTP, None for success."""
    if status in (404, 410):
        return missing()
    if status in (401, 403):
        return Unreachable(f"access denied (status {status})", lasting=True)
    if status in (408, 425, 429) or status >= 500:
        return Unreachable(f"the server answered with status {status}")
    if status >= 300:
        return Unreachable(f"the server answered with status {status}", lasting=True)
    return None
