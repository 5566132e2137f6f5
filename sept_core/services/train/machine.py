"""This machine as a trainer: a GPU or CPU cores, found without importing torch.

In: nothing. Out: a `Machine`, from which forms take their defaults and costs their speed.
"""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CORE_FLOPS = 25e9
"""Training speed of a CPU core: SimCLR with resnet10-tiny at 32 px reached 28 GFLOP/s
(docs/log.md, 3,000 steps in ten core-minutes)."""
GPU_FLOPS = 15e12
"""Training speed of a GPU in mixed precision; data-centre GPUs are several times faster."""
DEVICES = ("/dev/nvidia0", "/dev/kfd")
"""Files that exist if torch can use a GPU of NVIDIA or AMD."""


@dataclass(frozen=True)
class Machine:
    """The device that trainings on this machine use."""

    gpu: bool
    cores: int

    @property
    def flops(self) -> float:
        """Floating-point operations per second in training, to within a factor of two or three."""
        return GPU_FLOPS if self.gpu else CORE_FLOPS * self.cores

    @property
    def name(self) -> str:
        """Return `a GPU` or `2 CPU cores`."""
        return "a GPU" if self.gpu else f"{self.cores} CPU core{'s' if self.cores > 1 else ''}"


@cache
def here() -> Machine:
    """Return this machine; `CUDA_VISIBLE_DEVICES` may hide its GPUs."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    gpu = not hidden and any(Path(path).exists() for path in DEVICES)
    return Machine(gpu, len(os.sched_getaffinity(0)))
