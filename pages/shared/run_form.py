"""The settings of a new pre-training run; empty fields show the values that will be used.

In: a subset and the fields filled in so far. Out: only the changes to the defaults.
"""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared import state
from sept_core.pretrain import launch
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.launch import Launch
from sept_core.pretrain.methods import registry as methods
from sept_core.pretrain.settings import PretrainSettings
from sept_core.services.train import pretraining

NAME = "run_name"
BACKBONES = (
    "resnet18",
    "resnet50",
    *pretrain_settings.SMALL_BACKBONES,
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
)


@dataclass(frozen=True)
class Wanted:
    """The requested run."""

    name: str
    method: str
    backbone: str
    changes: dict[str, Any]
    where: Launch


@dataclass(frozen=True)
class Field:
    """One setting; `choices` makes it a menu, and the prefix `augment.` marks a view setting."""

    name: str
    label: str
    help: str
    choices: tuple[Any, ...] = ()


MAIN = (
    Field("epochs", "Epochs", "Passes over the subset; set either epochs or steps."),
    Field("steps", "Steps", "Optimiser steps; set either steps or epochs."),
    Field("batch_size", "Batch size", "Images per step."),
    Field("image_size", "Image size, px", "Side length of the training views."),
    Field("lr", "Learning rate", "Peak value after the warm-up; followed by half-cosine decay."),
    Field(
        "seed", "Seed", "Random seed of weights, order and views; the same seed gives the same run."
    ),
)
MORE = (
    Field("stem", "Stem", "small: no stride or pooling in the first layers, for small images.",
          pretrain_settings.STEMS),
    Field("init", "Initial weights", "A checkpoint folder, timm (published weights of the "
          "backbone) or timm@/path/FILE; leave empty to train from scratch."),
    Field("cache_size", "Cache size, px", "Side length of the images cached for training."),
    Field("embed_size", "Evaluation size, px", "Side length at which the backbone embeds."),
    Field("optimizer", "Optimiser", "Algorithm that updates the weights.",
          pretrain_settings.OPTIMIZERS),
    Field("weight_decay", "Weight decay", "Shrinkage of the weights towards zero."),
    Field("warmup", "Warm-up", "Share of the steps during which the learning rate rises."),
    Field("accumulate", "Micro-batches", "Number of parts a batch is computed in, to save memory."),
    Field("temperature", "Temperature", "Temperature of the contrastive loss."),
    Field("queue", "Queue length", "Number of keys from earlier batches used as negatives."),
    Field("ema", "Momentum", "Share of its weights that the momentum encoder keeps at each step."),
    Field("decoupled", "Decoupled loss", "Excludes the positive pair from the denominator.",
          (True, False)),
    Field("augment.crop_min", "Minimum crop scale", "Smallest share of the image in a view."),
    Field("augment.jitter", "Colour jitter", "Lower it if colour distinguishes the classes."),
    Field("augment.grayscale", "Grayscale probability", "Probability that a view is grayscale."),
    Field("augment.flip", "Horizontal flip", "Probability that a view is flipped."),
    Field("augment.blur", "Blur probability", "Probability that a view is blurred."),
    Field("precision", "Precision", "auto selects bf16 where the machine computes it fast.",
          pretrain_settings.PRECISIONS),
    Field("threads", "CPU threads", "Leave empty for one per physical core."),
    Field("probe_every", "Probe interval, steps",
          "Steps between kNN probes on the target's training images."),
    Field("checkpoint_every", "Checkpoint interval, steps",
          "A killed run loses at most this many steps."),
)  # fmt: skip


def draw(subset: pretraining.Subset, suggested: str) -> Wanted:
    """Draw the form and return the requested run.

    Args:
        subset: that the defaults depend on.
        suggested: the run's name if none is typed.
    """
    name_at, method_at, backbone_at = st.columns(3)
    name = name_at.text_input(
        "Run name", key=NAME, persist_state="session", placeholder=suggested,
        help="Letters, digits, dots, dashes; leave empty to use the suggestion.",
    ).strip()  # fmt: skip
    base = PretrainSettings()
    method = method_at.selectbox(
        "Method", list(methods.TITLES), key="set:method", persist_state="session",
        index=list(methods.TITLES).index(base.method),
        format_func=methods.TITLES.__getitem__,
    )  # fmt: skip
    backbone = backbone_at.selectbox(
        "Backbone", BACKBONES, key="set:backbone", persist_state="session",
        index=BACKBONES.index(base.backbone), accept_new_options=True,
        help="Any timm model by name; resnet10-narrow and -tiny are designed for CPUs.",
    )  # fmt: skip
    unread = methods.unread(method)
    more = [field for field in MORE if field.name not in unread]
    changes = _changes([*MAIN, *more])
    shown = pretraining.plan(subset, method, backbone, changes)
    for column, field in zip(st.columns(len(MAIN)), MAIN, strict=True):
        with column:
            _widget(field, _value(shown, field, subset))
    with st.expander("More settings", key="more_settings"):
        for start in range(0, len(more), 5):
            for column, field in zip(st.columns(5), more[start : start + 5], strict=False):
                with column:
                    _widget(field, _value(shown, field, subset))
        where = draw_launch()
    return Wanted(name or suggested, method, backbone, changes, where)


def draw_launch() -> Launch:
    """Draw the launch settings: launcher, processes and machines."""
    on_at, processes_at, nodes_at, options_at = st.columns([1, 1, 1, 2])
    on = on_at.selectbox(
        "Launcher", list(launch.PLACES), key="launch:on", persist_state="session",
        format_func=launch.PLACES.__getitem__,
        help="Slurm and Ray need the project's folder at the same path on every machine.",
    )  # fmt: skip
    processes = processes_at.number_input(
        "Processes", 1, value=1, key="launch:processes", persist_state="session",
        help="Processes per machine, usually one per GPU; all processes share each batch.",
    )  # fmt: skip
    if on == launch.HERE.on:
        return Launch(processes=processes)
    nodes = nodes_at.number_input(
        "Machines", 1, value=1, key="launch:nodes", persist_state="session",
        help="Number of machines, each running the given number of processes.",
    )  # fmt: skip
    options = options_at.text_input(
        "Options", key="launch:options", persist_state="session",
        placeholder="slurm_partition=gpu timeout_min=600" if on == "slurm" else "address=auto",
        help="NAME=VALUE, separated by spaces; docs/clusters.md lists them.",
    )  # fmt: skip
    return Launch(on, processes, nodes, launch.read_options(options.split()))


def _changes(fields: list[Field]) -> dict[str, Any]:
    """Return the filled-in values by setting, in the form for `pretrain.settings.choose`."""
    changes: dict[str, Any] = {}
    for field in fields:
        value = state.kept(f"set:{field.name}")
        if value not in (None, ""):
            group, _, name = field.name.rpartition(".")
            (changes.setdefault(group, {}) if group else changes)[name] = value
    return changes


def _value(shown: PretrainSettings, field: Field, subset: pretraining.Subset) -> Any:
    """Return the value that is used while the field is empty."""
    if field.name == "steps":
        return shown.total_steps(subset.images)
    value: Any = shown
    for part in field.name.split("."):
        value = getattr(value, part)
    return value


def _widget(field: Field, value: Any) -> None:
    key, default = f"set:{field.name}", PretrainSettings()
    common: dict[str, Any] = {"key": key, "help": field.help, "persist_state": "session"}
    if field.choices:
        st.selectbox(
            field.label, field.choices, index=None, placeholder=_text(value),
            format_func=_text, **common,
        )  # fmt: skip
        return
    if field.name == "init":
        st.text_input(field.label, placeholder="scratch", **common)
        return
    example = default if "." not in field.name else default.augment
    whole = not isinstance(getattr(example, field.name.rpartition(".")[2]), float)
    placeholder = "–" if value is None else f"{value:,}" if whole else f"{value:.4g}"
    st.number_input(
        field.label, min_value=0 if whole else 0.0, value=None, step=1 if whole else None,
        format="%d" if whole else "%g", placeholder=placeholder, **common,
    )  # fmt: skip


def _text(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value))
