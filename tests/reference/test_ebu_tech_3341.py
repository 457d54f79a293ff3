"""EBU Tech 3341 (2023), table 1: every test signal that can be synthesised, with the standard's tolerances.

Cases 7 and 8 are real programmes the EBU distributes; 11 and 14 want a live meter's display.
"""

from __future__ import annotations

import numpy as np
import pytest

from mastering.measure.kweighting import KPower
from mastering.measure.loudness import (
    Loudness,
    LoudnessMeter,
    gated_loudness,
    power_to_lufs,
    short_term_powers,
)
from mastering.measure.peaks import TruePeakMeter

RATES = [44_100, 48_000]


def _steps(sample_rate: int, *steps: tuple[float, float | None]) -> np.ndarray:
    """1 kHz sine through (seconds, peak dBFS) steps; None is silence."""
    ends = np.cumsum([0.0, *(seconds for seconds, _ in steps)])
    frames = np.round(ends * sample_rate).astype(int)
    gain = np.zeros(frames[-1])
    for (_, peak_dbfs), start, stop in zip(steps, frames, frames[1:], strict=False):
        gain[start:stop] = 0.0 if peak_dbfs is None else 10.0 ** (peak_dbfs / 20.0)
    return gain * np.sin(2.0 * np.pi * 1_000.0 * np.arange(frames[-1]) / sample_rate)


def _measure(samples: np.ndarray, sample_rate: int) -> tuple[Loudness, LoudnessMeter]:
    samples = np.atleast_2d(samples).astype(np.float32)
    meter = LoudnessMeter(sample_rate, samples.shape[0])
    meter.push(samples)
    return meter.result(), meter


def _stereo(mono: np.ndarray) -> np.ndarray:
    return np.stack((mono, mono))


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_cases_1_and_2_a_steady_tone(sample_rate: int, level: float) -> None:
    reading, _ = _measure(_stereo(_steps(sample_rate, (20.0, level))), sample_rate)
    assert reading.integrated_lufs == pytest.approx(level, abs=0.1)
    assert reading.max_momentary_lufs == pytest.approx(level, abs=0.1)
    assert reading.max_short_term_lufs == pytest.approx(level, abs=0.1)
    assert reading.short_term_lufs == pytest.approx((level,) * 18, abs=0.1)


INTEGRATED = {
    3: ((10.0, -36.0), (60.0, -23.0), (10.0, -36.0)),
    4: ((10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)),
    5: ((20.0, -26.0), (20.1, -20.0), (20.0, -26.0)),
}


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("case", INTEGRATED)
def test_cases_3_to_5_the_gates(sample_rate: int, case: int) -> None:
    reading, _ = _measure(_stereo(_steps(sample_rate, *INTEGRATED[case])), sample_rate)
    assert reading.integrated_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("lfe", [False, True])
def test_case_6_five_channels(sample_rate: int, lfe: bool) -> None:
    left, centre, surround = (_steps(sample_rate, (20.0, level)) for level in (-28.0, -24.0, -30.0))
    channels = [left, left, centre, surround, surround]
    if lfe:
        channels.insert(3, _steps(sample_rate, (20.0, -10.0)))
    reading, _ = _measure(np.stack(channels), sample_rate)
    assert reading.integrated_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", RATES)
def test_case_9_short_term_stands_still(sample_rate: int) -> None:
    signal = _stereo(_steps(sample_rate, *((1.34, -20.0), (1.66, -30.0)) * 5))
    reading, meter = _measure(signal, sample_rate)
    windows = [power_to_lufs(power) for power in short_term_powers(meter.powers_100ms())]
    assert len(windows) == 121
    assert windows == pytest.approx([-23.0] * 121, abs=0.1)
    assert reading.max_short_term_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("step", range(20))
def test_case_10_short_term_reaches_the_level(sample_rate: int, step: int) -> None:
    signal = _stereo(_steps(sample_rate, (0.15 * step, None), (3.0, -23.0), (1.0, None)))
    reading, _ = _measure(signal, sample_rate)
    assert reading.max_short_term_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", RATES)
def test_case_12_momentary_stands_still(sample_rate: int) -> None:
    signal = _stereo(_steps(sample_rate, *((0.18, -20.0), (0.22, -30.0)) * 25))
    reading, _ = _measure(signal, sample_rate)
    powers = KPower(sample_rate, 2, sample_rate // 100).push(signal.astype(np.float32))
    windows = np.lib.stride_tricks.sliding_window_view(powers, 40).mean(axis=1)
    momentary = [power_to_lufs(power) for power in windows[60:]]
    assert momentary == pytest.approx([-23.0] * len(momentary), abs=0.1)
    assert reading.max_momentary_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("step", range(20))
def test_case_13_momentary_reaches_the_level(sample_rate: int, step: int) -> None:
    signal = _stereo(_steps(sample_rate, (0.02 * step, None), (0.4, -23.0), (1.0, None)))
    reading, _ = _measure(signal, sample_rate)
    assert reading.max_momentary_lufs == pytest.approx(-23.0, abs=0.1)


def _true_peak(mono: np.ndarray) -> float:
    meter = TruePeakMeter(2)
    meter.push(_stereo(mono).astype(np.float32))
    return meter.result().true_peak_dbtp


# Case: divisor of the sample rate, amplitude, phase in degrees, true peak.
TONES = {
    15: (4, 0.50, 0.0, -6.0),
    16: (4, 0.50, 45.0, -6.0),
    17: (6, 0.50, 60.0, -6.0),
    18: (8, 0.50, 67.5, -6.0),
    19: (4, 1.41, 45.0, 3.0),
}


@pytest.mark.parametrize("case", TONES)
def test_cases_15_to_19_true_peak_of_tones(case: int) -> None:
    """Faded: a hard start at 67.5 degrees truly rings to -5.3 dBTP, and the EBU's own files read -6.0."""
    divisor, amplitude, phase_degrees, expected_dbtp = TONES[case]
    frames = np.arange(48_000)
    fade = np.minimum(1.0, np.minimum(frames, frames[::-1]) / 480.0)
    tone = fade * amplitude * np.sin(2.0 * np.pi * frames / divisor + np.radians(phase_degrees))
    reading = _true_peak(tone)
    assert expected_dbtp - 0.4 <= reading <= expected_dbtp + 0.2
    assert reading == pytest.approx(20.0 * np.log10(amplitude), abs=0.02)


@pytest.mark.parametrize("offset", range(4))
def test_cases_20_to_23_true_peak_of_a_burst(offset: int) -> None:
    """A period of fs/4 at 1.0 inside fs/6 at 0.5, made at 4 fs, low-passed and decimated."""
    frames = np.arange(4 * 4_800)
    signal = 0.5 * np.sin(2.0 * np.pi * frames / 24)
    middle = len(frames) // 2 // 24 * 24
    signal[middle : middle + 16] = np.sin(2.0 * np.pi * np.arange(16) / 16)
    taps = np.sinc(np.arange(-256, 257) / 4.0) * np.kaiser(513, 8.0)
    low_passed = np.convolve(signal, taps / taps.sum(), mode="same")
    reading = _true_peak(low_passed[offset::4])
    assert -0.4 <= reading <= 0.2


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000])
def test_bs1770_full_scale_997_hz_in_one_channel(sample_rate: int) -> None:
    """ITU-R BS.1770-5, Annex 1: -3.01 LUFS; 8 kHz pays 0.2 dB to the bilinear transform."""
    tone = np.sin(2.0 * np.pi * 997.0 * np.arange(4 * sample_rate) / sample_rate)
    reading, _ = _measure(np.stack((tone, 0.0 * tone)), sample_rate)
    assert reading.integrated_lufs == pytest.approx(-3.01, abs=0.02 if sample_rate > 16_000 else 0.22)


def test_gated_loudness_is_what_the_meter_reads() -> None:
    reading, meter = _measure(_stereo(_steps(48_000, *INTEGRATED[5])), 48_000)
    assert reading.integrated_lufs == gated_loudness(meter.powers_100ms())
