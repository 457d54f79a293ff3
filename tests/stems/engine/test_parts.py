"""Kernels and operations of the fast pass beside torch's own."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stems.engine import kernels, ops
from stems.engine.frequency import two_tap
from stems.engine.residual import combine, row_moments, window
from stems.engine.workers import Workers, spans


def noise(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("channels", [3, 6, 48])
@pytest.mark.parametrize("cells", [5, 16, 37])
def test_norm_and_gelu_are_a_group_norm_and_the_exact_gelu(cells: int, channels: int) -> None:
    x, gamma, beta = noise(4, cells, channels, scale=3.0), noise(channels), noise(channels, scale=0.5)
    expected = F.gelu(F.group_norm(x.transpose(1, 2).double(), 1, gamma.double(), beta.double()))
    mean, spread, count = row_moments(x)
    scale = 1 / np.sqrt(spread / count + 1e-5)
    kernels.norm_gelu(x.numpy(), mean, scale, gamma.numpy(), beta.numpy())
    assert float((x.transpose(1, 2) - expected).abs().max()) < 3e-6


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_norm_glu_and_residual_are_one_sum(scale: float) -> None:
    z, y = noise(3, 20, 14, scale=scale), noise(3, 20, 7)
    gamma, beta = noise(14), noise(14)
    normed = F.group_norm(z.transpose(1, 2).double(), 1, gamma.double(), beta.double())
    expected = y.double() + F.glu(normed, 1).transpose(1, 2)
    mean, spread, count = row_moments(z)
    kernels.norm_glu_add(
        z.numpy(), mean, 1 / np.sqrt(spread / count + 1e-5), gamma.numpy(), beta.numpy(), y.numpy()
    )
    assert float((y - expected).abs().max()) < 3e-6


def test_glu_holds_over_the_whole_range_of_the_gate() -> None:
    gate = torch.linspace(-60, 60, 4_001).repeat(1, 2, 1)
    z = torch.cat([torch.ones_like(gate), gate], -1)
    shift = noise(1, 4_001)
    out = torch.empty_like(gate)
    kernels.glu(z.numpy(), out.numpy())
    assert float((out - F.glu(z.double(), -1)).abs().max()) < 1e-6
    kernels.glu_shifted(z.numpy(), shift.numpy(), out.numpy())
    assert float((out - F.glu(z.double(), -1) - shift).abs().max()) < 1e-6


@pytest.mark.parametrize("size", [1, 63, 64, 1_000, 100_003])
def test_moments_hold_far_from_zero(size: int) -> None:
    x = noise(2, size, 1) + torch.tensor([100.0, -3.0])[:, None, None]
    mean, spread, count = row_moments(x)
    exact = x.double().flatten(1)
    assert count == size
    assert np.allclose(mean, exact.mean(1), rtol=1e-5)
    assert np.allclose(spread, exact.var(1, unbiased=False) * size, rtol=1e-4, atol=1e-3)


def test_moments_of_parts_are_the_moments_of_the_whole() -> None:
    x = noise(2, 300, 4) * torch.linspace(0, 5, 300)[:, None]
    parts = [row_moments(x[:, low:high].contiguous()) for low, high in ((0, 7), (7, 200), (200, 300))]
    for found, whole in zip(combine(parts), row_moments(x), strict=True):
        assert np.allclose(found, whole, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_two_taps_are_the_transposed_convolution(axis: int) -> None:
    kernel, stride = ((8, 1), (4, 1)) if axis == 0 else ((1, 8), (1, 4))
    conv = torch.nn.ConvTranspose2d(6, 5, kernel, stride)
    x = noise(9, 11, 6)
    with torch.no_grad():
        expected = conv(x.permute(2, 0, 1)[None])[0].permute(1, 2, 0)
        y = ops.Conv(*two_tap(conv, axis))(window(x, -1, x.shape[axis] + 1, axis))
    groups = y.view(*y.shape[:2], 4, 5)
    found = (groups.transpose(1, 2) if axis == 0 else groups).reshape(expected.shape)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_window_beyond_the_map_is_zero_there() -> None:
    x = noise(4, 6, 2)
    assert torch.equal(window(x, -2, 5, 0), F.pad(x, (0, 0, 0, 0, 2, 1)))
    assert torch.equal(window(x, 3, 8, 1), F.pad(x[:, 3:], (0, 0, 0, 2)))
    assert torch.equal(window(x, 1, 3, 0), x[1:3])


@pytest.mark.parametrize("known", [True, False])
def test_linear_and_product_are_matrix_products(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not known:
        monkeypatch.setattr(ops, "has_onednn", lambda: False)
    x, weight, bias = noise(21, 16), noise(9, 16), noise(9)
    with torch.no_grad():
        assert torch.allclose(ops.Linear(weight, bias)(x), F.linear(x, weight, bias), atol=1e-5)
        assert torch.allclose(ops.Linear(weight, None, gelu=True)(x), F.gelu(x @ weight.t()), atol=1e-5)
        assert torch.allclose(ops.product(x, weight), x @ weight.t(), atol=1e-5)


@pytest.mark.parametrize(("length", "size"), [(1, 5), (10, 3), (10, 10), (10, 0), (336, 168)])
def test_spans_cover_without_gap_or_overlap(length: int, size: int) -> None:
    found = spans(length, size)
    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert all(0 < high - low <= max(1, size) for low, high in found)


def test_workers_keep_the_order_and_torchs_number_of_threads() -> None:
    workers, before = Workers(), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert workers.run(partial(pow, k, 2) for k in range(50)) == [k * k for k in range(50)]
        assert torch.get_num_threads() == 3
        assert set(workers.run([torch.get_num_threads] * 6)) == {1}
    finally:
        torch.set_num_threads(before)
