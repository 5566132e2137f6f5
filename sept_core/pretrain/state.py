"""State that a run needs to continue exactly where it stopped.

In: settings and a backbone, or a `checkpoint.pt`. Out: the `State` that the loop changes,
and its file. Random numbers need no state, because every step seeds them from (seed, step).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sept_core import errors
from sept_core.pretrain import augment, layers
from sept_core.pretrain.group import ALONE, Group
from sept_core.pretrain.methods.method import Method, build
from sept_core.pretrain.settings import PretrainSettings
from sept_core.pretrain.teachers import Teacher
from sept_core.storage import atomic


@dataclass
class State:
    """Training state.

    Attributes:
        method: the network with its heads, queue and moving averages.
        network: the method as it is called; in a group, with gradients averaged over it.
        optimizer: the optimiser with its moments.
        scaler: the loss scale of fp16; idle for other precisions.
        loss_sum: scalar float64, sum of the losses since the last line of metrics.
        loss_count: number of these losses.
        step: optimiser steps completed.
        seconds: time spent training, over all processes that worked on the run.
        frozen: whether the current step trains the heads only.
    """

    method: Method
    network: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss_sum: Tensor
    loss_count: int = 0
    step: int = 0
    seconds: float = 0.0
    frozen: bool = False


def create(
    backbone: nn.Module,
    settings: PretrainSettings,
    device: torch.device,
    precision: str,
    group: Group = ALONE,
    teacher: Teacher | None = None,
) -> State:
    """Create a new state; the heads' initial weights depend only on the seed."""
    dim = feature_dim(backbone, settings.image_size)
    torch.manual_seed(augment.generator(settings.seed, "heads").initial_seed())
    method = build(backbone, dim, settings, teacher)
    group.synchronise(method)
    method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return State(
        method=method,
        network=group.averaging(method),
        optimizer=_optimizer(method, settings),
        scaler=torch.amp.GradScaler(device.type, enabled=precision == "fp16"),
        loss_sum=torch.zeros((), dtype=torch.float64, device=device),
    )


@torch.no_grad()
def feature_dim(backbone: nn.Module, image_size: int) -> int:
    """Return the length of the backbone's feature vectors, by computing one."""
    was_training = backbone.training
    dim = backbone.eval()(torch.zeros(1, 3, image_size, image_size)).shape[1]
    backbone.train(was_training)
    return int(dim)


def _optimizer(method: Method, settings: PretrainSettings) -> torch.optim.Optimizer:
    """Build the optimiser; as usual, biases and norms (one dimension) get no weight decay.

    A group's `scale` is its share of the learning rate, `in_backbone` whether it can be frozen.
    """
    scales = layers.scales(method.backbone, settings)
    split = settings.layer_decay < 1 or settings.freeze > 0
    groups: dict[tuple[float, bool, bool], list[nn.Parameter]] = {}
    for parameter in method.parameters():
        if parameter.requires_grad:
            inside = split and parameter in scales
            key = (scales.get(parameter, 1.0), inside, parameter.ndim <= 1)
            groups.setdefault(key, []).append(parameter)
    chosen = [
        {
            "params": found,
            "weight_decay": 0.0 if flat else settings.weight_decay,
            "scale": scale,
            "in_backbone": inside,
        }
        for (scale, inside, flat), found in sorted(groups.items(), key=lambda item: item[0][1:])
    ]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(chosen, lr=settings.lr, betas=(0.9, 0.98))
    return torch.optim.SGD(chosen, lr=settings.lr, momentum=0.9)


def save(path: Path, state: State) -> None:
    """Write the checkpoint atomically; it has only tensors and plain values."""
    content = {
        "tensors": {name: t.detach() for name, t in _tensors(state.method)},
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "loss_sum": state.loss_sum,
        "loss_count": state.loss_count,
        "step": state.step,
        "seconds": state.seconds,
    }
    with atomic.write_then_rename(path) as temporary:
        torch.save(content, temporary)


def restore(path: Path, state: State, device: torch.device) -> None:
    """Fill a new `state` from a checkpoint of the same settings.

    Raises:
        IntegrityError: the file is damaged or belongs to another network.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        saved = content["tensors"]
        with torch.no_grad():
            for name, tensor in _tensors(state.method):
                tensor.copy_(saved.pop(name))
        if saved:
            raise KeyError(next(iter(saved)))
        state.optimizer.load_state_dict(content["optimizer"])
        state.scaler.load_state_dict(content["scaler"])
        state.loss_sum.copy_(content["loss_sum"])
    except (RuntimeError, KeyError, EOFError, OSError, ValueError) as problem:
        raise errors.IntegrityError(
            f"Cannot resume from {path} ({type(problem).__name__}: {problem}); "
            "remove it to train from the start."
        ) from None
    state.loss_count, state.step = content["loss_count"], content["step"]
    state.seconds = content["seconds"]


def _tensors(method: Method) -> Iterator[tuple[str, Tensor]]:
    """Return parameters and all buffers, including lightly's queue, which `state_dict` omits."""
    yield from method.named_parameters()
    yield from method.named_buffers()
