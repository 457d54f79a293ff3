"""Random degradations of audio that have no exact form on band powers; several at once.

The inverse of a master is one of them: expansion where a master compresses, a narrower side,
a curve that a master would take back. What is linear and time-invariant can be drawn anew for
every training case (`mastering.train.curves`); what is here is rendered once per take.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mastering.audio import Audio, Samples
from mastering.chain import Compressor, LinearPhaseEq, MultibandCompressor, Saturation, Width
from mastering.host.render import render
from mastering.train import curves

__all__ = ["FAMILIES", "degrade"]

_POINTS_HZ = tuple(round(float(f), 2) for f in curves.CENTRES_HZ)


def degrade(audio: Audio, rng: np.random.Generator) -> Audio:
    """`audio` after one to three random families, in random order."""
    names = list(FAMILIES)
    for name in rng.choice(names, size=rng.integers(1, 4), replace=False):
        audio = FAMILIES[str(name)](audio, rng)
    return audio


def _equalise(audio: Audio, rng: np.random.Generator) -> Audio:
    gain_db = np.clip(curves.tone(rng), -60.0, 18.0)
    points = tuple(gain_db.tolist())
    return render(audio, (LinearPhaseEq(frequencies_hz=_POINTS_HZ, mid_gain_db=points, side_gain_db=points),))


def _narrow(audio: Audio, rng: np.random.Generator) -> Audio:
    if audio.channels != 2:
        return audio
    gain_db = np.clip(curves.width(rng), -60.0, 18.0)
    return render(audio, (Width(frequencies_hz=_POINTS_HZ, side_gain_db=tuple(gain_db.tolist())),))


def _compress(audio: Audio, rng: np.random.Generator) -> Audio:
    return render(audio, (_compressor(rng, _level_db(audio)),))


def _compress_bands(audio: Audio, rng: np.random.Generator) -> Audio:
    count = int(rng.integers(2, 5))
    crossovers = np.sort(np.exp(rng.uniform(np.log(90.0), np.log(8_000.0), count - 1)))
    if len(crossovers) > 1 and np.diff(np.log2(crossovers)).min() < 0.8:
        crossovers = np.array([120.0, 1_000.0, 5_000.0])[: count - 1]
    level_db = _level_db(audio) - 6.0
    bands = tuple(
        _compressor(rng, level_db - 2.0 * i, makeup_db=float(rng.normal(0.0, 1.5)))
        for i in range(len(crossovers) + 1)
    )
    return render(audio, (MultibandCompressor(crossovers_hz=tuple(crossovers.tolist()), bands=bands),))


def _compressor(rng: np.random.Generator, level_db: float, makeup_db: float = 0.0) -> Compressor:
    return Compressor(
        threshold_dbfs=float(np.clip(level_db + rng.uniform(-14.0, 6.0), -60.0, 0.0)),
        ratio=float(np.exp(rng.uniform(np.log(1.3), np.log(8.0)))),
        knee_db=float(rng.uniform(0.0, 12.0)),
        attack_ms=float(np.exp(rng.uniform(np.log(0.5), np.log(80.0)))),
        release_ms=float(np.exp(rng.uniform(np.log(30.0), np.log(600.0)))),
        makeup_db=makeup_db,
    )


def _expand(audio: Audio, rng: np.random.Generator) -> Audio:
    """Upward expansion: what a compressor of a master would take back. Never louder than 4 times."""
    step = 512
    frames = audio.frames - audio.frames % step
    power = np.mean(np.square(audio.samples[:, :frames]).reshape(audio.channels, -1, step), axis=(0, 2))
    level_db = 10.0 * np.log10(power + 1e-12)
    rate = audio.sample_rate / step
    keep = np.exp(-1.0 / (rate * np.exp(rng.uniform(np.log(0.01), np.log(0.2)))))
    over_db = np.clip(level_db - _level_db(audio) + rng.uniform(0.0, 8.0), 0.0, 18.0)
    gain_db = np.empty_like(over_db)
    state = 0.0
    share = rng.uniform(0.1, 0.5)
    for i, wanted in enumerate(share * over_db):
        state = wanted + keep * (state - wanted)
        gain_db[i] = min(state, 12.0)
    at = (np.arange(len(gain_db)) + 0.5) * step
    gain = 10.0 ** (np.interp(np.arange(audio.frames), at, gain_db) / 20.0)
    return Audio(samples=audio.samples * gain.astype(np.float32), sample_rate=audio.sample_rate)


def _saturate(audio: Audio, rng: np.random.Generator) -> Audio:
    peak = max(float(np.abs(audio.samples).max()), 1e-6)
    levelled = Audio(samples=audio.samples / np.float32(peak), sample_rate=audio.sample_rate)
    drive = Saturation(
        drive_db=float(rng.uniform(3.0, 18.0)), mix_percent=float(rng.choice((30.0, 60.0, 100.0)))
    )
    return Audio(samples=render(levelled, (drive,)).samples * np.float32(peak), sample_rate=audio.sample_rate)


def _clip(audio: Audio, rng: np.random.Generator) -> Audio:
    peak = np.float32(np.abs(audio.samples).max() * 10.0 ** (-rng.uniform(2.0, 10.0) / 20.0))
    return Audio(samples=np.clip(audio.samples, -peak, peak), sample_rate=audio.sample_rate)


def _band_limit(audio: Audio, rng: np.random.Generator) -> Audio:
    """Steep low-pass, as codecs, resamplers and old recordings have it; sometimes hiss."""
    from scipy import signal

    corner_hz = np.exp(rng.uniform(np.log(6_000.0), np.log(17_000.0)))
    order = int(rng.choice((4, 8, 12)))
    sections = signal.butter(
        order, min(corner_hz, 0.45 * audio.sample_rate), fs=audio.sample_rate, output="sos"
    )
    samples: Samples = signal.sosfilt(sections, audio.samples, axis=1).astype(np.float32)
    if rng.random() < 0.4:
        floor = 10.0 ** ((_level_db(audio) - rng.uniform(40.0, 75.0)) / 20.0)
        samples = samples + np.float32(floor) * rng.standard_normal(samples.shape).astype(np.float32)
    return Audio(samples=samples, sample_rate=audio.sample_rate)


def _level_db(audio: Audio) -> float:
    return 10.0 * float(np.log10(np.mean(np.square(audio.samples, dtype=np.float64)) + 1e-12))


FAMILIES: dict[str, Callable[[Audio, np.random.Generator], Audio]] = {
    "equalise": _equalise,
    "narrow": _narrow,
    "compress": _compress,
    "compress bands": _compress_bands,
    "expand": _expand,
    "saturate": _saturate,
    "clip": _clip,
    "band limit": _band_limit,
}
"""Name -> function; the names are in the model's card."""
