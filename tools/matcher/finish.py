"""Finishing: stems become a record with a sound of its own, drawn at random within what engineers do.

Records differ in balance, tone, width, density and loudness; a corpus whose songs all have one
sound would teach that sound, not matching.
"""

from __future__ import annotations

import numpy as np

from mastering.audio import Audio
from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    Saturation,
    Step,
    Width,
)
from mastering.dsp.limiter import LimiterCore
from mastering.host.render import render
from mastering.measure.loudness import LoudnessMeter
from mastering.train import curves

RATE = 44_100
_POINTS_HZ = tuple(round(float(f), 2) for f in curves.CENTRES_HZ)


def mix(stems: dict[str, np.ndarray], rng: np.random.Generator, spread_db: float = 4.0) -> Audio:
    """Stems [2, frames] at random levels (standard deviation `spread_db`), places and tones."""
    total = np.zeros_like(next(iter(stems.values())))
    for samples in stems.values():
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-9
        level = 0.05 / rms * 10.0 ** (rng.normal(0.0, spread_db) / 20.0)
        total += np.float32(level) * _placed(_toned(samples, rng), rng)
    return Audio(samples=_peak_at(total, -3.0), sample_rate=RATE)


def finish(audio: Audio, rng: np.random.Generator) -> Audio:
    """A mix as a record: tone, glue, colour, width, and a limiter at -20 to -8 LUFS."""
    curve_db = 0.7 * curves.smooth(rng) + np.clip(rng.normal(0.0, 0.5), -1.0, 1.0) * np.log2(
        curves.CENTRES_HZ / 1_000.0
    )
    curve = tuple(np.clip(curve_db, -18.0, 12.0).tolist())
    steps: list[Step] = [
        LinearPhaseEq(frequencies_hz=_POINTS_HZ, mid_gain_db=curve, side_gain_db=curve),
        Width(frequencies_hz=_POINTS_HZ, side_gain_db=(float(rng.normal(0.0, 3.0)),) * 31),
    ]
    if rng.random() < 0.7:
        level_db = _lufs(audio) + float(rng.uniform(-8.0, 4.0))
        steps.append(
            Compressor(
                threshold_dbfs=float(np.clip(level_db, -60.0, 0.0)), ratio=float(rng.uniform(1.3, 3.5))
            )
        )
    if rng.random() < 0.4:
        steps.append(Saturation(drive_db=float(rng.uniform(2.0, 9.0)), mix_percent=50.0))
    return limit(render(audio, tuple(steps)), float(rng.uniform(-20.0, -8.0)))


def limit(audio: Audio, lufs: float) -> Audio:
    """At `lufs` or a little below, true peaks under -0.3 dBTP."""
    core = LimiterCore(
        input_gain_db=min(lufs - _lufs(audio), 40.0),
        ceiling_dbtp=-0.3,
        lookahead_ms=1.5,
        release_ms=80.0,
        sample_rate=audio.sample_rate,
        channels=audio.channels,
    )
    limited = np.concatenate([core.process(audio.samples), core.flush()], axis=1)
    return Audio(samples=limited, sample_rate=audio.sample_rate)


def _lufs(audio: Audio) -> float:
    meter = LoudnessMeter(audio.sample_rate, audio.channels)
    meter.push(audio.samples)
    return max(meter.result().integrated_lufs, -60.0)


def _toned(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A player's own equaliser: one shelf and one peak."""
    bands = (
        EqBand(
            shape="high_shelf" if rng.random() < 0.5 else "low_shelf",
            frequency_hz=float(np.exp(rng.uniform(np.log(200.0), np.log(6_000.0)))),
            gain_db=float(np.clip(rng.normal(0.0, 3.0), -9.0, 9.0)),
        ),
        EqBand(
            frequency_hz=float(np.exp(rng.uniform(np.log(80.0), np.log(10_000.0)))),
            gain_db=float(np.clip(rng.normal(0.0, 3.0), -9.0, 9.0)),
            q=1.0,
        ),
    )
    source = Audio(samples=samples, sample_rate=RATE)
    return render(source, (Equalizer(mid=bands, side=bands),)).samples


def _placed(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Balance between left and right, and a width of the player's own from mono to as it is."""
    pan = float(np.clip(rng.normal(0.0, 0.35), -1.0, 1.0))
    width = float(rng.uniform(0.0, 1.3))
    mid, side = samples.mean(axis=0), 0.5 * width * (samples[0] - samples[1])
    gains = np.sqrt([1.0 - pan, 1.0 + pan]).astype(np.float32)
    return np.stack([(mid + side) * gains[0], (mid - side) * gains[1]]).astype(np.float32)


def _peak_at(samples: np.ndarray, peak_dbfs: float) -> np.ndarray:
    return np.asarray(samples * (10.0 ** (peak_dbfs / 20.0) / (np.abs(samples).max() + 1e-9)), np.float32)
