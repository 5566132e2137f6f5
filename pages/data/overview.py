"""Overview: the project on one page, in pictures and numbers, with its next step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from pages.shared import continuation, next_step, notices, page_list, project_menu, sketches, state
from sept_core.services.project import dashboard, projects
from sept_core.services.project.dashboard import Dashboard, SelectionCard, TargetCard
from sept_core.wording import quantities

TARGETS_SHOWN = 4
READOUTS = {"linear": "linear probe", "finetune": "fine-tuning", "knn": "kNN"}

START = (
    ("Pool", "Add the pool", "Folders, archives or lists of unlabelled images."),
    ("Targets", "Add target images", "A few images of the task that you care about."),
    ("Pool", "Embed", "Reads each image once; maps and near-duplicates follow by themselves."),
)
"""Page, title and sentence of each step of an empty project."""


def draw() -> None:
    """Draw the page."""
    if state.project_key() is None:
        _welcome()
        return
    with notices.shown():
        continuation.go_on()
        with state.WRITING, state.project() as project:
            status = projects.status(project)
            shown = dashboard.assemble(project, status)
        if status.sources:
            next_step.draw(shown.next)
            _cards(shown)
        else:
            _start()
        return
    _welcome()  # the project in the URL cannot be opened


def _welcome() -> None:
    """Draw what can be done without a project."""
    with st.container(key="welcome"):
        st.html(
            "<h2>Choose the part of an unlabelled image pool that is worth pre-training on.</h2>"
        )
        new, other, demo = st.columns(3)
        _entry(new, "Start a project", "An empty project for your own images.", "New project",
               "add", project_menu.create)  # fmt: skip
        _entry(other, "Continue", "A project that exists on this machine.", "Open project",
               "folder_open", project_menu.open_other)  # fmt: skip
        _entry(demo, "Try the demo", "4,300 drawn pictures, ready in two to three minutes.",
               "Create demo", "auto_awesome", project_menu.demo)  # fmt: skip


def _entry(
    place: st.delta_generator.DeltaGenerator,
    title: str,
    sentence: str,
    label: str,
    icon: str,
    act: Callable[[], None],
) -> None:
    with place, st.container(border=True):
        st.html(f"<h3>{title}</h3><p class='sept-quiet'>{sentence}</p>")
        if st.button(label, icon=f":material/{icon}:", type="primary", width="stretch"):
            act()


def _start() -> None:
    """Draw the three steps of an empty project, and the demo."""
    with st.container(key="welcome"):
        st.html("<h2>Three steps to the first selection</h2>")
        columns = st.columns(3)
        for number, (column, (page, title, sentence)) in enumerate(
            zip(columns, START, strict=True), 1
        ):
            with column, st.container(border=True):
                st.html(f"<h3>{number}. {title}</h3><p class='sept-quiet'>{sentence}</p>")
                page_list.link(page, title, width="stretch")
        if st.button("Create the demo instead", icon=":material/auto_awesome:", type="tertiary"):
            project_menu.demo()


def _cards(shown: Dashboard) -> None:
    pool, targets = st.columns([3, 2])
    with pool:
        _pool(shown)
    with targets:
        _targets(shown)
    selection, run, evidence = st.columns(3)
    with selection:
        _selection(shown.selection)
    with run:
        _run(shown)
    with evidence:
        _evidence(shown)
    _advice(shown)


@contextmanager
def _card(title: str, page: str, label: str, key: str) -> Iterator[None]:
    """Draw a card with its heading and the link to its page."""
    with st.container(border=True, key=f"card-{key}", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f"<h2>{title}</h2>", width="stretch")
            page_list.link(page, label, "arrow_forward", icon_position="right")
        yield


def _pool(shown: Dashboard) -> None:
    pool = shown.pool
    with _card("Pool", "Pool", "Open Pool", "pool"):
        pairs = [
            (f"{pool.counts.images:,}", "images"),
            (f"{pool.sources:,}", "source" if pool.sources == 1 else "sources"),
            (f"{pool.counts.rejected:,}", "rejected files"),
        ]
        if pool.counts.waiting:
            pairs.append((f"{pool.counts.waiting:,}", "to embed"))
        if pool.counts.unreadable:
            pairs.append((f"{pool.counts.unreadable:,}", "unreadable"))
        if pool.duplicates is not None:
            pairs.append((f"{pool.duplicates:,}", "near-duplicates"))
        mosaic = sketches.images(pool.mosaic, "mosaic", "A sample of the pool") or ""
        st.html(sketches.numbers(pairs) + mosaic)


def _targets(shown: Dashboard) -> None:
    with _card("Targets", "Targets", "Open Targets", "targets"):
        if not shown.targets:
            st.caption("No target set yet. Add a few images of your task.")
        for card in shown.targets[:TARGETS_SHOWN]:
            _target(card)
        if len(shown.targets) > TARGETS_SHOWN:
            st.caption(f"and {len(shown.targets) - TARGETS_SHOWN:,} more target sets")


def _target(card: TargetCard) -> None:
    facts = [f"{card.searching:,} to search with", f"{card.heldout:,} held out"]
    facts += [f"{card.waiting:,} to embed"] if card.waiting else []
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{notices.plain(card.name)}** :small[:gray[{' · '.join(facts)}]]")
        if not card.measured and card.strip and st.button(
            "Measure gap", key=f"gap {card.name}", type="tertiary",
            help="Measure which target images have no similar image in the pool.",
        ):  # fmt: skip
            with st.spinner("Comparing with the pool…"), state.WRITING, state.project() as project:
                dashboard.measure_gap(project, card.name)
            st.rerun()
        elif card.measured:
            st.markdown(_gap(card.gap))
    st.html(sketches.images(card.strip, "strip", f"Target images of {card.name}"))


def _gap(gap: float | None) -> str:
    if gap is None:
        return ":small[:gray[pool too small to tell gaps]]"
    return f":small[:orange[gap for {gap:.0%}]]" if gap else ":small[:green[no gap]]"


def _selection(card: SelectionCard | None) -> None:
    with _card("Latest selection", "Curate", "Open Curate", "selection"):
        if card is None:
            st.caption("No selection yet. Choose images in Curate and save them.")
            return
        targets = notices.plain(" + ".join(card.targets))
        made = quantities.moment(card.created_at)
        st.html(sketches.images(card.strip, "strip", "The first images of the selection"))
        st.markdown(
            f"**{card.count:,} images** · {card.strategy} · {targets} :small[:gray[{made}]]"
        )
        if card.precision is None:
            st.caption("Precision: not audited yet.")
        else:
            found = card.precision
            st.markdown(
                f"Precision **{found.estimate:.0%}** ({found.low:.0%} to {found.high:.0%}), "
                f"{found.judged:,} judged"
            )
        if card.distance is not None:
            st.html(
                "<p class='sept-quiet'>Distance to held-out targets (lower is better)</p>"
                + sketches.bars(
                    [("selection", card.distance.subset), ("random", card.distance.random)]
                )
            )
        elif card.measurable and st.button("Measure distance to held-out targets", type="tertiary"):
            with st.spinner("Measuring…"), state.WRITING, state.project() as project:
                dashboard.measure_distance(project, card.id)
            st.rerun()


def _run(shown: Dashboard) -> None:
    card = shown.run
    with _card("Latest run", "Pre-train", "Open Pre-train", "run"):
        if card is None:
            st.caption("No run yet. Pre-train a backbone on a selection.")
            return
        st.markdown(f"**{notices.plain(card.name)}** :small[:gray[{card.state}]]")
        st.html(sketches.curve(card.losses, "Training loss by step"))
        ends = f"{card.losses[0][1]:.2f} → {card.losses[-1][1]:.2f}" if card.losses else ""
        last = f" · loss {ends}" if ends else ""
        took = f" · {quantities.duration(card.seconds)}" if card.seconds else ""
        st.caption(f"{card.method} · {card.backbone} · {card.steps:,} steps{last}{took}")


def _evidence(shown: Dashboard) -> None:
    card = shown.evidence
    with _card("Evidence", "Evaluate", "Open Evaluate", "evidence"):
        if card is None:
            st.caption(
                "No comparison with a random subset yet. Evaluate a run to see whether the "
                "selection helps."
            )
            return
        found = card.difference
        st.markdown(
            f"**{notices.plain(found.arm)}** on {notices.plain(card.target)} "
            f":small[:gray[{READOUTS[found.readout]}]]"
        )
        st.html(sketches.interval(found.value, *found.interval, card.sentence))
        st.markdown(notices.plain(card.sentence))


def _advice(shown: Dashboard) -> None:
    """Draw the advice from the project's studies, or the button that computes it."""
    if not shown.advised:
        return
    with _card("Advice from studies", "Evaluate", "Open Evaluate", "advice"):
        advice = shown.advice
        if advice is None:
            st.caption(
                f"Compares strategies and budgets for {notices.plain(shown.advised)} by validation "
                "scores of this project's studies; before the first one, plans a pilot study."
            )
            _ask(shown.advised, "Get advice", score=False)
            return
        for sentence in advice.sentences:
            st.markdown(notices.plain(sentence))
        if advice.unscored:
            plural = "" if advice.unscored == 1 else "s"
            _ask(shown.advised, f"Score {advice.unscored:,} run{plural}", score=True)
        if advice.pilot:
            st.markdown(notices.plain(advice.pilot))
        if advice.command:
            st.code(advice.command, language=None, wrap_lines=True)


def _ask(target: str, label: str, *, score: bool) -> None:
    """Draw the button that makes the advice; `score` first scores the runs that lack it."""
    if not st.button(label, type="tertiary", icon=":material/lightbulb:"):
        return
    from sept_core.services.train import study_advice  # brings scipy, which the first page avoids

    with notices.shown():
        bar = st.progress(0.0, "Reading the studies")
        with state.project() as project:
            if score:
                study_advice.score(
                    project,
                    target,
                    lambda done, total: bar.progress(
                        done / total, f"Scoring run {done + 1} of {total}"
                    ),
                )
            study_advice.advise(project, target)
        st.rerun()


draw()
