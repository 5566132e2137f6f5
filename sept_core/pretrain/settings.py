"""All settings of a pre-training run, in one frozen record that is saved with its output.

In: a method, a backbone and the size of the subset (`defaults`) or the saved JSON
(`from_dict`). Out: `PretrainSettings`, checked by `validate` before any image is read.
"""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sept_core import errors
from sept_core.pretrain import loggers
from sept_core.pretrain.methods import registry

SMALL_BACKBONES = ("resnet10-narrow", "resnet10-tiny")
"""SEPT's own backbones, for CPUs; see `encoders.backbones`."""
COLLAPSED_STD = 0.02
"""Below this standard deviation all images look alike to the network (random weights: about 0.1).
    """
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
OPTIMIZERS = ("sgd", "adamw")
STEMS = ("standard", "small")


@dataclass(frozen=True)
class Augment:
    """Strengths of the augmentations.

    Curated subsets are homogeneous: if colour distinguishes the classes, lower `jitter` and
    `grayscale`.
    """

    crop_min: float = 0.2
    """Smallest share of the image's area that a view shows."""
    jitter: float = 0.4
    """Brightness, contrast and saturation vary by ± this share, hue by a quarter of it."""
    grayscale: float = 0.2
    """Share of the views without colour."""
    flip: float = 0.5
    """Share of the views that are flipped horizontally."""
    blur: float = 0.0
    """Share of the views that are blurred; useful from about 96 pixels."""


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of one run. Its length is `steps` or, if that is None, `epochs`."""

    method: str = registry.DEFAULT_METHOD
    backbone: str = "resnet18"
    stem: str = "standard"
    init: str = ""
    """Initial weights, see `initial`; empty for random ones."""
    image_size: int = 64
    """Side in pixels of the views that the network is trained on."""
    cache_size: int = 128
    """Side in pixels of the cached images, at most twice `image_size`."""
    embed_size: int = 64
    """Side in pixels at which the finished backbone will embed images."""
    steps: int | None = None
    epochs: int | None = 200
    batch_size: int = 128
    accumulate: int = 1
    """Micro-batches that a batch is computed in; negatives stay within a micro-batch."""
    optimizer: str = "sgd"
    lr: float = 0.06
    weight_decay: float = 5e-4
    warmup: float = 0.05
    """Share of the steps during which the learning rate rises to `lr`."""
    layer_decay: float = 1.0
    """Learning rate of a layer of the backbone, as a share of that of the layer above it; the
    method's heads keep `lr`. Below 1 to continue from trained weights; 0 trains only the heads."""
    freeze: float = 0.0
    """Share of the steps, at the start, in which only the method's heads are trained."""
    early: int = 0
    """Backbones to keep along the way, at a half, a quarter, an eighth … of the steps: when a run
    continues from trained weights, an early one may be the best."""
    temperature: float = 0.1
    decoupled: bool = False
    """SimCLR: leave the positive pair out of the denominator (Yeh et al. 2022)."""
    queue: int = 4096
    """MoCo: number of keys of earlier batches that serve as negatives."""
    ema: float = 0.99
    """MoCo: share of its own weights that the key network keeps at each step."""
    teacher: str = ""
    """Distillation: the encoder whose features the backbone learns, such as `bundled+classic`."""
    augment: Augment = field(default_factory=Augment)
    precision: str = "auto"
    threads: int | None = None
    """CPU threads; None leaves it to torch: one a physical core, or `OMP_NUM_THREADS`."""
    seed: int = 0
    log: str = ""
    """Loggers to show the run with, see `loggers`: names separated by commas."""
    log_every: int = 20
    checkpoint_every: int = 500
    probe_every: int = 500
    """Steps between kNN probes on the target's training images, if there are any."""
    patience: int = 0
    """Probes without a new best after which the run ends with its best backbone; 0: never."""

    def total_steps(self, subset_size: int) -> int:
        """Return the optimiser steps of the whole run; an epoch drops its incomplete last batch."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * (subset_size // self.batch_size)

    def early_steps(self, total: int) -> list[int]:
        """Return the steps, out of `total`, after which a backbone is kept."""
        steps = {total >> halvings for halvings in range(1, self.early + 1)}
        return sorted(steps - {0})


def choose(
    method: str,
    backbone: str,
    subset_size: int,
    changes: dict[str, Any],
    *,
    image_side: int = 224,
) -> PretrainSettings:
    """Return the defaults with a user's changes; defaults that depend on a change follow it.

    Args:
        method: see `defaults`.
        backbone: see `defaults`.
        subset_size: see `defaults`.
        changes: settings by name. `steps` alone replaces the default epochs, and `augment` may have
            only the parts that differ.
        image_side: see `defaults`.

    Raises:
        InputError: a name is unknown.
    """
    given = {k: v for k in ("image_size", "batch_size") if (v := changes.get(k)) is not None}
    values = dataclasses.asdict(
        defaults(method, backbone, subset_size, image_side=image_side, **given)
    )
    if changes.get("steps") is not None:
        values["epochs"] = None
    augment = values["augment"] | changes.get("augment", {})
    return from_dict(values | changes | {"augment": augment})


def defaults(
    method: str,
    backbone: str,
    subset_size: int,
    *,
    image_side: int = 224,
    image_size: int | None = None,
    batch_size: int | None = None,
) -> PretrainSettings:
    """Return default settings, after docs/method.md §6 and its trial's recipe (docs/method.md §7).

    Args:
        method: a name in `registry.METHODS`.
        backbone: a timm name or one of `SMALL_BACKBONES`.
        subset_size: images in the manifest.
        image_side: the subset's median shorter side in pixels.
        image_size: side of the views, instead of the derived one.
        batch_size: images per step, instead of the derived number.

    Raises:
        InputError: the method is unknown.
    """
    narrow, transformer = backbone in SMALL_BACKBONES, "vit" in backbone
    native = 32 if narrow else 224 if transformer else min(224, max(32, image_side // 32 * 32))
    size, batch = image_size or native, batch_size or _batch_size(subset_size)
    cache = _cache_size(size, image_side)
    adamw = narrow or transformer
    chosen = PretrainSettings(
        method=method,
        backbone=backbone,
        stem="small" if size <= 64 and not adamw else "standard",
        image_size=size,
        cache_size=cache,
        embed_size=size if transformer else min(size * 3 // 2, cache),
        epochs=200 if subset_size <= 50_000 else 100 if subset_size <= 500_000 else 50,
        batch_size=batch,
        optimizer="adamw" if adamw else "sgd",
        lr=_learning_rate(narrow, transformer, batch),
        weight_decay=0.05 if adamw else 5e-4,
        temperature=0.2 if subset_size > 100_000 else 0.1,
        queue=_queue(subset_size, batch),
        ema=0.99 if subset_size <= 100_000 else 0.999,
        augment=Augment(blur=0.0 if size < 96 else 0.5),
        checkpoint_every=100 if narrow else 500,  # about a minute of work, on a CPU or a GPU
    )
    return dataclasses.replace(chosen, **registry.find(method).defaults)  # type: ignore[arg-type]


def _batch_size(subset_size: int) -> int:
    """Return 128 up to 20,000 images, 256 above; smaller only for tiny subsets."""
    wanted = 128 if subset_size <= 20_000 else 256
    while wanted > 8 and wanted * 4 > subset_size:
        wanted //= 2
    while wanted > max(2, subset_size):
        wanted //= 2
    return wanted


def _cache_size(image_size: int, image_side: int) -> int:
    """Return twice a small view's side, less for a large view, at most the images' side."""
    room = image_size * 2 if image_size <= 64 else image_size * 5 // 4
    return max(image_size, min(room, image_side))


def _learning_rate(narrow: bool, transformer: bool, batch: int) -> float:
    """Return docs/method.md §6 for ResNets, §7 for the narrow one, MoCo v3 for transformers."""
    if narrow:
        return 2e-3 * math.sqrt(batch / 128)
    if transformer:
        return 1.5e-4 * batch / 256
    return 0.06 * batch / 128


def _queue(subset_size: int, batch: int) -> int:
    """Return a quarter of the subset (docs/method.md §6) or 4,096 if less, in whole batches."""
    most, keys = max(1, min(4096, subset_size // 4)), 2 * batch
    return most // keys * keys or most


def read(written: Iterable[str]) -> dict[str, Any]:
    """Parse settings from NAME=VALUE, for `choose`; `augment.NAME` is a setting of the views.

    Raises:
        InputError: a name is unknown, or a value is of another type.
    """
    found: dict[str, Any] = {}
    for text in written:
        name, given, value = text.strip().partition("=")
        if not given:
            raise errors.InputError(f"Setting {name!r} has no value; write {name}=VALUE.")
        group, _, own = name.rpartition(".")
        if group not in ("", "augment"):
            raise errors.InputError(f"The pre-training setting {name!r} is unknown.")
        parsed = _parsed(Augment if group else PretrainSettings, own, value)
        (found.setdefault(group, {}) if group else found)[own] = parsed
    return found


def _parsed(record: type, name: str, value: str) -> Any:
    """Read one value as the record's field has it."""
    fields = {field.name: field.type for field in dataclasses.fields(record)}
    kind = str(getattr(fields.get(name), "__name__", fields.get(name)))
    try:
        if kind == "bool":
            return {"true": True, "false": False}[value.lower()]
        if kind.startswith("int"):
            return int(value)
        return float(value) if kind == "float" else value
    except (ValueError, KeyError):
        raise errors.InputError(
            f"The pre-training setting {name} takes a value of type {kind}, not {value!r}."
        ) from None


def from_dict(values: dict[str, Any]) -> PretrainSettings:
    """Read settings back from JSON.

    Raises:
        InputError: a name is unknown.
    """
    known = {f.name for f in dataclasses.fields(PretrainSettings)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise errors.InputError(
            f"the pre-training setting {unknown[0]!r} is unknown; use one of "
            f"{', '.join(sorted(known))}."
        )
    augment = values.get("augment", {})
    try:
        values = {**values, "augment": Augment(**augment)}
    except TypeError:
        names = ", ".join(f.name for f in dataclasses.fields(Augment))
        raise errors.InputError(f"augment takes {names}, not {augment!r}.") from None
    return PretrainSettings(**values)


def validate(settings: PretrainSettings, subset_size: int, processes: int = 1) -> None:
    """Refuse invalid settings before any image is read.

    Args:
        settings: of the run.
        subset_size: images in the manifest.
        processes: number of processes that share a batch.

    Raises:
        InputError: a value is out of its range; the message names it and the valid range.
    """
    s = settings
    _require(
        subset_size >= 2,
        f"{subset_size} images are too few, because a step compares at least 2; select more",
    )
    _require(s.batch_size >= 2, f"batch_size {s.batch_size} must be at least 2")
    _require(
        (s.steps is None) != (s.epochs is None),
        "give either steps or epochs, not both and not neither",
    )
    _require(s.precision in PRECISIONS, f"precision is one of {PRECISIONS}, not {s.precision!r}")
    _require(s.optimizer in OPTIMIZERS, f"optimizer is one of {OPTIMIZERS}, not {s.optimizer!r}")
    _require(s.stem in STEMS, f"stem is one of {STEMS}, not {s.stem!r}")
    _require(
        s.image_size <= s.cache_size <= 2 * s.image_size,
        f"cache_size {s.cache_size} must lie between image_size {s.image_size} and twice it "
        "(views are sampled without a filter, which is right up to a factor of two)",
    )
    _require(
        s.batch_size % s.accumulate == 0,
        f"batch_size {s.batch_size} must be a multiple of accumulate {s.accumulate}",
    )
    _require(
        s.batch_size % (s.accumulate * processes) == 0 and s.batch_size >= 2 * processes,
        f"batch_size {s.batch_size} must be a multiple of {s.accumulate * processes} to be shared "
        f"by {processes} processes, two images each at least",
    )
    _require(
        s.batch_size <= subset_size,
        f"batch_size {s.batch_size} is more than the {subset_size} images; use a smaller one",
    )
    _require(0 < s.augment.crop_min <= 1, f"crop_min {s.augment.crop_min} must be in (0, 1]")
    convolutional = s.backbone in SMALL_BACKBONES or s.backbone.startswith("resnet")
    _require(
        not (registry.find(s.method).hides_patches and convolutional),
        registry.unfit(s.method, s.backbone),
    )
    _require(
        "teacher" not in registry.find(s.method).own or bool(s.teacher),
        f"method {s.method!r} needs a teacher, an encoder such as bundled+classic",
    )
    _require(s.temperature > 0, f"temperature {s.temperature} must be above 0")
    _require(
        "queue" not in registry.find(s.method).own or 1 <= s.queue <= max(1, subset_size // 4),
        f"queue {s.queue} must be at most a quarter of the {subset_size} images "
        "(an image would soon meet its own old keys)",
    )
    _require(0 <= s.ema < 1, f"ema {s.ema} must be in [0, 1)")
    _require(0 <= s.warmup < 1, f"warmup {s.warmup} is a share of the steps, in [0, 1)")
    _require(0 <= s.layer_decay <= 1, f"layer_decay {s.layer_decay} must be in [0, 1]")
    _require(0 <= s.freeze < 1, f"freeze {s.freeze} is a share of the steps, in [0, 1)")
    _require(0 <= s.early <= 10, f"early {s.early} must be between 0 and 10 backbones")
    _require(s.total_steps(subset_size) >= 1, "the run has no steps; raise steps or epochs")
    _require(s.patience >= 0, f"patience {s.patience} is a number of probes, 0 or more")
    loggers.names(s.log)
    for name in ("log_every", "checkpoint_every", "probe_every", "accumulate"):
        _require(getattr(s, name) >= 1, f"{name} must be at least 1")


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise errors.InputError(f"pre-training settings: {sentence}.")
