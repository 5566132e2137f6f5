"""From a spec to the encoder.

In: a spec such as `classic` or `timm:MODEL@/path/FILE` and the project's `encoders/` folder. Out:
an `Encoder`, or the facts that are known without its weights. Importing this module imports no
torch; a family's code is imported when one of its encoders is loaded or described.
"""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sept_core import errors
from sept_core.encoders import fits
from sept_core.encoders.families import FAMILIES, SPECS, Facts, Family, Spec
from sept_core.storage import project_paths

if TYPE_CHECKING:
    from PIL import Image

    from sept_core.encoders.protocol import Encoder

FIT_IMAGES = 5000
"""Number of images that `fit` uses; a small pool may have fewer. Enough for projections of a few
hundred directions each."""


def load(spec: str, *, folder: Path, device: str = "auto", precision: str = "auto") -> "Encoder":
    """Build an encoder that is ready to use.

    Args:
        spec: One of the forms in `families.SPECS`.
        folder: The project's `encoders/`: where fits lie and local weights are proposed.
        device: "auto", "cpu", "cuda", "cuda:1", …
        precision: "auto" or one of `numerics.PRECISIONS`. `classic` always computes in fp32.

    Raises:
        EncoderError: the spec, its weights, the device or the precision cannot be used.
    """
    parsed = parse(spec)
    encoder: Encoder = _code(parsed).load(parsed, folder, device, precision)
    return encoder


def describe(spec: str) -> Facts:
    """Return what is known without the weights: no network, no large memory.

    Raises:
        EncoderError: there is no such encoder.
    """
    parsed = parse(spec)
    facts: Facts = _code(parsed).describe(parsed)
    return facts


def parse(spec: str) -> Spec:
    """Take a spec apart.

    Raises:
        EncoderError: no family has such specs.
    """
    name, colon, rest = spec.partition(":")
    family = FAMILIES.get(name)
    if family is None or bool(rest) == (family.takes == "nothing") or (colon and not rest):
        raise errors.EncoderError(f"Encoder {spec!r} is unknown; use {', '.join(SPECS)}.")
    if family.takes == "path":
        return Spec(spec, name, path=project_paths.expanded(rest))
    model, _, file = rest.partition("@")
    return Spec(spec, name, model, project_paths.expanded(file) if file else None)


def family_of(spec: str) -> Family | None:
    """Return the family of a spec, None for features that no encoder of ours computed."""
    return FAMILIES.get(spec.partition(":")[0])


def needs_fit(spec: str, folder: Path) -> bool:
    """Return whether `fit` must run before `load`: no fit in `folder`, or a provisional one.

    A fit on fewer than `fits.FEWEST` images is used until the pool has more.
    """
    if not FAMILIES[parse(spec).family].fit:
        return False
    sample = sample_of_fit(spec, folder)
    return sample is None or sample.images < fits.FEWEST


def sample_of_fit(spec: str, folder: Path) -> fits.Sample | None:
    """Return the sample of the newest fit in `folder`; None without a fit."""
    family = family_of(spec)
    return fits.sample(folder, family.fit) if family and family.fit else None


def fit(
    spec: str,
    images: "Iterable[Image.Image]",
    folder: Path,
    seed: int,
    progress: Callable[[int, int], None],
) -> None:
    """Fit an encoder on pool images, without labels, and keep the fit under `folder`.

    Args:
        spec: Of a family with a `fit`.
        images: Some `FIT_IMAGES` RGB images, read once, in a fixed order.
        folder: The project's `encoders/`.
        seed: For the patches drawn and where their clusters begin.
        progress: Called with steps done and their total.

    Raises:
        EncoderError: the spec cannot be fitted.
    """
    name = FAMILIES[parse(spec).family].fit
    if not name:
        fitted = ", ".join(name for name, family in FAMILIES.items() if family.fit)
        raise errors.EncoderError(f"{spec!r} is already trained; only {fitted} can be fitted.")
    _module(f"{name}_fit").fit(images, folder, seed, progress)


def _code(spec: Spec) -> Any:
    return _module(FAMILIES[spec.family].module)


def _module(name: str) -> Any:
    """Import a module of this package; only this package's, so that layers hold."""
    return importlib.import_module(f"{__package__}.{name}")
