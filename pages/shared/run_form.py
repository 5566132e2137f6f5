"""The settings of a new pre-training run: six choices, and the rest folded under headings.

In: a subset and what was filled in so far. Out: the requested run. Empty fields show the values
that will be used: those of the preset, else the defaults for the subset.
"""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared import state
from sept_core.pretrain import launch, loggers
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.launch import Launch
from sept_core.pretrain.methods import registry as methods
from sept_core.pretrain.settings import PretrainSettings
from sept_core.services.train import costs, machine, presets, pretraining
from sept_core.services.train.recipe import Recipe

NAME, PRESET = "run_name", "run_preset"
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


STEPS = Field("steps", "Steps", "Optimiser steps.")
EPOCHS = Field("epochs", "Epochs", "Passes over the subset.")
SIZE = Field("image_size", "Image size, px", "Side length of the training views.")
LENGTHS = {"Steps": STEPS, "Epochs": EPOCHS}

SECTIONS: dict[str, tuple[Field, ...]] = {
    "Data": (
        Field("cache_size", "Cache size, px", "Side length of the images cached for training."),
        Field("embed_size", "Evaluation size, px", "Side length at which the backbone embeds."),
        Field("seed", "Seed", "Random seed of weights, order and views; the same seed gives the "
              "same run."),
    ),
    "Optimisation": (
        Field("batch_size", "Batch size", "Images per step."),
        Field("lr", "Learning rate",
              "Peak value after the warm-up; followed by half-cosine decay."),
        Field("optimizer", "Optimiser", "Algorithm that updates the weights.",
              pretrain_settings.OPTIMIZERS),
        Field("weight_decay", "Weight decay", "Shrinkage of the weights towards zero."),
        Field("warmup", "Warm-up", "Share of the steps during which the learning rate rises."),
        Field("init", "Initial weights", "A checkpoint folder, timm (published weights of the "
              "backbone) or timm@/path/FILE; leave empty to use the preset's."),
        Field("stem", "Stem", "small: no stride or pooling in the first layers, for small images.",
              pretrain_settings.STEMS),
        Field("teacher", "Teacher", "The encoder whose features the backbone learns."),
        Field("layer_decay", "Layer decay", "Learning rate of a layer as a share of that of the "
              "layer above it; below 1 to continue from trained weights."),
        Field("freeze", "Frozen start", "Share of the steps in which only the heads train."),
        Field("early", "Early checkpoints", "Backbones to keep at a half, a quarter … of the "
              "steps."),
        Field("patience", "Patience, probes", "Ends the run, with its best backbone, after so many "
              "kNN probes without a new best; 0 trains to the last step."),
        Field("temperature", "Temperature", "Temperature of the loss."),
        Field("queue", "Queue length", "Number of keys from earlier batches used as negatives."),
        Field("ema", "Momentum", "Share of its weights that the momentum encoder keeps at each "
              "step."),
        Field("decoupled", "Decoupled loss", "Excludes the positive pair from the denominator.",
              (True, False)),
    ),
    "Augmentation": (
        Field("augment.crop_min", "Minimum crop scale", "Smallest share of the image in a view."),
        Field("augment.jitter", "Colour jitter", "Lower it if colour distinguishes the classes."),
        Field("augment.grayscale", "Grayscale probability",
              "Probability that a view is grayscale."),
        Field("augment.flip", "Horizontal flip", "Probability that a view is flipped."),
        Field("augment.blur", "Blur probability", "Probability that a view is blurred."),
    ),
    "Hardware": (
        Field("precision", "Precision", "auto selects bf16 where the machine computes it fast.",
              pretrain_settings.PRECISIONS),
        Field("threads", "CPU threads", "Leave empty for one per physical core."),
        Field("accumulate", "Micro-batches", "Number of parts a batch is computed in, to save "
              "memory."),
        Field("probe_every", "Probe interval, steps",
              "Steps between kNN probes on the target's training images."),
        Field("checkpoint_every", "Checkpoint interval, steps",
              "A killed run loses at most this many steps."),
        Field("log", "Loggers", f"Separated by commas: {', '.join(loggers.LOGGERS)}."),
    ),
}  # fmt: skip
"""Folded settings by heading."""

PER_ROW = 5
TEXTS = {"init": "scratch", "teacher": "none", "log": "none"}
"""Settings that are typed, with the word for an empty value."""


def draw(subset: pretraining.Subset) -> Wanted:
    """Draw the form and return the requested run.

    Args:
        subset: that the defaults depend on.
    """
    recipe = _preset()
    method_at, backbone_at, unit_at, length_at, size_at = st.columns([3, 3, 2, 2, 2])
    known = list(methods.TITLES)
    method = method_at.selectbox(
        "Method", known, key="set:method", persist_state="session",
        index=known.index(recipe.method), format_func=methods.TITLES.__getitem__,
    )  # fmt: skip
    backbone = backbone_at.selectbox(
        "Backbone", BACKBONES, key="set:backbone", persist_state="session",
        index=BACKBONES.index(recipe.backbone), accept_new_options=True,
        help="Any timm model by name; resnet10-narrow and -tiny are designed for CPUs.",
    )  # fmt: skip
    unit = unit_at.segmented_control(
        "Length", list(LENGTHS), key="set:unit", persist_state="session", required=True,
        default="Epochs" if recipe.steps is None else "Steps",
    )  # fmt: skip
    length = LENGTHS[unit or "Steps"]
    unread = methods.unread(method)
    folded = [f for fields in SECTIONS.values() for f in fields if f.name not in unread]
    changes = _changes(recipe, [length, SIZE, *folded])
    shown = pretraining.plan(subset, method, str(backbone), changes)
    for column, field in ((length_at, length), (size_at, SIZE)):
        with column:
            _widget(field, _value(shown, field, subset))
    where = Launch()
    for heading, fields in SECTIONS.items():
        with st.expander(heading, key=f"section_{heading.lower()}"):
            _section([f for f in fields if f.name not in unread], shown, subset)
            if heading == "Hardware":
                where = draw_launch()
    return Wanted(method, str(backbone), changes, where)


def _preset() -> Recipe:
    """Draw the choice of a preset; a new choice clears the fields. Return its recipe."""
    name = st.segmented_control(
        "Preset", list(presets.PRESETS), key=PRESET, persist_state="session", required=True,
        default=presets.DEFAULT, format_func=lambda name: presets.find(name).title,
        on_change=_clear,
    )  # fmt: skip
    preset = presets.find(name or presets.DEFAULT)
    st.caption(preset.about)
    return preset.recipe(machine.here())


def _clear() -> None:
    """Forget what was filled in, so that the new preset shows unchanged."""
    for name in ("method", "backbone", "unit"):
        state.forget(f"set:{name}")
    for fields in (LENGTHS.values(), (SIZE,), *SECTIONS.values()):
        for field in fields:
            state.keep(f"set:{field.name}", "" if field.name in TEXTS else None)


def _section(fields: list[Field], shown: PretrainSettings, subset: pretraining.Subset) -> None:
    for start in range(0, len(fields), PER_ROW):
        row = fields[start : start + PER_ROW]
        for column, field in zip(st.columns(PER_ROW), row, strict=False):
            with column:
                _widget(field, _value(shown, field, subset))


def source(name: str) -> str:
    """Return what a cost was estimated from, in a sentence."""
    on = machine.here().name
    return {
        costs.DRY: f"Measured by training a few steps on {on}.",
        costs.EARLIER: f"From the speed of an earlier run on {on}.",
        costs.COUNTED: f"Estimated for {on} from the size of the network; may be off by a factor "
        "of two or three.",
    }[name]


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


def _changes(recipe: Recipe, fields: list[Field]) -> dict[str, Any]:
    """Return the preset's settings with the filled-in values, for `pretrain.settings.choose`."""
    changes = recipe.changes()
    for field in fields:
        value = state.kept(f"set:{field.name}")
        if value not in (None, ""):
            group, _, name = field.name.rpartition(".")
            (changes.setdefault(group, {}) if group else changes)[name] = value
            for other in LENGTHS.values():
                if field in LENGTHS.values() and other != field:
                    changes.pop(other.name, None)
    return changes


def _value(shown: PretrainSettings, field: Field, subset: pretraining.Subset) -> Any:
    """Return the value that is used while the field is empty."""
    if field.name == "steps":
        return shown.total_steps(subset.images)
    if field.name == "epochs":
        return round(shown.total_steps(subset.images) * shown.batch_size / subset.images)
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
    if field.name in TEXTS:
        st.text_input(field.label, placeholder=value or TEXTS[field.name], **common)
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
