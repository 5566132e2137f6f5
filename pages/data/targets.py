"""Targets: add target sets; inspect labels, gaps in the pool and leaks; exchange decisions."""

from collections.abc import Callable

import streamlit as st

from pages.shared import (
    adding,
    collection_list,
    decision_exchange,
    gallery,
    layout_view,
    next_step,
    notices,
    page_list,
    retry_button,
    state,
)
from sept_core import targets
from sept_core.figures import inspection as figures
from sept_core.services.data import collections, inspection
from sept_core.services.project import projects
from sept_core.services.project.project_status import TargetStatus
from sept_core.targets.reading import AmbiguousError

LOOKS = ("Images", "Gaps in the pool", "Leaks", "Decisions")
ALL_LABELS = "All labels"
PAIRS_SHOWN = 24
HOW = {
    "bytes": "Identical bytes",
    "phash": "Near-identical pixels: {:.0f} of 64 bits of the perceptual hash differ",
    "cosine": "Near-identical feature: cosine distance {:.3f}",
    "group": "Near-duplicate of a leaked pool image",
}
"""Sentence for each way of detecting a leak, with its distance."""


def draw() -> None:
    """Draw the page."""
    if sentence := state.kept("told"):
        st.success(sentence, icon=":material/check:")
        state.keep("told", None)
    with state.WRITING, state.project() as project:
        projects.adopt(project)
        status = projects.status(project)
    sets = {entry.name: entry for entry in status.targets}
    if sets:
        next_step.elsewhere("Targets", status)
        collection_list.draw("target", status.targets)
    else:
        st.info(
            "Add a target set: a few images of your task, ideally with a test split "
            "(train/CLASS/x.jpg and test/CLASS/x.jpg).",
            icon=":material/target:",
        )
    with st.expander("Add a target set", expanded=not sets, icon=":material/add:"):
        st.fragment(adding.draw)("target", "target set", _added)
    if sets:
        st.subheader("Inspect", anchor=False)
        name = state.chosen("target", list(sets), "Target set")
        _one(name, sets[name])


def _added(sentence: str) -> None:
    state.keep("told", sentence)
    st.rerun()


def _one(name: str, entry: TargetStatus) -> None:
    opened = entry.outdated or not entry.images
    icon = ":material/account_tree:"
    with st.expander("Splits and classes", expanded=opened, icon=icon), notices.shown():
        _reading(name, entry)
    if entry.waiting:
        st.info(f"{entry.waiting:,} images are waiting to be embedded.", icon=":material/info:")
        page_list.link("Pool", "Embed images")
    retry_button.draw("target")
    if entry.rejected:
        _rejected(name)
    if not entry.images:
        return
    tabs = st.tabs(LOOKS, key="see", on_change="rerun", bind="query-params")
    for tab, look in zip(tabs, (_labels, _gaps, _leaks, decision_exchange.draw), strict=True):
        if tab.open:
            with tab, notices.shown():
                look(name)


def _reading(name: str, entry: TargetStatus) -> None:
    layout_view.shown(entry)
    problem = state.kept(f"{name} to be read anew")
    if isinstance(problem, AmbiguousError):
        with st.container(border=True):
            given_up = layout_view.ask(
                name, problem.reading, "Reread layout", lambda options: _adopt(name, options)
            )
        if given_up:
            state.keep(f"{name} to be read anew", None)
            st.rerun()
    elif entry.outdated:
        st.caption("Images that move between the search and held-out splits are embedded again.")
        if st.button("Reread layout", icon=":material/refresh:", key=f"adopt {name}"):
            _adopt(name, {})
    elif entry.splits and set(entry.splits).isdisjoint(targets.HELDOUT_SPLITS):
        _hold_out(name)


def _hold_out(name: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = st.number_input(
            "Hold out (% of each class)", 1, 90, 20, key=f"share {name}", width=200
        )
        if st.button("Hold out", icon=":material/shield:", key=f"hold out {name}"):
            _read_anew(name, lambda project: collections.hold_out(project, name, share / 100))


def _adopt(name: str, options: dict[str, str]) -> None:
    _read_anew(name, lambda project: collections.adopt(project, name, options))


def _read_anew(name: str, read: Callable[[projects.Project], collections.ScanReport]) -> None:
    try:
        with st.spinner("Listing files…"), state.WRITING, state.project() as project:
            report = read(project)
    except AmbiguousError as problem:
        state.keep(f"{name} to be read anew", problem)
        st.rerun()
    state.keep(f"{name} to be read anew", None)
    _added(f"{name}: {adding.told(report)}.")


def _rejected(name: str) -> None:
    with state.project() as project:
        rows = collections.rejected(project, "target")
    mine = rows.filter([source == name for source in rows["source"].to_pylist()])
    with st.expander(f"{mine.num_rows:,} rejected files", icon=":material/block:"):
        titles = {"rel_path": "File", "member": "Member", "reason": "Reason"}
        st.dataframe(mine.drop_columns("source"), hide_index=True, column_config=titles)


def _labels(name: str) -> None:
    with state.project() as project:
        counted = inspection.labels(project, name)
    known = sorted({label for found in counted.values() for label in found})
    rows = [
        {"Label": label or "no label", **{s: found.get(label, 0) for s, found in counted.items()}}
        for label in known
    ]
    table, shown = st.columns([2, 3], gap="large")
    table.dataframe(rows, hide_index=True)
    with shown:
        left, right = st.columns(2)
        with left:
            split = state.chosen("split", list(counted), "Split")
        with right:
            options = [ALL_LABELS, *counted[split]]
            label = state.chosen("label", options, "Label", {"": "no label"})
        with state.project() as project:
            found = inspection.examples(
                project, name, split, None if label == ALL_LABELS else label
            )
        gallery.draw([uid for uid, _ in found], [caption for _, caption in found])


def _gaps(name: str) -> None:
    with state.project() as project, st.spinner("Comparing with the pool…"):
        found = inspection.reach(project, name)
    st.plotly_chart(figures.reach(found.edges, found.nearest, found.background), theme="streamlit")
    if found.at_random is None:
        st.markdown(
            f"The pool has fewer than {inspection.FEWEST} images, too few to distinguish a gap "
            "from chance."
        )
    elif found.at_random:
        st.markdown(
            f"For **{found.at_random:.0%}** of the search images, the nearest pool image is no "
            "closer than 1 in 100 random pool images: the pool has a gap there."
        )
    else:
        st.markdown(
            "Every search image has a pool image closer than 99 in 100 random ones: the pool has "
            "no clear gap for this target set."
        )
    st.caption(
        "Target images worst covered by the pool, with the similarity of the nearest pool image"
    )
    uids, similarities = zip(*found.weakest, strict=True)
    gallery.draw(uids, [f"{value:.2f}" for value in similarities])


def _leaks(name: str) -> None:
    with state.project() as project, st.spinner("Comparing with the held-out images…"):
        found = inspection.leaks(project, name)
    if found["state"] == "none":
        st.info("This target set has no held-out images; the contamination guard is inactive.")
        return
    pairs = found["pairs"]
    st.markdown(
        f"**{len(pairs):,}** pool images are near-duplicates of the {found['heldout_images']:,} "
        "held-out images. The contamination guard excludes them from every selection."
    )
    if pairs:
        st.caption("Each leaked pool image and its held-out near-duplicate")
    with st.container(horizontal=True):
        for pair in pairs[:PAIRS_SHOWN]:
            with st.container(border=True, width=252):
                gallery.draw([pair["uid"], pair["heldout_uid"]], ["pool", "held out"])
                st.caption(HOW[pair["how"]].format(pair["distance"]))
    if len(pairs) > PAIRS_SHOWN:
        st.caption(f"{PAIRS_SHOWN} of {len(pairs):,} pairs shown.")


with notices.shown():
    draw()
