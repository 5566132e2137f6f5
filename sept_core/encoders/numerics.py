"""Device and precision of an encoder.

In: a device and precision as asked ("auto" or named), a network. Out: the choice made for
this machine, the network made ready for it, and its output as float32.

Measured (docs/method.md §7): on CPUs with bf16 units, bf16 *weights and input* run at four to five
times the rate of fp32, while autocast gains nothing; on a GPU autocast is the safe gain.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from sept_core import errors
from sept_core.compat import torch_cpu

PRECISIONS = ("fp32", "bf16", "autocast-bf16", "autocast-fp16")

_AUTOCAST = {"autocast-bf16": torch.bfloat16, "autocast-fp16": torch.float16}


def choose_device(device: str) -> torch.device:
    """Choose a device; "auto" is the first GPU if there is one, else the CPU.

    Raises:
        EncoderError: the device is unknown or not on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError):
        raise errors.EncoderError(
            f"Device {device!r} is not available on this machine; use auto, cpu or, with a GPU, "
            "cuda."
        ) from None
    return chosen


def choose_precision(precision: str, device: torch.device) -> str:
    """Choose a precision; "auto" is the fastest that keeps the features (cosine to fp32 ≥ 0.999).

    Raises:
        EncoderError: the precision is unknown.
    """
    if precision == "auto":
        # Emulated bf16 counts, as it always has: the precision is part of an encoder's identity.
        fastest = fastest_type(device, emulated=True)
        return f"autocast-{fastest}" if device.type == "cuda" else fastest
    if precision not in PRECISIONS:
        raise errors.EncoderError(
            f"Precision {precision!r} is unknown; use auto or one of {', '.join(PRECISIONS)}."
        )
    return precision


def fastest_type(device: torch.device, *, emulated: bool = False) -> str:
    """Return bf16 where the device multiplies it natively, fp16 on older GPUs, else fp32.

    Args:
        device: that computes.
        emulated: whether a GPU that only emulates bf16 counts as one that multiplies it.
    """
    if device.type == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=emulated)
        return "bf16" if has_bf16 else "fp16"
    return "bf16" if device.type == "cpu" and torch_cpu.multiplies_bf16() else "fp32"


def prepare(network: nn.Module, device: torch.device, precision: str) -> nn.Module:
    """Return the network in inference mode, on its device and in its weights' precision."""
    network = network.eval().requires_grad_(False)
    if precision == "bf16":
        # Convolutions in bf16 are twice as fast again when channels lie last.
        network = network.to(torch.bfloat16).to(memory_format=torch.channels_last)
    return network.to(device)


def run(
    forward: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor, precision: str
) -> torch.Tensor:
    """`forward(batch)` without gradients in `precision` → float32 on the batch's device.

    Floating batches are cast to bf16 where the weights are; token ids stay what they are.
    """
    if precision == "bf16" and batch.is_floating_point():
        batch = batch.to(torch.bfloat16, memory_format=torch.channels_last)
    dtype = _AUTOCAST.get(precision)
    with (
        torch.inference_mode(),
        torch.autocast(batch.device.type, dtype=dtype, enabled=dtype is not None),
    ):
        return forward(batch).float()


LEAST_LENGTH = 1e-12
"""Shorter rows have no direction; `torch.nn.functional.normalize` leaves them short."""


def unit(rows: torch.Tensor) -> torch.Tensor:
    """(n, D) rows scaled to unit length; a row of zeros becomes the same value in all places.

    Non-finite values stay non-finite, for the caller to reject.
    """
    short = rows.norm(dim=1, keepdim=True) < LEAST_LENGTH
    scaled = F.normalize(rows)
    return torch.where(short, torch.full_like(scaled, rows.shape[1] ** -0.5), scaled)
