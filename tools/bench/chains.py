"""Random mastering chains of the product's own steps, and their inverses: T1a and T2 are made of these.

A chain is rendered by the product's host. An inverse is made by the benchmark: the curve and the
width negated, expansion in place of compression, a lower level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from envelopes import follow, level_db, with_gain
from filters import split
from metrics import integrated_lufs

from mastering.audio import Audio
from mastering.chain import Compressor, Limiter, LinearPhaseEq, MultibandCompressor, Saturation, Step, Width
from mastering.host.render import Rendered
from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.pipeline import Limited

RATE = 44_100
MIX_LUFS = -22.0
CROSSOVERS_HZ = (120.0, 1_000.0, 5_000.0)

Rng = np.random.Generator


@dataclass(frozen=True)
class Chain:
    """Steps and the limiter behind them."""

    steps: tuple[Step, ...]
    limiter: Limiter


def audio(samples: np.ndarray) -> Audio:
    """The product's value of samples [frames, 2]."""
    return Audio(samples=np.ascontiguousarray(samples.T, dtype=np.float32), sample_rate=RATE)


def curve_db(rng: Rng, deviation_db: float, length_bands: float) -> np.ndarray:
    """A smooth random curve over the 31 third octaves, its mean removed."""
    band = np.arange(31)
    covariance = deviation_db**2 * np.exp(-0.5 * (band[:, None] - band) ** 2 / length_bands**2)
    curve = rng.multivariate_normal(np.zeros(31), covariance + 1e-6 * np.eye(31))
    return np.clip(curve - curve.mean(), -10.0, 10.0)


def random_chain(rng: Rng) -> Chain:
    """Curve, compression (one band or four), sometimes saturation, width, limiter; for a mix at MIX_LUFS."""
    tone = curve_db(rng, rng.uniform(2.0, 3.5), rng.uniform(2.0, 6.0))
    steps: list[Step] = [_eq(tone)]
    kind = rng.choice(("none", "bus", "bands"), p=(0.2, 0.45, 0.35))
    if kind == "bus":
        steps.append(_compressor(rng, MIX_LUFS + rng.uniform(-4.0, 4.0)))
    elif kind == "bands":
        thresholds = MIX_LUFS + rng.uniform(-10.0, -2.0, 4) + np.array([0.0, -2.0, -8.0, -14.0])
        bands = tuple(_compressor(rng, float(threshold)) for threshold in thresholds)
        steps.append(MultibandCompressor(crossovers_hz=CROSSOVERS_HZ, bands=bands))
    if rng.random() < 0.3:
        steps.append(
            Saturation(drive_db=float(rng.uniform(2.0, 9.0)), mix_percent=float(rng.uniform(20.0, 60.0)))
        )
    if rng.random() < 0.6:
        width = np.clip(rng.normal(0.0, 1.5) + curve_db(rng, 1.0, 6.0), -5.0, 4.0)
        steps.append(Width(frequencies_hz=THIRD_OCTAVES_HZ, side_gain_db=tuple(width.tolist())))
    limiter = Limiter(
        input_gain_db=float(rng.uniform(5.0, 12.0)), ceiling_dbtp=float(rng.uniform(-1.5, -0.3))
    )
    return Chain(tuple(steps), limiter)


def _eq(tone: np.ndarray) -> LinearPhaseEq:
    gains = tuple(tone.tolist())
    return LinearPhaseEq(frequencies_hz=THIRD_OCTAVES_HZ, mid_gain_db=gains, side_gain_db=gains)


def _compressor(rng: Rng, threshold_dbfs: float) -> Compressor:
    return Compressor(
        threshold_dbfs=threshold_dbfs,
        ratio=float(rng.uniform(1.3, 3.0)),
        knee_db=float(rng.uniform(2.0, 10.0)),
        attack_ms=float(rng.uniform(3.0, 40.0)),
        release_ms=float(rng.uniform(60.0, 400.0)),
        makeup_db=float(rng.uniform(0.0, 2.0)),
    )


def at_mix_level(samples: np.ndarray) -> np.ndarray:
    """Samples at MIX_LUFS, where a chain's thresholds expect them."""
    return samples * np.float32(10.0 ** ((MIX_LUFS - integrated_lufs(samples, RATE)) / 20.0))


def rendered(samples: np.ndarray, chain: Chain) -> np.ndarray:
    """Samples [frames, 2] through the chain and its limiter."""
    source = Limited(Rendered(audio(samples), chain.steps), chain.limiter, 4_096)
    return np.ascontiguousarray(np.concatenate(list(source.blocks()), axis=1).T)


def inverted(samples: np.ndarray, rng: Rng) -> np.ndarray:
    """What a finished song might have been before one of these chains: the input of T1a."""
    tone = curve_db(rng, rng.uniform(2.0, 3.5), rng.uniform(2.0, 6.0))
    samples = at_mix_level(samples)
    if rng.random() < 0.5:
        samples = expanded(samples, rng)
    else:
        bands = split(samples, *CROSSOVERS_HZ)
        samples = np.sum([expanded(band, rng) if rng.random() < 0.7 else band for band in bands], axis=0)
    steps: tuple[Step, ...] = (_eq(-tone),)
    if rng.random() < 0.6:
        width = np.clip(rng.normal(0.0, 2.0) + curve_db(rng, 1.0, 6.0), -6.0, 4.0)
        steps += (Width(frequencies_hz=THIRD_OCTAVES_HZ, side_gain_db=tuple((-width).tolist())),)
    whole = np.concatenate(list(Rendered(audio(samples), steps).blocks()), axis=1)
    return np.ascontiguousarray(whole.T)


def expanded(samples: np.ndarray, rng: Rng) -> np.ndarray:
    """The inverse of a compressor over its threshold: what is loud gets louder by ratio minus one."""
    ratio = rng.uniform(1.15, 1.8)
    level = follow(level_db(samples), rng.uniform(5.0, 30.0), rng.uniform(80.0, 300.0))
    over = np.clip(level - np.percentile(level, rng.uniform(40.0, 75.0)), 0.0, 20.0)
    return with_gain(samples, (ratio - 1.0) * over)
