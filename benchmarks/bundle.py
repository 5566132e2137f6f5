"""Make the encoder that ships with SEPT from a finished run (issue 4).

    SEPT_DATA=… python -m benchmarks.bundle RUN_FOLDER

RUN_FOLDER is the folder of a `sept pretrain` run on the whole development pool. Fits the reduction
on the pool's images without labels and writes `assets/bundled/`; its CARD.md is written by hand,
from the output of `python -m benchmarks.encoders bundled` and `bundled+classic`.
"""

import argparse
import json
import os
from pathlib import Path

import safetensors.torch
import torch

from benchmarks import encoders
from sept_core.encoders import bundled, checkpoint
from sept_core.storage import atomic

TERMS = (
    "Trained on Tiny-ImageNet images, without labels. ImageNet's terms: non-commercial research "
    "use; `classic` is the choice without them."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    network, card = checkpoint.load_backbone(options.run)
    kept = ("backbone", "image_size", "mean", "std", "method", "settings", "manifest", "kind")
    run = atomic.read_json(options.run / "run.json")
    cost = {name: run[name] for name in ("subset", "steps", "images_seen", "seconds", "device")}
    known = {name: card[name] for name in kept} | {"licence": TERMS, "cost": cost, "metrics": {}}
    checkpoint.save(bundled.FOLDER, network, known)
    (bundled.FOLDER / checkpoint.SNIPPET).unlink()
    features = raw_features(network, card)
    safetensors.torch.save_file(bundled.principal(features), bundled.FOLDER / bundled.REDUCTION)
    print(json.dumps({path.name: path.stat().st_size for path in bundled.FOLDER.iterdir()}))


def raw_features(network: torch.nn.Module, card: dict) -> torch.Tensor:
    """Return (n, F) features of all pool images."""
    torch.set_num_threads(1)
    empty = {"mean": torch.zeros(1), "projection": torch.zeros(1, 1)}
    encoder = bundled.BundledEncoder(network, card, empty, "", "cpu", "fp32")
    _, pictures = encoders.read_pool(Path(os.environ["SEPT_DATA"]), None)
    found = encoders.batches(encoder, map(encoders.decode, pictures))
    return torch.cat([encoder.raw(batch) for batch in found])


if __name__ == "__main__":
    main()
