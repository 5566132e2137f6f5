"""Studies: plan the arms of docs/method.md §5, train and evaluate them, all in one job.

In: a `Study`. Out: run folders, one for each arm and seed (existing runs are reused), and an
evaluation on the target set and on each control. Every arm has the same method, backbone,
augmentation, batch and schedule; only its images and, for equal epochs, its length differ.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.catalogue import split_table
from sept_core.encoders import families
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.pretrain.launch import HERE, Launch
from sept_core.pretrain.settings import PretrainSettings
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES
from sept_core.services.curate import groups, selections
from sept_core.services.curate.requests import Request
from sept_core.services.data import collections
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.services.train import evaluations, pretraining
from sept_core.storage import commands

LARGER, ORACLE, ENCODER = "random-10x", "oracle", "encoder"

BASELINES = {name: one.baseline for name, one in STRATEGIES.items() if one.baseline} | {
    LARGER: "random, ten times larger",
    ORACLE: "oracle, by the pool's labels",
    ENCODER: "retrieval encoder, as it is",
}
"""Names and titles of the baseline arms."""

SHARED = (LARGER, *(name for name, one in STRATEGIES.items() if one.ignores_targets))
"""Baselines that ignore the targets: guarded against all target sets, they are reused for all."""

UNSIZED = tuple(name for name, one in STRATEGIES.items() if not one.needs_budget)
OWN_SIZE = (LARGER, *UNSIZED)
"""Arms of a size other than the budget, for which equal steps and equal epochs differ."""

WORDS = (*STRATEGIES, LARGER, ORACLE, ENCODER)
OPTIONS = ("steps", "epochs", "batch_size", "image_size")
"""Training settings that `sept evaluate` has options for; the others go with --set."""
WITH_TARGET, CURATED = "+target", "curated"
"""`STRATEGY+target` puts the target's own images first; `curated` is the default strategy there."""
METADATA, FROZEN, CONTINUE = "metadata", "frozen", "continue"
"""`metadata=FILTER` is random within a filter on metadata, `frozen=SPEC` an encoder as it is, and
`continue=SPEC:ARM` an arm that starts from the weights of an encoder."""
RETRIEVAL = "retrieval encoder"
WITHOUT = " without decisions"
EPOCHS = " (equal epochs)"


@dataclass(frozen=True)
class Study:
    """A planned comparison.

    Attributes:
        target: a labelled target set with a test split.
        arms: each one of `WORDS` (a strategy, a baseline), `STRATEGY+target`, `metadata=FILTER`,
            `frozen=SPEC`, `continue=SPEC:ARM`, a selection's id, or `NAME=…` with a selection's id,
            `group:GROUP` or an encoder's spec. Baselines first: a later arm is compared with each
            earlier one.
        budgets: numbers of images of the arms with a budget; several make a sweep.
        method, backbone, changes: see `pretraining.plan`; `changes` holds the steps.
        controls: further labelled target sets that the same networks are tested on.
        equal_epochs: also train arms of other sizes for as many epochs as those of the budget.
        without_decisions: also train each strategy without review decisions.
        draws: see `evaluations.Request`.
        where: number of processes of each run, and what starts them.
    """

    target: str
    arms: tuple[str, ...]
    budgets: tuple[int, ...]
    method: str
    backbone: str
    changes: dict[str, Any] = field(default_factory=dict)
    seeds: int = 3
    readouts: tuple[str, ...] = tuple(evaluations.READOUTS)
    labels: tuple[str, ...] = ("all",)
    controls: tuple[str, ...] = ()
    equal_epochs: bool = False
    without_decisions: bool = False
    encoder: str | None = None
    draws: int = 1
    where: Launch = HERE


@dataclass(frozen=True)
class Arm:
    """One planned arm: a selection for each seed, or an encoder that is not trained."""

    name: str
    selections: tuple[str, ...] = ()
    epochs_of: int | None = None
    """Train for as many epochs as a budget of this many images."""
    encoder: str | None = None
    own: str = ""
    """Id of a selection of the target's own images, which come first in each subset."""
    frozen: bool = False
    """True if the encoder is not fine-tuned."""
    init: str = ""
    """Initial weights, see `pretrain.initial`; empty for random ones."""


def plan(project: Project, study: Study) -> list[Arm]:
    """Make the selections of all arms.

    Raises:
        InputError: an arm is unknown or given twice, or no labels exist for an oracle.
        NotFoundError: a selection, group, encoder or target set does not exist.
    """
    if not study.arms or not study.budgets or min(study.seeds, study.draws) < 1:
        raise errors.InputError("A study needs at least one arm, budget, seed and draw.")
    arms = [arm for word in study.arms for arm in _arms(project, study, word)]
    names = [arm.name for arm in arms]
    if twice := [name for name in names if names.count(name) > 1]:
        raise errors.InputError(f"Two arms are called {twice[0]!r}; give one of them: NAME=…")
    return arms


def _arms(project: Project, study: Study, word: str) -> Iterator[Arm]:
    name, given, value = word.partition("=")
    if given:
        yield from _named(project, study, name, value)
    elif word.removesuffix(WITH_TARGET) in (CURATED, *_curating()) and word.endswith(WITH_TARGET):
        yield from _with_target(project, study, word)
    elif word == ENCODER:
        record = projects.find_encoder_record(project, study.encoder)
        yield Arm(RETRIEVAL, encoder=record["spec"])
    elif word in UNSIZED:
        found = (_select(project, study, word, None, 0),) * study.seeds
        yield from _lengths(study, Arm(word, found))
    elif word in WORDS:
        for budget in study.budgets:
            yield from _of_budget(project, study, word, budget)
    else:
        found = (str(selections.find(project, word)["selection"]),) * study.seeds
        yield Arm(word, found)


def _curating() -> list[str]:
    """List the strategies that curate, and random: those that the target's images can join."""
    return [name for name, one in STRATEGIES.items() if one.needs_budget]


def _with_target(project: Project, study: Study, word: str) -> Iterator[Arm]:
    strategy = word.removesuffix(WITH_TARGET)
    own = _select(project, study, "target-images-only", None, 0)
    for budget in study.budgets:
        chosen = DEFAULT_STRATEGY if strategy == CURATED else strategy
        for arm in _of_budget(project, study, chosen, budget):
            yield replace(arm, name=arm.name.replace(chosen, word, 1), own=own)


def _continued(project: Project, study: Study, value: str) -> Iterator[Arm]:
    """Yield the trained arms of `SPEC:ARM`, with the encoder's weights as initial weights."""
    spec, _, word = value.rpartition(":")
    family, _, model = spec.partition(":")
    init = spec if family == spec else model
    if family == "timm" and model:
        named, at, file = model.partition("@")
        if named != study.backbone:
            raise errors.InputError(
                f"{spec} has the weights of {named}, but the study trains {study.backbone}; "
                f"choose --backbone {named}."
            )
        init = f"timm{at}{file}"
    if not init or not word:
        raise errors.InputError(
            f"The arm {CONTINUE}={value} is incomplete; write {CONTINUE}=SPEC:ARM, such as "
            f"{CONTINUE}=timm:{study.backbone}@/path/FILE:random."
        )
    for arm in _arms(project, study, word):
        if arm.encoder:
            raise errors.InputError(f"{CONTINUE}={value}: {word} is not trained; name another arm.")
        yield replace(arm, name=f"continued {arm.name}", init=init)


def _within_filter(project: Project, study: Study, text: str) -> Iterator[Arm]:
    for budget in study.budgets:
        drawn = tuple(
            _select(project, study, "random", budget, seed, filter=text)
            for seed in range(study.seeds)
        )
        yield Arm(_sized(study, f"{METADATA} {text}", budget), drawn)


def _named(project: Project, study: Study, name: str, value: str) -> Iterator[Arm]:
    group = value.removeprefix("group:")
    if name == FROZEN:
        yield Arm(f"{FROZEN} {value.partition('@')[0]}", encoder=value, frozen=True)
    elif name == METADATA:
        yield from _within_filter(project, study, value)
    elif name == CONTINUE:
        yield from _continued(project, study, value)
    elif group != value:
        groups.members(project, group)
        for budget in study.budgets:
            yield Arm(_sized(study, name, budget), _grouped(project, study, group, budget))
    elif ":" in value or value in families.RECOMMENDED:
        yield Arm(name, encoder=value)
    else:
        found = str(selections.find(project, value)["selection"])
        yield Arm(name, (found,) * study.seeds)


def _of_budget(project: Project, study: Study, word: str, budget: int) -> Iterator[Arm]:
    name = _sized(study, word, budget)
    if word == ORACLE:
        group = _oracle(project, study.target)
        yield Arm(name, _grouped(project, study, group, budget))
    elif word in SHARED:
        strategy, count = ("random", budget * 10) if word == LARGER else (word, budget)
        drawn = tuple(_select(project, study, strategy, count, s) for s in range(study.seeds))
        yield from _lengths(study, Arm(name, drawn), budget)
    else:
        yield Arm(name, (_select(project, study, word, budget, 0),) * study.seeds)
        if study.without_decisions:
            bare = _select(project, study, word, budget, 0, decisions=False)
            yield Arm(name + WITHOUT, (bare,) * study.seeds)


def _sized(study: Study, name: str, budget: int) -> str:
    return name if len(study.budgets) == 1 else f"{name} {budget:,}"


def _lengths(study: Study, arm: Arm, budget: int | None = None) -> Iterator[Arm]:
    """Return the arm at equal steps and, if requested and different, at equal epochs."""
    yield arm
    if study.equal_epochs and arm.name.startswith(OWN_SIZE):
        yield replace(arm, name=arm.name + EPOCHS, epochs_of=budget or study.budgets[0])


def _select(
    project: Project,
    study: Study,
    strategy: str,
    budget: int | None,
    seed: int,
    *,
    group: str = "",
    filter: str = "",
    decisions: bool = True,
) -> str:
    shared = strategy in SHARED and not group
    targets = tuple(collections.names(project, "target")) if shared else (study.target,)
    settings = SelectionSettings(strategy=strategy, budget=budget, seed=seed)
    request = Request(
        targets, settings, study.encoder, filter, group=group, decisions=decisions and not shared
    )
    return str(selections.select(project, request, study=True)["selection"])


def _grouped(project: Project, study: Study, group: str, budget: int) -> tuple[str, ...]:
    """Select a random part of a named group, the same for every seed."""
    return (_select(project, study, "random", budget, 0, group=group),) * study.seeds


def _oracle(project: Project, target: str) -> str:
    """Save a group of the pool images with a label of the target, as a perfect selection.

    Only evaluation uses it; selection never reads the pool's labels.
    """
    found = split_table.labelled_like(project.db, target)
    if not found:
        raise errors.InputError(
            f"No pool image has a label from {target}, so the oracle baseline is unavailable; "
            "save a group of the right images and give oracle=group:NAME, or omit it."
        )
    groups.save(project, f"oracle-{target}", found)
    return f"oracle-{target}"


def start(project: Project, study: Study) -> JobFolder:
    """Plan a study and launch it; repeating it computes only the missing parts.

    Raises:
        InputError, NotFoundError: see `plan`, `evaluations.start`, `pretraining.check`.
        LeakError: see `manifests.write_manifest`.
    """
    tests = (study.target, *study.controls)
    tasks = {name: evaluations.checked_task(project, name, study.labels) for name in tests}
    arms = plan(project, study)
    chosen = settings_of(project, study, arms)
    runs: dict[str, dict[str, Any]] = {}
    compared = [evaluations.random_arm()]
    for arm in arms:
        if arm.encoder:
            folder = str(project.paths.encoders)
            given = {"name": arm.name, "encoder": arm.encoder, "encoders_folder": folder}
            compared.append(given | ({"frozen": True} if arm.frozen else {}))
            continue
        trained = _runs(project, study, arm, chosen[arm.name])
        folders = [run["run"] for run in trained]
        runs |= dict(zip(folders, trained, strict=True))
        compared.append({"name": arm.name, "checkpoint": folders, "backbone": None})
    request = asdict(study)
    planned = [
        evaluations.prepare(project, name, task, compared, study, request | {"target": name})
        for name, task in tasks.items()
    ]
    asked = {"runs": list(runs.values()), "evaluations": planned}
    return launcher.launch(project.paths, "study", asked, f"Study on {study.target}")


def command(root: Path, study: Study) -> str:
    """Return the command that starts a study, for a terminal on this machine.

    Args:
        root: the project's folder.
        study: the study.
    """
    words: list[object] = ["evaluate", root, "--target", study.target]
    words += _repeated("--arm", study.arms) + _repeated("--budget", study.budgets)
    words += ["--method", study.method, "--backbone", study.backbone]
    for name, value in study.changes.items():
        if name in OPTIONS:
            words += [f"--{name.replace('_', '-')}", value]
        elif isinstance(value, dict):
            words += _repeated("--set", (f"{name}.{own}={value[own]}" for own in value))
        else:
            words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    words += ["--seeds", study.seeds]
    if study.readouts != tuple(evaluations.READOUTS):
        words += _repeated("--readout", study.readouts)
    return commands.line(*words)


def _repeated(option: str, values: Iterable[object]) -> list[object]:
    return [word for value in values for word in (option, value)]


def _runs(
    project: Project, study: Study, arm: Arm, settings: PretrainSettings
) -> list[dict[str, Any]]:
    """Return the arm's run for each seed; seeds with the same images share a manifest."""
    seeds: dict[str, list[int]] = {}
    for seed, selection in enumerate(arm.selections):
        seeds.setdefault(selection, []).append(seed)
    found: dict[int, dict[str, Any]] = {}
    for selection, own in seeds.items():
        wanted = {f"{arm.name}-{study.target}-s{s}": replace(settings, seed=s) for s in own}
        prepared = pretraining.prepare_runs(project, selection, wanted, study.where, arm.own)
        found |= zip(own, prepared, strict=True)
    return [found[seed] for seed in range(study.seeds)]


def settings_of(project: Project, study: Study, arms: Sequence[Arm]) -> dict[str, PretrainSettings]:
    """Return the settings of each trained arm, which differ only in length and initial weights.

    They are those of the smallest subset, so that they suit all; checked for each.
    """
    subsets = {a.name: pretraining.of_selection(project, a.selections[0])
               for a in arms if a.selections}  # fmt: skip
    if not subsets:
        raise errors.InputError("A study trains at least one arm; give a strategy or a selection.")
    smallest = min(subsets.values(), key=lambda subset: subset.images)
    base = pretraining.plan(smallest, study.method, study.backbone, study.changes)
    if base.patience:
        raise errors.InputError(
            f"The arms of a study train for equal steps, so no probe may end one early; set "
            f"patience to 0, not {base.patience}."
        )
    budget = study.budgets[0]
    base = replace(base, steps=base.total_steps(budget), epochs=None)
    chosen = {}
    for arm in arms:
        if subset := subsets.get(arm.name):
            steps = base.steps or 0
            if arm.epochs_of:
                steps = max(1, round(steps * subset.images / arm.epochs_of))
            chosen[arm.name] = replace(base, steps=steps, init=arm.init or base.init)
            pretraining.check(subset, chosen[arm.name], study.where)
    return chosen
