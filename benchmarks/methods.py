"""Measure what each method learns: 20-NN accuracy on the pool's hidden classes during training.

    SEPT_DATA=… OMP_WAIT_POLICY=passive python -m benchmarks.methods OUT.json simclr moco byol …
    SEPT_DATA=… python -m benchmarks.methods OUT.json --published --steps 300
    python -m benchmarks.methods OUT.json --draw docs/screenshots/methods.png

Trains `resnet10-narrow` (methods that hide patches: `vit_tiny_patch16_224`) on the whole pool at
32 px with each method's defaults, distillation from the bundled encoder, and prints a row:
the score of the random weights (step 0), then of the network so far, `encoders.knn_accuracy` over
the features of all images at 48 px, reduced as the bundled encoder does it (192 principal
directions, damped). Labels are read here, for scoring only. OUT.json keeps the
curves; methods that are already in it are not run again. `--published` is lightly's CIFAR-10
benchmark setting (ResNet-18 with the small stem, SimCLR, batch 128, SGD 0.06, temperature 0.5) on
the target's 2,000 training images, scored on its 1,000 test images.
"""

import argparse
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from benchmarks import encoders
from sept_core.encoders import bundled
from sept_core.pretrain import augment, data, loop, meter, state, teachers, worker
from sept_core.pretrain import settings as pretrain
from sept_core.pretrain.methods import registry as methods
from sept_core.pretrain.settings import PretrainSettings

CPU = torch.device("cpu")
Score = Callable[[nn.Module], float]
Task = tuple[np.ndarray, PretrainSettings, Score]
TEACHER = "bundled"
PUBLISHED = {"temperature": 0.5, "decoupled": False, "lr": 0.06, "weight_decay": 5e-4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--draw", type=Path)
    options = parser.parse_args()
    curves = json.loads(options.out.read_text()) if options.out.exists() else {}
    if options.draw:
        return draw(curves, options.draw)
    torch.set_num_threads(1)
    for name, (pixels, settings, score) in wanted(options):
        if name not in curves:
            curves[name] = curve(pixels, settings, score, options.every)
            options.out.write_text(json.dumps(curves, indent=1))
        print(f"| {name} | " + " | ".join(f"{s}: {100 * a:.1f}" for s, a in curves[name]) + " |")
    return None


def wanted(options: argparse.Namespace) -> Iterator[tuple[str, Task]]:
    root = Path(os.environ["SEPT_DATA"])
    if options.published:
        yield "published", published(root, options.steps)
        return
    names, pictures = encoders.read_pool(root, None)
    labels = encoders.read_labels(root, names)
    pixels = np.stack([np.asarray(encoders.decode(content)) for content in pictures])
    changes = {"steps": options.steps, "image_size": 32, "batch_size": 128}
    for method in options.methods:
        record = methods.find(method)
        backbone = "vit_tiny_patch16_224" if record.hides_patches else "resnet10-narrow"
        own = changes | ({"teacher": TEACHER} if "teacher" in record.own else {})
        settings = pretrain.choose(method, backbone, len(pixels), own, image_side=64)
        score = lambda network, side=settings.embed_size: encoders.knn_accuracy(  # noqa: E731
            reduced(features(network, pixels, side)), labels
        )
        yield method, (pixels, settings, score)


def published(root: Path, steps: int) -> Task:
    """lightly's benchmark on the images that are here: 4% of CIFAR-10's training set."""
    train, train_labels = read_target(root, "train")
    test, test_labels = read_target(root, "test")
    changes = PUBLISHED | {"steps": steps, "image_size": 32, "batch_size": 128, "cache_size": 32}
    changes |= {"embed_size": 32, "stem": "small", "warmup": 0.0}
    settings = pretrain.choose("simclr", "resnet18", len(train), changes, image_side=32)

    def score(network: nn.Module) -> float:
        similarity = features(network, test, 32) @ features(network, train, 32).T
        values, nearest = similarity.topk(encoders.NEIGHBOURS)
        votes = functional.one_hot(train_labels[nearest]).float() * values[:, :, None]
        return float((votes.sum(1).argmax(1) == test_labels).float().mean())

    return train, settings, score


def read_target(root: Path, split: str) -> tuple[np.ndarray, torch.Tensor]:
    """(n, 32, 32, 3) uint8 and (n,) class numbers of the CIFAR-10 target."""
    with zipfile.ZipFile(root / "target-cifar10.zip") as archive:
        members = [name for name in archive.namelist() if name.startswith(f"{split}/")]
        members = [name for name in members if not name.endswith("/")]
        pixels = [
            np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
            for name in members
        ]
    classes = sorted({Path(name).parent.name for name in members})
    labels = [classes.index(Path(name).parent.name) for name in members]
    return np.stack(pixels), torch.tensor(labels)


def curve(
    pixels: np.ndarray, settings: PretrainSettings, score: Score, every: int
) -> list[tuple[int, float]]:
    """The score at step 0, every so many steps and at the end."""
    backbone = worker.build_backbone(settings)
    teacher = teachers.load(settings, Path())  # an encoder without a fit
    run = state.create(backbone, settings, CPU, "fp32", teacher=teacher)
    total = settings.total_steps(len(pixels))
    images = data.PackedImages(pixels, np.ones(len(pixels), np.float32), CPU)
    rows = data.row_batches(len(pixels), settings.batch_size, settings.seed, 0, total)
    points, started = [(0, score(backbone))], time.perf_counter()
    for batch in images.batches(rows):
        rate = loop.learning_rate(settings, run.step, total)
        run.method.train()
        loop.train_step(run, batch, settings, rate, "fp32", meter.Clock(CPU))
        if run.step % every == 0 or run.step == total:
            points.append((run.step, score(backbone)))
            seconds, (step, accuracy) = time.perf_counter() - started, points[-1]
            print(f"{settings.method} step {step} 20-NN {accuracy:.3f} {seconds:.0f} s", flush=True)
    return points


@torch.inference_mode()
def features(network: nn.Module, pixels: np.ndarray, side: int) -> torch.Tensor:
    """(n, D) of unit length."""
    network.eval()
    parts = torch.from_numpy(pixels).permute(0, 3, 1, 2).split(256)
    rows = torch.cat([network(augment.plain(part, side)) for part in parts])
    return functional.normalize(rows.float())


def reduced(rows: torch.Tensor) -> torch.Tensor:
    """The rows as the bundled encoder uses them: principal directions, damped."""
    known = bundled.principal(rows)
    return functional.normalize((rows - known["mean"]) @ known["projection"])


def draw(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Draw one line per method."""
    import plotly.graph_objects as go

    from benchmarks import browser

    figure = go.Figure(layout={"template": "plotly_white", "width": 760, "height": 420})
    for name, points in curves.items():
        steps, scores = zip(*points, strict=True)
        label = methods.TITLES.get(name, name)
        figure.add_scatter(x=steps, y=[100 * s for s in scores], name=label, mode="lines+markers")
    figure.update_layout(
        xaxis_title="steps of 128 pairs", yaxis_title="20-NN accuracy, %", yaxis_rangemode="tozero",
        margin={"l": 60, "r": 20, "t": 20, "b": 50},
    )  # fmt: skip
    with browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 760, "height": 420})
        page.set_content(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.wait_for_selector(".main-svg")
        page.locator(".plotly-graph-div").screenshot(path=path)


if __name__ == "__main__":
    main()
