"""Rounds on the Evaluate page: the table of a series, and the next step of its latest round.

In: a labelled target set. Out: the series in the catalogue, moved by one step per button: begin,
select or take a selection, train, score. Curate shows the subset in between.
"""

from collections.abc import Callable

import streamlit as st

from pages.shared import job_panel, notices, page_list, plain_table, state, weak_classes
from sept_core.services.project.project import Project
from sept_core.services.train import evaluations, round_subset, round_table, rounds, weakest
from sept_core.services.train.round_table import Row
from sept_core.services.train.rounds import Series
from sept_core.wording import quantities

JOBS = ("pretrain",)


def draw() -> None:
    """Draw the choice of a target set, the table, and the next step."""
    with state.project() as project:
        names = evaluations.targets(project)
    if not names:
        st.info("There is no target set yet.", icon=":material/info:")
        return
    left, right = st.columns([2, 5], vertical_alignment="bottom")
    with left:
        target = state.chosen("target", names, "Target set")
    right.caption(
        "Each round selects a subset with more weight on the classes that the last run confused, "
        "trains on it from the same start with the same steps, and scores the run on training "
        "images by cross-validation. Test images are not read."
    )
    with notices.shown():
        with state.project() as project:
            series = rounds.find(project, target)
            rows = round_table.rows(project, series) if series else []
        if series is None:
            _begin(target)
        else:
            _table(rows)
            _next(series, rows)
        job_panel.draw(JOBS)
        if series is not None:
            _foot(series)


def _begin(target: str) -> None:
    with state.project() as project:
        names = round_subset.beginnings(project, target)
    if not names:
        st.info(
            "Rounds start from a finished run on a subset that was selected for this target set "
            "only, by a strategy that uses weights, such as instance search.",
            icon=":material/info:",
        )
        page_list.link("Pre-train", "Start a run in Pre-train")
        return
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        run = state.chosen("first", names, "Run of round 1")
    if right.button("Start rounds from this run", type="primary", icon=":material/play_arrow:"):
        with state.WRITING, state.project() as project:
            round_subset.begin(project, run, target)
        st.rerun()


def _table(rows: list[Row]) -> None:
    plain_table.draw(round_table.HEADS, [round_table.texts(row) for row in rows])
    st.caption(
        "Intervals cover the choice of images, not of seeds: one run per round does not show how "
        "much training varies."
    )


def _next(series: Series, rows: list[Row]) -> None:
    """Draw the next step: select, train or score."""
    if series.open is None:
        _select(series)
    elif rows[-1].state == "selected":
        _train(series)
    elif rows[-1].state == "trained":
        _score(series)


def _select(series: Series) -> None:
    number = len(series.rounds) + 1
    run = series.rounds[-1].run if series.rounds else None
    st.subheader(f"Round {number}: select", anchor=False)
    if why := rounds.ended(series):
        st.info(f"{why} A further round is unlikely to help.", icon=":material/flag:")
    weights = rounds.next_weights(series.rounds)
    with state.project() as project:
        stored = weakest.stored(project, run, series.plan.target) if run else None
        saved = round_subset.candidates(project, series)
    left, right = st.columns([3, 2], gap="large")
    with left:
        if stored is not None:
            weak_classes.table(stored.classes[: weak_classes.SHOWN], weights)
    with right:
        weak_classes.curate("next", lambda project: round_subset.place(project, series))
        st.caption(
            "Curate shows what is new since the last round; change the weights in Settings, veto, "
            "and save the selection. Then use it here."
        )
        titles = {
            one["id"]: f"{one['count']:,} images · {quantities.moment(one['created_at'])} · "
            f"{one['id'][-8:]}"
            for one in saved
        }
        if titles:
            chosen = state.chosen("subset", list(titles), "Saved selection", titles)
            if st.button(f"Use selection as round {number}", icon=":material/check:"):
                _move(lambda project: round_subset.take(project, series, chosen))
        if st.button(f"Select round {number} with these weights", icon=":material/bolt:"):
            _move(lambda project: rounds.select(project, series))


def _train(series: Series) -> None:
    one = series.rounds[-1]
    st.subheader(f"Round {one.number}: review and train", anchor=False)
    st.write(
        f"{one.selection} has {one.new:,} images that the round before did not have."
        if one.number > 1
        else f"{one.selection} is selected."
    )
    with st.container(horizontal=True):
        weak_classes.curate(
            "review", lambda project: round_subset.place(project, series), "Review in Curate",
            kind="secondary",
        )  # fmt: skip
        if st.button(f"Train round {one.number}", type="primary", icon=":material/play_arrow:"):
            with state.WRITING, state.project() as project:
                current = rounds.select(project, series, one.weights)  # with the latest decisions
                rounds.train(project, current)
            st.rerun()


def _score(series: Series) -> None:
    one = series.rounds[-1]
    st.subheader(f"Round {one.number}: score", anchor=False)
    if st.button(f"Score round {one.number}", type="primary", icon=":material/troubleshoot:"):
        with st.spinner("Embedding the training images…"), state.project() as project:
            rounds.score(project, series)
        st.rerun()


def _move(step: Callable[[Project], object]) -> None:
    with state.WRITING, state.project() as project:
        step(project)
    st.rerun()


def _foot(series: Series) -> None:
    if series.complete > 1 and series.open is None:
        with state.project() as project:
            command = round_table.comparison(project.paths.root, series)
        st.caption("After the last round, this compares with random and round 1 on test images:")
        st.code(command, language=None, wrap_lines=True)
    with st.popover("Remove rounds…", icon=":material/delete:"):
        st.write(
            "This removes the table of rounds, so that a new series can start. Selections and runs "
            "are kept."
        )
        if st.button("Remove rounds", type="primary"):
            with state.WRITING, state.project() as project:
                rounds.remove(project, series.plan.target)
            st.rerun()
