"""Gradients of the twin against finite differences, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MultibandCompressor,
    Saturation,
    Step,
    Width,
)
from mastering.match.twin.compression import compressed
from mastering.match.twin.render import render
from mastering.match.twin.steps import TwinStep, numbers

RATE = 8_000
POINTS = (50.0, 200.0, 800.0, 3_000.0)
STEPS: list[Step] = [
    LinearPhaseEq(
        frequencies_hz=POINTS, mid_gain_db=(1.0, 2.0, 2.5, -3.0), side_gain_db=(0.5, -1.0, -2.0, 1.0)
    ),
    Width(frequencies_hz=POINTS[1:], side_gain_db=(-6.0, 1.0, 2.0)),
    MultibandCompressor(
        crossovers_hz=(300.0, 1_500.0),
        bands=(
            Compressor(threshold_dbfs=-30.0, ratio=2.0, attack_ms=4.0, release_ms=20.0),
            Compressor(threshold_dbfs=-25.0, ratio=4.0, attack_ms=15.0, release_ms=40.0, makeup_db=2.0),
            Compressor(threshold_dbfs=-40.0, ratio=1.5, knee_db=12.0, attack_ms=1.0, release_ms=9.0),
        ),
    ),
    Compressor(threshold_dbfs=-30.0, ratio=3.0, attack_ms=2.0, release_ms=30.0, makeup_db=-1.0),
    Equalizer(
        mid=(
            EqBand(shape="low_shelf", frequency_hz=200.0, gain_db=4.0),
            EqBand(frequency_hz=900.0, gain_db=-5.0, q=2.0),
            EqBand(shape="high_pass", frequency_hz=60.0),
        ),
        side=(
            EqBand(shape="high_shelf", frequency_hz=2_000.0, gain_db=-4.0, q=1.0),
            EqBand(shape="low_pass", frequency_hz=2_500.0, q=0.6),
        ),
    ),
    Saturation(drive_db=9.0, mix_percent=60.0),
]


def bursts(frames: int = 6_000) -> Tensor:
    """Stereo noise that gets loud and soft, so that gains attack and release."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(1, 2, frames, generator=generator, dtype=torch.float64)
    loud = 0.02 + 0.2 * (torch.arange(frames) % 1_500 < 600)
    return noise * loud * torch.tensor([[1.0], [0.6]], dtype=torch.float64)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind)
def test_every_number_has_its_derivative(step: Step) -> None:
    samples = bursts().requires_grad_()
    names = list(numbers(step))
    values = [torch.tensor(own, dtype=torch.float64, requires_grad=True) for own in numbers(step).values()]

    def run(samples: Tensor, *values: Tensor) -> Tensor:
        twin = TwinStep(step=step, values=dict(zip(names, values, strict=True)))
        return render(samples, (twin,), RATE)

    assert torch.autograd.gradcheck(run, (samples, *values), fast_mode=True, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    "name", ["threshold_dbfs", "ratio", "knee_db", "attack_ms", "release_ms", "makeup_db"]
)
def test_each_setting_alone(name: str) -> None:
    """One by one, so that no large derivative hides a wrong small one."""
    start = {
        "threshold_dbfs": -30.0,
        "ratio": 2.5,
        "knee_db": 9.0,
        "attack_ms": 4.0,
        "release_ms": 25.0,
        "makeup_db": 1.0,
    }
    fixed = {key: torch.tensor([own], dtype=torch.float64) for key, own in start.items() if key != name}
    weights = torch.sin(torch.arange(6_000, dtype=torch.float64) * 0.01)

    def run(value: Tensor) -> Tensor:
        out, gain_db = compressed(bursts().unsqueeze(1), **fixed, **{name: value}, sample_rate=RATE)  # type: ignore[arg-type]
        return (out * weights).square().sum() + 0.1 * gain_db.square().mean()

    value = torch.tensor([start[name]], dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad(run(value), value)
    step = 1e-5 * start[name]
    with torch.no_grad():
        rough = (run(value + step) - run(value - step)) / (2.0 * step)
    assert exact.item() == pytest.approx(rough.item(), rel=1e-5)
    assert abs(exact.item()) > 1e-6


def test_a_long_silence_has_finite_gradients() -> None:
    samples = torch.cat([torch.zeros(1, 2, 3_000), bursts().float(), torch.zeros(1, 2, 9_000)], dim=-1)
    for step in STEPS:
        values = {name: torch.tensor(own, requires_grad=True) for name, own in numbers(step).items()}
        inputs = samples.clone().requires_grad_()
        render(inputs, (TwinStep(step=step, values=values),), RATE).square().sum().backward()
        for tensor in (inputs, *values.values()):
            assert tensor.grad is not None
            assert torch.isfinite(tensor.grad).all()
