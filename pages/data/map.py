"""Map: the pool on a plane, targets on it; draw an area, look into it, act on all of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import streamlit as st

from pages.shared import gallery, gathered, job_panel, map_view, notices, state
from sept_core.figures import map as figures
from sept_core.services.curate import groups, preview
from sept_core.services.explore import map_job, point_colours, point_map, text_search
from sept_core.services.project import projects
from sept_core.storage import hashing

MAP = "map"
PAGE_SIZE = 48
NEIGHBOURS = 16
"""As many as the neighbour graph holds, so that a click searches nothing."""

FOUND = 48
MARKED = 500
"""Images that get a ring; more are better seen as an area."""

LOOKS = ("near", "area", "words", "filter", "group")
"""What is looked into, in the URL: one of a clicked image, an area, words, metadata, a group."""


def draw() -> None:
    """The whole page."""
    st.title("Map", anchor=False)
    with state.project() as project:
        encoders = [record["id"] for record in projects.encoders(project)]
    if not encoders:
        st.info("The map shows the pool once it is embedded.", icon=":material/info:")
        st.page_link("pages/data/pool.py", label="Embed the pool", icon=":material/photo_library:")
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
    told = "The pool has changed since this map." if drawn else "The map has not been drawn yet."
    st.info(told, icon=":material/info:")
    if st.button("Draw it again" if drawn else "Draw the map", type="primary"):
        with state.project() as project:
            map_job.start(project, encoder)
        st.rerun()


@st.fragment
def _map(encoder: str) -> None:
    """The map and what is looked into; the rest of the page stays as it is."""
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
                _ask("words", lambda: state.written("words", "Words", "a red flower"))
        with parts[-1]:
            names = {"webgl": "Fast", "plain": "Plain"}
            kind = state.chosen("kind", list(names), "Kind", names)
        found = None
        with notices.shown():  # the map is drawn whatever becomes of what is looked for
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
    """A widget whose new value is looked into in place of what was."""
    before = state.named(name) or ""
    value = widget()
    if value and value != before:
        _look_into(name, value)


def _look_into(name: str = "", value: str = "") -> None:
    """Look into one thing and no other; into nothing without a name."""
    for other in LOOKS:
        state.choose(other, value if other == name else "")
    state.keep("map page", 0)


@dataclass(frozen=True)
class Look:
    """What is looked into: images, the sentence that says which, a caption for each if any."""

    uids: np.ndarray  # (n,) S32
    told: str
    captions: list[str] | None = None
    group: str = ""
    marked: bool = True


def _look(encoder: str, shown: point_map.Map) -> Look | None:
    near, words, text, group = map(state.named, ("near", "words", "filter", "group"))
    corners = _area()
    with state.project() as project:
        if near:
            rows = point_map.neighbours(project, encoder, near, NEIGHBOURS)
            told = f"This image and its **{len(rows):,}** neighbours in the pool"
            captions = ["this image", *(f"{similarity:.2f}" for _, similarity in rows)]
            return _listed([near, *(uid for uid, _ in rows)], told, captions)
        if corners:
            inside = shown.uids[shown.cells.inside(corners)]
            return Look(inside, f"**{len(inside):,}** images in the area", marked=False)
        if words:
            with st.spinner("Comparing the words with the pool…"):
                rows = text_search.find(project, encoder, words, FOUND)
            told = f"The **{len(rows):,}** images most similar to the words"
            captions = [f"{similarity:.2f}" for _, similarity in rows]
            return _listed([uid for uid, _ in rows], told, captions)
        if text:
            uids = preview.passing(project, text)
            return Look(uids, f"**{len(uids):,}** images pass `{text.replace('`', '')}`")
        if group:
            members = groups.members(project, group)
            told = f"**{len(members):,}** images in {gallery.text(group)}"
            return _listed(members, told, group=group)
    return None


def _listed(uids: list[str], told: str, captions: list[str] | None = None, group: str = "") -> Look:
    return Look(np.array(uids, hashing.UID_DTYPE), told, captions, group)


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
        if rounded != state.kept("plain area"):  # sent again at every run
            state.keep("plain area", rounded)
            _keep_area(rounded)
            st.rerun(scope="fragment")
    if _area() and st.button("Clear the area", icon=":material/close:"):
        _look_into()
        st.rerun(scope="fragment")


def _drawn() -> None:
    _keep_area(map_view.area(MAP))


def _clicked() -> None:
    _look_into("near", map_view.clicked(MAP) or "")


def _keep_area(corners: list[tuple[float, float]]) -> None:
    _look_into("area", json.dumps(corners, separators=(",", ":")) if corners else "")


def _area() -> list[tuple[float, float]]:
    """The area of the URL; what cannot be read there is no area."""
    try:
        corners = json.loads(state.named("area") or "[]")
        return [(float(x), float(y)) for x, y in corners]
    except (ValueError, TypeError):
        return []


def _below(encoder: str, shown: point_map.Map, found: Look | None) -> None:
    """What was drawn, clicked, asked for or recalled, and what to do with it."""
    gathered.told()
    if found is None:
        st.caption("Draw around images to look into them; click one to see its neighbours.")
        return
    uids = found.uids
    st.markdown(found.told)
    if not len(uids):
        return
    gathered.draw(encoder, list(shown.targets), uids, found.group)
    last = (len(uids) - 1) // PAGE_SIZE
    kept = state.kept("map page")
    page = min(kept if isinstance(kept, int) else 0, last)
    part = slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    gallery.draw(uids[part].astype(str).tolist(), found.captions[part] if found.captions else None)
    if last:
        back, count, on, _ = st.columns([1, 2, 1, 6], vertical_alignment="center")
        if back.button("Back", disabled=page == 0, width="stretch"):
            state.keep("map page", page - 1)
            st.rerun(scope="fragment")
        count.caption(f"Page {page + 1:,} of {last + 1:,}")
        if on.button("On", disabled=page == last, width="stretch"):
            state.keep("map page", page + 1)
            st.rerun(scope="fragment")


with notices.shown():
    draw()
