"""Map: the pool on a plane, targets on it; draw an area, look into it, act on all of it."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from pages.shared import gallery, job_panel, map_view, notices, state
from sept_core.figures import map as figures
from sept_core.pipeline import curation, deciding, groups, mapping, mapview, projects
from sept_core.selection.settings import SelectionSettings

MAP = "map"
PAGE_SIZE = 48
NEIGHBOURS = 20


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
        encoder = state.chosen("encoder", encoders[::-1], "Encoder")
    job_panel.draw(("map",))
    with state.project() as project:
        drawn = (project.paths.map(encoder) / "header.json").exists()
        fresh = drawn and mapping.is_fresh(project, encoder)
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
            mapping.start(project, encoder)
        st.rerun()


@st.fragment
def _map(encoder: str) -> None:
    """The map and what was drawn on it; the rest of the page stays as it is."""
    with notices.shown():
        with state.project() as project:
            shown = mapview.load(project, encoder)
            choices = mapview.colour_choices(project, shown)
            saved = list(groups.every(project))
        left, middle, right = st.columns([4, 3, 2], vertical_alignment="bottom")
        with left:
            by = state.chosen("colour", list(choices), "Colour", choices)
        with middle:
            group = state.chosen("group", ["", *saved], "Named group", {"": "none"})
        with right:
            names = {"webgl": "Fast", "plain": "Plain"}
            kind = state.chosen("kind", list(names), "Kind", names)
        with state.project() as project:
            colouring = mapview.colour(project, encoder, shown, by)
        if kind == "webgl":
            _fast(encoder, shown, by, colouring)
        else:
            _plain(shown, colouring)
        _legend(colouring)
        _below(encoder, shown, group)


def _fast(encoder: str, shown: mapview.Map, by: str, colouring: mapview.Colouring) -> None:
    with state.project() as project:
        revision = mapview.colour_revision(project, encoder, shown, by)
    base = f"/map/{encoder}"
    map_view.draw(
        MAP,
        {
            "points": state.url(f"{base}/points/{shown.revision}"),
            "colours": state.url(f"{base}/colours/{revision}") + f"&by={by}",
            "nearest": state.url(f"{base}/nearest/{shown.revision}"),
            "query": state.query(),
            "palette": colouring.palette,
            "targets": [
                {"name": name, "colour": colour, "places": places.tolist()}
                for name, (colour, places) in _targets(shown).items()
            ],
            "area": _area(),
        },
        _drawn,
        _clicked,
    )


def _targets(shown: mapview.Map) -> dict[str, tuple[str, np.ndarray]]:
    colours = ("#ffffff", "#ffd84a", "#ff9ec4", "#9ad8ff")
    return {
        name: (colours[i % len(colours)], places)
        for i, (name, (_, places)) in enumerate(shown.targets.items())
    }


def _plain(shown: mapview.Map, colouring: mapview.Colouring) -> None:
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
        if rounded != _area():
            _keep_area(rounded)
            st.rerun(scope="fragment")


def _drawn() -> None:
    _keep_area(map_view.area(MAP))


def _clicked() -> None:
    state.choose("near", map_view.clicked(MAP) or "")
    _keep_area([])


def _keep_area(corners: list[tuple[float, float]]) -> None:
    state.choose("area", json.dumps(corners, separators=(",", ":")) if corners else "")
    if corners:
        state.choose("near", "")
    state.keep("map page", 0)


def _area() -> list[tuple[float, float]]:
    """The area of the URL; what cannot be read there is no area."""
    try:
        corners = json.loads(state.named("area") or "[]")
        return [(float(x), float(y)) for x, y in corners]
    except (ValueError, TypeError):
        return []


def _legend(colouring: mapview.Colouring) -> None:
    entries = sorted(colouring.legend, key=lambda entry: -entry["count"])[:18]
    if len(colouring.palette) == len(mapview.CONTINUOUS) + 1:
        entries = colouring.legend
    dots = "".join(
        f'<span style="white-space:nowrap"><i style="display:inline-block;width:10px;height:10px;'
        f'border-radius:5px;background:{e["colour"]};margin-right:5px"></i>'
        f"{gallery.text(e['label'])} <small style='opacity:.7'>{e['count']:,}</small></span>"
        for e in entries
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:4px 14px;font-size:12px">{dots}</div>')


def _below(encoder: str, shown: mapview.Map, group: str) -> None:
    """What was drawn, clicked or recalled, and what to do with it."""
    near, corners = state.named("near"), _area()
    if near:
        _neighbours(encoder, near)
        return
    if corners:
        uids = [uid.decode() for uid in shown.uids[mapview.inside(shown, corners)].tolist()]
        told = "in the area"
    elif group:
        with state.project() as project:
            uids = groups.members(project, group)
        told = f"in {group}"
    else:
        st.caption("Draw around images to look into them; click one to see its neighbours.")
        return
    _gathered(encoder, shown, uids, told, group if not corners else "")


def _neighbours(encoder: str, uid: str) -> None:
    with state.project() as project:
        found = mapview.neighbours(project, encoder, uid, NEIGHBOURS)
    st.subheader("Its neighbours in the pool", anchor=False)
    told = ["this image", *(f"{similarity:.2f}" for _, similarity in found)]
    gallery.draw([uid, *(other for other, _ in found)], told)


def _gathered(encoder: str, shown: mapview.Map, uids: list[str], told: str, group: str) -> None:
    st.markdown(f"**{len(uids):,}** images {told}")
    if not uids:
        return
    _actions(encoder, shown, uids, group)
    last = (len(uids) - 1) // PAGE_SIZE
    kept = state.kept("map page")
    page = min(kept if isinstance(kept, int) else 0, last)
    gallery.draw(uids[page * PAGE_SIZE : (page + 1) * PAGE_SIZE])
    if last:
        back, count, on, _ = st.columns([1, 2, 1, 6], vertical_alignment="center")
        if back.button("Back", disabled=page == 0, width="stretch"):
            state.keep("map page", page - 1)
            st.rerun(scope="fragment")
        count.caption(f"Page {page + 1:,} of {last + 1:,}")
        if on.button("On", disabled=page == last, width="stretch"):
            state.keep("map page", page + 1)
            st.rerun(scope="fragment")


def _actions(encoder: str, shown: mapview.Map, uids: list[str], group: str) -> None:
    decide, target, select, save = st.columns(4)
    names = list(shown.targets)
    with decide.popover("Decide…", icon=":material/gavel:", width="stretch"):
        _decide(names, uids)
    with target.popover("Use as target images…", icon=":material/target:", width="stretch"):
        name = st.text_input("Target set", key="new target")
        _act(f"Add {len(uids):,} target images", lambda p: _say(
            f"{groups.add_to_target(p, name, uids):,} images are new in {name}; embed them next."
        ))  # fmt: skip
    with select.popover("Select these…", icon=":material/check:", width="stretch"):
        _select(encoder, names, uids)
    with save.popover("Save as group…", icon=":material/bookmark:", width="stretch"):
        name = st.text_input("Group", group, key="group name")
        _act(f"Save {len(uids):,} images", lambda p: groups.save(p, name, uids))
        if group:
            _act(f"Forget {group}", lambda p: groups.remove(p, group))


def _act(label: str, work: Callable[[projects.Project], object]) -> None:
    if st.button(label, type="primary", key=f"do {label}"):
        with notices.shown():
            with state.WRITING, state.project() as project:
                work(project)
            st.rerun()


def _say(sentence: str) -> None:
    st.toast(sentence)


def _decide(names: list[str], uids: list[str]) -> None:
    if not names:
        st.caption("Decisions belong to a target set; add one first.")
        return
    name = st.selectbox("For the target set", names)
    reason = st.text_input("Reason", key="map reason")
    for action in ("veto", "pin", "keep"):
        _act(
            f"{action.capitalize()} {len(uids):,} images",
            lambda p, action=action: deciding.decide(p, [name], action, uids, reason=reason),
        )


def _select(encoder: str, names: list[str], uids: list[str]) -> None:
    if not names:
        st.caption("A selection belongs to a target set; add one first.")
        return
    target = st.selectbox("Target set", names, key="map target")
    name = st.text_input("Name of the group", "area", key="map group")

    def select(project: projects.Project) -> None:
        groups.save(project, name, uids)
        settings = SelectionSettings(strategy="whole-pool")
        made = curation.select(project, curation.Request((target,), settings, encoder, group=name))
        _say(f"{made['count']:,} images are selected as {made['selection']}.")

    _act(f"Select {len(uids):,} images", select)
    st.caption("Vetoes, the guard and the duplicate cap still apply.")


with notices.shown():
    draw()
