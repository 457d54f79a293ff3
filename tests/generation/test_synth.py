"""Oscillators, filters, envelopes and effects against what mathematics says."""

from __future__ import annotations

import numpy as np
import pytest

from generation.level import loudness_db
from generation.synth.effects import BLOCK_FRAMES, add_space, chorus, ping_pong, reverb
from generation.synth.envelopes import adsr, seconds, vibrato
from generation.synth.filters import band_pass, fast_size, low_pass
from generation.synth.oscillators import saw, sine, square

RATE = 44_100


def _partials_db(signal: np.ndarray, fundamental_hz: float, count: int) -> np.ndarray:
    window = np.hanning(signal.size)
    spectrum = np.abs(np.fft.rfft(signal * window)) * 2.0 / window.sum()
    bins = np.round(fundamental_hz * np.arange(1, count + 1) * signal.size / RATE).astype(int)
    return 20.0 * np.log10(spectrum[bins])


def test_sawtooth_has_the_fourier_series_of_a_sawtooth() -> None:
    wave = saw(np.full(RATE, 200.0), RATE)
    wanted = 20.0 * np.log10(2.0 / np.pi / np.arange(1, 11))
    assert _partials_db(wave, 200.0, 10) == pytest.approx(wanted, abs=0.15)
    assert abs(wave.mean()) < 1e-3


def test_square_has_only_odd_partials() -> None:
    levels = _partials_db(square(np.full(RATE, 200.0), RATE), 200.0, 6)
    assert levels[[0, 2, 4]] == pytest.approx(20.0 * np.log10(2.0 / np.pi / np.array([1, 3, 5])), abs=0.15)
    assert (levels[[1, 3, 5]] < -80.0).all()


def test_aliases_of_a_high_sawtooth_are_far_below_its_partials() -> None:
    wave = saw(np.full(RATE, 1_877.0), RATE) * np.hanning(RATE)
    spectrum = np.abs(np.fft.rfft(wave))
    partial = np.zeros(spectrum.size, dtype=bool)
    for k in range(1, 12):
        partial[k * 1_877 - 3 : k * 1_877 + 4] = True
    alias = spectrum[:5_000][~partial[:5_000]].max()
    assert 20.0 * np.log10(alias / spectrum[1_877]) < -35.0


def test_sine_is_a_sine() -> None:
    wanted = np.sin(2.0 * np.pi * 440.0 * np.arange(1, RATE + 1) / RATE)
    assert sine(np.full(RATE, 440.0), RATE) == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_low_pass_is_a_second_order_butterworth(ratio: float) -> None:
    # The bilinear transform maps frequency to tan(pi f / rate).
    warped = np.tan(np.pi * 1_000.0 * ratio / RATE) / np.tan(np.pi * 1_000.0 / RATE)
    wanted_db = -10.0 * np.log10(1.0 + warped**4)
    tone = np.sin(2.0 * np.pi * 1_000.0 * ratio * np.arange(RATE) / RATE)
    out = low_pass(tone, np.full(RATE, 1_000.0), RATE)[RATE // 2 :]
    assert 20.0 * np.log10(np.sqrt(2.0 * np.mean(out**2))) == pytest.approx(wanted_db, abs=0.05)


def test_band_pass_keeps_its_band() -> None:
    rng = np.random.default_rng(0)
    power = (
        np.abs(np.fft.rfft(band_pass(rng.standard_normal(RATE), RATE, low_hz=900.0, high_hz=4_000.0))) ** 2
    )
    inside, below, above = power[1_800:2_200].mean(), power[50:150].mean(), power[15_000:18_000].mean()
    assert inside == pytest.approx(RATE / (1.0 + 0.45**4) / (1.0 + 0.5**4), rel=0.1)
    assert below < 1e-3 * inside
    assert above < 1e-2 * inside


def test_adsr_rises_falls_and_releases() -> None:
    time_s = seconds(2.0, RATE)
    shape = adsr(time_s, 1.0, attack_s=0.1, decay_s=0.1, sustain=0.5, release_s=0.05)
    assert shape[0] == 0.0
    assert shape.max() == pytest.approx(1.0, abs=1e-3)
    assert shape[RATE - 1] == pytest.approx(0.5, abs=1e-3)
    assert shape[-1] < 1e-6


def test_vibrato_waits_and_stays_within_its_depth() -> None:
    cents = 1200.0 * np.log2(vibrato(seconds(2.0, RATE), rate_hz=5.0, depth_cents=20.0, delay_s=0.2))
    assert np.abs(cents[: RATE // 5]).max() == 0.0
    assert np.abs(cents[RATE:]).max() == pytest.approx(20.0, abs=0.01)


def test_reverb_falls_by_60_db_in_its_time_and_is_wide() -> None:
    tail = reverb(np.random.default_rng(3), RATE, decay_s=1.0, predelay_s=0.0)
    levels = [20.0 * np.log10(np.sqrt(np.mean(tail[:, at : at + 4_410] ** 2))) for at in (4_410, 26_460)]
    assert levels[0] - levels[1] == pytest.approx(30.0, abs=2.0)
    assert abs(np.corrcoef(tail)[0, 1]) < 0.1
    assert np.sum(tail**2, axis=-1) == pytest.approx([1.0, 1.0])


def test_ping_pong_alternates_sides_on_time() -> None:
    response = ping_pong(RATE, delay_s=0.25, feedback=0.5)
    peaks = [int(np.argmax(np.abs(side))) for side in response]
    assert peaks == [round(0.25 * RATE), round(0.5 * RATE)]
    assert response.sum() == pytest.approx(sum(0.5**i for i in range(6)))


def test_space_is_a_convolution_also_across_blocks() -> None:
    rng = np.random.default_rng(1)
    samples = np.zeros((2, BLOCK_FRAMES + 500), np.float32)
    samples[:, -1_000:] = rng.standard_normal((2, 1_000))
    response = rng.standard_normal((2, 90))
    dry = samples[:, -1_000:].astype(np.float64)
    wanted = [dry[c] + 0.4 * np.convolve(dry.mean(axis=0), response[c])[:1_000] for c in range(2)]
    out = add_space(samples, response, 0.4)
    assert out[:, -1_000:] == pytest.approx(np.array(wanted), abs=1e-4)
    assert np.abs(out[:, :-1_000]).max() < 1e-4


def test_chorus_widens_and_keeps_the_level() -> None:
    rng = np.random.default_rng(2)
    mono = np.tile(rng.standard_normal(RATE).astype(np.float32), (2, 1))
    out = chorus(mono, RATE, rate_hz=0.5, depth_ms=3.0, mix=0.5)
    assert np.corrcoef(out)[0, 1] < 0.95
    assert np.sqrt(np.mean(out**2)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("frames", [1, 17, 44_100, 1_323_000])
def test_fast_size_is_no_shorter_and_little_longer(frames: int) -> None:
    assert frames <= fast_size(frames) <= max(frames + 1, frames * 1.13)


def test_fader_hand_agrees_with_the_standard_at_997_hz() -> None:
    # BS.1770: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LUFS.
    tone = np.zeros((2, 4 * RATE))
    tone[0] = np.sin(2.0 * np.pi * 997.0 * np.arange(4 * RATE) / RATE)
    assert loudness_db(tone, RATE) == pytest.approx(-3.01, abs=0.1)
    assert loudness_db(0.1 * tone, RATE) == pytest.approx(loudness_db(tone, RATE) - 20.0, abs=0.01)
    assert loudness_db(np.zeros((2, RATE)), RATE) == -120.0
