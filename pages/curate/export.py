"""Export: write the draft or a selection in a trainer's format, verify it, download it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared import draft, job_panel, notices, page_list, state
from pages.shared.draft import DRAFT
from sept_core.export import formats, registry
from sept_core.export.formats import FORMATS
from sept_core.services.curate import exports, manifests, selections, subset_page
from sept_core.services.project.project import Project
from sept_core.storage import project_paths
from sept_core.wording import quantities

LINKS = {
    "copy": "Copy files",
    "hardlink": "Hard links (same disk, no extra space)",
    "symlink": "Symbolic links (break when the pool moves)",
}


@dataclass(frozen=True)
class Wanted:
    """A requested export: the draft or a selection, its format, links and options."""

    subset: str
    format: str
    link: str
    options: dict[str, Any]


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        titles = draft.choices(project)
    if not titles:
        st.info("There is no selection to export yet.", icon=":material/info:")
        page_list.link("Curate", "Make a selection in Curate")
        return
    form, card = st.columns([5, 2], gap="large")
    with form, notices.shown():
        subset = state.chosen("selection", list(titles), "Export", titles)
        _notice(subset)
        draft.pictures(subset)
        wanted = _format(subset)
    with card, st.container(border=True), notices.shown():
        _start(wanted)
    if subset != DRAFT:
        with card, st.container(border=True), notices.shown():
            st.fragment(_share)(subset)
    job_panel.draw(("export",))
    _finished()


def _notice(subset: str) -> None:
    """Say if the selection holds images that were vetoed since it was made."""
    if subset == DRAFT:
        return
    with state.project() as project:
        notice = manifests.notice(project, subset)
    if notice:
        st.info(notices.plain(notice), icon=":material/history:")


def _format(subset: str) -> Wanted:
    """Draw the choice of the format, of links, and of the format's own settings."""
    left, right = st.columns([3, 3], vertical_alignment="bottom")
    with left:
        chosen = state.chosen("format", list(FORMATS), "Format")
    link = "copy"
    if FORMATS[chosen].images == "linked":
        with right:
            link = state.chosen("link", list(LINKS), "Image files", LINKS)
    about = FORMATS[chosen].about
    st.caption(f"{about[0].upper()}{about[1:]}.")
    return Wanted(subset, chosen, link, _options(chosen))


def _options(export_format: str) -> dict[str, Any]:
    """Draw the format's own settings; return those that are filled in, as typed."""
    own = FORMATS[export_format].options
    typed = {}
    for column, (name, option) in zip(st.columns(max(1, len(own))), own.items(), strict=False):
        typed[name] = column.text_input(
            name.replace("_", " ").capitalize(), key=f"{export_format} {name}", help=option.about
        ).strip()
    return {name: text for name, text in typed.items() if text}


def _start(wanted: Wanted) -> None:
    """Draw what will be written, its destination, and the button."""
    with state.project() as project:
        held = draft.current(project) if wanted.subset == DRAFT else None
    if held is not None:
        st.markdown(f"### up to {held.budget:,} images")
        st.caption(
            "The draft is saved as a selection first, under the decisions made until then. The "
            f"contamination guard is {'on' if held.request.guard else 'off'}."
        )
        proposed = None
    else:
        proposed = _plan(wanted)
    out = st.text_input(
        "Destination (must not exist)", str(proposed or ""), key=f"out {proposed}",
        placeholder="a new folder in the project's exports",
    ).strip()  # fmt: skip
    label = "Save and export" if held is not None else "Export"
    if st.button(label, type="primary", icon=":material/output:", width="stretch"):
        with state.WRITING, state.project() as project, st.spinner("Writing the manifest…"):
            ident = draft.save(project, held) if held is not None else wanted.subset
            _export(project, ident, wanted, out)
        st.rerun()


def _export(project: Project, ident: str, wanted: Wanted, out: str) -> None:
    place = project_paths.expanded(out) if out else exports.propose(project, ident, wanted.format)
    typed = [f"{name}={text}" for name, text in wanted.options.items()]
    manifests.start_export(
        project, ident, wanted.format, place, link=wanted.link,
        options=registry.read_options(wanted.format, typed),
    )  # fmt: skip


def _plan(wanted: Wanted) -> Path:
    """Draw count, size and guard of an export; return the proposed destination."""
    planned = _planned(wanted)
    with state.project() as project:
        proposed = exports.propose(project, wanted.subset, wanted.format)
    count = planned["count"]
    st.markdown(f"### {count:,} image{'' if count == 1 else 's'}")
    size = quantities.size(planned["bytes"])
    written = f"{size} to write" if planned["bytes"] else "no image files are copied"
    st.markdown(f"{written} · contamination guard: {_guard(planned['guard'])}")
    for note in planned["notes"]:
        st.caption(note)
    if planned["bytes"] > planned["free"]:
        st.error(
            f"The disk has only {quantities.size(planned['free'])} free; choose links or another "
            "destination.",
            icon=":material/hard_drive:",
        )
    return proposed


def _planned(wanted: Wanted) -> dict[str, Any]:
    """Return the plan, cached until the selection, its decisions or the choices change."""
    with state.project() as project:
        log = selections.log_of(project, selections.find(project, wanted.subset)).hash
    key = [wanted.subset, log, wanted.format, wanted.link]
    held: Any = state.kept("export plan")
    if held is None or held[0] != key:
        with st.spinner("Planning the export…"), state.project() as project:
            held = (key, exports.plan(project, wanted.subset, wanted.format, wanted.link))
        state.keep("export plan", held)
    planned: dict[str, Any] = held[1]
    return planned


def _guard(guard: dict[str, Any]) -> str:
    if guard["state"] == "on":
        return f"no leaks of {guard['heldout_images']:,} held-out images"
    return {"off": "off", "none": "no held-out images"}[guard["state"]]


def _share(subset: str) -> None:
    """Draw the button that writes the selection as one HTML page, and its download."""
    st.markdown("**One page for a colleague**")
    st.caption(
        "A single HTML file with pictures, figures, provenance and decisions; it opens without "
        "SEPT and without a network."
    )
    names = st.checkbox("Include the names of reviewers", key="page with names")
    if st.button("Create page", icon=":material/share:", width="stretch"):
        with st.spinner("Embedding pictures…"), state.project() as project:
            state.keep("page", (subset, names, *_page(project, subset, names)))
    held: Any = state.kept("page")
    if held is None or held[:2] != (subset, names):
        return
    _, _, made, data = held
    st.download_button(
        f"Download page ({quantities.size(made['bytes'])})", data, f"{made['selection']}.html",
        "text/html", icon=":material/download:", on_click="ignore", width="stretch",
    )  # fmt: skip
    st.caption(f"{made['pictures']:,} of {made['images']:,} images are shown as pictures.")


def _page(project: Project, subset: str, names: bool) -> tuple[dict[str, Any], bytes]:
    with tempfile.TemporaryDirectory() as folder:
        made = subset_page.write(project, subset, Path(folder) / "page.html", names=names)
        return made, Path(made["out"]).read_bytes()


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
