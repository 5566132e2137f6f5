"""The curves of a run and the dots of an evaluation, seen as Plotly will draw them."""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from sept_core.figures import evaluation, training

LINES = [
    {"step": 20, "loss": 3.0, "lr": 0.01, "feature_std": 0.6},
    {"step": 40, "probe_knn": 0.5},
    {"step": 40, "loss": 2.0, "lr": 0.02, "feature_std": 0.5},
]


def curves(probed: bool, lines: list[dict[str, Any]] = LINES) -> Any:
    return training.curves(lines, 100, probed=probed, collapsed_below=0.02)


def test_each_metric_has_its_own_points() -> None:
    traces = {trace.name: (trace.x, trace.y) for trace in curves(probed=True).data}
    assert traces["Loss"] == ((20, 40), (3.0, 2.0))
    assert traces["kNN probe"] == ((40,), (0.5,))
    assert len(traces) == 4
    assert "kNN probe" not in {trace.name for trace in curves(probed=False).data}


def test_new_lines_change_only_the_data() -> None:
    later = [*LINES, {"step": 60, "loss": 1.0, "lr": 0.01, "feature_std": 0.4}]
    before, after = curves(probed=True), curves(probed=True, lines=later)
    assert before.layout == after.layout
    assert before.layout.xaxis.range == (0, 100)
    (line,) = before.layout.shapes
    assert line.y0 == line.y1 == 0.02


def test_compared_runs_share_the_panels_and_keep_their_names() -> None:
    figure: Any = training.compared({"a": LINES, "b": LINES[:1]})
    named = {(trace.name, trace.line.color) for trace in figure.data}
    assert len(named) == 2 and {name for name, _ in named} == {"a", "b"}
    assert [trace.showlegend for trace in figure.data].count(True) == 2


@dataclass(frozen=True)
class Row:
    """A paired difference."""

    arm: str
    group: str
    value: float
    interval: tuple[float, float]
    better: bool | None
    verdict: str
    pairs: tuple[tuple[float, float], ...]


ROWS = [
    Row("whole", "20-NN", 0.02, (-0.01, 0.05), None, "no difference seen", ((0.5, 0.52),)),
    Row("<b>", "20-NN", 0.1, (0.08, 0.12), True, "better", ((0.5, 0.61), (0.52, 0.61))),
]


def test_every_seed_is_a_dot_and_a_pair_in_the_figure() -> None:
    drawn = evaluation.forest(ROWS, "random")
    root = ElementTree.fromstring(drawn)
    kinds = [element.get("class") for element in root.iter()]
    assert kinds.count("seed") == 3 and kinds.count("pair") == 3
    assert [kind for kind in kinds if kind in ("better", "worse")] == ["better"]
    assert "+10.0 points (better)" in evaluation.described(ROWS, "random")
    assert "<b>" not in drawn.replace("&lt;b&gt;", ""), "names are escaped"


def test_the_axis_covers_every_interval_and_zero() -> None:
    drawn = evaluation.forest(ROWS[1:], "random")
    root = ElementTree.fromstring(drawn)
    lines = [e for e in root.iter() if e.get("class") in ("mark", "zero") and e.get("x1")]
    places = [float(str(line.get("x1"))) for line in lines]
    assert min(places) >= 226 and max(places) <= 600
    assert "color-scheme:light dark" in evaluation.standalone(drawn)
