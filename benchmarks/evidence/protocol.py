"""The registered protocol (docs/log.md, "evidence protocol"): pools, arms, runs in their order.

In: nothing. Out: constants, and `planned`. Changing a value here changes the protocol: register
the change in the log before its runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ENCODER = "bundled+classic"
PUBLISHED = "encoders/tf_efficientnet_lite0.safetensors"
"""Published weights in the data folder, ImageNet-supervised."""
PUBLISHED_SPEC = "timm:tf_efficientnet_lite0@{path}"

BUDGET = 2500
METHOD, BACKBONE = "simclr", "resnet10-tiny"
CHANGES: dict[str, Any] = {"steps": 3000, "batch_size": 128, "image_size": 32}
IMAGE_SIDE = 64
"""Median shorter side of the images, from which the defaults follow; the same for all arms."""
DRAWS = 5
READOUTS = (
    ("knn", "10-shot"), ("knn", "all"),
    ("linear", "5-shot"), ("linear", "10-shot"), ("linear", "all"),
    ("finetune", "10-shot"), ("finetune", "all"),
)  # fmt: skip
ENDPOINT = ("linear", "10-shot")
ENDPOINT_TASKS = ("satellite", "traffic", "plants")
SEEDS, MOST_SEEDS, HALF_WIDTH = 5, 10, 0.02
"""Seeds of the endpoint. They grow once, to as many as a half-width of 2 points needs."""

DOMAINS = {
    "satellite": ("satellite-aid", "satellite-rsscn7"),
    "traffic": ("traffic-signs",),
    "plants": ("plants-plantvillage",),
}
"""Domains of `mixed-domains.csv` that a task belongs to; only the oracle and scoring read them."""


@dataclass(frozen=True)
class Pool:
    """A project: its sources (folders of the data folder) and target sets, all added at first."""

    name: str
    sources: tuple[str, ...]
    tasks: tuple[str, ...]


MIXED = Pool("mixed", ("pool", "mixed"), ENDPOINT_TASKS)
FIRST = Pool("first", ("pool",), ("pets", "food"))


@dataclass(frozen=True)
class Arm:
    """One arm on a pool.

    Attributes:
        name: in rows and tables.
        strategy: of the selection; empty for an arm without training.
        shared: the subset ignores the task, so that one run serves all tasks.
        new_subset: each seed has a new subset, not only a new training.
        options: further settings of the selection's request (`filter`, `oracle`, `joined`).
        training: settings of the training that differ from the protocol's, `backbone` among them.
        start: initial weights: empty (random), `published` or `bundled`.
    """

    name: str
    strategy: str = ""
    shared: bool = False
    new_subset: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    start: str = ""


RANDOM = Arm("random", "random", shared=True, new_subset=True)
CURATED = Arm("instance-search", "instance-search")
UNTRAINED, RETRIEVAL, IMAGENET = (
    Arm(name, shared=True) for name in ("random-init", "frozen-retrieval", "frozen-imagenet")
)
WHOLE = Arm("whole-pool", "whole-pool", shared=True)
METADATA = Arm("metadata", "random", True, True, {"filter": "source = mixed"})
ALONE = Arm("target-alone", "target-images-only")
UNION = Arm("curated+target", "instance-search", options={"joined": True})
CLASSIFIER = Arm("classifier", "classifier")
ORACLE = Arm("oracle", "random", new_subset=True, options={"oracle": True})


@dataclass(frozen=True)
class Part:
    """Trained arms, then arms without training, for each seed.

    Attributes:
        tasks: those of the pool's tasks that are trained for and scored; empty for all.
        readouts: readout and labels, in the order of the tables.
    """

    name: str
    pool: Pool
    arms: tuple[Arm, ...]
    seeds: int
    tasks: tuple[str, ...] = ()
    readouts: tuple[tuple[str, str], ...] = READOUTS


PARTS = (
    Part("A", MIXED, (RANDOM, CURATED, UNTRAINED, RETRIEVAL, IMAGENET), SEEDS),
    Part("B", FIRST, (RANDOM, CURATED, UNTRAINED, RETRIEVAL, IMAGENET), SEEDS),
    Part("C", MIXED, (WHOLE, METADATA, ALONE, UNION, CLASSIFIER, ORACLE), 3),
)


@dataclass(frozen=True)
class Planned:
    """One network to train or load, and the tasks that it is scored on.

    Attributes:
        part: name of the part.
        seeds: number of seeds of the part.
        readouts: readout and labels, in the order of the tables.
    """

    part: str
    pool: Pool
    arm: Arm
    tasks: tuple[str, ...]
    seed: int
    seeds: int
    readouts: tuple[tuple[str, str], ...] = READOUTS

    @property
    def same_for_all_seeds(self) -> bool:
        """True for a frozen encoder: seeds differ in their draws of labels only."""
        return self.arm in (RETRIEVAL, IMAGENET)

    @property
    def name(self) -> str:
        """Return a name for the run's folder."""
        if self.same_for_all_seeds:
            return self.arm.name
        own = () if self.arm.shared else self.tasks
        return "-".join((self.arm.name, *own, f"s{self.seed}"))


def grown(seeds: int) -> Part:
    """Return part A with more seeds, for the endpoint's arms only."""
    return Part("A", MIXED, (RANDOM, CURATED), seeds)


def planned(part: Part) -> Iterator[Planned]:
    """List the networks of a part in seed-major order, so that partial results are paired."""
    wanted = part.tasks or part.pool.tasks
    for seed in range(part.seeds):
        for arm in part.arms:
            groups = [wanted] if arm.shared else [(task,) for task in wanted]
            for tasks in groups:
                yield Planned(part.name, part.pool, arm, tasks, seed, part.seeds, part.readouts)
