"""Health of features in cases with a known answer; metrics that can be rewound."""

import math
from pathlib import Path

import pytest
import torch

from sept_core.pretrain import meter

GENERATOR = torch.Generator().manual_seed(0)


def test_spread_features_have_full_rank_and_unit_spread() -> None:
    features = torch.randn(4000, 16, generator=GENERATOR)
    assert meter.effective_rank(features) == pytest.approx(16, abs=0.1)
    assert meter.feature_std(features) == pytest.approx(1, abs=0.02)


def test_collapsed_features_have_none() -> None:
    features = torch.randn(1, 16, generator=GENERATOR).repeat(50, 1)
    assert meter.effective_rank(features) == 1
    assert meter.feature_std(features) == pytest.approx(0, abs=1e-4)


def test_rank_of_equal_orthogonal_groups() -> None:
    features = torch.eye(5).repeat_interleave(8, 0)
    assert meter.effective_rank(features) == pytest.approx(4, abs=1e-3)  # about their mean


def test_shares_add_up_and_start_afresh() -> None:
    clock = meter.Clock(torch.device("cpu"))
    clock.start(0)
    for part in meter.PARTS:
        clock.lap(part)
    assert sum(clock.shares().values()) == pytest.approx(1, abs=1e-3)
    assert sum(clock.shares().values()) == 0


def test_rewinding_forgets_later_and_cut_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = meter.MetricsFile(path)
    metrics.rewind(0)
    for step in (10, 20, 30):
        metrics.append({"step": step, "loss": 1 / step})
    with path.open("a") as out:
        out.write('{"step": 40, "lo')
    assert [line["step"] for line in metrics.lines()] == [10, 20, 30]
    metrics.rewind(20)
    metrics.append({"step": 25})
    assert [line["step"] for line in metrics.lines()] == [10, 20, 25]


def test_a_number_that_json_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        meter.MetricsFile(tmp_path / "m").append({"loss": math.nan})
