"""The compressor of `mastering.dsp.dynamics`, for many rows at once, with its exact derivative.

Forward is the host's recursion: mean square per control step, smoothed; static curve; attack and
release of the gain in dB; gain ramped over each step. Backward walks the same steps in reverse.
Where a branch changes (knee, attack or release) the derivative is that of the branch taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mastering.dsp.dynamics import RMS_MS, control_frames, static_gain_db
from mastering.dsp.jit import kernel

__all__ = ["compressed"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]

_NEPER = math.log(10.0) / 20.0
_TINY = 1e-20


def compressed(
    bands: Tensor,
    *,
    threshold_dbfs: Tensor,
    ratio: Tensor,
    knee_db: Tensor,
    attack_ms: Tensor,
    release_ms: Tensor,
    makeup_db: Tensor,
    sample_rate: int,
) -> tuple[Tensor, Tensor]:
    """The sum of compressed bands, and their gain.

    Args:
        bands: [batch, bands, channels, frames], float32 or float64.
        threshold_dbfs, ratio, knee_db, attack_ms, release_ms, makeup_db: as in `chain.Compressor`,
            [bands] or [batch, bands].
        sample_rate: in Hz.

    Returns:
        Samples [batch, channels, frames]; gain without make-up in dB, float64 [batch, bands, control steps].
    """
    step_ms = 1e3 * control_frames(sample_rate) / sample_rate
    columns = (
        threshold_dbfs.double(),
        ratio.double(),
        knee_db.double(),
        torch.exp(-step_ms / attack_ms.double()),
        torch.exp(-step_ms / release_ms.double()),
        torch.pow(10.0, makeup_db.double() / 20.0),
        torch.exp(-step_ms / torch.clamp(0.5 * attack_ms.double(), max=RMS_MS)),
    )
    settings = torch.stack([column.expand(bands.shape[:2]) for column in columns], dim=-1)
    apply = cast("Callable[..., tuple[Tensor, Tensor]]", _Compression.apply)
    return apply(bands, settings, control_frames(sample_rate))


class _Compression(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bands: Tensor, settings: Tensor, step: int) -> tuple[Tensor, Tensor]:
        x, curves = _array(bands), _array(settings)
        batch, count, channels, frames = x.shape
        gain_db = np.zeros((batch, count, -(-frames // step)))
        power = np.zeros_like(gain_db)
        out = np.zeros((batch, channels, frames), x.dtype)
        _forward(x, step, curves, power, gain_db, out)
        gains = torch.from_numpy(gain_db).to(bands.device)
        ctx.save_for_backward(bands, settings, gains)
        ctx.power, ctx.step = power, step
        return torch.from_numpy(out).to(bands.device), gains

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_out: Tensor, to_gain_db: Tensor) -> tuple[Tensor, Tensor, None]:
        bands, settings, gain_db = ctx.saved_tensors
        x, curves = _array(bands), _array(settings)
        to_bands, to_curves = np.empty_like(x), np.zeros_like(curves)
        _backward(
            x,
            ctx.step,
            curves,
            ctx.power,
            _array(gain_db),
            _array(to_out.to(bands.dtype)),
            _array(to_gain_db.double()),
            to_bands,
            to_curves,
        )
        device = bands.device
        return torch.from_numpy(to_bands).to(device), torch.from_numpy(to_curves).to(device), None


def _array(values: Tensor) -> Any:
    return values.detach().cpu().contiguous().numpy()


@kernel
def _forward(x: Floats, step: int, curves: Doubles, power: Doubles, gain_db: Doubles, out: Floats) -> None:
    batch, bands, channels, frames = x.shape
    for item in range(batch):
        for band in range(bands):
            threshold, ratio, knee, attack, release, makeup, smoothing = curves[item, band]
            gain, ramp, mean = 0.0, makeup, 0.0
            for k in range(gain_db.shape[2]):
                start = k * step
                stop = min(start + step, frames)
                square = 0.0
                for channel in range(channels):
                    for i in range(start, stop):
                        square += x[item, band, channel, i] * x[item, band, channel, i]
                mean = square / (channels * (stop - start)) * (1.0 - smoothing) + smoothing * mean
                wanted = static_gain_db(10.0 * math.log10(mean + _TINY), threshold, ratio, knee)
                keep = attack if wanted < gain else release
                gain = wanted + keep * (gain - wanted)
                end = 10.0 ** (0.05 * gain) * makeup
                slope = (end - ramp) / (stop - start)
                for channel in range(channels):
                    for i in range(start, stop):
                        out[item, channel, i] += x[item, band, channel, i] * (ramp + slope * (i - start + 1))
                ramp = end
                power[item, band, k] = mean
                gain_db[item, band, k] = gain


@kernel
def _slopes(over: float, ratio: float, knee: float) -> tuple[float, float, float]:
    """Derivatives of `static_gain_db` to the level, the ratio and the knee."""
    slope = 1.0 / ratio - 1.0
    if 2.0 * over <= -knee:
        return 0.0, 0.0, 0.0
    if 2.0 * over < knee:
        u = over + 0.5 * knee
        share = u / knee
        return slope * share, -0.5 * u * share / (ratio * ratio), 0.5 * slope * share * (1.0 - share)
    return slope, -over / (ratio * ratio), 0.0


@kernel
def _backward(
    x: Floats,
    step: int,
    curves: Doubles,
    power: Doubles,
    gain_db: Doubles,
    to_out: Floats,
    to_gain_db: Doubles,
    to_x: Floats,
    to_curves: Doubles,
) -> None:
    batch, bands, channels, frames = x.shape
    for item in range(batch):
        for band in range(bands):
            threshold, ratio, knee, attack, release, makeup, smoothing = curves[item, band]
            to_curve = to_curves[item, band]
            # Adjoints that come from the step after this one: of its ramp's start, its gain, its power.
            to_end, to_gain, to_power = 0.0, 0.0, 0.0
            for k in range(gain_db.shape[2] - 1, -1, -1):
                start = k * step
                stop = min(start + step, frames)
                gain, mean = gain_db[item, band, k], power[item, band, k]
                before, mean_before, ramp = 0.0, 0.0, makeup
                if k > 0:
                    before, mean_before = gain_db[item, band, k - 1], power[item, band, k - 1]
                    ramp = 10.0 ** (0.05 * before) * makeup
                end = 10.0 ** (0.05 * gain) * makeup
                slope = (end - ramp) / (stop - start)
                whole, rising, square = 0.0, 0.0, 0.0
                for channel in range(channels):
                    for i in range(start, stop):
                        value = x[item, band, channel, i]
                        product = value * to_out[item, channel, i]
                        whole += product
                        rising += product * (i - start + 1)
                        square += value * value
                rising /= stop - start
                to_end += rising
                to_curve[5] += to_end * end / makeup
                to_gain += to_end * end * _NEPER + to_gain_db[item, band, k]

                level = 10.0 * math.log10(mean + _TINY)
                wanted = static_gain_db(level, threshold, ratio, knee)
                is_attack = wanted < before
                keep = attack if is_attack else release
                to_curve[3 if is_attack else 4] += to_gain * (before - wanted)
                to_wanted = to_gain * (1.0 - keep)
                by_level, by_ratio, by_knee = _slopes(level - threshold, ratio, knee)
                to_curve[0] -= to_wanted * by_level
                to_curve[1] += to_wanted * by_ratio
                to_curve[2] += to_wanted * by_knee
                to_power += to_wanted * by_level * 0.5 / (_NEPER * (mean + _TINY))
                count = channels * (stop - start)
                to_curve[6] += to_power * (mean_before - square / count)
                by_sample = 2.0 * to_power * (1.0 - smoothing) / count
                for channel in range(channels):
                    for i in range(start, stop):
                        to_x[item, band, channel, i] = (
                            to_out[item, channel, i] * (ramp + slope * (i - start + 1))
                            + by_sample * x[item, band, channel, i]
                        )
                to_end = whole - rising
                to_gain *= keep
                to_power *= smoothing
            to_curve[5] += to_end
