"""Targets: add target sets, see their labels, where the pool has a gap, and leaks."""

from typing import Any

import streamlit as st

from pages.shared import adding, collection_list, gallery, notices, state
from sept_core.figures import inspection as figures
from sept_core.pipeline import inspecting, projects

SHOWN = 14


def draw() -> None:
    """The whole page."""
    st.title("Targets", anchor=False)
    if told := state.kept("told"):
        st.success(told, icon=":material/check:")
        state.keep("told", None)
    with state.project() as project:
        projects.adopt(project)
        status = projects.status(project)
    targets = {entry["name"]: entry for entry in status["targets"]}
    if targets:
        collection_list.draw("target", status["targets"])
    else:
        st.info(
            "A target set is a few images of the task that you care about, best with a test split: "
            "train/CLASS/x.jpg and test/CLASS/x.jpg.",
            icon=":material/target:",
        )
    with st.expander("Add a target set", expanded=not targets, icon=":material/add:"):
        adding.draw("target", "target set", _added)
    if targets:
        st.divider()
        name = state.chosen("target", list(targets), "Look into")
        _one(name, targets[name], bool(status["encoders"]))


def _added(sentence: str) -> None:
    state.keep("told", sentence)
    st.rerun()


def _one(name: str, entry: dict[str, Any], embedded: bool) -> None:
    if entry["waiting"]:
        st.info(f"{entry['waiting']:,} images have not been embedded yet.")
        st.page_link("pages/data/pool.py", label="Embed them", icon=":material/photo_library:")
    if not entry["images"]:
        return
    images, gaps, leaks = st.tabs(["Images", "Gaps in the pool", "Leaks"])
    with images:
        _labels(name)
    with gaps, notices.shown():
        if embedded:
            _gaps(name)
    with leaks, notices.shown():
        if embedded:
            _leaks(name)


def _labels(name: str) -> None:
    with state.project() as project:
        counted = inspecting.labels(project, name)
    known = sorted({label for found in counted.values() for label in found})
    rows = [
        {"Label": label or "no label", **{s: found.get(label, 0) for s, found in counted.items()}}
        for label in known
    ]
    table, shown = st.columns([2, 3])
    table.dataframe(rows, hide_index=True)
    with shown:
        split = state.chosen("split", list(counted), "Split")
        label = state.chosen("label", list(counted[split]), "Label", {"": "no label"})
        with state.project() as project:
            gallery.draw(inspecting.of_label(project, name, split, label, SHOWN))


def _gaps(name: str) -> None:
    with state.project() as project, st.spinner("Comparing with the pool…"):
        found = inspecting.reach(project, name)
    st.plotly_chart(figures.reach(found.edges, found.nearest, found.background), theme="streamlit")
    st.markdown(
        f"For **{found.at_random:.0%}** of the searching images the nearest pool image is no "
        "nearer than 1 in 100 random pool images: for these the pool has a gap."
    )
    st.caption("The images that the pool serves worst, with the similarity of their nearest one")
    uids, similarities = zip(*found.weakest, strict=True)
    gallery.draw(uids, [f"{value:.2f}" for value in similarities])


def _leaks(name: str) -> None:
    with state.project() as project:
        found = inspecting.leaks(project, name)
    if found["state"] == "none":
        st.info("This target set has no held-out images, so there is nothing to guard.")
        return
    pairs = found["pairs"]
    st.markdown(
        f"**{len(pairs):,}** pool images are copies of the {found['heldout_images']:,} held-out "
        "images. The guard keeps them out of every selection."
    )
    if pairs:
        st.caption("Each pool image, and the held-out image that it repeats")
        uids = [uid for pair in pairs for uid in (pair["uid"], pair["heldout_uid"])]
        told = [
            text
            for pair in pairs
            for text in (f"pool · {pair['how']}", f"held out · {pair['distance']:.3g}")
        ]
        gallery.draw(uids, told)


with notices.shown():
    draw()
