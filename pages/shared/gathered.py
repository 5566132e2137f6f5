"""Actions on gathered images: decide, add to a target set, select, save as a group."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from pages.shared import notices, state
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, groups, selections
from sept_core.services.project.project import Project

_NOTICE = "told of the gathered"
PAST = {"veto": "vetoed", "pin": "pinned", "keep": "kept"}


def draw(encoder: str, targets: Sequence[str], uids: np.ndarray, group: str = "") -> None:
    """Draw the actions, each with the number of images that it affects.

    Args:
        encoder: id of the encoder for selections.
        targets: names of the target sets for decisions and selections.
        uids: (n,) S32 of the gathered images, at least one.
        group: the named group of these images, if any.
    """
    decide, target, select, save = st.columns(4)
    with decide.popover("Decide…", icon=":material/gavel:", width="stretch"):
        _decide(targets, uids)
    with target.popover("Add to target set…", icon=":material/target:", width="stretch"):
        _add_to_target(uids)
    with select.popover("Create selection…", icon=":material/check:", width="stretch"):
        _select(encoder, targets, uids)
    with save.popover("Save as group…", icon=":material/bookmark:", width="stretch"):
        _save(uids, group)


def told() -> None:
    """Show the outcome of the last action, once."""
    if sentence := state.kept(_NOTICE):
        st.success(sentence, icon=":material/check:")
        state.keep(_NOTICE, None)


def _texts(uids: np.ndarray) -> list[str]:
    texts: list[str] = uids.astype(str).tolist()
    return texts


def _act(label: str, work: Callable[[Project], str]) -> None:
    """Draw a button; `work` returns the sentence that is shown afterwards."""
    if st.button(label, type="primary", key=f"do {label}"):
        with notices.shown():
            with state.WRITING, state.project() as project:
                state.keep(_NOTICE, work(project))
            st.rerun()


def _decide(targets: Sequence[str], uids: np.ndarray) -> None:
    if not targets:
        st.caption("Decisions belong to a target set; add one first.")
        return
    name = st.selectbox("Target set", targets)
    reason = st.text_input("Reason", key="gathered reason")

    def decide(project: Project, action: str) -> str:
        made = decisions.decide(project, [name], action, _texts(uids), reason=reason)
        return f"{len(uids):,} images {PAST[action]} for {name}." if made else "Nothing changed."

    for action in PAST:
        _act(
            f"{action.capitalize()} {len(uids):,} images",
            lambda project, action=action: decide(project, action),
        )


def _add_to_target(uids: np.ndarray) -> None:
    name = st.text_input(
        "Target set", key="gathered target set", help="A new name, or a target set created here."
    )

    def add(project: Project) -> str:
        new = groups.add_to_target(project, name, _texts(uids))
        return f"Added {new:,} images to {name}; embed them on the Pool page."

    _act(f"Add {len(uids):,} target images", add)


def _select(encoder: str, targets: Sequence[str], uids: np.ndarray) -> None:
    if not targets:
        st.caption("A selection belongs to a target set; add one first.")
        return
    target = st.selectbox("Target set", targets, key="gathered target")
    name = st.text_input("Group name", "area", key="gathered group")

    def select(project: Project) -> str:
        groups.save(project, name, _texts(uids))
        settings = SelectionSettings(strategy="whole-pool")
        made = selections.select(
            project, selections.Request((target,), settings, encoder, group=name)
        )
        return f"Saved {made['count']:,} images as {made['selection']}; open it in Review."

    _act(f"Select {len(uids):,} images", select)
    st.caption("Vetoes, the guard and the duplicate cap still apply.")


def _save(uids: np.ndarray, group: str) -> None:
    name = st.text_input(
        "Group name", group, key="gathered name", help="An existing group of this name is replaced."
    )

    def save(project: Project) -> str:
        groups.save(project, name, _texts(uids))
        return f"Saved {len(uids):,} images as group {name}."

    def forget(project: Project) -> str:
        groups.remove(project, group)
        state.choose("group", "")
        return f"Deleted group {group}; its images are unchanged."

    _act(f"Save {len(uids):,} images", save)
    if group:
        _act(f"Delete group {group}", forget)
