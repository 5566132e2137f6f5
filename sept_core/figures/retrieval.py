"""Figures of the Retrieve page: funnel, similarity by rank, similarity floor, targets' shares.

In: arrays and counts. Out: Plotly figures without a theme; the page applies its own.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

TEAL, SAND, ROSE = "#0f8a80", "#c79a3b", "#b5577a"
"""Distinguishable in both themes and for colour-blind readers."""

_GATES = {
    "pool": "Pool",
    "decodable": "Decodable",
    "with_features": "With features",
    "in_filter": "Match the filter",
    "not_leaked": "Not a held-out duplicate",
    "not_vetoed": "Not vetoed",
}


def funnel(counts: Mapping[str, int], selected: int) -> go.Figure:
    """Draw the number of images after each rule, and the number selected."""
    featureless = counts.get("no_features", 0)
    passed = dict(counts)
    if featureless:
        passed["with_features"] = counts["decodable"] - featureless
    steps = {label: passed[name] for name, label in _GATES.items() if name in passed}
    steps["Selected"] = selected
    bars = go.Bar(
        x=list(steps.values()),
        y=list(steps),
        orientation="h",
        text=[f"{value:,}" for value in steps.values()],
        textposition="auto",
        marker_color=[TEAL] * (len(steps) - 1) + [SAND],
        hovertemplate="%{y}: %{x:,}<extra></extra>",
    )
    return _calm(go.Figure(bars), 230).update_yaxes(autorange="reversed")


def similarity_by_rank(
    quartiles: np.ndarray, budgets: np.ndarray, flattens_at: int | None
) -> go.Figure:
    """Draw the quartiles of similarity over the targets against the budget filled by each depth.

    Args:
        quartiles: (K, 3).
        budgets: (K,).
        flattens_at: budget to mark, if known.
    """
    low, middle, high = quartiles.T
    figure = go.Figure(
        [
            go.Scatter(x=budgets, y=high, line_width=0, showlegend=False, hoverinfo="skip"),
            go.Scatter(
                x=budgets, y=low, line_width=0, fill="tonexty", name="interquartile range",
                fillcolor="rgba(15,138,128,0.18)", hoverinfo="skip",
            ),
            go.Scatter(x=budgets, y=middle, line_color=TEAL, name="median target"),
        ]
    )  # fmt: skip
    if flattens_at is not None:
        figure.add_vline(flattens_at, line_dash="dot", line_color=SAND)
        figure.add_annotation(
            x=flattens_at, y=1, yref="paper", text=f"flattens at {flattens_at:,}", showarrow=False,
            xanchor="left", xshift=4,
        )  # fmt: skip
    figure.update_layout(xaxis_title="budget (images)", yaxis_title="cosine similarity")
    return _calm(figure, 260)


def floor_ruler(
    edges: np.ndarray, background: np.ndarray, neighbours: np.ndarray, floor: float | None
) -> go.Figure:
    """Draw the similarities of targets to neighbours and to random images, and the floor.

    Args:
        edges: (B + 1,).
        background: (B,) shares.
        neighbours: (B,) shares.
        floor: a cosine, or None.
    """
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    figure = go.Figure(
        [
            go.Bar(x=middle, y=background, width=width, name="random pool images",
                   marker_color=SAND, opacity=0.65),
            go.Bar(x=middle, y=neighbours, width=width, name="nearest neighbours",
                   marker_color=TEAL, opacity=0.65),
        ]
    )  # fmt: skip
    if floor is not None:
        figure.add_vline(floor, line_color=ROSE, line_width=2)
        figure.add_vrect(edges[0], floor, fillcolor=ROSE, opacity=0.08, line_width=0)
    figure.update_layout(
        barmode="overlay", bargap=0, xaxis_title="cosine similarity to a target",
        yaxis_tickformat=".0%",
    )  # fmt: skip
    return _calm(figure, 240)


def shares(counts: Sequence[int]) -> go.Figure:
    """Draw the number of images contributed by each target, in descending order."""
    bars = go.Bar(
        x=list(range(1, len(counts) + 1)),
        y=list(counts),
        marker_color=TEAL,
        hovertemplate="target %{x}: %{y} images<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_layout(xaxis_title="target images, by share", yaxis_title="images", bargap=0.1)
    return _calm(figure, 220)


def copies(edges: np.ndarray, background: np.ndarray, copied: np.ndarray, tau: float) -> go.Figure:
    """Draw the similarities of unrelated images and of true copies, and the threshold.

    Args:
        edges: (B + 1,).
        background: (B,) counts of each image's nearest neighbour.
        copied: (B,) counts of images against their synthetic near-duplicates.
        tau: the threshold.
    """
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    figure = go.Figure(
        [
            go.Bar(x=middle, y=background / max(1, background.sum()), width=width,
                   name="nearest other image", marker_color=SAND, opacity=0.65),
            go.Bar(x=middle, y=copied / max(1, copied.sum()), width=width,
                   name="synthetic near-duplicates", marker_color=TEAL, opacity=0.65),
        ]
    )  # fmt: skip
    figure.add_vline(tau, line_color=ROSE, line_width=2)
    figure.update_layout(
        barmode="overlay", bargap=0, xaxis_title="cosine similarity", yaxis_tickformat=".0%"
    )
    return _calm(figure, 220)


def _calm(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        legend={"orientation": "h", "y": 1.14, "x": 0},
    )
