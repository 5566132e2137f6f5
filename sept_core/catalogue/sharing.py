"""Sharing the catalogue between processes and threads: each holds it only while it works.

In: the path of a catalogue. Out: `Shared.use`, a cursor for one action. DuckDB lets one process at
a time open the file, so a process opens it for an action and closes it when it is idle. Processes
take turns by two lock files next to the catalogue: `turn` is held by the next in line, `lock` by
the active process. A process that sees another one in line starts no new action before it has
released the catalogue.

Anything a process caches must be keyed by `revision.current` or checked against the catalogue,
since another process may change the catalogue between two actions.
"""

import atexit
import contextlib
import datetime
import errno
import fcntl
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.catalogue import connection

WAIT_SECONDS = 20.0
"""Seconds for which an action waits for its turn before it fails with the name of the holder."""

_DRAIN_SECONDS = 2.0
"""Seconds for which a new action waits for running ones to end when another process is in line.
Bounded, since the running ones may be waiting for something that the new one holds."""

_LOOK_SECONDS = 0.02
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL)


class Shared:
    """One catalogue in this process.

    Args:
        path: of the catalogue's file.
        idle: seconds for which it stays open after an action, so that the next one need not reopen
            it; it closes earlier when another process is in line.
    """

    def __init__(self, path: Path, idle: float = 0.0) -> None:
        self.idle = idle
        self._path = path
        self._changed = threading.Condition()
        self._users: Counter[int] = Counter()
        self._connection: connection.Connection | None = None
        self._lock: int | None = None
        self._idle_since = 0.0

    @contextlib.contextmanager
    def use(self, wait: float | None = None) -> Iterator[connection.Connection]:
        """Give a cursor for one action; actions of one thread may be nested.

        Raises:
            BusyError: another process held it for `wait` seconds; the message names that process
            and since when.
            IntegrityError: the file is damaged or from a newer version.
        """
        thread = threading.get_ident()
        with self._changed:
            if self._connection is not None and thread not in self._users and self._in_line():
                self._changed.wait_for(lambda: self._connection is None, _DRAIN_SECONDS)
            if self._connection is None:
                self._open(WAIT_SECONDS if wait is None else wait)
            assert self._connection is not None
            self._users[thread] += 1
            cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
            with self._changed:
                self._leave(thread)

    def close(self) -> None:
        """Close the catalogue if no action is under way."""
        with self._changed:
            if not self._users:
                self._close()

    def _leave(self, thread: int) -> None:
        self._users[thread] -= 1
        self._users += Counter()  # drops the threads that are done
        if self._users:
            return
        if not self.idle or self._in_line():
            self._close()
            return
        self._idle_since = time.monotonic()
        threading.Thread(
            target=self._close_when_idle, args=(self._idle_since,), daemon=True
        ).start()

    def _close_when_idle(self, since: float) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._changed:
                if self._users or self._idle_since != since:
                    return  # used again: whoever leaves last takes care
                if time.monotonic() - since > self.idle or self._in_line():
                    self._close()
                    return

    def _open(self, wait: float) -> None:
        deadline = time.monotonic() + wait
        turn = self._acquired("turn", deadline)
        try:
            lock = self._acquired("lock", deadline)
        finally:
            _released(turn)
        try:
            self._connection = connection.connect(self._path, max(0.0, deadline - time.monotonic()))
        except BaseException:
            _released(lock)
            raise
        self._lock = lock
        _write_holder(lock)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        _released(self._lock)
        self._lock = None
        self._changed.notify_all()

    def _acquired(self, name: str, deadline: float) -> int | None:
        """Acquire a lock file and return its descriptor; None if the disk has no locks."""
        descriptor = os.open(_lock_file(self._path, name), os.O_RDWR | os.O_CREAT, 0o644)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise errors.BusyError(_busy(self._path)) from None
                time.sleep(_LOOK_SECONDS)
            except OSError as problem:
                os.close(descriptor)
                if problem.errno in _NO_LOCKS:
                    return None  # DuckDB's own lock still keeps processes apart
                raise

    def _in_line(self) -> bool:
        """Return whether another process waits for its turn."""
        try:
            descriptor = os.open(_lock_file(self._path, "turn"), os.O_RDWR)
        except FileNotFoundError:  # the project was moved or deleted
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        except OSError:
            return False  # the disk knows no locks
        finally:
            os.close(descriptor)


def _released(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)  # which ends the lock


def _lock_file(path: Path, name: str) -> Path:
    return path.with_name(f".{path.stem}.{name}")


def _write_holder(lock: int | None) -> None:
    if lock is None:
        return
    since = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
    holder = {"pid": os.getpid(), "since": since, "command": _command()}
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(holder).encode(), 0)


def _command() -> str:
    """Return a readable name for this process: `sept select`, or `the app`."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    if "streamlit" in " ".join(sys.argv[:2]):
        return "the app"
    return " ".join([program.replace("__main__.py", "sept"), *sys.argv[1:2]]).strip() or "python"


def _busy(path: Path) -> str:
    holder: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        holder = json.loads(_lock_file(path, "lock").read_text())
    who = (
        f"process {holder['pid']} ({holder['command']}) since {holder['since']}"
        if {"pid", "command", "since"} <= set(holder)
        else "another process"
    )
    return f"{path.parent} is in use by {who}; wait for it to finish or stop it, then try again."


_shared: dict[Path, Shared] = {}
_registering = threading.Lock()
_idle = 0.0


def keep_open_when_idle(seconds: float) -> None:
    """Let catalogues stay open for some seconds after an action; an app calls it once."""
    global _idle
    _idle = seconds


def shared(path: Path) -> Shared:
    """Return the one `Shared` of a catalogue in this process."""
    with _registering:
        key = path.resolve()
        if key not in _shared:
            _shared[key] = Shared(key)
        _shared[key].idle = _idle
        return _shared[key]


def close_all() -> None:
    """Close every catalogue that is not in use."""
    with _registering:
        held = list(_shared.values())
    for one in held:
        one.close()


atexit.register(close_all)
