"""Pool: add sources, embed them, inspect quality, near-duplicates and rejected files."""

from typing import Any

import pyarrow as pa
import streamlit as st

from pages.shared import (
    adding,
    collection_list,
    feature_rows,
    gallery,
    job_panel,
    next_step,
    notices,
    retry_button,
    run_form,
    state,
)
from sept_core.encoders import families
from sept_core.encoders.families import Download
from sept_core.figures import inspection as figures
from sept_core.imaging import decoders
from sept_core.pretrain.methods import registry as methods
from sept_core.services.data import chain, collections, embedding, image_server, inspection
from sept_core.services.project import projects
from sept_core.services.project.project_status import ProjectStatus
from sept_core.services.train import own_encoder
from sept_core.wording import quantities

OTHER = "Other encoder"
PARTLY_SHOWN = 5
LOOKS = ("Quality", "Near-duplicates", "Rejected files")
KINDS = (*chain.KINDS, "speed")


def draw() -> None:
    """Draw the page."""
    with state.WRITING, state.project() as project:
        projects.adopt(project)
        chain.advance(project)
        status = projects.status(project)
        fields = collections.metadata_fields(project)
        partly = collections.partly_taken(project).to_pylist()
    if sentence := state.kept("told"):
        st.success(sentence, icon=":material/check:")
        state.keep("told", None)
    if status.sources:
        next_step.elsewhere("Pool", status)
        collection_list.draw("pool", status.sources)
    else:
        st.info("The pool is empty. Add a folder or archive of images.", icon=":material/info:")
    if fields:
        st.caption(f"Metadata columns: {', '.join(fields)}.")
    for row in partly[:PARTLY_SHOWN]:
        st.caption(
            f"{row['source']}: only {row['taken']} was read from {row['images']:,} {row['format']} "
            f"images ({row['pixels']}). Use `sept pool add --bands` for other bands of TIFF images."
        )
    with st.expander("Add a source", expanded=not status.sources, icon=":material/add:"):
        st.fragment(adding.draw)("pool", "source", _added)
    if status.sources:
        with notices.shown():
            retry_button.draw("pool")
            _embed(status)
        _inspect(status)


def _added(sentence: str) -> None:
    state.keep("told", sentence)
    st.rerun()


def _embed(status: ProjectStatus) -> None:
    st.subheader("Embed", anchor=False)
    with state.project() as project:
        busy = job_panel.active(project, KINDS)
    if status.waiting and not busy:
        st.info(
            f"{status.waiting:,} files are waiting to be embedded.",
            icon=":material/hourglass_empty:",
        )
    chosen, about = st.columns([3, 2], gap="large")
    with chosen:
        spec = _encoder()
        precision = st.selectbox("Precision", ["auto", "fp32", "bf16"], key="embed precision")
        value_range, rebuild = _scaling(status)
        with st.container(horizontal=True):
            start = st.button("Embed", type="primary", disabled=busy, icon=":material/play_arrow:")
            trial = st.button("Measure speed", disabled=busy, icon=":material/speed:")
    with about:
        _about(spec, status)
    if start:
        _start(embedding.EmbedSettings(spec, precision), value_range, rebuild)
    if trial:
        with state.project() as project:
            embedding.try_speed(project, spec, precision)
        st.rerun()
    _fit_note(spec, status)
    job_panel.draw((*KINDS, "pretrain"))
    for record in status.encoders:
        _older_decoder(record, busy=busy)
    if status.encoders:
        _own_encoder()


def _older_decoder(record: dict[str, Any], *, busy: bool) -> None:
    """Offer to renew the features that another version of the decoders produced."""
    if not record["older_decoder"]:
        return
    notice, button = st.columns([8, 2], vertical_alignment="center")
    versions = ", ".join(name for name in record["decoders"] if name != decoders.version())
    notice.info(
        f"{record['older_decoder']:,} features of {record['id']} were made with another decoder "
        f"({versions or 'of target sets'}; now {decoders.version()}). They remain usable.",
        icon=":material/update:",
    )
    if button.button("Renew features", key=f"renew {record['id']}", disabled=busy):
        with state.WRITING, state.project() as project:
            embedding.renew(project, record["id"])
            chain.ask(project)
        st.rerun()


def _encoder() -> str:
    spec = state.chosen("embed_with", [*families.RECOMMENDED, OTHER], "Encoder")
    if spec != OTHER:
        return spec
    return st.text_input(
        "Encoder name",
        "classic",
        key="embed other",
        help=f"One of: {', '.join(families.SPECS)}.",
    )


def _scaling(status: ProjectStatus) -> tuple[list[str], bool]:
    """Show how images of more than 8 bits are scaled; return the ranges to set and `rebuild`."""
    for found in status.value_ranges:
        st.caption(found["summary"])
        for warning in found["warnings"]:
            st.warning(notices.plain(warning), icon=":material/warning:")
    given = st.text_input(
        "Value range",
        key="embed value range",
        placeholder="fitted to the pool",
        help="The range that 16-bit and float images are scaled from: 0:4095 for all of them, "
        "uint16=0:4095 for one pixel kind, several separated by spaces; auto fits it again.",
    )
    rebuild = bool(status.encoders) and st.checkbox(
        "Rebuild this encoder's features",
        key="embed rebuild",
        help="Delete the existing features and embed all images again.",
    )
    return given.split(), rebuild


def _fit_note(spec: str, status: ProjectStatus) -> None:
    """Warn if the chosen encoder was fitted to a degenerate sample."""
    notes = [e["fit"] for e in status.encoders if e["spec"] == spec]
    if notes and notes[-1]:
        st.warning(
            f"{spec} was {notes[-1]}. Its similarities are less informative; rebuild its features "
            "once the pool has more or different images.",
            icon=":material/tune:",
        )


def _own_encoder() -> None:
    """Draw the form for the paper's first step: train on a random sample, then embed the pool."""
    with st.expander("Train an encoder on this pool", icon=":material/model_training:"):
        st.caption(
            "Trains a network without labels on a random sample of the pool, then embeds the whole "
            "pool with it."
        )
        images_at, method_at, backbone_at, epochs_at = st.columns(4)
        images = images_at.number_input("Sample size (images)", 100, None, 20_000, step=1000)
        method = method_at.selectbox(
            "Method", list(methods.TITLES),
            format_func=methods.TITLES.__getitem__,
        )  # fmt: skip
        backbone = backbone_at.selectbox("Backbone", run_form.BACKBONES, accept_new_options=True)
        epochs = epochs_at.number_input("Epochs", 1, None, 50)
        if st.button("Train and embed", icon=":material/play_arrow:"):
            changes = {"epochs": int(epochs)}
            with notices.shown():
                with state.WRITING, state.project() as project:
                    own_encoder.start(project, int(images), method, str(backbone), changes)
                st.rerun()


def _start(chosen: embedding.EmbedSettings, value_range: list[str], rebuild: bool) -> None:
    with state.WRITING, state.project() as project:
        embedding.start(project, chosen, value_range=value_range, rebuild=rebuild)
        chain.ask(project)
    st.rerun()


def _about(spec: str, status: ProjectStatus) -> None:
    known = embedding.about(spec)
    with state.project() as project:
        rate = embedding.measured_speed(project, spec)
    facts = {
        "Kind": known.kind,
        "Feature": f"{known.dim:,} dimensions",
        "Input": f"{known.image_size} × {known.image_size} px",
        "Download": _download(known.download),
        "Licence": known.licence or "unknown",
        "Speed on this machine": _speed(rate, status.pool.files),
    }
    st.markdown("\n".join(f"- {name}: **{value}**" for name, value in facts.items()))


def _download(needed: Download | None) -> str:
    if needed is None:
        return "none"
    size = quantities.size(1e6 * needed.megabytes) if needed.megabytes else "weights"
    return f"{size} from {needed.source}, once"


def _speed(rate: float | None, count: int) -> str:
    if not rate:
        return "not measured yet"
    return f"{quantities.pace(rate, 'images')}, {quantities.roughly(count / rate)} for the pool"


def _inspect(status: ProjectStatus) -> None:
    """Draw the inspection tabs; only the open one is computed."""
    st.subheader("Inspect", anchor=False)
    tabs = st.tabs(LOOKS, key="look", on_change="rerun", bind="query-params")
    for tab, look in zip(tabs, (_quality, _copies, _rejected), strict=True):
        if tab.open:
            with tab, notices.shown():
                if look is _rejected:
                    _rejected(status)
                elif status.pool.images:
                    look()
                else:
                    st.caption("Available once images are embedded.")


def _quality() -> None:
    with state.project() as project:
        spreads = inspection.quality(project)
    if not spreads:
        st.caption("These images were imported as features; there are no pixel statistics.")
        return
    name = state.chosen("figure", list(spreads), "Statistic")
    found = spreads[name]
    st.plotly_chart(figures.spread(found.counts, found.edges, name), theme="streamlit")
    low, high = st.columns(2)
    with low:
        st.caption(f"Lowest {name}")
        gallery.draw(found.lowest)
    with high:
        st.caption(f"Highest {name}")
        gallery.draw(found.highest)


def _copies() -> None:
    with state.project() as project:
        found = inspection.copies(project)
    st.markdown(f"**{found['exact']:,}** files are byte-identical to another and count once.")
    if found["groups"] is None:
        st.caption("Near-duplicates are detected after embedding.")
        return
    st.markdown(f"**{found['grouped']:,}** images form {found['groups']:,} duplicate groups.")
    for members in found["largest"]:
        st.caption(f"Group of {len(members):,} near-duplicates")
        gallery.draw(members, height=130)


def _rejected(status: ProjectStatus) -> None:
    feature_rows.draw()
    with state.project() as project:
        rejected, featureless = collections.rejected(project), collections.featureless(project)
    if not rejected.num_rows:
        st.caption("No files were rejected.")
    _reasons(rejected, "rejected.csv")
    for record in status.encoders:
        if record["no_features"]:
            st.markdown(
                f"**{record['no_features']:,}** images have no features under {record['id']}; "
                "other encoders may support them."
            )
    _reasons(featureless, "without-features.csv")


def _reasons(rows: pa.Table, name: str) -> None:
    """Draw a table of files with reasons and its download; nothing if it is empty."""
    if not rows.num_rows:
        return
    titles = retry_button.TITLES | {"encoder": "Encoder", "uid": "Image"}
    st.dataframe(rows, hide_index=True, column_config=titles)
    st.download_button(
        "Download CSV",
        image_server.as_csv(rows),
        name,
        "text/csv",
        key=f"download {name}",
        icon=":material/download:",
        on_click="ignore",
    )


with notices.shown():
    draw()
