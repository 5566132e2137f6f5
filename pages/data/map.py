"""Map: the pool and the targets in two dimensions; select an area, inspect it, act on it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from pages.shared import gallery, gathered, job_panel, map_view, notices, page_list, state
from sept_core.figures import map as figures
from sept_core.services.curate import groups, preview
from sept_core.services.explore import map_job, point_colours, point_map, text_search
from sept_core.services.project import projects
from sept_core.storage import hashing

MAP = "map"
PAGE_SIZE = 48
NEIGHBOURS = 16
"""As many as the neighbour graph holds, so that a click needs no search."""

FOUND = 48
MARKED = 500
"""The most images that get a ring."""

LOOKS = ("near", "area", "words", "filter", "group")
"""URL parameters of the inspected images: a clicked image, an area, words, metadata, a group."""


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        encoders = [record["id"] for record in projects.encoders(project)]
    if not encoders:
        st.info("The map is available once the pool is embedded.", icon=":material/info:")
        page_list.link("Pool", "Embed the pool")
        return
    encoder = encoders[-1]
    if len(encoders) > 1:
        before = state.named("encoder")
        encoder = state.chosen("encoder", encoders[::-1], "Encoder")
        if before and encoder != before:
            state.choose("area", "")  # it was drawn on another map
    job_panel.draw(("map",))
    with state.project() as project:
        drawn = (project.paths.map(encoder) / "header.json").exists()
        fresh = drawn and map_job.is_fresh(project, encoder)
        busy = job_panel.active(project, ("map",))
    if not fresh and not busy:
        _offer(encoder, drawn)
    if drawn:
        _map(encoder)


def _offer(encoder: str, drawn: bool) -> None:
    sentence = "The map has not been drawn."
    if drawn:
        sentence = "The pool has changed since the map was drawn."
    st.info(sentence, icon=":material/info:")
    if st.button("Redraw map" if drawn else "Draw map", type="primary"):
        with state.project() as project:
            map_job.start(project, encoder)
        st.rerun()


@st.fragment
def _map(encoder: str) -> None:
    """Draw the map and the inspected images, apart from the rest of the page."""
    with notices.shown():
        with state.project() as project:
            shown = point_map.load(project, encoder)
            choices = point_colours.choices(project, shown)
            saved = groups.names(project)
            wordy = text_search.understands_words(project, encoder)
            fields = ", ".join(preview.filter_fields(project))
        widths = [3, 3, 3, 3, 2] if wordy else [3, 3, 3, 2]
        parts = st.columns(widths, vertical_alignment="bottom")
        with parts[0]:
            by = state.chosen("colour", list(choices), "Colour", choices)
        with parts[1]:
            _ask("group", lambda: state.chosen("group", ["", *saved], "Named group", {"": "none"}))
        with parts[2]:
            _ask(
                "filter",
                lambda: state.written(
                    "filter", "Metadata filter", "width < 200 and source = web", f"Fields: {fields}"
                ),
            )
        if wordy:
            with parts[3]:
                _ask("words", lambda: state.written("words", "Text query", "a red flower"))
        with parts[-1]:
            names = {"webgl": "Fast (WebGL)", "plain": "Plain"}
            kind = state.chosen("kind", list(names), "Renderer", names)
        found = None
        with notices.shown():  # the map is drawn even if the search fails
            found = _look(encoder, shown)
        with state.project() as project:
            colouring = point_colours.colour(project, encoder, shown, by)
        if kind == "webgl":
            _fast(encoder, shown, by, colouring, found)
        else:
            _plain(shown, colouring)
        map_view.legend(colouring.legend, list(shown.targets) if kind == "webgl" else [])
        if shown.note:
            st.caption(shown.note)
        _below(encoder, shown, found)


def _ask(name: str, widget: Callable[[], str]) -> None:
    """Draw a widget; a new value becomes the inspected one."""
    before = state.named(name) or ""
    value = widget()
    if value and value != before:
        _look_into(name, value)


def _look_into(name: str = "", value: str = "") -> None:
    """Inspect one choice only; none without a name."""
    for other in LOOKS:
        state.choose(other, value if other == name else "")
    state.keep("map page", 0)


@dataclass(frozen=True)
class Look:
    """The inspected images, a sentence that describes them, and their captions if any."""

    uids: np.ndarray  # (n,) S32
    sentence: str
    captions: list[str] | None = None
    group: str = ""
    marked: bool = True


def _look(encoder: str, shown: point_map.Map) -> Look | None:
    near, words, text, group = map(state.named, ("near", "words", "filter", "group"))
    corners = _area()
    with state.project() as project:
        if near:
            rows = point_map.neighbours(project, encoder, near, NEIGHBOURS)
            sentence = f"This image and its **{len(rows):,}** neighbours in the pool"
            captions = ["this image", *(f"{similarity:.2f}" for _, similarity in rows)]
            return _listed([near, *(uid for uid, _ in rows)], sentence, captions)
        if corners:
            inside = shown.uids[shown.cells.inside(corners)]
            return Look(inside, f"**{len(inside):,}** images in the area", marked=False)
        if words:
            with st.spinner("Searching the pool…"):
                rows = text_search.find(project, encoder, words, FOUND)
            sentence = f"The **{len(rows):,}** images most similar to the text"
            captions = [f"{similarity:.2f}" for _, similarity in rows]
            return _listed([uid for uid, _ in rows], sentence, captions)
        if text:
            uids = preview.passing(project, text)
            return Look(uids, f"**{len(uids):,}** images match `{text.replace('`', '')}`")
        if group:
            members = groups.members(project, group)
            sentence = f"**{len(members):,}** images in {gallery.text(group)}"
            return _listed(members, sentence, group=group)
    return None


def _listed(
    uids: list[str], sentence: str, captions: list[str] | None = None, group: str = ""
) -> Look:
    return Look(np.array(uids, hashing.UID_DTYPE), sentence, captions, group)


def _fast(
    encoder: str,
    shown: point_map.Map,
    by: str,
    colouring: point_colours.Colouring,
    found: Look | None,
) -> None:
    with state.project() as project:
        stamp = point_colours.stamp(project, encoder, shown, by)
    base = f"/map/{encoder}"
    marked = found.uids[:MARKED] if found and found.marked else shown.uids[:0]
    map_view.draw(
        MAP,
        {
            "points": state.url(f"{base}/points/{shown.revision}"),
            "colours": state.url(f"{base}/colours/{stamp}") + f"&by={quote(by)}",
            "nearest": state.url(f"{base}/nearest/{shown.revision}"),
            "query": state.query(),
            "palette": colouring.palette,
            "targets": state.url(f"{base}/targets/{shown.targets_revision}"),
            "glyphs": [colour for colour, _ in _targets(shown).values()],
            "marks": shown.places[shown.rows_of(marked)].tolist(),
            "area": _area(),
        },
        _drawn,
        _clicked,
    )


def _targets(shown: point_map.Map) -> dict[str, tuple[str, np.ndarray]]:
    return {
        name: (map_view.GLYPHS[i % len(map_view.GLYPHS)][1], places)
        for i, (name, (_, places)) in enumerate(shown.targets.items())
    }


def _plain(shown: point_map.Map, colouring: point_colours.Colouring) -> None:
    figure = figures.density_map(
        shown.places, colouring.classes, colouring.palette, _targets(shown), _area()
    )
    sent: Any = st.plotly_chart(
        figure, key="plain map", theme=None, on_select="rerun", selection_mode=("lasso", "box")
    )
    for part in (*sent["selection"]["lasso"], *sent["selection"]["box"]):
        corners = list(zip(part["x"], part["y"], strict=True))
        if len(corners) == 2:
            (x1, y1), (x2, y2) = corners
            corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
        rounded = [(round(x, 4), round(y, 4)) for x, y in corners]
        if rounded != state.kept("plain area"):  # Streamlit sends it at every run
            state.keep("plain area", rounded)
            _keep_area(rounded)
            st.rerun(scope="fragment")
    if _area() and st.button("Clear area", icon=":material/close:"):
        _look_into()
        st.rerun(scope="fragment")


def _drawn() -> None:
    _keep_area(map_view.area(MAP))


def _clicked() -> None:
    _look_into("near", map_view.clicked(MAP) or "")


def _keep_area(corners: list[tuple[float, float]]) -> None:
    _look_into("area", json.dumps(corners, separators=(",", ":")) if corners else "")


def _area() -> list[tuple[float, float]]:
    """Return the corners of the area in the URL; empty if it has none or an invalid one."""
    try:
        corners = json.loads(state.named("area") or "[]")
        return [(float(x), float(y)) for x, y in corners]
    except (ValueError, TypeError):
        return []


def _below(encoder: str, shown: point_map.Map, found: Look | None) -> None:
    """Draw the inspected images and the actions on them."""
    gathered.told()
    if found is None:
        st.caption("Draw around images to inspect them; click one to see its neighbours.")
        return
    uids = found.uids
    st.markdown(found.sentence)
    if not len(uids):
        return
    gathered.draw(encoder, list(shown.targets), uids, found.group)
    last = (len(uids) - 1) // PAGE_SIZE
    shown_page = state.kept("map page")
    page = min(shown_page if isinstance(shown_page, int) else 0, last)
    part = slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    gallery.draw(uids[part].astype(str).tolist(), found.captions[part] if found.captions else None)
    if last:
        previous, count, following, _ = st.columns([1.4, 2, 1.4, 5.2], vertical_alignment="center")
        if previous.button("Previous", disabled=page == 0, width="stretch"):
            state.keep("map page", page - 1)
            st.rerun(scope="fragment")
        count.caption(f"Page {page + 1:,} of {last + 1:,}")
        if following.button("Next", disabled=page == last, width="stretch"):
            state.keep("map page", page + 1)
            st.rerun(scope="fragment")


with notices.shown():
    draw()
