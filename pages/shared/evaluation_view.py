"""The results of one evaluation: a sentence, the figure of differences, accuracies, costs, limits.

In: a finished evaluation and the reference arm. Out: the page's main part, in the order of the
report (`services.train.report`), and a menu that downloads every part of it.
"""

import base64
import html
from collections.abc import Callable

import streamlit as st

from pages.shared import notices, plain_table, state, weak_classes
from sept_core.figures import evaluation as figures
from sept_core.pretrain.methods.registry import TITLES
from sept_core.services.train import differences, evaluation_archive, findings, report
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.wording import quantities

_LEAD = "font-size:1.3rem;line-height:1.4;max-width:58rem;margin:.2rem 0 .1rem;text-wrap:pretty"


def draw(evaluation: Evaluation, reference: str) -> None:
    """Draw all results compared with one arm."""
    sentence = html.escape(findings.headline(evaluation, reference))
    st.html(f'<p style="{_LEAD}">{sentence}</p>')
    st.caption(" ".join([findings.cost(evaluation, reference), report.task(evaluation)]))
    for note in findings.caveats(evaluation, reference):
        st.caption(f":material/info: {notices.plain(note)}")
    _figure(evaluation, reference)
    left, right = st.columns([6, 5], gap="large")
    with left:
        st.subheader(report.ACCURACY, anchor=False)
        plain_table.draw(*findings.spread(evaluation))
        st.caption(report.SPREAD)
    with right:
        st.subheader("Cost of training", anchor=False)
        plain_table.draw(findings.COSTS, findings.costs(evaluation))
    with left:
        _negative(evaluation, reference)
        weak_classes.draw(evaluation)
    with right:
        _made(evaluation)
    _unreadable(evaluation)


def _figure(evaluation: Evaluation, reference: str) -> None:
    """Draw the differences as an image that is part of the page; Streamlit removes inline SVG."""
    rows = differences.of(evaluation, reference)
    if rows:
        drawn = figures.standalone(figures.forest(rows, reference), "transparent")
        data = base64.b64encode(drawn.encode()).decode()
        said = html.escape(figures.described(rows, reference))
        size = f"width:100%;max-width:{figures.WIDTH}px"
        st.html(f'<img src="data:image/svg+xml;base64,{data}" alt="{said}" style="{size}">')


def _negative(evaluation: Evaluation, reference: str) -> None:
    st.subheader(report.NEGATIVE, anchor=False)
    said = findings.negative(evaluation, reference) or [report.NO_NEGATIVE]
    st.markdown("\n".join(f"- {notices.plain(sentence)}" for sentence in said))


def _made(evaluation: Evaluation) -> None:
    """Draw the settings that all arms share."""
    asked = evaluation.request
    known = {
        "Target set": asked["target"],
        "Budgets": ", ".join(f"{budget:,}" for budget in asked.get("budgets", ())),
        "Method": TITLES.get(asked.get("method", ""), ""),
        "Backbone": asked.get("backbone", ""),
        **{_setting(name): str(value) for name, value in asked.get("changes", {}).items()},
        "Runs": ", ".join([*asked.get("runs", ()), *asked.get("folders", ())]),
        "Seeds": str(asked.get("seeds", "")),
        "Label counts": ", ".join(asked.get("labels", ())),
        "Finished": quantities.moment(evaluation.at),
        "Evaluation": evaluation.id,
    }
    st.subheader("How it was made", anchor=False)
    rows = [(name, value) for name, value in known.items() if value]
    plain_table.draw(("Setting", "Value"), rows, numbers=False)


def _setting(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _unreadable(evaluation: Evaluation) -> None:
    names = evaluation.summary["target"]["unreadable"]
    if names:
        with st.expander(f"{len(names):,} unreadable images, excluded for every arm"):
            st.code("\n".join(names), language=None)


def downloads(evaluation: Evaluation, reference: str) -> None:
    """Draw the menu with the report, the figure and every table as files."""
    with st.popover("Download", icon=":material/download:", width="stretch"):
        rows = evaluation_archive.table(evaluation, reference)
        ident = evaluation.id
        _file("Report (HTML)", lambda: report.page(evaluation, reference), f"{ident}.html")
        _file("Report (Markdown)", lambda: report.markdown(evaluation, reference), f"{ident}.md")
        _file("Figure (SVG)", lambda: figures.standalone(report.figure(evaluation, reference)),
              f"{ident}.svg")  # fmt: skip
        _file("Scores and differences (CSV)", lambda: evaluation_archive.as_csv(rows),
              f"{ident}.csv")  # fmt: skip
        _file("Accuracies (CSV)", lambda: plain_table.as_csv(*findings.spread(evaluation)),
              f"{ident}-accuracies.csv")  # fmt: skip
        _file("Costs (CSV)", lambda: plain_table.as_csv(findings.COSTS, findings.costs(evaluation)),
              f"{ident}-costs.csv")  # fmt: skip
        _file("Everything (JSON)", lambda: evaluation_archive.as_json(evaluation), f"{ident}.json")


def _file(label: str, data: Callable[[], str], name: str) -> None:
    st.download_button(
        label, data, name, "application/octet-stream", type="tertiary",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def delete(evaluation: Evaluation) -> None:
    """Draw the button that deletes the evaluation, with what is lost."""
    with st.popover("Delete…", icon=":material/delete:", width="stretch"):
        with state.project() as project:
            size = quantities.size(evaluation_archive.size(project.paths, evaluation.id))
        count = len(evaluation.summary["means"])
        st.write(f"This deletes {count:,} results ({size} on disk). The runs are kept.")
        if st.button("Delete evaluation", type="primary", icon=":material/delete:"):
            with state.project() as project:
                evaluation_archive.delete(project.paths, evaluation.id)
            st.rerun()
