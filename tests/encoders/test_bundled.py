"""The encoder that ships: its files, what it makes of images, and how it is joined."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from small_project import picture

from sept_core.encoders import bundled, checkpoint, classic, joined, registry


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders")
    shown = (picture(family, n) for n in range(15) for family in ("red", "blue"))
    registry.fit(joined.NAME, shown, folder, 0, lambda done, total: None)
    return folder


def batch(count: int = 6) -> torch.Tensor:
    return torch.stack([classic.preprocess(picture("red", n)) for n in range(count)])


def test_its_files_are_small_and_say_their_terms() -> None:
    assert sum(path.stat().st_size for path in bundled.FOLDER.iterdir()) < 25e6
    card = checkpoint.read_card(bundled.FOLDER)
    assert "non-commercial research" in card["licence"] and card["kind"] == "self-supervised"
    told = (bundled.FOLDER / "CARD.md").read_text()
    for word in ("Tiny-ImageNet", "classic", "20-NN", "sept pretrain"):
        assert word in told


def test_it_makes_unit_vectors_whatever_the_batch(fitted: Path) -> None:
    for spec in ("bundled", joined.NAME):
        encoder = registry.load(spec, folder=fitted, precision="fp32")
        rows = encoder.encode(batch())
        assert rows.shape == (6, encoder.dim) and rows.dtype == torch.float32
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(6))
        torch.testing.assert_close(encoder.encode(batch()[2:3])[0], rows[2], atol=1e-5, rtol=0)


def test_the_mirror_image_is_the_same_to_the_network() -> None:
    encoder = registry.load("bundled", folder=Path(), precision="fp32")
    torch.testing.assert_close(
        encoder.encode(batch()), encoder.encode(batch().flip(3)), atol=1e-5, rtol=0
    )


def test_joined_is_both_side_by_side(fitted: Path) -> None:
    both = registry.load(joined.NAME, folder=fitted, precision="fp32")
    parts = [registry.load(name, folder=fitted, precision="fp32") for name in joined.WEIGHTS]
    rows = [
        w * part.encode(batch()) for w, part in zip(joined.WEIGHTS.values(), parts, strict=True)
    ]
    expected = torch.nn.functional.normalize(torch.cat(rows, 1))
    torch.testing.assert_close(both.encode(batch()), expected)
    assert registry.needs_fit(joined.NAME, fitted / "none")
    assert not registry.needs_fit(joined.NAME, fitted)


def test_the_reduction_is_principal_components_damped() -> None:
    rows = np.random.default_rng(0).normal(size=(500, 256)) * np.linspace(2, 0.1, 256)
    found = bundled.principal(torch.from_numpy(rows).float())
    assert set(found) == {"mean", "projection"} and found["projection"].shape == (256, bundled.DIM)
    centred = rows - rows.mean(0)
    projected = centred @ found["projection"].double().numpy()
    values = np.sort(np.linalg.eigvalsh(np.cov(centred.T)))[::-1][: bundled.DIM]
    expected = np.diag(values ** (1 + 2 * bundled.POWER))
    np.testing.assert_allclose(np.cov(projected.T), expected, atol=1e-4)
    held = safetensors.torch.load_file(bundled.FOLDER / bundled.REDUCTION)
    assert held["projection"].shape == (256, bundled.DIM)


def test_an_image_of_any_size_is_seen_whole() -> None:
    encoder = registry.load("bundled", folder=Path(), precision="fp32")
    assert encoder.preprocess(Image.new("RGB", (300, 20))).shape == (3, 64, 64)
