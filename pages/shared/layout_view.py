"""The layout of a target set: splits × classes, the folders of each split, and its choice."""

import shlex
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from pages.shared import notices
from sept_core import targets
from sept_core.services.project.project_status import TargetStatus
from sept_core.targets.reading import Reading

FEW, TALLEST = 6, 245
"""Rows of a class table before it scrolls, and its height in pixels when it does."""

SHOWN = 8
"""The most folders listed with their split."""


def table(splits: Mapping[str, Mapping[str, int]], key: str) -> None:
    """Draw splits × classes with the number of images in each."""
    labels = sorted({label for found in splits.values() for label in found})
    rows = [
        {"Class": label or "no class"} | {s: found.get(label, 0) for s, found in splits.items()}
        for label in labels
    ]
    if len(labels) > 1:
        rows.append({"Class": "all"} | {s: sum(found.values()) for s, found in splits.items()})
    height = TALLEST if len(rows) > FEW else "content"
    st.dataframe(rows, hide_index=True, height=height, width="content", key=key)


def taken(found: Sequence[tuple[str, str, int]]) -> None:
    """Draw the folders and their splits: `train2017 → train (118,287)`."""
    lines = [
        f"{notices.plain(what) or 'top-level files'} → **{split}** ({files:,})"
        for what, split, files in found
        if what or split != "train"
    ]
    if lines:
        more = f" · {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
        st.caption("Recognised splits: " + " · ".join(lines[:SHOWN]) + more)


def summary(splits: Mapping[str, Mapping[str, int]]) -> str:
    """Return the counts: `12 images to search with, 9 held out, 1 unassigned`."""
    counts = {split: sum(found.values()) for split, found in splits.items()}
    held = sum(counts.get(split, 0) for split in targets.HELDOUT_SPLITS)
    search = sum(counts.get(split, 0) for split in targets.SEARCH_SPLITS)
    parts = [
        f"{search:,} image{'s' if search != 1 else ''} to search with",
        f"{held:,} held out" if held else "none held out",
    ]
    if unassigned := counts.get(targets.UNASSIGNED, 0):
        parts.append(f"{unassigned:,} unassigned")
    return ", ".join(parts)


def ask(
    name: str, reading: Reading, button: str, on_chosen: Callable[[dict[str, str]], None]
) -> bool:
    """Draw the possible layouts of an ambiguous target set, and the choice of one.

    Args:
        name: of the target set.
        reading: the likeliest layout, with the others.
        button: label of the button that confirms the choice.
        on_chosen: called with the options of the chosen layout.

    Returns:
        Whether the user cancelled.
    """
    readings = (reading, *reading.others)
    st.warning(
        f"**{notices.plain(name)}** can be read in several ways. {notices.plain(reading.why)} "
        "Choose which images to search with.",
        icon=":material/help:",
    )
    for start in range(0, len(readings), 2):
        columns = st.columns(2, gap="large")
        for number, (column, one) in enumerate(
            zip(columns, readings[start : start + 2], strict=False), start + 1
        ):
            with column, st.container(border=True):
                st.markdown(f"**{number}:** {notices.plain(one.options.title)}")
                table(one.splits, f"reading {name} {number}")
                taken([(t.what, t.split, t.files) for t in one.taken])
    chosen = st.radio(
        "Layout",
        range(len(readings)),
        index=None,
        format_func=lambda place: f"{place + 1}: {_option(readings[place])}",
        key=f"reading of {name}",
    )
    with st.container(horizontal=True):
        add = st.button(button, type="primary", disabled=chosen is None, key=f"choose {name}")
        cancel = st.button("Cancel", key=f"cancel {name}")
    if add and chosen is not None:
        on_chosen(readings[chosen].options.stored())
    return cancel


def _option(reading: Reading) -> str:
    return f"{notices.plain(reading.options.title)} ({summary(reading.splits)})"


def shown(entry: TargetStatus) -> None:
    """Draw the current layout of a target set.

    Args:
        entry: of `projects.status`.
    """
    words = shlex.join(entry.read_by)
    read = f"Read with the options {words}" if words else "Read by an earlier version."
    st.caption(notices.plain(read))
    table(entry.classes, f"classes {entry.name}")
    taken([(one["what"], one["split"], one["files"]) for one in entry.taken])


def warnings(entry: TargetStatus) -> None:
    """Draw the permanent warnings about a target set."""
    lines = [
        f":orange[:material/warning:] {notices.plain(sentence)}" for sentence in entry.warnings
    ]
    if lines:
        st.markdown("  \n".join(lines))
