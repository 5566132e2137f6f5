"""Report of an evaluation in one file, as HTML or Markdown.

In: an `Evaluation`. Out, in the order of the page: one sentence, the figure of paired differences,
accuracies with their spread, costs, comparisons without a gain, limits. The HTML needs no network
and no other file; the Markdown shows the figure from a file next to it.
"""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from sept_core.figures import evaluation as figures
from sept_core.services.train import differences, findings
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.services.train.evaluations import RANDOM_INIT
from sept_core.storage import atomic

NAME, MARKDOWN, FIGURE = "report.html", "report.md", "differences.svg"

ACCURACY = "Accuracy on the test images, %"
COSTS = "Cost"
NEGATIVE = "Without a gain"
LIMITS = "Limits"
SPREAD = "Mean over the seeds ± standard deviation."
NO_NEGATIVE = "No trained arm is worse than the reference or indistinguishable from it."

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 3rem auto; padding: 0 1rem;
  color: light-dark(#1f2523, #e4e8e5); background: light-dark(#fbfcfa, #151918); }
h1, h2 { font-weight: 600; line-height: 1.2; } h2 { margin-top: 2.2rem; font-size: 1.15rem; }
.lead { font-size: 1.25rem; max-width: 46rem; } ul, .note { max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.93rem; }
th, td { text-align: right; padding: 0.35rem 0 0.35rem 1.6rem;
  border-bottom: 1px solid light-dark(#dfe3df, #343c39); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.note { color: light-dark(#55605b, #a3aca8); }
"""


def write(evaluation: Evaluation) -> Path:
    """Write the report as HTML and Markdown next to the summary; return the path of the HTML."""
    for name, text in (
        (FIGURE, figures.standalone(figure(evaluation, reference(evaluation)))),
        (MARKDOWN, markdown(evaluation)),
        (NAME, page(evaluation)),
    ):
        with atomic.write_then_rename(evaluation.folder / name) as temporary:
            temporary.write_text(text)
    return evaluation.folder / NAME


def reference(evaluation: Evaluation) -> str:
    """Return the reference arm of the report: a random subset, else the first arm."""
    arms = evaluation.arms
    return next((arm for arm in arms if arm.startswith("random") and arm != RANDOM_INIT), arms[0])


def figure(evaluation: Evaluation, against: str) -> str:
    """Return the figure of the paired differences to an arm, as SVG."""
    return figures.forest(differences.of(evaluation, against), against)


def page(evaluation: Evaluation, against: str | None = None) -> str:
    """Return the report as HTML; names of target sets and arms are escaped.

    Args:
        evaluation: a finished evaluation.
        against: the arm that the others are compared with; see `reference`.
    """
    against = against or reference(evaluation)
    title = _title(evaluation)
    heads, rows = findings.spread(evaluation)
    negative = findings.negative(evaluation, against)
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p class=lead>{_text(findings.headline(evaluation, against))}</p>",
        f"<p class=note>{_text(task(evaluation))}</p>",
        figure(evaluation, against),
        f"<h2>{ACCURACY}</h2>{table(heads, rows)}<p class=note>{SPREAD}</p>",
        f"<h2>{COSTS}</h2><p>{_text(findings.cost(evaluation, against))}</p>",
        table(findings.COSTS, findings.costs(evaluation)),
        f"<h2>{NEGATIVE}</h2>{_list(negative or [NO_NEGATIVE])}",
        f"<h2>{LIMITS}</h2>{_list(findings.caveats(evaluation, against))}",
    ]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(title)}</title>"
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def markdown(evaluation: Evaluation, against: str | None = None) -> str:
    """Return the report as Markdown; its figure is the file `FIGURE` next to it."""
    against = against or reference(evaluation)
    heads, rows = findings.spread(evaluation)
    negative = findings.negative(evaluation, against)
    compared = [
        [one.group, one.arm, findings.points(one.value),
         " to ".join(findings.points(end) for end in one.interval), one.verdict]
        for one in differences.of(evaluation, against)
    ]  # fmt: skip
    columns = ("Readout", "Arm", f"Difference to {against}, points", "95% interval", "Verdict")
    parts = [
        f"# {_plain(_title(evaluation))}",
        f"**{_plain(findings.headline(evaluation, against))}**",
        task(evaluation),
        f"![Paired differences]({FIGURE})",
        _pipes(columns, compared),
        f"## {ACCURACY}\n\n{_pipes(heads, rows)}\n\n{SPREAD}",
        f"## {COSTS}\n\n{_plain(findings.cost(evaluation, against))}",
        _pipes(findings.COSTS, findings.costs(evaluation)),
        f"## {NEGATIVE}\n\n{_dashes(negative or [NO_NEGATIVE])}",
        f"## {LIMITS}\n\n{_dashes(findings.caveats(evaluation, against))}",
    ]
    return "\n\n".join(parts) + "\n"


def task(evaluation: Evaluation) -> str:
    """Return the size of the labelled task in a sentence."""
    found = evaluation.summary["target"]
    return (
        f"{len(found['classes']):,} classes, {found['train']:,} training images, "
        f"{found['test']:,} test images."
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table; all texts are escaped."""
    head = "".join(f"<th scope=col>{_text(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _title(evaluation: Evaluation) -> str:
    return f"Evaluation on {evaluation.request['target']}"


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(sentence)}</li>" for sentence in sentences) + "</ul>"


def _text(text: object) -> str:
    return html.escape(str(text))


def _pipes(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _dashes(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(sentence)}" for sentence in sentences) or "- None."


def _plain(text: object) -> str:
    """Return a text whose Markdown signs are escaped where names may hold them."""
    escaped = str(text)
    for sign in ("\\", "|", "`", "*", "_", "<", "["):
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())
