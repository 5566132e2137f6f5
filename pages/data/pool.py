"""Pool: add sources, embed them, look at quality, copies and rejected files."""

from typing import Any

import streamlit as st

from pages.shared import adding, collection_list, gallery, job_panel, notices, state
from sept_core.encoders import menu
from sept_core.figures import inspection as figures
from sept_core.pipeline import collections, embedding, following, inspecting, projects, serving

OTHER = "another…"


def draw() -> None:
    """The whole page."""
    st.title("Pool", anchor=False)
    _advance()
    if told := state.kept("told"):
        st.success(told, icon=":material/check:")
        state.keep("told", None)
    with state.project() as project:
        status = projects.status(project)
    if status["sources"]:
        collection_list.draw("pool", status["sources"])
    else:
        st.info("The pool is empty. Add a folder or archive of images.", icon=":material/info:")
    with st.expander("Add a source", expanded=not status["sources"], icon=":material/add:"):
        adding.draw("pool", "source", _added)
    if status["sources"]:
        st.divider()
        _embed(status)
        if status["pool"]["images"]:
            _inspect()


def _added(sentence: str) -> None:
    state.keep("told", sentence)
    st.rerun()


def _advance() -> None:
    """Take over what ended and start what follows it."""
    with state.WRITING, state.project() as project:
        projects.adopt(project)
        following.advance(project)


def _embed(status: dict[str, Any]) -> None:
    st.subheader("Embed", anchor=False)
    waiting = status["pool"]["waiting"] + sum(t["waiting"] for t in status["targets"])
    left, right = st.columns([3, 2])
    with left:
        options = [*menu.RECOMMENDED, OTHER]
        spec = state.chosen("embed_with", options, "Encoder")
        if spec == OTHER:
            spec = st.text_input(
                "Which", "classic",
                help="timm:MODEL, timm:MODEL@FILE, open_clip:MODEL/TAG, checkpoint:FOLDER",
            )  # fmt: skip
        precision = st.selectbox("Precision", ["auto", "fp32", "bf16"], key="embed precision")
    with right:
        _about(spec, status)
    start, trial, _ = st.columns([1.4, 1.6, 4])
    with state.project() as project:
        busy = job_panel.active(project, (*following.KINDS, "speed"))
    if start.button("Embed", type="primary", disabled=busy, icon=":material/play_arrow:"):
        _start(embedding.EmbedSettings(spec, precision))
    if trial.button("Measure its speed", disabled=busy, icon=":material/speed:"):
        with state.project() as project:
            embedding.try_speed(project, spec, precision)
        st.rerun()
    if waiting and not busy:
        st.caption(f"{waiting:,} files have not been read yet.")
    job_panel.draw((*following.KINDS, "speed"))


def _start(chosen: embedding.EmbedSettings) -> None:
    with state.WRITING, state.project() as project:
        embedding.start(project, chosen)
        following.ask(project)
    st.rerun()


def _about(spec: str, status: dict[str, Any]) -> None:
    with state.project() as project:
        known = embedding.about(project, spec)
        rate = embedding.measured_speed(project, spec)
    st.markdown(f"**{known['kind']}** · {known['dim']} dimensions · {known['image_size']} px")
    if known["download"]:
        st.caption(
            f"Downloads {known['download']['megabytes']:,.0f} MB from "
            f"{known['download']['from']} unless its weights are at hand."
        )
    else:
        st.caption("Needs no download.")
    if known["licence"]:
        st.caption(f"Licence: {known['licence']}")
    if rate:
        left = status["pool"]["files"] / rate
        st.caption(f"Measured here: {rate:,.0f} images/s, {job_panel.duration(left)} for the pool.")


def _inspect() -> None:
    quality, copies, rejected = st.tabs(["Quality", "Copies", "Rejected files"])
    with quality:
        _quality()
    with copies:
        _copies()
    with rejected:
        _rejected()


def _quality() -> None:
    with state.project() as project:
        spreads = inspecting.quality(project)
    if not spreads:
        st.caption("Known once images are embedded.")
        return
    name = state.chosen("figure", list(spreads), "Figure")
    found = spreads[name]
    st.plotly_chart(figures.spread(found.counts, found.edges, name), theme="streamlit")
    st.caption(f"Lowest {name}")
    gallery.draw(found.lowest)
    st.caption(f"Highest {name}")
    gallery.draw(found.highest)


def _copies() -> None:
    with state.project() as project:
        found = inspecting.copies(project)
    st.markdown(f"**{found['exact']:,}** files repeat the bytes of another and count once.")
    if found["groups"] is None:
        st.caption("Near-duplicates are looked for after embedding.")
        return
    st.markdown(
        f"**{found['grouped']:,}** images fall into {found['groups']:,} near-duplicate groups."
    )
    for members in found["largest"]:
        gallery.draw(members, height=130)


def _rejected() -> None:
    with state.project() as project:
        rows = collections.rejected(project)
    if not rows.num_rows:
        st.caption("Every file could be read.")
        return
    titles = {"source": "Source", "rel_path": "File", "member": "Member", "reason": "Reason"}
    st.dataframe(rows, hide_index=True, column_config=titles)
    with state.project() as project:
        data = serving.rejected_csv(project)
    st.download_button(
        "Download as csv", data, "rejected.csv", "text/csv", icon=":material/download:",
        on_click="ignore",
    )  # fmt: skip


with notices.shown():
    draw()
