"""The form of a study: arms, training length and evaluation, with its cost beside them.

In: a labelled target set. Out: a study, started by the button. The cost is estimated before the
button, from the defaults for this machine on.
"""

from typing import Any

import streamlit as st

from pages.shared import notices, run_form, state
from sept_core import errors
from sept_core.catalogue import image_table
from sept_core.pretrain.methods import registry as methods
from sept_core.selection.strategies import DEFAULT_STRATEGY
from sept_core.services.curate import groups, selections
from sept_core.services.train import costs, evaluations, machine, presets, studies
from sept_core.services.train.costs import StudyCost
from sept_core.services.train.evaluation_archive import LEAST_SEEDS
from sept_core.services.train.evaluations import READOUTS, Task
from sept_core.services.train.studies import Study
from sept_core.wording import quantities

CURATED = tuple(name for name in studies.WORDS if name not in studies.BASELINES)

STEPS = {False: 1000, True: 3000}
"""Suggested steps of each run, without and with a GPU."""
LONG = 6 * 3600.0
"""Seconds above which the form warns."""


def draw(target: str, task: Task) -> None:
    """Draw the choice of arms and settings, the cost, and the button that starts the study."""
    form, card = st.columns([5, 2], gap="large")
    with form:
        study = _study(target, task)
    with card, st.container(border=True):
        _start(study, task)


def _study(target: str, task: Task) -> Study:
    with state.project() as project:
        own = [r for r in selections.every(project) if not r.get("study")]
        saved = [f"{name}=group:{name}" for name in groups.names(project)]
        others = [name for name in evaluations.targets(project) if name != target]
        pool = image_table.pool_counts(project.db)["images"]
    left, middle, right = st.columns([3, 3, 2])
    baselines = left.multiselect(
        "Baselines", list(studies.BASELINES), default=["random"], key="study baselines",
        format_func=studies.BASELINES.__getitem__, persist_state="session",
        help="Random initialisation is always included; it costs no training.",
    )  # fmt: skip
    curated = middle.multiselect(
        "Curated arms", [*CURATED, *(r["selection"] for r in own), *saved],
        default=[DEFAULT_STRATEGY], key="study arms", accept_new_options=True,
        persist_state="session",
        help="Strategies, selections, named groups, or NAME=timm:MODEL@/path/FILE.",
    )  # fmt: skip
    budgets = right.multiselect(
        "Budgets (images)", _budgets(pool), default=_budgets(pool)[:1], key="study budgets",
        accept_new_options=True, persist_state="session", help="Several budgets make a sweep.",
    )  # fmt: skip
    method, backbone, changes = _training()
    readouts, labels, seeds = measures(task)
    with st.expander("Controls and ablations", key="study_more"):
        controls = st.multiselect(
            "Controls", others, key="study controls", persist_state="session",
            help="Target sets that the same networks are also tested on, without curation for "
            "them.",
        )  # fmt: skip
        epochs = st.toggle(
            "Add arms with equal epochs", key="study epochs", persist_state="session",
            help="Trains larger arms for as many epochs as the budget's, which takes longer.",
        )  # fmt: skip
        bare = st.toggle("Add arms without decisions", key="study bare", persist_state="session")
    with st.expander("Hardware", key="study_launch"):
        where = run_form.draw_launch()
    return Study(
        target, (*baselines, *map(str, curated)), _numbers(budgets), method, backbone, changes,
        seeds, readouts, labels, tuple(controls), equal_epochs=epochs, without_decisions=bare,
        where=where,
    )  # fmt: skip


def _budgets(pool: int) -> list[int]:
    """Return suggested budgets, the default first: at most a tenth of the pool."""
    sizes = [2500, 1000, 500, 400, 200, 100, 50, 10]
    fitting = [size for size in sizes if size * 10 <= pool] or [max(1, pool // 10)]
    return fitting if fitting[0] != 2500 or machine.here().gpu else [1000, 2500, *fitting[2:]]


def _start(study: Study, task: Task) -> None:
    """Draw the cost of the study and the button."""
    with notices.shown():
        with state.project() as project:
            pool = image_table.pool_counts(project.db)["images"]
            cost = costs.of_study(project.paths, study, task, pool)
        _cost(cost, study)
        if st.button(
            "Train and compare", type="primary", icon=":material/play_arrow:", width="stretch"
        ):
            with st.spinner("Selecting the arms…"), state.WRITING, state.project() as project:
                studies.start(project, study)
            st.rerun()


def _cost(cost: StudyCost, study: Study) -> None:
    st.markdown("**Cost on this machine**")
    if cost.seconds is None:
        st.markdown("## not known yet")
        st.caption(
            f"The speed of {notices.plain(study.backbone)} is unknown here; measure one run on "
            "the Pre-train page."
        )
    else:
        st.markdown(f"## at most {quantities.about(cost.seconds)}")
        arms = f"{cost.arms} arm{'s' if cost.arms != 1 else ''}"
        seeds = f"{study.seeds} seed{'s' if study.seeds != 1 else ''}"
        st.markdown(
            f"{arms} × {seeds} = {cost.runs} runs, {cost.steps:,} steps in all: "
            f"{quantities.about(cost.training or 0)} of training and "
            f"{quantities.about(cost.evaluation or 0)} of evaluation."
        )
        st.caption(f"{run_form.source(cost.source)} Existing runs are reused.")
        if cost.seconds > LONG:
            st.warning(
                "This study runs for long. Fewer steps, seeds or arms, or a smaller backbone, "
                "shorten it; it continues when the app is closed.",
                icon=":material/hourglass_top:",
            )
    if study.seeds < LEAST_SEEDS:
        st.caption(
            f":material/info: With fewer than {LEAST_SEEDS} seeds there is no interval "
            "over seeds and no verdict."
        )


def _training() -> tuple[str, str, dict[str, Any]]:
    """Draw method, backbone and the settings that determine the length of a study."""
    on = machine.here()
    recipe = presets.find(presets.DEFAULT).recipe(on)
    method_at, backbone_at, steps_at, size_at, batch_at = st.columns([3, 3, 2, 2, 2])
    known = list(methods.TITLES)
    method = method_at.selectbox(
        "Method", known, index=known.index(recipe.method), key="study method",
        persist_state="session", format_func=methods.TITLES.__getitem__,
    )  # fmt: skip
    backbone = backbone_at.selectbox(
        "Backbone", run_form.BACKBONES, index=run_form.BACKBONES.index(recipe.backbone),
        key="study backbone", persist_state="session", accept_new_options=True,
    )  # fmt: skip
    given = {
        "steps": steps_at.number_input(
            "Steps", 1, None, STEPS[on.gpu], key="study steps", persist_state="session"
        ),
        "image_size": size_at.number_input(
            "Image size, px", 8, None, 64 if on.gpu else 32, key="study size",
            persist_state="session",
        ),
        "batch_size": batch_at.number_input(
            "Batch size", 2, None, None, key="study batch", persist_state="session",
            placeholder="auto",
        ),
    }  # fmt: skip
    changes: dict[str, Any] = {n: int(value) for n, value in given.items() if value is not None}
    if "teacher" in methods.find(method).own:
        changes["teacher"] = _teacher()
    return method, str(backbone), changes


def _teacher() -> str:
    """Draw the choice of a teacher; an empty field stands for the teacher of the preset."""
    usual = presets.find("distil").recipe(machine.here()).more["teacher"]
    typed: str = st.text_input(
        "Teacher", key="study teacher", persist_state="session", placeholder=usual,
        help="The encoder whose features the backbone learns, by its spec; leave empty to use the "
        "preset's. To compare with it, add the arm frozen=ENCODER.",
    )  # fmt: skip
    return typed.strip() or usual


def measures(task: Task) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Draw and return readouts, label counts and the number of seeds."""
    readouts_at, labels_at, seeds_at = st.columns([4, 3, 1])
    readouts = readouts_at.pills(
        "Readouts", list(READOUTS), default=list(READOUTS), selection_mode="multi",
        format_func=READOUTS.__getitem__, key="readouts", persist_state="session",
        help="20-NN and linear probe evaluate frozen features; fine-tuning trains the network.",
    )  # fmt: skip
    labels = labels_at.multiselect(
        "Label counts", task.budgets(), default=["all"], accept_new_options=True, key="labels",
        help="Labels used from the training split: all, 10%, or 5-shot (per class).",
    )  # fmt: skip
    seeds = seeds_at.number_input(
        "Seeds", 1, 20, 3, key="seeds", persist_state="session",
        help="Seeds of weights, label samples and fine-tuning; three or more give an interval.",
    )  # fmt: skip
    return tuple(readouts), tuple(labels), int(seeds)


def _numbers(values: list[Any]) -> tuple[int, ...]:
    """Return typed budgets as numbers.

    Raises:
        InputError: one is not a whole number.
    """
    for value in values:
        if not str(value).isdigit():
            raise errors.InputError(f"Budget {value!r} is not a whole number of images.")
    return tuple(map(int, values))
