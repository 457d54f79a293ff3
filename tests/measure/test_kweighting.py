"""K-weighting: the standard's table, the same response at every rate, weights, silence."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mastering.errors import ParameterError
from mastering.measure.kweighting import KPower, channel_weights, k_weighting_sos

RATES = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000, 384_000]


def _gain_db(frequency_hz: float, sample_rate: int) -> float:
    z = np.exp(-2j * np.pi * frequency_hz / sample_rate * np.arange(3))
    return 20.0 * sum(np.log10(abs((s[:3] @ z) / (s[3:] @ z))) for s in k_weighting_sos(sample_rate))


def test_the_table_of_bs1770_at_48_khz() -> None:
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    assert k_weighting_sos(48_000) == pytest.approx(np.array(table), abs=1e-10)


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_response_is_that_of_48_khz_at_every_rate(sample_rate: int) -> None:
    # The bilinear transform bends the shelf at 1.7 kHz where Nyquist is near.
    tolerance_db = 0.01 if sample_rate >= 32_000 else 0.07 if sample_rate >= 16_000 else 0.21
    for frequency_hz in (20.0, 40.0, 100.0, 300.0, 997.0, 2_000.0, 3_000.0, 5_000.0, 10_000.0):
        if frequency_hz < 0.4 * sample_rate:
            wanted = _gain_db(frequency_hz, 48_000)
            assert _gain_db(frequency_hz, sample_rate) == pytest.approx(wanted, abs=tolerance_db)


@pytest.mark.parametrize("sample_rate", RATES)
def test_power_of_a_tone_is_its_mean_square_through_the_filter(sample_rate: int) -> None:
    seconds = np.arange(2 * sample_rate) / sample_rate
    tone = (0.5 * np.sin(2 * np.pi * 997.0 * seconds)).astype(np.float32)[np.newaxis]
    powers = KPower(sample_rate, 1, Fraction(sample_rate, 10)).push(tone)
    assert len(powers) == 20
    expected = 0.125 * 10.0 ** (_gain_db(997.0, sample_rate) / 10.0)
    assert powers[10:].mean() == pytest.approx(expected, rel=1e-3)


def test_short_hops_add_up_to_long_ones() -> None:
    noise = np.random.default_rng(2).standard_normal((2, 64 * 300)).astype(np.float32)
    short, long = KPower(44_100, 2, 64).push(noise), KPower(44_100, 2, 640).push(noise)
    assert short.reshape(-1, 10).mean(axis=1) == pytest.approx(long, rel=1e-12)


def test_surround_counts_more_and_lfe_not_at_all() -> None:
    noise = np.random.default_rng(2).standard_normal(9_600).astype(np.float32)
    powers = []
    for channel in range(6):
        samples = np.zeros((6, 9_600), np.float32)
        samples[channel] = noise
        powers.append(KPower(48_000, 6, 4_800).push(samples)[1])
    assert np.array(powers) / powers[0] == pytest.approx([1.0, 1.0, 1.0, 0.0, 1.41, 1.41])
    assert channel_weights(5).tolist() == [1.0, 1.0, 1.0, 1.41, 1.41]
    assert channel_weights(8).tolist() == [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41]


def test_nine_channels_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"allowed 1\.\.8"):
        channel_weights(9)


@pytest.mark.parametrize("level", [1.0, 1e-6])
def test_after_music_silence_becomes_exactly_silent(level: float) -> None:
    power = KPower(44_100, 1, 441)
    power.push(np.full((1, 44_100), level, np.float32))
    assert not power.push(np.zeros((1, 2 * 44_100), np.float32))[100:].any()
