"""Retrieve: rank the pool for a target set, choose a budget, save the selection."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from pages.shared import gallery, job_panel, notices, page_list, state
from sept_core.figures import retrieval as figures
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import groups, preview, selections, subset_diagnostics
from sept_core.services.curate.requests import Request
from sept_core.services.data import collections, preparation
from sept_core.services.project import projects
from sept_core.wording import quantities

EXAMPLES = 24


def draw() -> None:
    """Draw the page."""
    with state.project() as project:
        targets = collections.names(project, "target")
        encoders = {record["id"]: record for record in projects.encoders(project)}
    if not targets or not encoders:
        _empty(bool(targets))
        return
    request = _request(targets, list(encoders))
    if request is None:
        st.info("Choose at least one target set.", icon=":material/target:")
        return
    with state.project() as project:
        ready = preview.is_prepared(project, request.encoder)
    if ready:
        _explorer(request)
    else:
        _prepare(request)
    st.divider()
    _selections()


def _empty(has_targets: bool) -> None:
    if has_targets:
        st.info("The images have not been embedded yet.", icon=":material/info:")
        page_list.link("Pool", "Embed the pool")
    else:
        st.info("There is no target set yet. Add a few images of your task.")
        page_list.link("Targets", "Add a target set")


def _request(targets: list[str], encoders: list[str]) -> Request | None:
    """Draw the request; return it without its budget, or None without a target set."""
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    with left:
        chosen = state.chosen_many("target", targets, "Target sets")
    with middle:
        strategy = state.chosen("strategy", list(STRATEGIES), "Strategy")
    with right:
        encoder = state.chosen("encoder", encoders[::-1], "Encoder")
    st.caption(STRATEGIES[strategy].description)
    with st.expander("Similarity floor, near-duplicates, guard, filter", icon=":material/tune:"):
        settings, guard = _settings(strategy)
        filter_text, group = _narrowed()
    if not chosen:
        return None
    return Request(tuple(chosen), settings, encoder, filter_text, guard, group)


def _settings(strategy: str) -> tuple[SelectionSettings, bool]:
    defaults = SelectionSettings(strategy=strategy, budget=1)
    first, second, third = st.columns(3)
    floor = first.slider(
        "Similarity floor (percentile of random pairs)", 0, 100, 0,
        help="0: no floor. 99: only images more similar to a target than 99% of pairs of a target "
        "and a random pool image.",
    )  # fmt: skip
    cap = second.number_input("Images per near-duplicate group", 1, 100, defaults.duplicate_cap)
    seed = third.number_input("Seed", 0, 2**31, defaults.seed)
    scaling = first.toggle(
        "Local scaling",
        defaults.local_scaling,
        help="Discounts images that are similar to everything.",
    )
    fill = second.toggle(
        "Fill remaining budget", defaults.fill, help="From the targets' clusters, then at random."
    )
    guard = third.toggle(
        "Contamination guard",
        value=True,
        help="Excludes near-duplicates of held-out target images.",
    )
    settings = replace(
        defaults, seed=int(seed), floor_percentile=float(floor) if floor else None,
        duplicate_cap=int(cap), local_scaling=scaling, fill=fill,
    )  # fmt: skip
    return settings, guard


def _narrowed() -> tuple[str, str]:
    """Draw and return the metadata filter and the named group that restrict the pool."""
    with state.project() as project:
        fields = ", ".join(preview.filter_fields(project))
        saved = groups.names(project)
    left, right = st.columns([3, 1])
    filter_text = left.text_input(
        "Metadata filter", placeholder='width >= 256 and source = web and caption ~ "red fox"',
        help=f"Fields: {fields}. Operators: = != < <= > >= and ~ (contains).",
    )  # fmt: skip
    group = right.selectbox(
        "Named group", ["", *saved], format_func=lambda name: name or "whole pool",
        help="Create groups on the Map page.",
    )  # fmt: skip
    return filter_text, group


def _prepare(request: Request) -> None:
    """Compute neighbour graph, threshold and duplicate groups, one job after the other."""
    st.info(
        "Selections need the pool's near-duplicates and thresholds, computed once per encoder.",
        icon=":material/build:",
    )
    if state.kept("preparing") or st.button("Prepare pool", type="primary"):
        state.keep("preparing", True)
        with state.project() as project:
            encoder = projects.find_encoder(project, request.encoder)
            busy = job_panel.active(project, preparation.KINDS)
            if not busy:
                preparation.next_job(project, encoder)
    job_panel.draw(preparation.KINDS)


def _explorer(request: Request) -> None:
    is_prefix = STRATEGIES[request.settings.strategy].is_prefix
    if not is_prefix:
        budget = int(st.number_input("Budget (images)", 1, 10**9, 1000, key="exact budget"))
        request = replace(request, settings=replace(request.settings, budget=budget))
    found = _explored(request)
    if found.picks.num_rows == 0:
        st.warning(found.shortfall or "No image is eligible.", icon=":material/filter_alt_off:")
        st.plotly_chart(figures.funnel(found.funnel, 0), key="funnel", theme="streamlit")
        return
    _budget(request, found, is_prefix, _independent_of_budget(request, found))


def _explored(request: Request) -> preview.Exploration:
    """Return the ranking, cached until the request, the pool or the decisions change."""
    with state.project() as project:
        stamp = preview.stamp(project, request)
        held: Any = state.kept("exploration")
        if held is None or held[0] != stamp:
            with st.spinner("Ranking the pool…"):
                held = (stamp, preview.explore(project, request))
            state.keep("exploration", held)
    found: preview.Exploration = held[1]
    return found


@dataclass(frozen=True)
class Steady:
    """Figures and text that are independent of the budget, computed once per request."""

    decay: Any
    floor: Any
    copies: Any
    threshold_note: str


def _independent_of_budget(request: Request, found: preview.Exploration) -> Steady:
    with state.project() as project:
        encoder_id = projects.find_encoder(project, request.encoder)
        known = preparation.calibration(project, encoder_id)
    note = f"Images with a cosine of at least {known['tau']:.3f} count as near-duplicates: "
    if known["copies"]:
        note += (
            f"{known['recall']:.0%} of {known['copies']:,} synthetic near-duplicates reach it, and "
        )
    if known["background_images"]:
        note += f"{known['false_partners']:.1%} of all images have a false match."
    else:
        note += "no pool image has a neighbour other than its near-duplicates."
    floor = request.settings.floor_percentile
    cut = None if floor is None else float(found.percentiles[int(floor)])
    drawn = [np.array(known["histogram"][name]) for name in ("edges", "background", "copies")]
    return Steady(
        decay=figures.similarity_by_rank(found.quartiles, found.budgets, found.flattens_at),
        floor=figures.floor_ruler(found.edges, found.background, found.neighbours, cut),
        copies=figures.copies(*drawn, known["tau"]),
        threshold_note=note,
    )


@st.fragment
def _budget(request: Request, found: preview.Exploration, is_prefix: bool, steady: Steady) -> None:
    """Draw the part that depends on the budget; changing it does not rank the pool again."""
    with notices.shown():
        most = found.picks.num_rows
        budget = most
        slider, button = st.columns([6, 1.4], vertical_alignment="bottom")
        if is_prefix and most > 1:
            start = min(most, found.flattens_at or 1000)
            budget = slider.slider(
                "Budget (images)", 1, most, start, key="budget",
                help="Updates immediately: a smaller budget is a prefix of a larger one.",
            )  # fmt: skip
        if button.button(
            "Save selection", type="primary", icon=":material/check:", width="stretch"
        ):
            _select(replace(request, settings=replace(request.settings, budget=budget)))
        picks = found.at(budget)
        _summary(found, picks.num_rows)
        left, right = st.columns(2)
        with left:
            st.subheader("Selection funnel", anchor=False)
            _figure(figures.funnel(found.funnel, picks.num_rows), "funnel")
        with right:
            st.subheader("Similarity by budget", anchor=False)
            _figure(steady.decay, "decay")
        with left:
            st.subheader("Similarity floor", anchor=False)
            _figure(steady.floor, "floor")
            st.subheader("Near-duplicate threshold", anchor=False)
            _figure(steady.copies, "copies")
            st.caption(steady.threshold_note)
        with right:
            _target_shares(found, picks)
        st.subheader("First images", anchor=False)
        rows = picks.slice(0, EXAMPLES).to_pylist()
        gallery.draw([row["uid"] for row in rows], [_caption(row) for row in rows])


def _figure(figure: Any, key: str) -> None:
    st.plotly_chart(figure, key=f"figure {key}", theme="streamlit", width="stretch")


def _caption(row: dict[str, Any]) -> str:
    similarity = row["similarity"]
    return row["phase"] if similarity is None else f"{similarity:.2f} · rank {row['target_rank']}"


def _summary(found: preview.Exploration, count: int) -> None:
    several = "image" if count == 1 else "images"
    searching = len(found.target_uids)
    targets = "target image" if searching == 1 else "target images"
    sentences = [f"**{count:,}** {several} for {searching:,} {targets}."]
    if found.flattens_at:
        sentences.append(f"Similarity flattens at about {found.flattens_at:,}.")
    if found.shortfall and count == found.picks.num_rows:
        sentences.append(found.shortfall)
    guard = found.guard
    if guard["state"] == "on":
        sentences.append(
            f"The contamination guard compared {guard['heldout_images']:,} held-out images and "
            f"excluded {guard['leaks']:,} near-duplicates."
        )
        if guard["heldout_without_features"]:
            sentences.append(
                f"{guard['heldout_without_features']:,} of them have no features under this "
                "encoder and were compared by bytes and perceptual hash only."
            )
    elif guard["state"] == "off":
        sentences.append(
            "The contamination guard is off: near-duplicates of test images may be selected."
        )
    else:
        sentences.append(
            ":orange[:material/warning:] There are no held-out images; the contamination guard is "
            "inactive (guard: none)."
        )
    if found.hint:
        sentences.append(found.hint)
    st.markdown(" ".join(sentences))


def _target_shares(found: preview.Exploration, picks: Any) -> None:
    st.subheader("Images per target", anchor=False)
    shares = preview.shares_of_targets(picks, found.target_uids)
    without = [uid for uid, count in shares.items() if not count]
    _figure(figures.shares(list(shares.values())), "shares")
    if without:
        st.caption(f"{len(without):,} target images contributed no images.")
        with st.popover("Show"):
            gallery.draw(without, height=320)


def _select(request: Request) -> None:
    with st.spinner("Selecting…"), state.WRITING, state.project() as project:
        record = selections.select(project, request)
    state.keep("made", record["selection"])
    st.rerun()


def _selections() -> None:
    st.subheader("Selections", anchor=False)
    with state.project() as project:
        records = selections.every(project)
    if not records:
        st.caption("No saved selections yet.")
        return
    if made := state.kept("made"):
        st.success(f"Saved as {made}.", icon=":material/check:")
        page_list.link("Review", "Review selection", query_params={"selection": str(made)})
    chosen = st.dataframe(
        [_row(record) for record in records], hide_index=True, key="selections",
        on_select="rerun", selection_mode="multi-row",
    )  # fmt: skip
    picked = [records[row]["selection"] for row in chosen["selection"]["rows"]]
    if not picked:
        st.caption("Select two rows to compare them, or any to delete them.")
        return
    compare, delete, _ = st.columns([1, 1.6, 3.4])
    if delete.button(f"Delete {len(picked)} selections…", icon=":material/delete:"):
        _confirm_delete(picked)
    if compare.button("Compare", disabled=len(picked) != 2, icon=":material/compare:"):
        state.keep("compared", picked)
    if state.kept("compared") == picked:
        _compared(picked[0], picked[1])


def _row(record: dict[str, Any]) -> dict[str, Any]:
    stale = [
        word
        for word, is_so in (
            ("pool changed", record["older_than_pool"]),
            ("newer decisions", record["older_than_decisions"]),
        )
        if is_so
    ]
    return {
        "Selection": record["selection"],
        "Target sets": " + ".join(record["targets"]),
        "Strategy": record["settings"]["strategy"],
        "Images": record["count"],
        "Guard": record["guard"]["state"],
        "Created": quantities.moment(record["created_at"]),
        "State": ", ".join(stale) or "up to date",
    }


@st.dialog("Delete selections")
def _confirm_delete(picked: list[str]) -> None:
    st.write(f"This deletes {len(picked)} selections. Decisions and exports are kept.")
    if st.button(f"Delete {len(picked)} selections", type="primary"):
        with state.WRITING, state.project() as project:
            for ident in picked:
                selections.remove(project, ident)
        st.rerun()


def _compared(first: str, second: str) -> None:
    with state.project() as project, st.spinner("Comparing…"):
        found = selections.compared(project, first, second)
        reports = [subset_diagnostics.report(project, ident) for ident in (first, second)]
    st.markdown(
        f"**{found['shared']:,}** images are in both (Jaccard {found['jaccard']:.2f}); "
        f"{len(found['only_a']):,} only in the first, {len(found['only_b']):,} only in the second."
    )
    names = [key for key, value in reports[0].items() if isinstance(value, int | float)]
    st.dataframe(
        [{"Diagnostic": n.replace("_", " "), first: reports[0][n], second: reports[1].get(n)}
         for n in names],
        hide_index=True,
    )  # fmt: skip
    for column, ident, key in zip(
        st.columns(2), (first, second), ("only_a", "only_b"), strict=True
    ):
        with column:
            st.caption(f"Only in {ident}")
            gallery.draw(found[key][:EXAMPLES])


with notices.shown():
    draw()
