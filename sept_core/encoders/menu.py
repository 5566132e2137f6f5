"""The encoders that a menu offers, with what one must know to choose; imports no library.

The facts repeat what `registry.describe` finds out with torch and timm loaded (a test compares
them), so that a page can show them at once.
"""

from typing import Any


def _hub(
    kind: str, dim: int, size: int, megabytes: int, repository: str, licence: str | None
) -> Any:
    download = {"from": repository, "megabytes": megabytes}
    return {
        "kind": kind, "dim": dim, "image_size": size, "download": download, "licence": licence,
    }  # fmt: skip


_RESEARCH = (
    "Trained on Tiny-ImageNet images, without labels. ImageNet's terms: non-commercial research "
    "use; `classic` is the choice without them."
)

FITTED = ("classic", "bundled+classic")
"""Encoders with a part that is fitted on the pool."""

RECOMMENDED: dict[str, dict[str, Any]] = {
    "bundled+classic": {
        "kind": "self-supervised", "dim": 704, "image_size": 64, "download": None,
        "licence": _RESEARCH,
    },
    "classic": {
        "kind": "hand-made", "dim": 512, "image_size": 64, "download": None, "licence": "MIT",
    },
    "bundled": {
        "kind": "self-supervised", "dim": 192, "image_size": 64, "download": None,
        "licence": _RESEARCH,
    },
    "timm:vit_small_patch16_dinov3.lvd1689m": _hub(
        "self-supervised", 384, 256, 86, "timm/vit_small_patch16_dinov3.lvd1689m", "dinov3-license"
    ),
    "timm:vit_small_patch14_dinov2.lvd142m": _hub(
        "self-supervised", 384, 518, 88, "timm/vit_small_patch14_dinov2.lvd142m", "apache-2.0"
    ),
    "timm:vit_base_patch14_dinov2.lvd142m": _hub(
        "self-supervised", 768, 518, 346, "timm/vit_base_patch14_dinov2.lvd142m", "apache-2.0"
    ),
    "open_clip:ViT-B-32/laion2b_s34b_b79k": _hub(
        "image-text", 512, 224, 605, "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", None
    ),
    "open_clip:ViT-B-16/dfn2b": _hub(
        "image-text", 512, 224, 598, "apple/DFN2B-CLIP-ViT-B-16", None
    ),
}  # fmt: skip
"""The default first, then what needs no download, then self-supervised (the paper), image-text."""
