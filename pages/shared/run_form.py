"""The settings of a new pre-training run; empty fields show what will be used.

In: a subset and what was typed so far. Out: only what differs from the defaults.
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
    """What was asked for."""

    name: str
    method: str
    backbone: str
    changes: dict[str, Any]
    where: Launch


@dataclass(frozen=True)
class Field:
    """One setting; `choices` makes it a menu, and `augment.` leads to the views' settings."""

    name: str
    label: str
    help: str
    choices: tuple[Any, ...] = ()


MAIN = (
    Field("epochs", "Epochs", "Passes over the subset; give these or steps."),
    Field("steps", "Steps", "Optimiser steps; give these or epochs."),
    Field("batch_size", "Batch", "Images in one step."),
    Field("image_size", "Image size, px", "Side of the views that the network is trained on."),
    Field("lr", "Learning rate", "At its highest, after the warm-up; then half a cosine down."),
    Field("seed", "Seed", "Of weights, order and views; one seed gives one run."),
)
MORE = (
    Field("stem", "Stem", "Small: no stride or pooling at the entry, for small images.",
          pretrain_settings.STEMS),
    Field("init", "Start from", "Empty: from scratch. A checkpoint's folder, timm (published "
          "weights of the backbone) or timm@/path/FILE."),
    Field("cache_size", "Kept size, px", "Side at which images are kept for training."),
    Field("embed_size", "Embedding size, px", "Side at which the finished backbone embeds."),
    Field("optimizer", "Optimiser", "What updates the weights.", pretrain_settings.OPTIMIZERS),
    Field("weight_decay", "Weight decay", "Pull of the weights towards zero."),
    Field("warmup", "Warm-up", "Share of the steps in which the learning rate climbs."),
    Field("accumulate", "Micro-batches", "A batch is computed in so many parts to save memory."),
    Field("temperature", "Temperature", "Of the contrastive loss."),
    Field("queue", "Queue", "Keys of earlier batches that serve as negatives."),
    Field("ema", "Momentum", "How much the slow network keeps of itself at each step."),
    Field("decoupled", "Decoupled loss", "Leaves the positive pair out of the denominator.",
          (True, False)),
    Field("augment.crop_min", "Smallest crop", "Share of the image's area that a view shows."),
    Field("augment.jitter", "Colour jitter", "Lower it where colour tells the classes apart."),
    Field("augment.grayscale", "Grayscale", "Share of the views without colour."),
    Field("augment.flip", "Mirrored", "Share of the views that are mirrored."),
    Field("augment.blur", "Blurred", "Share of the views that are blurred."),
    Field("precision", "Precision", "Auto takes bf16 where the machine is fast at it.",
          pretrain_settings.PRECISIONS),
    Field("threads", "CPU threads", "Empty: one a physical core."),
    Field("probe_every", "Steps between probes", "Of the kNN probe on the training images."),
    Field("checkpoint_every", "Steps between checkpoints", "What a killed run loses at most."),
)  # fmt: skip


def draw(subset: pretraining.Subset, suggested: str) -> Wanted:
    """Draw the form and give what was chosen.

    Args:
        subset: what the defaults depend on.
        suggested: the run's name where none is typed.
    """
    name_at, method_at, backbone_at = st.columns(3)
    name = name_at.text_input(
        "Run name", key=NAME, persist_state="session", placeholder=suggested,
        help="Letters, digits, dots, dashes; empty takes the one shown.",
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
        help="Any timm model by name; resnet10-narrow and -tiny are made for CPUs.",
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
    """Who starts how many processes."""
    on_at, processes_at, nodes_at, options_at = st.columns([1, 1, 1, 2])
    on = on_at.selectbox(
        "Runs on", list(launch.PLACES), key="launch:on", persist_state="session",
        format_func=launch.PLACES.__getitem__,
        help="Slurm and Ray need the project's folder at the same path on every machine.",
    )  # fmt: skip
    processes = processes_at.number_input(
        "Processes", 1, value=1, key="launch:processes", persist_state="session",
        help="They share each batch, on each machine; one for each GPU is usual.",
    )  # fmt: skip
    if on == launch.HERE.on:
        return Launch(processes=processes)
    nodes = nodes_at.number_input(
        "Machines", 1, value=1, key="launch:nodes", persist_state="session",
        help="Each runs so many processes.",
    )  # fmt: skip
    options = options_at.text_input(
        "Options", key="launch:options", persist_state="session",
        placeholder="slurm_partition=gpu timeout_min=600" if on == "slurm" else "address=auto",
        help="NAME=VALUE, with spaces between them; docs/clusters.md lists them.",
    )  # fmt: skip
    return Launch(on, processes, nodes, launch.read_options(options.split()))


def _changes(fields: list[Field]) -> dict[str, Any]:
    """What was typed, by setting, as `pretrain.settings.choose` takes it."""
    changes: dict[str, Any] = {}
    for field in fields:
        value = state.kept(f"set:{field.name}")
        if value not in (None, ""):
            group, _, name = field.name.rpartition(".")
            (changes.setdefault(group, {}) if group else changes)[name] = value
    return changes


def _value(shown: PretrainSettings, field: Field, subset: pretraining.Subset) -> Any:
    """What will be used unless something is typed."""
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
