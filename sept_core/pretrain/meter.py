"""Metrics of a running training: loss, health of the features, time per part.

In: losses, features and laps of a clock. Out: one JSON line in `metrics.jsonl` every few steps, and
a warning, then an error, when the features collapse (all images look alike).
"""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sept_core.measures import spread
from sept_core.storage import atomic

PARTS = ("loading", "augment", "forward", "backward")
TIMED_EVERY = 10
"""On a GPU only every tenth step is timed, because timing waits for the device."""


class Clock:
    """Clock of the seconds spent in each part of the steps since the last reading."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.timing = True
        self._last = 0.0

    def start(self, step: int) -> None:
        """Begin a step."""
        self.timing = self.device.type == "cpu" or step % TIMED_EVERY == 0
        self._last = self._now()

    def lap(self, part: str) -> None:
        """Add the time since the last call to `part`."""
        if self.timing:
            now = self._now()
            self.seconds[part] += now - self._last
            self._last = now

    def shares(self) -> dict[str, float]:
        """Return the share of the time of each of `PARTS`, with sum 1, and reset the clock."""
        total = sum(self.seconds.values()) or 1.0
        shares = {part: round(spent / total, 4) for part, spent in self.seconds.items()}
        self.seconds = dict.fromkeys(PARTS, 0.0)
        return shares

    def _now(self) -> float:
        if self.timing and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


@dataclass(frozen=True)
class BestProbe:
    """The first probe with the highest accuracy.

    Attributes:
        step: step of the run.
        accuracy: of the kNN vote on the target's training images.
        since: number of probes after it.
    """

    step: int
    accuracy: float
    since: int


class MetricsFile:
    """`metrics.jsonl` of a run; a resumed run removes the lines after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, Any]]:
        """Return all complete lines; a kill may have truncated the last one."""
        if not self.path.exists():
            return []
        text = self.path.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def best_probe(self) -> BestProbe | None:
        """Return the best probe so far; None before the first one."""
        probes = [(line["step"], line["probe_knn"]) for line in self.lines() if "probe_knn" in line]
        if not probes:
            return None
        place = max(range(len(probes)), key=lambda index: probes[index][1])
        return BestProbe(*probes[place], since=len(probes) - 1 - place)

    def rewind(self, step: int) -> None:
        """Remove the lines after `step`, which will be computed and written again."""
        kept = [line for line in self.lines() if line["step"] <= step]
        with atomic.write_then_rename(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def append(self, line: dict[str, Any]) -> None:
        """Add one line."""
        with self.path.open("a") as out:
            out.write(json.dumps(line, allow_nan=False) + "\n")


@torch.no_grad()
def feature_std(features: Tensor) -> float:
    """Return the mean standard deviation of unit features, times √D: near 0 if collapsed."""
    unit = functional.normalize(features.float(), dim=1)
    return float(unit.std(0).mean()) * math.sqrt(features.shape[1])


@torch.no_grad()
def effective_rank(features: Tensor) -> float:
    """Return the effective rank of the unit features about their mean, see `spread`.

    Between 1, if all images differ along one line or not at all, and min(B − 1, D).
    """
    unit = functional.normalize(features.float(), dim=1)
    values = torch.linalg.svdvals(unit - unit.mean(0)).double().cpu().numpy()
    return spread.effective_rank(values) if values.sum() > 1e-6 else 1.0
