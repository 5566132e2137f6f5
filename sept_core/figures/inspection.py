"""Figures of the Pool and Targets pages: distributions of statistics and of similarities.

In: counts and edges. Out: Plotly figures without a theme; the page applies its own.
"""

import numpy as np
import plotly.graph_objects as go

TEAL, SAND = "#0f8a80", "#c79a3b"


def spread(counts: np.ndarray, edges: np.ndarray, title: str) -> go.Figure:
    """Draw one histogram, from (B,) counts and (B + 1,) edges."""
    figure = go.Figure(_bars(counts, edges, "images", TEAL))
    figure.update_layout(xaxis_title=title, yaxis_title="images", showlegend=False)
    return _calm(figure)


def reach(edges: np.ndarray, nearest: np.ndarray, background: np.ndarray) -> go.Figure:
    """Draw targets' nearest pool images against random pairs, each as shares of its sum."""
    figure = go.Figure(
        [
            _bars(background / max(1, background.sum()), edges, "random pool images", SAND),
            _bars(nearest / max(1, nearest.sum()), edges, "nearest pool image", TEAL),
        ]
    )
    figure.update_layout(
        barmode="overlay", xaxis_title="cosine similarity to a target", yaxis_tickformat=".0%"
    )
    return _calm(figure)


def _bars(values: np.ndarray, edges: np.ndarray, name: str, colour: str) -> go.Bar:
    return go.Bar(
        x=(edges[1:] + edges[:-1]) / 2, y=values, width=np.diff(edges), name=name,
        marker_color=colour, opacity=0.7,
    )  # fmt: skip


def _calm(figure: go.Figure) -> go.Figure:
    return figure.update_layout(
        height=240,
        bargap=0,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        legend={"orientation": "h", "y": 1.14, "x": 0},
    )
