"""The encoder `classic`: needs no weights and no network, only some thousand pool images.

In: images of the pool, unlabelled, to fit once; then any image. Out: unit vectors that join
patch codes, edge directions and colours (TRIAL.md), each reduced by PCA. A fit is a folder
`classic-FINGERPRINT/` with `classic.safetensors` and, written last, `fit.json`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from sept_core import errors, files
from sept_core.encoders import handmade, numerics
from sept_core.encoders.protocol import Kind, encoder_id

VERSION = 1
"""Raised when the same fit would give other features."""

SIZE = 64
FIT_IMAGES = 5000
MIN_IMAGES = 20
CENTROIDS = 512
PATCHES_PER_IMAGE = 40
KMEANS_STEPS = 15

PARTS: dict[str, tuple[int, float]] = {
    "patches": (256, 1.0),
    "edges": (256, 0.7),
    "colours": (128, 0.5),
}
"""Of each part: the dimensions that PCA keeps, and its weight in the joined vector."""

EIGENVALUE_POWER = -0.25
"""Half-way between plain PCA and whitening: always better than either (TRIAL.md)."""

WEIGHTS, HEADER = "classic.safetensors", "fit.json"


class ClassicEncoder:
    """See `protocol.Encoder`. Computes in fp32 everywhere: it is cheap enough."""

    spec = "classic"
    kind: Kind = "hand-made"
    image_size = SIZE
    precision = "fp32"

    def __init__(self, fitted: Mapping[str, torch.Tensor], fit: str, device: str) -> None:
        """Put the tensors of a fit, whose SHA-256 is `fit`, on a device."""
        self.device = numerics.choose_device(device)
        self._fitted = {key: value.to(self.device) for key, value in fitted.items()}
        self.dim = sum(fitted[f"{part}.projection"].shape[1] for part in PARTS)
        self._identity = {"encoder": "classic", "version": VERSION, "fit": fit}
        self.id = encoder_id("classic", self._identity)

    def identity(self) -> dict[str, Any]:
        """See `protocol.Encoder`."""
        return dict(self._identity)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The whole image squashed to 64×64."""
        return _preprocess(image)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """See `protocol.Encoder`."""
        with torch.inference_mode():
            raw = _raw_features(batch.to(self.device).float(), self._fitted)
            reduced = [
                weight * self._reduce(part, raw[part]) for part, (_, weight) in PARTS.items()
            ]
            return F.normalize(torch.cat(reduced, 1)).cpu()

    def _reduce(self, part: str, rows: torch.Tensor) -> torch.Tensor:
        centred = rows - self._fitted[f"{part}.mean"]
        return F.normalize(centred @ self._fitted[f"{part}.projection"])


def load(folder: Path, device: str) -> ClassicEncoder:
    """The encoder of the newest fit under `folder`.

    Raises:
        EncoderError: there is none.
        IntegrityError: its tensors are not those that were fitted.
    """
    fit_folder = newest_fit(folder)
    if fit_folder is None:
        raise errors.EncoderError(
            f"Encoder classic is not fitted yet in {folder}; embed the pool with it first."
        )
    header = files.read_json(fit_folder / HEADER)
    weights = fit_folder / WEIGHTS
    if files.sha256_file(weights) != header["sha256"]:
        raise errors.IntegrityError(f"{weights} is damaged; remove {fit_folder} and embed again.")
    return ClassicEncoder(safetensors.torch.load_file(weights), header["sha256"], device)


def newest_fit(folder: Path) -> Path | None:
    """The folder of the latest complete fit, or None."""
    headers = folder.glob(f"classic-*/{HEADER}")
    newest = max(headers, key=lambda path: files.read_json(path)["fitted_at"], default=None)
    return newest.parent if newest else None


def describe() -> dict[str, Any]:
    """See `registry.describe`."""
    return {
        "kind": ClassicEncoder.kind,
        "dim": sum(dim for dim, _ in PARTS.values()),
        "image_size": SIZE,
        "parameters": None,
        "download": None,
        "licence": "MIT",
    }


def fit(
    images: Iterable[Image.Image], folder: Path, seed: int, progress: Callable[[int, int], None]
) -> None:
    """Learn centroids and projections from unlabelled images; see `registry.fit`."""
    pixels = _stack(images)
    steps = KMEANS_STEPS + len(PARTS) + 1
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        fitted = _fit_patches(pixels, generator, lambda done: progress(done, steps))
        raw = _raw_features_of(pixels, fitted)
        for number, (part, (dim, _)) in enumerate(PARTS.items(), KMEANS_STEPS + 1):
            progress(number, steps)
            fitted[f"{part}.mean"], fitted[f"{part}.projection"] = _principal(raw[part], dim)
    _save(fitted, folder, {"seed": seed, "images": len(pixels)})
    progress(steps, steps)


def _preprocess(image: Image.Image) -> torch.Tensor:
    resized = transforms.functional.resize(
        image, [SIZE, SIZE], InterpolationMode.BICUBIC, antialias=True
    )
    pixels: torch.Tensor = transforms.functional.pil_to_tensor(resized)
    return pixels


def _stack(images: Iterable[Image.Image]) -> torch.Tensor:
    """(n, 3, SIZE, SIZE) uint8; one decoded image at a time is held besides."""
    pixels = [_preprocess(image) for image in images]
    if len(pixels) < MIN_IMAGES:
        raise errors.EncoderError(
            f"Encoder classic needs at least {MIN_IMAGES} readable images to be fitted, "
            f"not {len(pixels)}; add images to the pool."
        )
    return torch.stack(pixels)


def _raw_features(
    pixels: torch.Tensor, fitted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Every part's features before reduction, (B, width of the part) float32."""
    return {
        "patches": handmade.patch_codes(
            pixels, fitted["whitening"], fitted["shift"], fitted["centroids"]
        ),
        "edges": handmade.gradient_histograms(pixels),
        "colours": handmade.colour_histograms(pixels),
    }


def _raw_features_of(
    pixels: torch.Tensor, fitted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    batches = [_raw_features(batch.float(), fitted) for batch in torch.split(pixels, 256)]
    return {part: torch.cat([batch[part] for batch in batches]) for part in PARTS}


def _fit_patches(
    pixels: torch.Tensor, generator: torch.Generator, progress: Callable[[int], None]
) -> dict[str, torch.Tensor]:
    """ZCA whitening of normalised patches, and k-means centroids of whitened ones."""
    patches = torch.cat([_sample_patches(part, generator) for part in torch.split(pixels, 256)])
    shift = patches.mean(0)
    centred = patches - shift
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    whitening = (vectors * (values + 0.1).rsqrt()) @ vectors.T
    centroids = _kmeans(centred @ whitening, generator, progress)
    return {"shift": shift, "whitening": whitening, "centroids": centroids}


def _sample_patches(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    patches = handmade.normalised_patches(pixels.float(), stride=1)
    chosen = torch.randint(patches.shape[1], (len(patches), PATCHES_PER_IMAGE), generator=generator)
    return patches[torch.arange(len(patches))[:, None], chosen].flatten(0, 1)


def _kmeans(
    points: torch.Tensor, generator: torch.Generator, progress: Callable[[int], None]
) -> torch.Tensor:
    """(K, d) centroids by Lloyd's algorithm; an empty cluster starts again at a point."""
    count = min(CENTROIDS, len(points))
    centroids = points[torch.randperm(len(points), generator=generator)[:count]]
    for step in range(KMEANS_STEPS):
        progress(step)
        half_norms = centroids.square().sum(1) / 2
        nearest = torch.cat(
            [(part @ centroids.T - half_norms).argmax(1) for part in torch.split(points, 8192)]
        )
        members = torch.bincount(nearest, minlength=count)[:, None]
        sums = torch.zeros_like(centroids).index_add_(0, nearest, points)
        fresh = points[torch.randint(len(points), (count,), generator=generator)]
        centroids = torch.where(members > 0, sums / members.clamp_min(1), fresh)
    return centroids


def _principal(rows: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,), and (d, min(dim, d, n − 1)) principal directions, partly whitened."""
    mean = rows.mean(0)
    centred = rows - mean
    keep = min(dim, rows.shape[1], len(rows) - 1)
    # The smaller product holds all of the variance; float64, or rank deficiency fails.
    wide = len(rows) < rows.shape[1]
    product = (centred @ centred.T if wide else centred.T @ centred).double() / len(rows)
    values, vectors = torch.linalg.eigh(product)
    values = values.flip(0)[:keep].clamp_min(values[-1] * 1e-6).float()
    vectors = vectors.flip(1)[:, :keep].float()
    directions = F.normalize(centred.T @ vectors, dim=0) if wide else vectors
    return mean, (directions * values.pow(EIGENVALUE_POWER)).contiguous()


def _save(fitted: dict[str, torch.Tensor], folder: Path, facts: dict[str, Any]) -> None:
    """Tensors first, the header last: a fit without its header does not exist."""
    content = safetensors.torch.save(fitted)
    identity = files.fingerprint({"version": VERSION, "bytes": files.uid_of(content)})
    target = folder / f"classic-{identity}"
    with files.write_then_rename(target / WEIGHTS) as temporary:
        temporary.write_bytes(content)
    sha256 = files.sha256_file(target / WEIGHTS)
    header = facts | {"version": VERSION, "sha256": sha256, "fitted_at": time.time()}
    files.write_json(target / HEADER, header)
