"""What the equalisers of a chain do to mid and side: gain over frequency, from the chain's own numbers.

The curves are the ones the host renders: the same biquad designs for parametric bands (at the
rate the chain renders at, so the squeeze near Nyquist shows), the same interpolation for
linear-phase curves and width. Gains of several steps add up in dB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.chain import EqBand, Equalizer, LinearPhaseEq, MasteringChain, Step, Width
from mastering.dsp.fir import curve_at

__all__ = ["chain_response_db", "shapes_tone", "shapes_width"]

Curve = npt.NDArray[np.float64]

_LOWEST_DB = -120.0


def shapes_tone(chain: MasteringChain) -> bool:
    """True when a step of the chain changes the spectrum of mid or side on purpose."""
    return any(isinstance(step, (Equalizer, LinearPhaseEq, Width)) for step in chain.steps)


def shapes_width(chain: MasteringChain) -> bool:
    """True when a step of the chain treats the side otherwise than the mid on purpose."""
    return any(_splits(step) for step in chain.steps)


def _splits(step: Step) -> bool:
    if isinstance(step, Width):
        return any(step.side_gain_db)
    if isinstance(step, LinearPhaseEq):
        return step.mid_gain_db != step.side_gain_db
    return isinstance(step, Equalizer) and step.mid != step.side


def chain_response_db(
    chain: MasteringChain, frequencies_hz: Curve, sample_rate: int, *, passes: bool = True
) -> tuple[Curve, Curve]:
    """Gain of all equalisers of `chain` on mid and on side.

    Args:
        chain: its steps; compressors and saturation are left out.
        frequencies_hz: where to evaluate; points above Nyquist take the value at Nyquist.
        sample_rate: Hz the chain renders at.
        passes: include high- and low-pass filters (False: only what shapes the tone).

    Returns:
        mid and side gain in dB, as long as `frequencies_hz`, not below -120 dB.
    """
    at_hz = np.minimum(frequencies_hz, 0.5 * sample_rate)
    mid, side = np.zeros(len(at_hz)), np.zeros(len(at_hz))
    for step in chain.steps:
        if isinstance(step, Equalizer):
            mid += _bands_db(step.mid, at_hz, sample_rate, passes)
            side += _bands_db(step.side, at_hz, sample_rate, passes)
        elif isinstance(step, LinearPhaseEq):
            mid += curve_at(at_hz, step.frequencies_hz, step.mid_gain_db)
            side += curve_at(at_hz, step.frequencies_hz, step.side_gain_db)
        elif isinstance(step, Width):
            side += curve_at(at_hz, step.frequencies_hz, step.side_gain_db)
    return np.maximum(mid, _LOWEST_DB), np.maximum(side, _LOWEST_DB)


def _bands_db(bands: tuple[EqBand, ...], at_hz: Curve, sample_rate: int, passes: bool) -> Curve:
    if not bands:
        return np.zeros(len(at_hz))
    from mastering.dsp.biquad import design, magnitude_db  # brings numba: only where there are bands

    kept = [band for band in bands if passes or not band.shape.endswith("_pass")]
    designs = [design(b.shape, b.frequency_hz, b.gain_db, b.q, sample_rate) for b in kept]
    return sum((magnitude_db(section, at_hz, sample_rate) for section in designs), np.zeros(len(at_hz)))
