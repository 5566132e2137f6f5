"""Rows of unit length, whatever they were."""

import torch

from sept_core.encoders import numerics


def test_unit() -> None:
    rows = torch.tensor([[3.0, 4.0, 0, 0], [0, 0, 0, 0], [1e-20, 0, 0, 0], [1e-6, 0, 0, 0]])
    expected = torch.tensor([[0.6, 0.8, 0, 0], [0.5] * 4, [0.5] * 4, [1.0, 0, 0, 0]])
    torch.testing.assert_close(numerics.unit(rows), expected)


def test_what_is_not_finite_is_not_made_to_look_like_a_vector() -> None:
    rows = torch.tensor([[torch.nan, 1.0], [torch.inf, 1.0]])
    assert not numerics.unit(rows).isfinite().all(dim=1).any()


def test_ordinary_rows_come_as_torch_scales_them() -> None:
    rows = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(numerics.unit(rows), torch.nn.functional.normalize(rows))
