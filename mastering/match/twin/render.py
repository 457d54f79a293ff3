"""The twin of `mastering.host.render`: samples and TwinSteps in, samples out, differentiable in both.

Agreement with the host is checked in tests/match/test_twin_render.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
from mastering.match.twin import biquads
from mastering.match.twin.compression import compressed
from mastering.match.twin.convolution import convolved, split
from mastering.match.twin.curves import crossover_responses, curve_at, linear_phase_response
from mastering.match.twin.saturation import saturated
from mastering.match.twin.steps import COMPRESSOR_FIELDS, TwinStep

__all__ = ["Stage", "render", "rendered_stages", "twin_steps"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """One processor at work.

    Attributes:
        steps: the steps it does: one, or a run of curves.
        before, after: samples [batch, channels, frames].
        gain_db: of a compressor, without make-up: [batch, bands, control steps]; else None.
    """

    steps: tuple[TwinStep, ...]
    before: Tensor
    after: Tensor
    gain_db: Tensor | None = None


def twin_steps(steps: Iterable[Step]) -> tuple[TwinStep, ...]:
    """Steps without tensors: they render with their own numbers."""
    return tuple(TwinStep(step=step) for step in steps)


def render(samples: Tensor, steps: Sequence[TwinStep], sample_rate: int) -> Tensor:
    """`samples` after `steps`.

    Args:
        samples: [batch, channels, frames], one or two channels, float32 (as the host) or float64.
        steps: their tensors [..., count] are without a batch, or have that of `samples`.
        sample_rate: in Hz.

    Returns:
        [batch, channels, frames], the dtype of `samples`.

    >>> tone = torch.full((1, 2, 64), 0.5)
    >>> bool((render(tone, twin_steps([Compressor(threshold_dbfs=0.0)]), 44_100) == tone).all())
    True
    """
    stages = rendered_stages(samples, steps, sample_rate)
    return stages[-1].after if stages else samples


def rendered_stages(samples: Tensor, steps: Sequence[TwinStep], sample_rate: int) -> list[Stage]:
    """Every processor's work, in signal order."""
    stages: list[Stage] = []
    for group in _groups(steps):
        stage = _stage(samples, group, sample_rate)
        stages.append(stage)
        samples = stage.after
    return stages


def _groups(steps: Sequence[TwinStep]) -> list[tuple[TwinStep, ...]]:
    """Neighbouring curves together, as the host makes one filter of them; the others alone."""
    groups: list[tuple[TwinStep, ...]] = []
    for twin in steps:
        if groups and _is_curve(twin) and _is_curve(groups[-1][0]):
            groups[-1] = (*groups[-1], twin)
        else:
            groups.append((twin,))
    return groups


def _is_curve(twin: TwinStep) -> bool:
    return isinstance(twin.step, (LinearPhaseEq, Width))


def _stage(samples: Tensor, group: tuple[TwinStep, ...], sample_rate: int) -> Stage:
    step = group[0].step
    if isinstance(step, (Compressor, MultibandCompressor)):
        after, gain_db = _compress(samples, group[0], sample_rate)
        return Stage(steps=group, before=samples, after=after, gain_db=gain_db)
    if isinstance(step, Equalizer):
        after = _equalize(samples, group[0], step, sample_rate)
    elif isinstance(step, Saturation):
        drive_db, mix_percent = (
            group[0].value(name, samples).unsqueeze(-1) for name in ("drive_db", "mix_percent")
        )
        after = saturated(samples, drive_db, mix_percent, sample_rate)
    else:
        after = _shape(samples, group, sample_rate)
    return Stage(steps=group, before=samples, after=after)


def _mid_side(samples: Tensor) -> Tensor:
    """Left and right to mid and side; one channel is its own mid."""
    if samples.shape[-2] == 1:
        return samples
    left, right = samples.unbind(-2)
    return torch.stack([left + right, left - right], dim=-2) * 0.5


def _left_right(mid_side: Tensor) -> Tensor:
    if mid_side.shape[-2] == 1:
        return mid_side
    mid, side = mid_side.unbind(-2)
    return torch.stack([mid + side, mid - side], dim=-2)


def _shape(samples: Tensor, group: tuple[TwinStep, ...], sample_rate: int) -> Tensor:
    """A run of curves as one pair of linear-phase filters."""
    points = tuple(sorted({f for twin in group for f in _points(twin)}))
    mid = side = torch.zeros(len(points), dtype=torch.float64, device=samples.device)
    for twin in group:
        own = _points(twin)
        side = side + curve_at(points, own, twin.value("side_gain_db", samples).double())
        if isinstance(twin.step, LinearPhaseEq):
            mid = mid + curve_at(points, own, twin.value("mid_gain_db", samples).double())
    curves = torch.stack((mid + 0.0 * side, side + 0.0 * mid)[: samples.shape[-2]], dim=-2)
    response = linear_phase_response(points, curves, sample_rate).to(samples.dtype)
    return _left_right(convolved(_mid_side(samples), response))


def _points(twin: TwinStep) -> tuple[float, ...]:
    assert isinstance(twin.step, (LinearPhaseEq, Width))
    return twin.step.frequencies_hz


def _equalize(samples: Tensor, twin: TwinStep, step: Equalizer, sample_rate: int) -> Tensor:
    parts = _mid_side(samples)
    done = []
    for channel, (part, bands) in enumerate((("mid", step.mid), ("side", step.side))[: parts.shape[-2]]):
        sections = _sections(twin, part, bands, samples, sample_rate)
        row = parts[..., channel, :]
        if sections is not None:
            row = biquads.filtered(row, sections.expand(len(row), *sections.shape[-2:]))
        done.append(row)
    return _left_right(torch.stack(done, dim=-2))


def _sections(
    twin: TwinStep, part: str, bands: tuple[EqBand, ...], like: Tensor, sample_rate: int
) -> Tensor | None:
    """Biquads [..., sections, 5] of one part; passes above the band of the rate do nothing."""
    frequency_hz, gain_db, q = (
        twin.value(f"{part}_{name}", like).double() for name in ("frequency_hz", "gain_db", "q")
    )
    single = like.dtype == torch.float32
    sections = [
        biquads.design(
            band.shape, frequency_hz[..., i], gain_db[..., i], q[..., i], sample_rate, single=single
        )
        for i, band in enumerate(bands)
        if band.shape not in ("high_pass", "low_pass")
        or float(frequency_hz[..., i].detach().max()) < 0.49 * sample_rate
    ]
    return torch.stack(sections, dim=-2) if sections else None


def _compress(samples: Tensor, twin: TwinStep, sample_rate: int) -> tuple[Tensor, Tensor]:
    bands = samples.unsqueeze(1)
    if isinstance(twin.step, MultibandCompressor):
        responses = crossover_responses(twin.step.crossovers_hz, sample_rate)
        bands = split(samples, responses.to(samples))
    settings = {name: twin.value(name, samples) for name in COMPRESSOR_FIELDS}
    return compressed(bands, **settings, sample_rate=sample_rate)
