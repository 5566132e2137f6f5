"""The compared networks: one checkpoint per arm or one per seed, or an encoder.

In: the arms of the job's settings. Out: `Arm`s whose `encoder` and `network` are built in the same
way for all. Random initialisation is an arm like any other: its untrained network is written as a
checkpoint first.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from sept_core import errors
from sept_core.encoders import backbones, checkpoint, network, registry
from sept_core.encoders.families import Spec
from sept_core.encoders.protocol import Encoder
from sept_core.evaluation import readouts
from sept_core.storage import atomic, hashing, project_paths

UNTRAINED = "none"
COSTS = ("steps", "images_seen", "flops", "seconds")


class Arm(Protocol):
    """A named arm: for each seed a network that embeds and, if possible, is fine-tuned."""

    @property
    def name(self) -> str:
        """The name in tables and sentences."""
        ...

    @property
    def trained_once(self) -> bool:
        """True if all seeds share one network."""
        ...

    @property
    def adaptable(self) -> bool:
        """True if there is a network to fine-tune."""
        ...

    def weights(self, seed: int) -> str:
        """Return a hash of the network of a seed and of its input settings."""
        ...

    def encoder(self, seed: int) -> Encoder:
        """Return the frozen network of a seed."""
        ...

    def network(self, seed: int) -> readouts.Network:
        """Return a new copy of the network of a seed, for fine-tuning, of an adaptable arm."""
        ...

    def cost(self) -> dict[str, Any] | None:
        """Return the mean training cost over the seeds; None if unknown."""
        ...


@dataclass(frozen=True)
class CheckpointArm:
    """An arm with a checkpoint folder of SEPT for each seed."""

    name: str
    checkpoints: dict[int, Path]
    adaptable: ClassVar = True

    @property
    def trained_once(self) -> bool:
        """True if all seeds share one network."""
        return len(set(self.checkpoints.values())) == 1

    def weights(self, seed: int) -> str:
        """Return a hash of a seed's network: the SHA-256 of its weights and its card's content."""
        folder = self.checkpoints[seed]
        card = checkpoint.read_card(folder)
        seen = {key: card[key] for key in ("backbone", "image_size", "mean", "std")}
        return hashing.fingerprint([atomic.sha256_file(folder / checkpoint.WEIGHTS), seen])

    def encoder(self, seed: int) -> Encoder:
        """Return the frozen network of a seed."""
        folder = self.checkpoints[seed]
        spec = Spec(f"checkpoint:{self.name}", "checkpoint", path=folder)
        return checkpoint.load(spec, folder, "auto", "auto")

    def network(self, seed: int) -> readouts.Network:
        """Return a new copy of the network of a seed, for fine-tuning."""
        backbone, card = checkpoint.load_backbone(self.checkpoints[seed])
        dim = int(backbone.num_features)  # type: ignore[arg-type]
        return readouts.Network(backbone, dim, tuple(card["mean"]), tuple(card["std"]))

    def cost(self) -> dict[str, Any] | None:
        """Read the cost from the headers next to the checkpoints; 0 for random initialisation."""
        first = next(iter(self.checkpoints.values()))
        if checkpoint.read_card(first)["method"] == UNTRAINED:
            return {"subset": 0, "device": None, **dict.fromkeys(COSTS, 0.0)}
        paths = [folder / project_paths.RUN_HEADER for folder in self.checkpoints.values()]
        if not all(path.exists() for path in paths):
            return None
        headers = [atomic.read_json(path) for path in paths]
        if not all(key in header for header in headers for key in COSTS):
            return None  # a run of an earlier version
        mean = {key: sum(header[key] for header in headers) / len(headers) for key in COSTS}
        return {"subset": headers[0]["subset"], "device": headers[0]["device"], **mean}


@dataclass(frozen=True)
class EncoderArm:
    """Any encoder of the registry: the retrieval encoder, or another checkpoint.

    Attributes:
        name: name of the arm.
        spec: see `encoders.registry`.
        folder: folder of the project's fitted encoders.
        frozen: True if it is not fine-tuned even if it could be.
    """

    name: str
    spec: str
    folder: Path
    frozen: bool = False
    trained_once: ClassVar = True

    @property
    def adaptable(self) -> bool:
        """False if frozen, and for hand-made features, which have no single network."""
        return not self.frozen and isinstance(self._loaded, network.NetworkEncoder)

    @cached_property
    def _loaded(self) -> Encoder:
        return registry.load(self.spec, folder=self.folder)

    def weights(self, seed: int) -> str:
        """Return a hash of everything that determines its features."""
        return hashing.fingerprint(self._loaded.identity())

    def encoder(self, seed: int) -> Encoder:
        """Return the encoder, the same for every seed."""
        return self._loaded

    def network(self, seed: int) -> readouts.Network:
        """Return the network in single precision, regardless of the embedding precision."""
        found = registry.load(self.spec, folder=self.folder, precision="fp32")
        assert isinstance(found, network.NetworkEncoder), "only an adaptable arm is asked"
        return readouts.Network(found.trainable(), found.dim, found.mean, found.std)

    def cost(self) -> dict[str, Any] | None:
        """Return None: the cost is unknown."""
        return None


def prepare(asked: list[dict[str, Any]], seeds: list[int], folder: Path) -> list[Arm]:
    """Prepare the arms.

    Args:
        asked: each `{"name": …, "checkpoint": folder | [folder for each seed] | null,
            "backbone": spec | null}`; without a checkpoint it is random initialisation, of
            `backbone` or else of the first trained arm's, at that arm's image size. Or `{"name": …,
            "encoder": spec, "encoders_folder": folder, "frozen": bool}`.
        seeds: seeds of the evaluation.
        folder: output folder for untrained networks.

    Raises:
        InputError: a name is given twice, checkpoints do not match the seeds, or the network of
            random initialisation is not defined.
        EncoderError: a checkpoint is incomplete.
    """
    names = [arm["name"] for arm in asked]
    if twice := [name for name in names if names.count(name) > 1]:
        raise errors.InputError(f"two arms are called {twice[0]!r}; give each its own name.")
    trained = {arm["name"]: _folders(arm, seeds) for arm in asked if arm.get("checkpoint")}
    for folders in trained.values():
        for path in folders.values():
            checkpoint.read_card(path)
    cards = [checkpoint.read_card(folders[seeds[0]]) for folders in trained.values()]

    def make(name: str, arm: dict[str, Any]) -> Arm:
        if name in trained:
            return CheckpointArm(name, trained[name])
        if spec := arm.get("encoder"):
            return EncoderArm(name, spec, Path(arm["encoders_folder"]), arm.get("frozen", False))
        where = folder / project_paths.check_name(name, "arm")
        return CheckpointArm(name, _untrained(arm, cards, seeds, where))

    return [make(name, arm) for name, arm in zip(names, asked, strict=True)]


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
    """Write the network with random weights, once per seed."""
    if not cards:
        raise errors.InputError(
            f"arm {arm['name']!r} is not trained and is the only one; add an arm with a "
            "checkpoint, which also sets the image size."
        )
    spec = arm.get("backbone") or cards[0]["backbone"]
    same = {key: cards[0][key] for key in ("image_size", "mean", "std")}
    card = same | {"backbone": spec, "method": UNTRAINED, "kind": "self-supervised", "settings": {}}
    folders = {seed: folder / f"seed-{seed}" for seed in seeds}
    for seed, path in folders.items():
        torch.manual_seed(seed)
        checkpoint.save(path, backbones.build(spec), card)
    return folders
