"""From an encoder's spec to the encoder: the only place that knows all of them.

In: a spec and the project's `encoders/` folder. Out: an `Encoder`, or what one can know of
it without its weights. The specs:

    classic                        hand-made features, fitted on this pool; no download
    bundled                        a small self-supervised network that ships with SEPT
    bundled+classic                both joined
    checkpoint:PATH                a backbone trained by `sept pretrain`
    timm:MODEL                     published weights by timm's name (DINOv2, DINOv3, …)
    timm:MODEL@/path/FILE          the same model with a local file of weights
    open_clip:MODEL/TAG            published image-text weights
    open_clip:MODEL/TAG@/path/FILE the same with the file fetched by hand
    open_clip:MODEL@/path/FILE     an open_clip model with weights of one's own
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sept_core import errors
from sept_core.encoders import (
    bundled,
    checkpoint,
    classic,
    classic_fit,
    fits,
    menu,
    openclip,
    timm_models,
)
from sept_core.encoders.protocol import Encoder
from sept_core.storage import project_paths

FIT_IMAGES = classic_fit.FIT_IMAGES
"""How many images `fit` wants; more are used, fewer serve a small pool."""


@dataclass(frozen=True)
class _Parsed:
    """A spec, taken apart: `family`, and of `model`, `tag` and `path` what applies."""

    family: str
    model: str = ""
    tag: str | None = None
    path: Path | None = None


def load(spec: str, *, folder: Path, device: str = "auto", precision: str = "auto") -> Encoder:
    """Build an encoder, ready to encode.

    Args:
        spec: See the module's docstring.
        folder: The project's `encoders/`: where fits lie and local weights are proposed.
        device: "auto", "cpu", "cuda", "cuda:1", …
        precision: "auto" or one of `numerics.PRECISIONS`. `classic` always computes in fp32.

    Raises:
        EncoderError: the spec, its weights, the device or the precision cannot be used.
    """
    parsed = _parse(spec)
    if parsed.family == "classic":
        return classic.load(folder, device)
    if parsed.family == "bundled":
        return bundled.load(device, precision)
    if parsed.family == bundled.JOINED:
        return bundled.load_joined(folder, device, precision)
    if parsed.family == "checkpoint":
        assert parsed.path is not None
        return checkpoint.load(spec, parsed.path, device, precision)
    if parsed.family == "timm":
        return timm_models.load(spec, parsed.model, parsed.path, folder, device, precision)
    return openclip.load(spec, parsed.model, parsed.tag, parsed.path, folder, device, precision)


def describe(spec: str, folder: Path) -> dict[str, Any]:
    """What is known without the weights: no network, no large memory.

    Returns:
        `spec`, `kind`, `dim`, `image_size`, `parameters` (None if unknown), `download` (None,
        or {"from": hub repository, "megabytes"}), `licence` (None if unknown), `needs_fit`.

    Raises:
        EncoderError: there is no such encoder.
    """
    parsed = _parse(spec)
    if parsed.family == "classic":
        known = classic.describe()
    elif parsed.family in ("bundled", bundled.JOINED):
        known = bundled.describe(spec)
    elif parsed.family == "checkpoint":
        assert parsed.path is not None
        known = checkpoint.describe(parsed.path)
    elif parsed.family == "timm":
        known = timm_models.describe(parsed.model, parsed.path)
    else:
        known = openclip.describe(parsed.model, parsed.tag, parsed.path)
    return {"spec": spec, **known, "needs_fit": needs_fit(spec, folder)}


def needs_fit(spec: str, folder: Path) -> bool:
    """Whether `fit` must run before `load`: `classic` has no fit in `folder`, or a provisional one.

    A fit on fewer than `fits.FEWEST` images serves until the pool has more.
    """
    if _parse(spec).family not in menu.FITTED:
        return False
    sample = fits.sample(folder)
    return sample is None or sample.images < fits.FEWEST


def fit(
    spec: str,
    images: Iterable[Image.Image],
    folder: Path,
    seed: int,
    progress: Callable[[int, int], None],
) -> None:
    """Fit `classic` on pool images, without labels, and keep the fit under `folder`.

    Args:
        spec: Must be one that `needs_fit`.
        images: Some `FIT_IMAGES` RGB images, read once, in a fixed order.
        folder: The project's `encoders/`.
        seed: For the patches drawn and where their clusters begin.
        progress: Called with steps done and their total.

    Raises:
        EncoderError: the spec cannot be fitted.
    """
    if _parse(spec).family not in menu.FITTED:
        raise errors.EncoderError(f"{spec!r} comes with its weights; only classic is fitted.")
    classic_fit.fit(images, folder, seed, progress)


def _parse(spec: str) -> _Parsed:
    family, _, rest = spec.partition(":")
    if spec in ("classic", "bundled", bundled.JOINED):
        return _Parsed(spec)
    if family == "checkpoint" and rest:
        return _Parsed(family, path=project_paths.expanded(rest))
    if family in ("timm", "open_clip") and rest:
        model, _, file = rest.partition("@")
        path = project_paths.expanded(file) if file else None
        return _Parsed(family, model, None, path) if family == "timm" else _open_clip(model, path)
    raise errors.EncoderError(
        f"Encoder {spec!r} is unknown; take classic, bundled, bundled+classic, timm:MODEL, "
        "open_clip:MODEL/TAG or checkpoint:FOLDER (local weights: timm:MODEL@/path/FILE)."
    )


def _open_clip(name: str, path: Path | None) -> _Parsed:
    """After the model's name comes a tag, or a path if it looks like one of a weights file."""
    model, _, tail = name.partition("/")
    if tail.endswith((".safetensors", ".pt", ".pth", ".bin")):
        return _Parsed("open_clip", model, None, project_paths.expanded(tail))
    if not tail and path is None:
        raise errors.EncoderError(
            f"Encoder open_clip:{name} lacks its weights; write open_clip:{model}/TAG or "
            f"open_clip:{model}@/path/FILE."
        )
    return _Parsed("open_clip", model, tail or None, path)
