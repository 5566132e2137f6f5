"""The figure of an evaluation: every arm's mean accuracy with its 95% interval.

In: rows of `services.train.evaluations.table`. Out: one Plotly figure, a colour for each arm.
"""

from typing import Any

import plotly.graph_objects as go

COLOURS = ("#8a938f", "#0e9384", "#d97a1e", "#4f7fd1", "#a565c4", "#c94f7c", "#8a9a2b", "#a0714f")
"""Distinguishable for colour-blind readers in both themes; the first is for the baseline."""
ROW_HEIGHT, LEAST_HEIGHT = 26, 220


def intervals(rows: list[dict[str, Any]], titles: dict[str, str]) -> go.Figure:
    """Draw dots with error bars, grouped by readout and label count.

    Args:
        rows: see the module.
        titles: displayed name of each readout.
    """
    figure = go.Figure()
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    for number, arm in enumerate(arms):
        own = [row for row in rows if row["arm"] == arm]
        figure.add_trace(_dots(arm, own, titles, COLOURS[number % len(COLOURS)]))
    groups = len({(row["readout"], row["labels"]) for row in rows})
    figure.update_layout(
        height=max(LEAST_HEIGHT, ROW_HEIGHT * len(rows) + 20 * groups + 90),
        scattermode="group",
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(title_text="accuracy, %", ticksuffix="%")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _dots(arm: str, rows: list[dict[str, Any]], titles: dict[str, str], colour: str) -> go.Scatter:
    ends = [(row["low"], row["high"], row["mean"]) for row in rows]
    return go.Scatter(
        x=[100 * row["mean"] for row in rows],
        y=[f"{titles[row['readout']]}, {row['labels']}" for row in rows],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0 if high is None else 100 * (high - mean) for _, high, mean in ends],
            "arrayminus": [0.0 if low is None else 100 * (mean - low) for low, _, mean in ends],
            "thickness": 1.5,
            "width": 4,
        },
        mode="markers",
        orientation="h",
        offsetgroup=arm,
        marker={"color": colour, "size": 9},
        name=arm,
        hovertemplate="%{x:.1f}%<extra>%{fullData.name}</extra>",
    )
