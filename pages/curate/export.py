"""Export: write a selection in a trainer's format, verify it, download it."""

from typing import Any

import streamlit as st

from pages.shared import job_panel, notices, page_list, state
from sept_core.export import formats, registry
from sept_core.export.formats import FORMATS
from sept_core.services.curate import exports, manifests, selections
from sept_core.storage import project_paths
from sept_core.wording import quantities

LINKS = {
    "copy": "Copy files",
    "hardlink": "Hard links (same disk, no extra space)",
    "symlink": "Symbolic links (break when the pool moves)",
}


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        records = {record["selection"]: record for record in selections.every(project)}
    if not records:
        st.info("There is no selection to export yet.", icon=":material/info:")
        page_list.link("Curate", "Create a selection")
        return
    left, middle, right = st.columns([4, 3, 3], vertical_alignment="bottom")
    with left:
        selection = state.chosen("selection", list(records), "Selection", _labels(records))
    with middle:
        chosen = state.chosen("format", list(FORMATS), "Format")
    link = "copy"
    if FORMATS[chosen].images == "linked":
        with right:
            link = state.chosen("link", list(LINKS), "Image files", LINKS)
    about = FORMATS[chosen].about
    st.caption(f"{about[0].upper()}{about[1:]}.")
    _new(records[selection], chosen, link)
    job_panel.draw(("export",))
    _finished()


def _labels(records: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {
        ident: f"{' + '.join(record['targets'])} · {record['settings']['strategy']} · "
        f"{record['count']:,} images · {ident[-8:]}"
        for ident, record in records.items()
    }


def _new(record: dict[str, Any], export_format: str, link: str) -> None:
    """Draw the plan of an export, its destination, and the button that starts it."""
    if record["older_than_decisions"]:
        st.warning(
            "Decisions were made after this selection; update it on the Review page first.",
            icon=":material/history:",
        )
    planned = _planned(record, export_format, link)
    with state.project() as project:
        proposed = exports.propose(project, record["selection"], export_format)
    counts, size, guard = st.columns(3)
    counts.metric("Images", f"{planned['count']:,}")
    size.metric("Export size", quantities.size(planned["bytes"]))
    guard.metric("Contamination guard", _guard(planned["guard"]))
    for note in planned["notes"]:
        st.caption(note)
    options = _options(export_format)
    where, start = st.columns([7, 1], vertical_alignment="bottom")
    out = where.text_input("Destination (must not exist)", str(proposed), key=f"out {proposed}")
    if planned["bytes"] > planned["free"]:
        st.error(
            f"The disk has only {quantities.size(planned['free'])} free; choose links or another "
            "destination.",
            icon=":material/hard_drive:",
        )
    if start.button("Export", type="primary", icon=":material/output:", width="stretch"):
        with state.WRITING, state.project() as project:
            manifests.start_export(
                project,
                record["selection"],
                export_format,
                project_paths.expanded(out.strip()),
                link=link,
                options=registry.read_options(export_format, options),
            )
        st.rerun()


def _options(export_format: str) -> list[str]:
    """Draw the format's own settings; return those that are filled in, as `NAME=VALUE`."""
    typed = {
        name: st.text_input(
            name.replace("_", " ").capitalize(), key=f"{export_format} {name}", help=option.about
        ).strip()
        for name, option in FORMATS[export_format].options.items()
    }
    return [f"{name}={text}" for name, text in typed.items() if text]


def _planned(record: dict[str, Any], export_format: str, link: str) -> dict[str, Any]:
    """Return the plan, cached until the selection, its decisions or the choices change."""
    key = [record["selection"], record["older_than_decisions"], export_format, link]
    held: Any = state.kept("export plan")
    if held is None or held[0] != key:
        with st.spinner("Planning the export…"), state.project() as project:
            held = (key, exports.plan(project, record["selection"], export_format, link))
        state.keep("export plan", held)
    planned: dict[str, Any] = held[1]
    return planned


def _guard(guard: dict[str, Any]) -> str:
    if guard["state"] == "on":
        return f"no leaks in {guard['heldout_images']:,}"
    return {"off": "off", "none": "none held out"}[guard["state"]]


def _finished() -> None:
    with state.project() as project:
        finished = exports.every(project)
    st.subheader("Finished exports", anchor=False)
    if not finished:
        st.caption("No exports yet.")
    for export in finished:
        made = quantities.moment(export.ended_at)
        facts = f"{export.images:,} images · {quantities.size(export.bytes)} · {made}"
        title = f"{notices.plain(export.out.name)} · {facts}"
        with st.expander(title, key=f"export {export.job}"):
            _one(export)


@st.fragment
def _one(export: exports.Export) -> None:
    with notices.shown():
        st.code(str(export.out), language=None)
        for snippet in formats.snippets(export.format, export.out):
            st.caption(snippet.title)
            st.code(snippet.text, language=snippet.language)
        verify, pack, _ = st.columns([1, 1, 4])
        if verify.button("Verify", key=f"verify {export.job}", icon=":material/verified:"):
            _verify(export)
        if export.bytes <= exports.ZIP_BYTES:
            _download(export, pack)


def _verify(export: exports.Export) -> None:
    bar = st.progress(0.0, "Verifying images…")
    with state.project() as project:
        report = exports.check(
            project, export, lambda done, total: bar.progress(done / max(1, total))
        )
    bar.empty()
    if not report.problems:
        st.success(
            f"{report.checked['images']:,} images are present and unchanged, no row was edited, "
            f"{report.checked['guard']:,} were compared with the held-out images.",
            icon=":material/verified:",
        )
        return
    st.error(f"{len(report.problems):,} problems.", icon=":material/error:")
    st.dataframe(
        [{"Kind": p.kind, "Image": p.uid, "Problem": p.message} for p in report.problems],
        hide_index=True,
    )


def _download(export: exports.Export, place: Any) -> None:
    """Pack on request only, so that a page with many exports stays fast."""
    if place.button("Pack as zip", key=f"pack {export.job}", icon=":material/folder_zip:"):
        state.keep("packed", export.job)
    if state.kept("packed") != export.job:
        return
    with st.spinner("Packing…"), state.project() as project:
        path = exports.zipped(project, export)
    st.download_button(
        f"Download {path.name}", path.read_bytes(), path.name, "application/zip",
        key=f"zip {export.job}", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


with notices.shown():
    draw()
