"""What can be done with images that were gathered: decide, use as targets, select, name."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from pages.shared import notices, state
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, groups, selections
from sept_core.services.project.project import Project

_TOLD = "told of the gathered"
PAST = {"veto": "vetoed", "pin": "pinned", "keep": "kept"}


def draw(encoder: str, targets: Sequence[str], uids: np.ndarray, group: str = "") -> None:
    """Draw a menu of actions, each with the count that it would touch.

    Args:
        encoder: id of the encoder that a selection would use.
        targets: names of the target sets that decisions and selections may belong to.
        uids: (n,) S32 of the gathered images, at least one.
        group: the named group that they are, if they are one.
    """
    decide, target, select, save = st.columns(4)
    with decide.popover("Decide…", icon=":material/gavel:", width="stretch"):
        _decide(targets, uids)
    with target.popover("Use as target images…", icon=":material/target:", width="stretch"):
        _add_to_target(uids)
    with select.popover("Select these…", icon=":material/check:", width="stretch"):
        _select(encoder, targets, uids)
    with save.popover("Save as group…", icon=":material/bookmark:", width="stretch"):
        _save(uids, group)


def told() -> None:
    """Say once what the last action did."""
    if sentence := state.kept(_TOLD):
        st.success(sentence, icon=":material/check:")
        state.keep(_TOLD, None)


def _words(uids: np.ndarray) -> list[str]:
    words: list[str] = uids.astype(str).tolist()
    return words


def _act(label: str, work: Callable[[Project], str]) -> None:
    """A button whose work gives the sentence that is shown once it is done."""
    if st.button(label, type="primary", key=f"do {label}"):
        with notices.shown():
            with state.WRITING, state.project() as project:
                state.keep(_TOLD, work(project))
            st.rerun()


def _decide(targets: Sequence[str], uids: np.ndarray) -> None:
    if not targets:
        st.caption("Decisions belong to a target set; add one first.")
        return
    name = st.selectbox("For the target set", targets)
    reason = st.text_input("Reason", key="gathered reason")

    def decide(project: Project, action: str) -> str:
        made = decisions.decide(project, [name], action, _words(uids), reason=reason)
        return (
            f"{len(uids):,} images are {PAST[action]} for {name}." if made else "Nothing changed."
        )

    for action in PAST:
        _act(
            f"{action.capitalize()} {len(uids):,} images",
            lambda project, action=action: decide(project, action),
        )


def _add_to_target(uids: np.ndarray) -> None:
    name = st.text_input("Target set", key="gathered target set", help="A new one or your own.")

    def add(project: Project) -> str:
        new = groups.add_to_target(project, name, _words(uids))
        return f"{new:,} images are new in {name}; embed them on the Pool page."

    _act(f"Add {len(uids):,} target images", add)


def _select(encoder: str, targets: Sequence[str], uids: np.ndarray) -> None:
    if not targets:
        st.caption("A selection belongs to a target set; add one first.")
        return
    target = st.selectbox("Target set", targets, key="gathered target")
    name = st.text_input("Name of the group", "area", key="gathered group")

    def select(project: Project) -> str:
        groups.save(project, name, _words(uids))
        settings = SelectionSettings(strategy="whole-pool")
        made = selections.select(
            project, selections.Request((target,), settings, encoder, group=name)
        )
        return f"{made['count']:,} images are selected as {made['selection']}; see Review."

    _act(f"Select {len(uids):,} images", select)
    st.caption("Vetoes, the guard and the duplicate cap still apply.")


def _save(uids: np.ndarray, group: str) -> None:
    name = st.text_input("Group", group, key="gathered name", help="A known name is replaced.")

    def save(project: Project) -> str:
        groups.save(project, name, _words(uids))
        return f"{len(uids):,} images are kept as {name}."

    def forget(project: Project) -> str:
        groups.remove(project, group)
        state.choose("group", "")
        return f"The group {group} is forgotten; its images stay."

    _act(f"Save {len(uids):,} images", save)
    if group:
        _act(f"Forget {group}", forget)
