"""The networks that are compared: one checkpoint an arm, or one for each seed.

In: the arms of the job's settings. Out: `Arm`s whose `encoder` and `network` are built
alike for all of them. Random initialisation is an arm like any other: its untrained
network is written as a checkpoint first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sept_core import errors, files
from sept_core.encoders import backbones, checkpoint, network
from sept_core.evaluation import readouts


@dataclass(frozen=True)
class Arm:
    """A named arm and its checkpoint folder for each seed."""

    name: str
    checkpoints: dict[int, Path]

    @property
    def trained_once(self) -> bool:
        """Whether all seeds share one network."""
        return len(set(self.checkpoints.values())) == 1

    def weights(self, seed: int) -> str:
        """Names the network of a seed: the SHA-256 of its weights and its card's content."""
        folder = self.checkpoints[seed]
        card = checkpoint.read_card(folder)
        seen = {key: card[key] for key in ("backbone", "image_size", "mean", "std")}
        return files.fingerprint([files.sha256_file(folder / checkpoint.WEIGHTS), seen])

    def encoder(self, seed: int) -> network.NetworkEncoder:
        """The frozen network of a seed."""
        return checkpoint.load(f"checkpoint:{self.name}", self.checkpoints[seed], "auto", "auto")

    def network(self, seed: int) -> readouts.Network:
        """A fresh copy of the network of a seed, to be fine-tuned."""
        backbone, card = checkpoint.load_backbone(self.checkpoints[seed])
        dim = int(backbone.num_features)  # type: ignore[arg-type]
        return readouts.Network(backbone, dim, tuple(card["mean"]), tuple(card["std"]))


def prepare(asked: list[dict[str, Any]], seeds: list[int], folder: Path) -> list[Arm]:
    """Make the arms ready.

    Args:
        asked: each `{"name": …, "checkpoint": folder | [folder for each seed] | null,
            "backbone": spec | null}`; without a checkpoint it is random initialisation, of
            `backbone` or else of the first trained arm's, seen at that arm's image size.
        seeds: of the evaluation.
        folder: where untrained networks are written.

    Raises:
        InputError: a name is given twice, checkpoints do not match the seeds, or
            nothing says what network random initialisation means.
        EncoderError: a checkpoint is incomplete.
    """
    names = [arm["name"] for arm in asked]
    if twice := [name for name in names if names.count(name) > 1]:
        raise errors.InputError(f"two arms are called {twice[0]!r}; give each its own name.")
    trained = {arm["name"]: _folders(arm, seeds) for arm in asked if arm["checkpoint"]}
    for folders in trained.values():
        for path in folders.values():
            checkpoint.read_card(path)
    cards = [checkpoint.read_card(folders[seeds[0]]) for folders in trained.values()]
    return [
        Arm(name, trained[name])
        if name in trained
        else Arm(name, _untrained(arm, cards, seeds, folder / files.check_name(name, "arm")))
        for name, arm in zip(names, asked, strict=True)
    ]


def _folders(arm: dict[str, Any], seeds: list[int]) -> dict[int, Path]:
    given = arm["checkpoint"]
    folders = [given] * len(seeds) if isinstance(given, str) else list(given)
    if len(folders) != len(seeds):
        raise errors.InputError(
            f"arm {arm['name']!r} has {len(folders)} checkpoints for {len(seeds)} seeds; "
            "give one for each seed, or a single one for all."
        )
    return {seed: Path(path) for seed, path in zip(seeds, folders, strict=True)}


def _untrained(
    arm: dict[str, Any], cards: list[dict[str, Any]], seeds: list[int], folder: Path
) -> dict[int, Path]:
    """Write the network with drawn weights, once for each seed."""
    if not cards:
        raise errors.InputError(
            f"arm {arm['name']!r} is not trained and stands alone; add an arm with a "
            "checkpoint, which also says at what size images are seen."
        )
    spec = arm.get("backbone") or cards[0]["backbone"]
    same = {key: cards[0][key] for key in ("image_size", "mean", "std")}
    card = same | {"backbone": spec, "method": "none", "kind": "self-supervised", "settings": {}}
    folders = {seed: folder / f"seed-{seed}" for seed in seeds}
    for seed, path in folders.items():
        torch.manual_seed(seed)
        checkpoint.save(path, backbones.build(spec), card)
    return folders
