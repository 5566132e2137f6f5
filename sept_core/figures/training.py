"""The curves of a run: loss, learning rate, kNN probe, standard deviation of the features.

In: lines of `metrics.jsonl`. Out: one Plotly figure whose layout stays the same while a run is
active, so that the browser only updates the data.
"""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots


@dataclass(frozen=True)
class Panel:
    """One metric against steps; `form` is the number format of its values."""

    key: str
    title: str
    form: str
    colour: str
    from_zero: bool = False


PANELS = (
    Panel("loss", "Loss", "", "#0e9384"),
    Panel("probe_knn", "kNN probe", ".0%", "#d97a1e", from_zero=True),
    Panel("feature_std", "Feature standard deviation", ".2f", "#4f7fd1", from_zero=True),
    Panel("lr", "Learning rate", "", "#8a938f"),
)
HEIGHT = 240

COLOURS = ("#0e9384", "#d97a1e", "#4f7fd1", "#a565c4", "#c94f7c", "#8a9a2b", "#a0714f", "#8a938f")
"""Colours of compared runs, distinguishable for colour-blind readers in both themes."""
DASHES = ("solid", "dash", "dot", "dashdot")


def curves(
    lines: list[dict[str, Any]], total: int, *, probed: bool, collapsed_below: float
) -> go.Figure:
    """Draw each metric in its own panel, two in a row.

    Args:
        lines: of `metrics.jsonl`; a line may hold any of the metrics.
        total: steps of the whole run, the end of the axis.
        probed: whether there is a kNN probe to show.
        collapsed_below: standard deviation at which the run is stopped, drawn as a line.
    """
    panels = [panel for panel in PANELS if probed or panel.key != "probe_knn"]
    figure = make_subplots(
        rows=-(-len(panels) // 2),
        cols=2,
        subplot_titles=[panel.title for panel in panels],
        horizontal_spacing=0.09,
        vertical_spacing=0.2,
    )
    for number, panel in enumerate(panels):
        row, column = number // 2 + 1, number % 2 + 1
        figure.add_trace(_trace(lines, panel), row=row, col=column)
        figure.update_yaxes(
            tickformat=panel.form,
            nticks=5,
            rangemode="tozero" if panel.from_zero else "normal",
            row=row,
            col=column,
        )
        if panel.key == "feature_std":
            figure.add_hline(
                collapsed_below, line={"dash": "dot", "width": 1, "color": "#c2410c"},
                annotation={"text": "collapsed", "font": {"size": 11}}, row=row, col=column,
            )  # fmt: skip
    figure.update_annotations(font_size=13)
    figure.update_xaxes(range=[0, max(total, 1)], nticks=4, tickformat="~s", title_text=None)
    figure.update_layout(
        height=2 * HEIGHT,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        showlegend=False,
        hovermode="x",
        uirevision="run",
    )
    return figure


def compared(runs: dict[str, list[dict[str, Any]]]) -> go.Figure:
    """Draw the curves of several runs over each other, a panel for each metric that a run has.

    Args:
        runs: name → lines of `metrics.jsonl`.
    """
    panels = [p for p in PANELS if any(p.key in line for own in runs.values() for line in own)]
    figure = make_subplots(
        rows=1,
        cols=max(1, len(panels)),
        subplot_titles=[panel.title for panel in panels],
        horizontal_spacing=0.07,
    )
    for number, (name, lines) in enumerate(runs.items()):
        colour = COLOURS[number % len(COLOURS)]
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        for column, panel in enumerate(panels, start=1):
            trace = _trace(lines, panel)
            trace.update(
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                line={"color": colour, "width": 2, "dash": dash},
                hovertemplate="step %{x:,}: %{y:.4g}<extra>%{fullData.name}</extra>",
            )
            figure.add_trace(trace, row=1, col=column)
            figure.update_yaxes(tickformat=panel.form, nticks=5, row=1, col=column)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(nticks=4, tickformat="~s", title_text="step")
    figure.update_layout(
        height=HEIGHT + 60,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
        hovermode="closest",
    )
    return figure


def _trace(lines: list[dict[str, Any]], panel: Panel) -> go.Scatter:
    found = [line for line in lines if panel.key in line]
    few = panel.key == "probe_knn" or len(found) < 3
    return go.Scatter(
        x=[line["step"] for line in found],
        y=[line[panel.key] for line in found],
        mode="lines+markers" if few else "lines",
        line={"color": panel.colour, "width": 2},
        name=panel.title,
        hovertemplate="step %{x:,}: %{y:.4g}<extra></extra>",
    )
