"""pyloudnorm with De Man's filters: another implementation of BS.1770, written by somebody else."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest

from mastering.measure.loudness import IntegratedMeter


def _high_pass_gain_db(sample_rate: int) -> float:
    """Gain of De Man's high-pass at Nyquist, where ours keeps that of 48 kHz at every rate."""
    k = math.tan(math.pi * 38.13547087602444 / sample_rate)
    return 20.0 * math.log10(1.0 + k / 0.5003270373238773 + k * k)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_integrated_loudness_of_noise(sample_rate: int, channels: int) -> None:
    rng = np.random.default_rng(sample_rate + channels)
    noise = 0.2 * rng.standard_normal((channels, 6 * sample_rate))
    noise *= np.repeat([1.0, 0.1, 0.5, 0.001, 0.8, 0.2], sample_rate)
    noise = noise.astype(np.float32)
    meter = IntegratedMeter(sample_rate, channels)
    meter.push(noise)
    theirs = pyloudnorm.Meter(sample_rate, filter_class="DeMan").integrated_loudness(noise.T.astype(float))
    normalised = theirs - _high_pass_gain_db(sample_rate) + _high_pass_gain_db(48_000)
    assert meter.result() == pytest.approx(normalised, abs=0.002)
