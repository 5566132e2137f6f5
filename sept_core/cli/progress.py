"""Progress on stderr: a bar in a terminal, otherwise a line every few seconds.

In: the state of the work. Out: a progress bar, or lines for a log.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sept_core.cli import output

SECONDS = 10.0
"""Seconds between two lines without a terminal."""

Show = Callable[[int, int | None, str], None]
"""Takes the finished and the total count (None if unknown), and both as text."""


@dataclass
class Lines:
    """Lines `TITLE: DETAIL` on a console, at most one per interval.

    Attributes:
        title: name of the work.
        console: receives the lines.
        seconds: interval between two lines, and before the first.
        clock: returns seconds since any origin.
    """

    title: str
    console: Console
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def show(self, done: int, total: int | None, detail: str) -> None:
        """Print the detail if the interval has passed."""
        if self.clock() - self._last >= self.seconds:
            self._last = self.clock()
            output.say(f"{self.title}: {detail}", to=self.console)


@contextlib.contextmanager
def shown(title: str) -> Iterator[Show]:
    """Show the progress of some work while the block runs."""
    if not output.notes.file.isatty() or output.notes.is_dumb_terminal:
        yield Lines(title, output.notes, SECONDS).show
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=output.notes, transient=True) as bar:
        task = bar.add_task(output.plain(title), total=None, detail="starting")
        yield lambda done, total, detail: bar.update(
            task, completed=done, total=total, detail=output.plain(detail)
        )
