"""The form of a study: arms, training length and evaluation."""

from typing import Any

import streamlit as st

from pages.shared import notices, run_form, state
from sept_core import errors
from sept_core.pretrain.methods import registry as methods
from sept_core.selection.strategies import DEFAULT_STRATEGY
from sept_core.services.curate import groups, selections
from sept_core.services.train import evaluations, studies
from sept_core.services.train.evaluations import READOUTS, Task
from sept_core.services.train.studies import Study

CURATED = tuple(name for name in studies.WORDS if name not in studies.BASELINES)


def draw(target: str, task: Task) -> None:
    """Draw the choice of arms and settings, and the button that starts the study."""
    with state.project() as project:
        stored = [record["selection"] for record in selections.every(project)]
        saved = [f"{name}=group:{name}" for name in groups.names(project)]
        others = [name for name in evaluations.targets(project) if name != target]
    left, right = st.columns(2)
    baselines = left.multiselect(
        "Baselines", list(studies.BASELINES), default=["random", "whole-pool"],
        key="study baselines",
        format_func=studies.BASELINES.__getitem__, persist_state="session",
        help="Random initialisation is always included.",
    )  # fmt: skip
    curated = right.multiselect(
        "Curated arms", [*CURATED, *stored, *saved], default=[DEFAULT_STRATEGY], key="study arms",
        accept_new_options=True, persist_state="session",
        help="Strategies, selections, named groups, or NAME=timm:MODEL@/path/FILE.",
    )  # fmt: skip
    budgets_at, controls_at, more_at = st.columns([2, 2, 3], vertical_alignment="bottom")
    budgets = budgets_at.multiselect(
        "Budgets (images)", [1000, 2500, 5000], default=[1000], key="study budgets",
        accept_new_options=True, persist_state="session", help="Several budgets make a sweep.",
    )  # fmt: skip
    controls = controls_at.multiselect(
        "Controls", others, key="study controls", persist_state="session",
        help="Target sets that the same networks are also tested on, without curation for them.",
    )  # fmt: skip
    with more_at:
        epochs = st.toggle(
            "Add arms with equal epochs", key="study epochs", persist_state="session"
        )
        bare = st.toggle("Add arms without decisions", key="study bare", persist_state="session")
    method, backbone, changes = _training()
    measured = _measured(task)
    with st.expander("Launch settings", key="study_launch"):
        where = run_form.draw_launch()
    study = Study(
        target, (*baselines, *map(str, curated)), _numbers(budgets), method, backbone, changes,
        *measured, tuple(controls), equal_epochs=epochs, without_decisions=bare, where=where,
    )  # fmt: skip
    st.caption(
        f"At most {len(study.arms) * len(study.budgets)} arms × {study.seeds} seeds. All arms are "
        "trained with the same settings, one run after the other; existing runs are reused."
    )
    if st.button("Train and compare", type="primary", icon=":material/play_arrow:"):
        with notices.shown():
            with st.spinner("Selecting the arms…"), state.WRITING, state.project() as project:
                studies.start(project, study)
            st.rerun()


def _training() -> tuple[str, str, dict[str, Any]]:
    """Draw method, backbone and the settings that determine the length of a study."""
    method_at, backbone_at, steps_at, batch_at, size_at = st.columns([2, 2, 1, 1, 1])
    method = method_at.selectbox(
        "Method", list(methods.TITLES), key="study method", persist_state="session",
        format_func=methods.TITLES.__getitem__,
    )  # fmt: skip
    backbone = backbone_at.selectbox(
        "Backbone", run_form.BACKBONES, key="study backbone", persist_state="session",
        accept_new_options=True,
    )  # fmt: skip
    given = {
        "steps": steps_at.number_input(
            "Steps", 1, None, 3000, key="study steps", persist_state="session"
        ),
        "batch_size": batch_at.number_input(
            "Batch size", 2, None, None, key="study batch", persist_state="session",
            placeholder="auto",
        ),
        "image_size": size_at.number_input(
            "Image size, px", 8, None, None, key="study size", persist_state="session",
            placeholder="auto",
        ),
    }  # fmt: skip
    changes = {name: int(value) for name, value in given.items() if value is not None}
    return method, str(backbone), changes


def measures(task: Task) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Draw and return readouts, label counts and the number of seeds."""
    readouts_at, labels_at, seeds_at = st.columns([3, 3, 1])
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


def _measured(task: Task) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    readouts, labels, seeds = measures(task)
    return seeds, readouts, labels


def _numbers(values: list[Any]) -> tuple[int, ...]:
    """Return typed budgets as numbers.

    Raises:
        InputError: one is not a whole number.
    """
    for value in values:
        if not str(value).isdigit():
            raise errors.InputError(f"Budget {value!r} is not a whole number of images.")
    return tuple(map(int, values))
