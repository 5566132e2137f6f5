"""The plain map: a density under a sample of points, for browsers without WebGL.

In: places in 0..1, colour classes, targets. Out: a Plotly figure whose size does not grow with
the pool.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image

SAMPLE = 5000
GRID = 400
SYMBOLS = ("triangle-up", "square", "diamond", "circle")


def density_map(
    places: np.ndarray,
    classes: np.ndarray,
    palette: Sequence[str],
    targets: Mapping[str, tuple[str, np.ndarray]],
    area: Sequence[tuple[float, float]] = (),
) -> go.Figure:
    """Draw all points as a density, the first ones as dots, the targets as glyphs.

    Args:
        places: (N, 2), in random order, so that every prefix is a fair sample.
        classes: (N,) rows of the palette.
        palette: hex colours.
        targets: name to colour and (n, 2) places.
        area: corners of the selected area.
    """
    shown = places[:SAMPLE]
    colours = np.asarray(palette, object)[classes[:SAMPLE]]
    figure = go.Figure(
        go.Scattergl(
            x=shown[:, 0], y=shown[:, 1], mode="markers", name="pool (sample)",
            marker={"size": 4, "color": colours.tolist(), "opacity": 0.8}, hoverinfo="skip",
        )
    )  # fmt: skip
    for index, (name, (colour, theirs)) in enumerate(targets.items()):
        figure.add_scatter(
            x=theirs[:, 0], y=theirs[:, 1], mode="markers", name=name, hoverinfo="name",
            marker={
                "symbol": SYMBOLS[index % len(SYMBOLS)], "size": 9, "color": colour,
                "line": {"width": 1, "color": "#101413"},
            },
        )  # fmt: skip
    figure.add_layout_image(
        source=_density(places), x=0, y=1, sizex=1, sizey=1, xref="x", yref="y",
        sizing="stretch", layer="below",
    )  # fmt: skip
    if area:
        path = "M" + "L".join(f"{x},{y}" for x, y in area) + "Z"
        figure.add_shape(type="path", path=path, line_color="#0f8a80", line_width=2)
    axis = {"range": [0, 1], "visible": False}
    return figure.update_layout(
        height=560, dragmode="lasso", xaxis=axis, yaxis=axis | {"scaleanchor": "x"},
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, legend={"orientation": "h"},
    )  # fmt: skip


def _density(places: np.ndarray) -> Image.Image:
    counts, _, _ = np.histogram2d(places[:, 1], places[:, 0], GRID, [[0, 1], [0, 1]])
    strength = np.log1p(counts[::-1]) / max(1e-9, float(np.log1p(counts.max())))
    pixels = np.zeros((GRID, GRID, 4), np.uint8)
    pixels[..., :3] = (120, 140, 136)
    pixels[..., 3] = np.where(counts[::-1] > 0, 40 + 150 * strength, 0)
    return Image.fromarray(pixels)
