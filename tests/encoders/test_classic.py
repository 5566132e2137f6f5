"""`classic`: fitted without labels, deterministic, and close for images that look alike."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import registry
from sept_core.encoders.protocol import Encoder

FAMILIES = 8


def picture(family: int, number: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Stripes whose direction, width and colour belong to the family, with noise."""
    rng = np.random.default_rng([family, number])
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]] / np.array(size[::-1]).reshape(2, 1, 1)
    angle = np.pi * family / FAMILIES
    phase = rng.uniform(0, 2 * np.pi)
    wave = np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * 30 + phase)
    colour = np.random.default_rng(family).uniform(40, 90, 3)
    pixels = 128 + wave[..., None] * colour + rng.normal(0, 10, (size[1], size[0], 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def family_images(numbers: range) -> list[Image.Image]:
    return [picture(family, number) for number in numbers for family in range(FAMILIES)]


def encode(encoder: Encoder, images: list[Image.Image]) -> torch.Tensor:
    return encoder.encode(torch.stack([encoder.preprocess(image) for image in images]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoders")
    registry.fit("classic", iter(family_images(range(12))), path, 3, lambda done, total: None)
    return path


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return registry.load("classic", folder=folder, device="cpu")


def test_neighbours_are_of_the_same_family(encoder: Encoder) -> None:
    pool = encode(encoder, family_images(range(20, 26)))
    queries = encode(encoder, family_images(range(40, 42)))
    nearest = (queries @ pool.T).topk(5).indices % FAMILIES
    own = torch.arange(len(queries))[:, None] % FAMILIES
    assert (nearest == own).float().mean() > 0.95


def test_features_are_unit_rows_whatever_the_image(encoder: Encoder) -> None:
    odd = [
        Image.new("RGB", (64, 64), "white"),
        Image.new("RGB", (1, 1)),
        picture(1, 1, (500, 20)),
        picture(2, 1, (30, 400)),
    ]
    features = encode(encoder, odd)
    assert features.dtype == torch.float32
    assert features.shape == (4, encoder.dim)
    assert encoder.dim <= 512
    torch.testing.assert_close(features.norm(dim=1), torch.ones(4))


def test_threads_and_repeats_give_the_same_bits(encoder: Encoder) -> None:
    batch = torch.stack([encoder.preprocess(image) for image in family_images(range(4))])
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(encoder.encode, [batch] * 8))
    assert all(torch.equal(result, results[0]) for result in results)


def test_batches_do_not_matter_beyond_rounding(encoder: Encoder) -> None:
    images = family_images(range(5))
    one_by_one = torch.cat([encode(encoder, [image]) for image in images])
    torch.testing.assert_close(encode(encoder, images), one_by_one, atol=1e-5, rtol=0)


def test_large_and_small_copies_are_alike(encoder: Encoder) -> None:
    large = picture(3, 1, (512, 512))
    copies = [large, large.resize((96, 96), Image.Resampling.LANCZOS), picture(4, 1)]
    features = encode(encoder, copies)
    assert features[0] @ features[1] > 0.9 > features[0] @ features[2]


def test_same_images_and_seed_give_the_same_fit(folder: Path, tmp_path: Path) -> None:
    registry.fit("classic", family_images(range(12)), tmp_path, 3, lambda done, total: None)
    again = registry.load("classic", folder=tmp_path, device="cpu")
    assert again.id == registry.load("classic", folder=folder, device="cpu").id
    registry.fit("classic", family_images(range(12)), tmp_path, 4, lambda done, total: None)
    assert registry.load("classic", folder=tmp_path, device="cpu").id != again.id, "newest counts"


def test_a_fit_says_when_it_is_needed_and_how_far_it_is(tmp_path: Path) -> None:
    assert registry.needs_fit("classic", tmp_path)
    with pytest.raises(errors.EncoderError, match="has not been fitted"):
        registry.load("classic", folder=tmp_path)
    seen: list[tuple[int, int]] = []
    registry.fit("classic", family_images(range(4)), tmp_path, 0, lambda *step: seen.append(step))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]
    assert not registry.needs_fit("classic", tmp_path)


def test_a_damaged_fit_is_refused(tmp_path: Path) -> None:
    registry.fit("classic", family_images(range(4)), tmp_path, 0, lambda done, total: None)
    [weights] = tmp_path.glob("classic-*/classic.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(errors.IntegrityError, match="damaged"):
        registry.load("classic", folder=tmp_path)


def test_a_fit_without_header_does_not_exist(tmp_path: Path) -> None:
    registry.fit("classic", family_images(range(4)), tmp_path, 0, lambda done, total: None)
    [header] = tmp_path.glob("classic-*/fit.json")
    header.unlink()
    assert registry.needs_fit("classic", tmp_path)
