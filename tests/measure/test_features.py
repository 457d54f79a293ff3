"""All meters together: blocks, threads, gain, degenerate pieces."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.audio import Audio
from mastering.errors import ParameterError
from mastering.measure.features import Features, analyse
from mastering.measure.meter import FeatureMeter

SHIFTED = (
    "integrated_lufs",
    "max_momentary_lufs",
    "max_short_term_lufs",
    "true_peak_dbtp",
    "sample_peak_dbfs",
    "level_percentiles_db",
    "band_levels_mid_db",
    "band_levels_side_db",
    "noise_floor_dbfs",
    "short_term_lufs",
)
KEPT = (
    "loudness_range_lu",
    "plr_db",
    "psr_db",
    "crest_db",
    "tilt_db_per_octave",
    "side_to_mid_db",
    "correlation",
    "band_correlation",
    "bandwidth_hz",
)


def _music(channels: int, frames: int, seed: int = 3) -> np.ndarray:
    """Decorrelated pink noise with loud and quiet stretches, a clipped one and a silent one."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal((channels, frames)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 8.0)), frames)
    pink[-1] = 0.6 * pink[0] + 0.4 * pink[-1]
    pink *= 0.1 / np.sqrt(np.mean(pink**2))
    level = np.repeat(rng.uniform(0.1, 1.0, 16), frames // 16 + 1)[:frames]
    music = pink * level
    music[:, frames // 4 : frames // 3] = np.clip(8.0 * music[:, frames // 4 : frames // 3], -0.7, 0.7)
    music[:, frames // 2 : frames // 2 + frames // 8] = 0.0
    return music.astype(np.float32)


def _flat(features: Features, names: tuple[str, ...]) -> np.ndarray:
    return np.concatenate([np.ravel(getattr(features, name)) for name in names])


@pytest.mark.parametrize(("sample_rate", "channels"), [(44_100, 2), (11_025, 1), (22_050, 6), (96_000, 2)])
def test_blocks_and_threads_change_no_bit(sample_rate: int, channels: int) -> None:
    samples = _music(channels, 5 * sample_rate)
    whole = analyse(Audio(samples=samples, sample_rate=sample_rate))
    assert analyse(Audio(samples=samples, sample_rate=sample_rate), threads=2) == whole

    @settings(max_examples=6, deadline=None)
    @given(cuts=st.lists(st.integers(0, samples.shape[1]), max_size=30), early=st.booleans())
    def partitions(cuts: list[int], early: bool) -> None:
        meter = FeatureMeter(sample_rate, channels)
        for block in np.split(samples, sorted(cuts), axis=1):
            meter.push(block)
            if early:
                meter.result()
        assert _without_peak(meter.result()) == _without_peak(whole)
        if not early:
            assert meter.result() == whole

    partitions()


def _without_peak(features: Features) -> Features:
    return dataclasses.replace(features, true_peak_dbtp=0.0, plr_db=0.0)


def test_tiny_blocks_are_fine() -> None:
    samples = _music(2, 3_000)
    meter = FeatureMeter(8_000, 2)
    for frame in range(samples.shape[1]):
        meter.push(samples[:, frame : frame + 1])
    assert meter.result() == analyse(Audio(samples=samples, sample_rate=8_000))


@settings(max_examples=12, deadline=None)
@given(gain_db=st.floats(-10.0, 20.0))
def test_gain_moves_every_level_by_the_gain_and_no_ratio(gain_db: float) -> None:
    # Without a pause, whose edges would cross the absolute gate at -70 LUFS.
    samples = 0.2 * _music(2, 5 * 22_050)
    samples[:, 5 * 22_050 // 2 :] = samples[:, : 5 * 22_050 - 5 * 22_050 // 2]
    plain = analyse(Audio(samples=samples, sample_rate=22_050))
    gain = np.float32(10.0 ** (gain_db / 20.0))
    moved = analyse(Audio(samples=samples * gain, sample_rate=22_050))
    expected = _flat(plain, SHIFTED)
    expected = expected + np.where(np.isfinite(expected), gain_db, 0.0)
    assert _flat(moved, SHIFTED) == pytest.approx(expected, abs=2e-3)
    assert _flat(moved, KEPT) == pytest.approx(_flat(plain, KEPT), abs=2e-3)
    assert moved.dc_offset == pytest.approx(plain.dc_offset * gain, rel=1e-3, abs=1e-9)


def test_swapping_the_channels_changes_nothing_but_the_order() -> None:
    samples = _music(2, 4 * 44_100)
    plain = analyse(Audio(samples=samples, sample_rate=44_100))
    swapped = analyse(Audio(samples=samples[::-1].copy(), sample_rate=44_100))
    for name in (*SHIFTED, *KEPT, "clipped_runs", "clipped_frames"):
        assert np.ravel(getattr(swapped, name)) == pytest.approx(np.ravel(getattr(plain, name)), abs=1e-6)


PIECES = {
    "no frames": np.zeros((2, 0)),
    "one frame": np.full((2, 1), 0.5),
    "one silent frame": np.zeros((1, 1)),
    "two frames": np.array([[1.0, -1.0]]),
    "silence": np.zeros((2, 30_000)),
    "dc": np.full((2, 30_000), 0.25),
    "short": 0.1 * np.random.default_rng(1).standard_normal((2, 2_500)),
    "one side silent": np.array([[1.0], [0.0]]) * np.sin(np.arange(30_000)),
    "inverted": np.array([[1.0], [-1.0]]) * np.sin(np.arange(30_000)),
    "one click": np.eye(1, 40_000, 20_000),
    "smallest numbers": np.full((2, 30_000), 1e-44),
    "full scale square": np.sign(np.sin(np.arange(30_000) / 50.0))[np.newaxis],
    "far over full scale": 1e6 * np.sin(np.arange(30_000))[np.newaxis],
}


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 384_000])
def test_degenerate_pieces_give_sane_features(piece: str, sample_rate: int) -> None:
    samples = PIECES[piece].astype(np.float32)
    features = analyse(Audio(samples=samples, sample_rate=sample_rate))
    values = dataclasses.asdict(features)
    values |= {f"chunks.{name}": value for name, value in values.pop("chunks").items()}
    for name, value in values.items():
        numbers = np.asarray(value, np.float64)
        assert not np.isnan(numbers).any(), name
        assert (numbers < math.inf).all(), name
    assert features.duration_s == samples.shape[1] / sample_rate
    assert features.channels == samples.shape[0]
    assert -1.0 <= features.correlation <= 1.0
    assert 0.0 <= features.bandwidth_hz <= sample_rate / 2


def test_silence_is_a_value() -> None:
    features = analyse(Audio(samples=np.zeros((2, 5 * 44_100), np.float32), sample_rate=44_100))
    levels = (*SHIFTED, "plr_db", "psr_db", "crest_db", "side_to_mid_db")
    assert set(_flat(features, levels)) == {-math.inf}
    assert features.loudness_range_lu == features.tilt_db_per_octave == features.dc_offset == 0.0
    assert features.correlation == 1.0
    assert features.clipped_runs == 0


def test_dc_is_seen_as_dc_and_not_as_music() -> None:
    features = analyse(Audio(samples=np.full((2, 5 * 44_100), 0.25, np.float32), sample_rate=44_100))
    assert features.dc_offset == 0.25
    assert features.integrated_lufs < -30.0
    assert max(features.band_levels_mid_db) < -60.0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(wrong: float) -> None:
    meter = FeatureMeter(44_100, 2)
    meter.push(np.zeros((2, 100), np.float32))
    block = np.zeros((2, 100), np.float32)
    block[1, 50] = wrong
    with pytest.raises(ParameterError, match="from frame 100 holds NaN or infinity"):
        meter.push(block)


def test_a_pool_of_the_caller_serves_as_well() -> None:
    samples = _music(2, 44_100)
    meter = FeatureMeter(44_100, 2)
    with ThreadPoolExecutor(1) as pool:
        meter.push(samples, pool=pool)
    assert meter.result() == analyse(Audio(samples=samples, sample_rate=44_100))


def test_plr_is_true_peak_over_loudness() -> None:
    features = analyse(Audio(samples=_music(2, 4 * 44_100), sample_rate=44_100))
    assert features.plr_db == features.true_peak_dbtp - features.integrated_lufs
    assert features.true_peak_dbtp >= features.sample_peak_dbfs
    assert features.clipped_runs > 0
    assert features.clipped_frames >= 3 * features.clipped_runs
