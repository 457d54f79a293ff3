"""Rendering a chain: neutral settings are transparent, lengths are kept, blocks do not matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from mastering.audio import BLOCK_FRAMES, Audio, Samples
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
from mastering.host.render import Rendered, reblock, render
from mastering.measure.features import analyse

NEUTRAL: list[Step] = [
    Equalizer(mid=(EqBand(frequency_hz=1_000.0),), side=()),
    LinearPhaseEq(frequencies_hz=(100.0, 1_000.0), mid_gain_db=(0.0, 0.0), side_gain_db=(0.0, 0.0)),
    Compressor(threshold_dbfs=-30.0, ratio=1.0),
    Width(frequencies_hz=(1_000.0,), side_gain_db=(0.0,)),
    Saturation(drive_db=6.0, mix_percent=0.0),
]
COLOURED: tuple[Step, ...] = (
    Equalizer(mid=(EqBand(shape="high_pass", frequency_hz=30.0), EqBand(frequency_hz=300.0, gain_db=-3.0))),
    LinearPhaseEq(frequencies_hz=(50.0, 8_000.0), mid_gain_db=(2.0, -2.0), side_gain_db=(0.0, 1.0)),
    Width(frequencies_hz=(80.0, 200.0), side_gain_db=(-60.0, 2.0)),
    MultibandCompressor(
        crossovers_hz=(120.0, 2_000.0), bands=tuple(Compressor(threshold_dbfs=-30.0) for _ in range(3))
    ),
    Compressor(threshold_dbfs=-25.0, ratio=1.5),
    Saturation(drive_db=8.0, mix_percent=40.0),
)


@dataclass
class Chopped:
    """A source that was pushed in odd sizes: the host still has to give the same samples."""

    audio: Audio
    sizes: tuple[int, ...]

    sample_rate = property(lambda self: self.audio.sample_rate)
    channels = property(lambda self: self.audio.channels)
    frames = property(lambda self: self.audio.frames)

    def blocks(self) -> Iterator[Samples]:
        pieces = np.split(self.audio.samples, np.cumsum(self.sizes), axis=1)
        yield from reblock(pieces)


@pytest.fixture(params=[1, 2], ids=["mono", "stereo"])
def music(request: pytest.FixtureRequest, noise: Audio) -> Audio:
    return Audio(samples=noise.samples[: request.param], sample_rate=noise.sample_rate)


@pytest.mark.parametrize("step", NEUTRAL, ids=lambda step: step.kind)
def test_neutral_steps_are_transparent(music: Audio, step: Step) -> None:
    out = render(music, (step,))
    assert out.samples.shape == music.samples.shape
    assert np.abs(out.samples - music.samples).max() < 2e-5


@pytest.mark.parametrize("frames", [1, 100, BLOCK_FRAMES - 1, BLOCK_FRAMES, BLOCK_FRAMES + 1])
def test_length_is_kept(noise: Audio, frames: int) -> None:
    short = Audio(samples=noise.samples[:, :frames], sample_rate=noise.sample_rate)
    out = render(short, COLOURED)
    assert out.samples.shape == short.samples.shape
    assert np.isfinite(out.samples).all()


def test_blocks_do_not_matter(music: Audio) -> None:
    chopped = Chopped(music, (1, 7_000, 64, 50_000, 3))
    streamed = np.concatenate(list(Rendered(chopped, COLOURED, 48_000).blocks()), axis=1)
    assert np.array_equal(streamed, render(music, COLOURED, 48_000).samples)


def test_rendering_again_gives_the_same_samples(noise: Audio) -> None:
    rendered = Rendered(noise, COLOURED)
    first, second = (np.concatenate(list(rendered.blocks()), axis=1) for _ in range(2))
    assert np.array_equal(first, second)
    assert len(rendered.compressor_reduction_db) == 4
    assert min(rendered.compressor_reduction_db["below 120 Hz"]) < -0.1


def test_a_tone_curve_is_heard_as_written(noise: Audio) -> None:
    curve = LinearPhaseEq(
        frequencies_hz=(100.0, 1_000.0, 8_000.0), mid_gain_db=(3.0, 0.0, -4.0), side_gain_db=(3.0, 0.0, -4.0)
    )
    before, after = analyse(noise), analyse(render(noise, (curve,)))
    gain = np.array(after.band_levels_mid_db) - np.array(before.band_levels_mid_db)
    assert gain[[7, 17, 26]] == pytest.approx([3.0, 0.0, -4.0], abs=0.4)


def test_width_changes_the_side_only(noise: Audio) -> None:
    out = render(noise, (Width(frequencies_hz=(1_000.0,), side_gain_db=(-60.0,)),))
    mid = noise.samples.mean(axis=0)
    assert np.abs(out.samples.mean(axis=0) - mid).max() < 1e-5
    assert np.abs(out.samples[0] - out.samples[1]).max() < 2e-3 * np.abs(noise.samples).max()


def test_saturation_adds_odd_harmonics_and_no_aliases() -> None:
    rate, frequency = 44_100, 6_000.0
    t = np.arange(2 * rate) / rate
    tone = Audio(
        samples=(0.7 * np.sin(2 * np.pi * frequency * t)).astype(np.float32)[np.newaxis], sample_rate=rate
    )
    out = render(tone, (Saturation(drive_db=12.0, mix_percent=100.0),)).samples[0, rate // 2 : 3 * rate // 2]
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(out * np.hanning(rate))) / rate * 4 + 1e-12)
    assert spectrum[18_000] > -40.0  # the third harmonic
    # The fifth, 30 kHz, would fold back to 14.1 kHz, the seventh to 2.1 kHz.
    assert spectrum[14_100] < -90.0
    assert spectrum[2_100] < -90.0


def test_rate_is_changed_with_the_length(noise: Audio) -> None:
    out = render(noise, COLOURED, 48_000)
    assert out.sample_rate == 48_000
    assert out.frames == round(noise.frames * 48_000 / 44_100)
