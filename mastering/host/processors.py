"""One processor for each step of a chain: Pedalboard where it has the effect, our own where not.

A processor takes blocks of exactly BLOCK_FRAMES (the last may be shorter) and gives back as
many frames in all as it was given, without delay.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mastering.audio import Samples
from mastering.chain import (
    BuiltIn,
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MultibandCompressor,
    Saturation,
    Width,
)
from mastering.dsp.biquad import BiquadCascade, design
from mastering.dsp.dynamics import CompressorCore
from mastering.dsp.fir import StreamingCrossover, StreamingFir, curve_at, linear_phase_taps
from mastering.dsp.resample import RATES_HZ, Resampler
from mastering.dsp.stereo import to_left_right, to_mid_side
from mastering.host.libatomic import provide_libatomic

__all__ = ["CURVE_FRAMES", "Compressors", "Processor", "processors"]

CURVE_FRAMES = 4_096
"""Frames of one value of a compressor's reduction curve: a part of a block, and whole control steps."""


class Processor(Protocol):
    """Streaming processing of float32 [channels, frames]."""

    def process(self, samples: Samples) -> Samples: ...

    def flush(self) -> Samples: ...


class _Filters:
    """Serial parametric bands on one channel: shelves and peaks by Pedalboard, passes by our biquads."""

    def __init__(self, bands: tuple[EqBand, ...], sample_rate: int) -> None:
        provide_libatomic()
        from pedalboard import HighShelfFilter, LowShelfFilter, PeakFilter, Pedalboard

        effects = {"peak": PeakFilter, "low_shelf": LowShelfFilter, "high_shelf": HighShelfFilter}
        nyquist = 0.49 * sample_rate
        self._rate = sample_rate
        self._board = Pedalboard(
            [
                effects[b.shape](min(b.frequency_hz, nyquist), b.gain_db, b.q)
                for b in bands
                if b.shape in effects
            ]
        )
        passes = [b for b in bands if b.shape not in effects and b.frequency_hz < nyquist]
        sections = [design(b.shape, b.frequency_hz, 0.0, b.q, sample_rate) for b in passes]
        self._passes = BiquadCascade(np.vstack(sections), 1) if sections else None

    def process(self, channel: Samples) -> Samples:
        out = channel[np.newaxis]
        if len(self._board):
            out = self._board.process(out, self._rate, reset=False)
        if self._passes is not None:
            out = self._passes.process(out)
        return np.asarray(out[0], dtype=np.float32)


class _Equalizer:
    """Parametric equaliser on mid and side; a mono signal is its own mid."""

    def __init__(self, step: Equalizer, sample_rate: int, channels: int) -> None:
        self._filters = [_Filters(step.mid, sample_rate)]
        if channels == 2:
            self._filters.append(_Filters(step.side, sample_rate))

    def process(self, samples: Samples) -> Samples:
        parts = to_mid_side(samples) if len(self._filters) == 2 else samples
        done = np.stack([f.process(part) for f, part in zip(self._filters, parts, strict=True)])
        return to_left_right(done) if len(self._filters) == 2 else done

    def flush(self) -> Samples:
        return np.empty((len(self._filters), 0), dtype=np.float32)


class _LinearPhase:
    """A run of linear-phase steps (tone and width) as one pair of filters on mid and side."""

    def __init__(self, steps: list[LinearPhaseEq | Width], sample_rate: int, channels: int) -> None:
        points = np.array(sorted({f for step in steps for f in step.frequencies_hz}))
        mid, side = np.zeros(len(points)), np.zeros(len(points))
        for step in steps:
            side += curve_at(points, step.frequencies_hz, step.side_gain_db)
            if isinstance(step, LinearPhaseEq):
                mid += curve_at(points, step.frequencies_hz, step.mid_gain_db)
        curves = [mid, side][:channels]
        self._stereo = channels == 2
        self._fir = StreamingFir(np.stack([linear_phase_taps(points, c, sample_rate) for c in curves]))

    def process(self, samples: Samples) -> Samples:
        return self._after(self._fir.process(to_mid_side(samples) if self._stereo else samples))

    def flush(self) -> Samples:
        return self._after(self._fir.flush())

    def _after(self, samples: Samples) -> Samples:
        return to_left_right(samples) if self._stereo else samples


class Compressors:
    """A compressor, or several on bands.

    Attributes:
        labels: of the bands.
        reduction_db: of the last block, per band: the deepest gain of every CURVE_FRAMES.
    """

    def __init__(self, step: Compressor | MultibandCompressor, sample_rate: int, channels: int) -> None:
        bands = (step,) if isinstance(step, Compressor) else step.bands
        self._channels = channels
        self._cores = [
            CompressorCore(
                threshold_dbfs=band.threshold_dbfs,
                ratio=band.ratio,
                knee_db=band.knee_db,
                attack_ms=band.attack_ms,
                release_ms=band.release_ms,
                makeup_db=band.makeup_db,
                sample_rate=sample_rate,
            )
            for band in bands
        ]
        self.labels = ("all bands",) if isinstance(step, Compressor) else _band_labels(step.crossovers_hz)
        self.reduction_db: tuple[list[float], ...] = ()

    def process(self, samples: Samples) -> Samples:
        """Compress [bands * channels, frames], the low band's channels first, and sum the bands."""
        bands = samples.reshape(len(self._cores), self._channels, samples.shape[1])
        out: Samples = np.zeros(bands.shape[1:], dtype=np.float32)
        starts = range(0, samples.shape[1], CURVE_FRAMES)
        self.reduction_db = tuple(
            [
                core.add(band[:, start : start + CURVE_FRAMES], out[:, start : start + CURVE_FRAMES])
                for start in starts
            ]
            for core, band in zip(self._cores, bands, strict=True)
        )
        return out

    def flush(self) -> Samples:
        """Nothing is held back."""
        return np.empty((self._channels, 0), dtype=np.float32)


def _band_labels(crossovers_hz: tuple[float, ...]) -> tuple[str, ...]:
    """Names of the bands: `below 120 Hz`, `120 Hz to 1 kHz`, ..., `above 5 kHz`."""
    edges = [f"{f:.3g} Hz" if f < 999.5 else f"{f / 1000.0:.3g} kHz" for f in crossovers_hz]
    inner = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
    return (f"below {edges[0]}", *inner, f"above {edges[-1]}")


class _Saturation:
    """Pedalboard's tanh distortion at up to four times the rate; only what it adds is resampled back."""

    def __init__(self, step: Saturation, sample_rate: int, channels: int) -> None:
        provide_libatomic()
        from pedalboard import Distortion, Pedalboard

        self._rate = sample_rate * max(1, min(4, int(RATES_HZ.high) // sample_rate))
        self._board = Pedalboard([Distortion(step.drive_db)])
        self._undrive = np.float32(10.0 ** (-step.drive_db / 20.0))
        self._mix = np.float32(step.mix_percent / 100.0)
        self._up = Resampler(sample_rate, self._rate, channels)
        self._down = Resampler(self._rate, sample_rate, channels)
        self._dry = np.empty((channels, 0), dtype=np.float32)

    def process(self, samples: Samples) -> Samples:
        self._dry = np.concatenate([self._dry, samples], axis=1)
        return self._mixed(self._down.push(self._added(self._up.push(samples))))

    def flush(self) -> Samples:
        last = self._down.push(self._added(self._up.flush()))
        return self._mixed(np.concatenate([last, self._down.flush()], axis=1))

    def _added(self, fine: Samples) -> Samples:
        if fine.shape[1] == 0:
            return fine
        wet = self._board.process(fine, self._rate, reset=False)
        return np.asarray(wet * self._undrive - fine, dtype=np.float32)

    def _mixed(self, added: Samples) -> Samples:
        frames = added.shape[1]
        out = self._dry[:, :frames] + self._mix * added
        self._dry = self._dry[:, frames:]
        return out


def processors(steps: Sequence[BuiltIn], sample_rate: int, channels: int) -> list[Processor]:
    """The processors of a chain's steps in signal order; neighbouring linear-phase steps become one."""
    out: list[Processor] = []
    linear: list[LinearPhaseEq | Width] = []
    for step in steps:
        if isinstance(step, (LinearPhaseEq, Width)):
            linear.append(step)
            continue
        if linear:
            out.append(_LinearPhase(linear, sample_rate, channels))
            linear = []
        out.extend(_processors(step, sample_rate, channels))
    if linear:
        out.append(_LinearPhase(linear, sample_rate, channels))
    return out


def _processors(
    step: Equalizer | Compressor | MultibandCompressor | Saturation, sample_rate: int, channels: int
) -> list[Processor]:
    if isinstance(step, Equalizer):
        return [_Equalizer(step, sample_rate, channels)]
    if isinstance(step, Saturation):
        return [_Saturation(step, sample_rate, channels)]
    compressors = Compressors(step, sample_rate, channels)
    if isinstance(step, Compressor):
        return [compressors]
    return [StreamingCrossover(step.crossovers_hz, sample_rate, channels), compressors]
