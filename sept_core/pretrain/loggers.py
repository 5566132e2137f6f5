"""Loggers that show a run elsewhere: TensorBoard, Weights & Biases.

In: lines of metrics, settings, the manifest's hash and sample views. Out: `RUN/tensorboard/` and
`RUN/wandb/`, which `metrics.jsonl` does not depend on. A logger that fails is dropped with a
warning in the log; the run goes on.
"""

import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sept_core import errors
from sept_core.storage import late

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("sept")

PROJECT = "sept"
"""Name of the project on Weights & Biases."""


@dataclass(frozen=True)
class Run:
    """The run as a logger needs it.

    Attributes:
        folder: its folder; the name is the run's.
        facts: settings and manifest, as JSON.
        step: steps completed before; a resumed run logs later ones again.
    """

    folder: Path
    facts: Mapping[str, Any]
    step: int = 0


class Logger(Protocol):
    """Protocol of a logger, which is built from a `Run`."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers by name."""

    def picture(self, step: int, name: str, pixels: "np.ndarray") -> None:
        """Log an image (H, W, 3) uint8."""

    def close(self) -> None:
        """Write everything to disk."""


@dataclass(frozen=True)
class LoggerRecord:
    """One logger.

    Attributes:
        code: `module:Class` of this package; the class takes a `Run`.
        title: display name.
        needs: module that must be installed.
        extra: SEPT's extra that installs it.
    """

    code: str
    title: str
    needs: str
    extra: str


LOGGERS: dict[str, LoggerRecord] = {
    "tensorboard": LoggerRecord(
        "loggers_tensorboard:TensorBoard", "TensorBoard", "tensorboard", "tensorboard"
    ),
    "wandb": LoggerRecord("loggers_wandb:Online", "Weights & Biases", "wandb", "wandb"),
    "wandb-offline": LoggerRecord(
        "loggers_wandb:Offline", "Weights & Biases, offline", "wandb", "wandb"
    ),
}


def names(setting: str) -> list[str]:
    """Read the setting `log`: names separated by commas.

    Raises:
        InputError: a logger is unknown.
    """
    found = [name.strip() for name in setting.split(",") if name.strip()]
    for name in found:
        if name not in LOGGERS:
            raise errors.InputError(f"logger {name!r} is unknown; use {', '.join(LOGGERS)}.")
    return found


def check_installed(setting: str) -> None:
    """Refuse loggers whose library is missing here.

    Raises:
        InputError: the message says how to install it.
    """
    for name in names(setting):
        record = LOGGERS[name]
        if importlib.util.find_spec(record.needs) is None:
            raise errors.InputError(
                f"The logger {name} needs the package {record.needs}; install it with: "
                f"pip install 'sept[{record.extra}]'."
            )


class Loggers:
    """All loggers of a run; of none, every method does nothing."""

    def __init__(self, setting: str, run: Run) -> None:
        self._open: dict[str, Logger] = {}
        for name in names(setting):
            try:
                self._open[name] = late.load(__package__, LOGGERS[name].code)(run)
            except Exception as problem:  # a logger must not stop a run
                self._drop(name, problem)

    def __bool__(self) -> bool:
        return bool(self._open)

    def line(self, line: Mapping[str, Any]) -> None:
        """Log a line of metrics; nested numbers are called `part/name`."""
        values = flattened(line)
        step = int(values.pop("step"))
        self._each(lambda logger: logger.scalars(step, values))

    def picture(self, step: int, name: str, pixels: "np.ndarray") -> None:
        """See `Logger.picture`."""
        self._each(lambda logger: logger.picture(step, name, pixels))

    def close(self) -> None:
        """See `Logger.close`."""
        self._each(lambda logger: logger.close())

    def _each(self, call: Callable[[Logger], None]) -> None:
        for name, logger in list(self._open.items()):
            try:
                call(logger)
            except Exception as problem:  # a logger must not stop a run
                self._drop(name, problem)

    def _drop(self, name: str, problem: Exception) -> None:
        self._open.pop(name, None)
        log.warning(
            "The logger %s failed and is switched off; the run continues (%s: %s).",
            name, type(problem).__name__, problem,
        )  # fmt: skip


def flattened(line: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a nested mapping by their path."""
    values: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, Mapping):
            values |= flattened(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            values[prefix + name] = value
    return values
