"""Envelopes over time: attack-decay-sustain-release, plain decay, vibrato."""

from __future__ import annotations

import numpy as np

from generation.synth.oscillators import Signal

__all__ = ["adsr", "decay", "seconds", "vibrato"]


def seconds(duration_s: float, sample_rate: int) -> Signal:
    """Time of each sample of a duration."""
    return np.arange(max(1, round(duration_s * sample_rate))) / sample_rate


def adsr(
    time_s: Signal, gate_s: float, *, attack_s: float, decay_s: float, sustain: float, release_s: float
) -> Signal:
    """Linear attack to 1, exponential fall to `sustain`, exponential release after `gate_s`.

    Args:
        time_s: as from `seconds`; make it gate_s + 5 * release_s long to hear all of it.
        decay_s, release_s: time constants (to 37 %).
    """
    fall = sustain + (1.0 - sustain) * np.exp(-np.maximum(time_s - attack_s, 0.0) / decay_s)
    held = np.minimum(time_s / attack_s, 1.0) * fall
    released = np.exp(-np.maximum(time_s - gate_s, 0.0) / release_s)
    return np.asarray(held * released)


def decay(time_s: Signal, time_constant_s: float, *, attack_s: float = 0.0005) -> Signal:
    """A hit: a short linear attack, then an exponential fall."""
    return np.asarray(np.minimum(time_s / attack_s, 1.0) * np.exp(-time_s / time_constant_s))


def vibrato(time_s: Signal, *, rate_hz: float, depth_cents: float, delay_s: float) -> Signal:
    """Frequency factor of a vibrato that fades in after `delay_s`."""
    depth = depth_cents * np.clip((time_s - delay_s) / 0.3, 0.0, 1.0)
    return np.asarray(2.0 ** (depth * np.sin(2.0 * np.pi * rate_hz * time_s) / 1200.0))
