"""The curves of a run and the dots of an evaluation, seen as Plotly will draw them."""

from typing import Any

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


ROWS = [
    {"arm": "a", "readout": "knn", "labels": "all", "mean": 0.5, "low": 0.4, "high": 0.7},
    {"arm": "b", "readout": "knn", "labels": "all", "mean": 0.6, "low": None, "high": None},
]


def test_every_arm_has_a_colour_and_its_interval() -> None:
    figure: Any = evaluation.intervals(ROWS, {"knn": "20-NN"})
    first, second = figure.data
    assert (first.name, first.x, first.y) == ("a", (50.0,), ("20-NN, all",))
    assert [round(end) for end in (first.error_x.array[0], first.error_x.arrayminus[0])] == [20, 10]
    assert (second.error_x.array, second.error_x.arrayminus) == ((0.0,), (0.0,))
    assert first.marker.color != second.marker.color
