"""The drum kit: every sound is one hit [2, frames], drawn once and then played at each velocity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from generation.synth.envelopes import decay, seconds
from generation.synth.filters import band_pass
from generation.synth.oscillators import Signal, noise, sine

__all__ = ["Kit", "Stereo", "draw_kit", "hits"]

Stereo: TypeAlias = npt.NDArray[np.float64]
"""Two channels, float64 [2, frames]."""

VARIANTS = 3
"""Different noises of one sound, so that a roll is not a machine gun."""

OPEN_HAT_DECAY_S = 0.16


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """The tuning of a kit."""

    kick_hz: float
    kick_sweep_hz: float
    kick_decay_s: float
    snare_hz: float
    snare_decay_s: float
    snare_noise: float
    hat_low_hz: float
    hat_decay_s: float
    crash_decay_s: float


def draw_kit(rng: np.random.Generator) -> Kit:
    """A kit between deep and tight, dull and bright."""
    return Kit(
        kick_hz=float(rng.uniform(44.0, 58.0)),
        kick_sweep_hz=float(rng.uniform(110.0, 220.0)),
        kick_decay_s=float(rng.uniform(0.11, 0.2)),
        snare_hz=float(rng.uniform(165.0, 215.0)),
        snare_decay_s=float(rng.uniform(0.08, 0.15)),
        snare_noise=float(rng.uniform(0.5, 0.8)),
        hat_low_hz=float(rng.uniform(5_500.0, 8_000.0)),
        hat_decay_s=float(rng.uniform(0.025, 0.05)),
        crash_decay_s=float(rng.uniform(0.6, 1.0)),
    )


def hits(kit: Kit, rng: np.random.Generator, sample_rate: int) -> dict[str, list[Stereo]]:
    """Part name -> VARIANTS hits at full velocity, each peaking at 1.

    The kick is mono and always the same; the others differ in their noise.
    """
    makers: dict[str, Callable[[], Stereo]] = {
        "snare": lambda: _centred(_snare(kit, rng, sample_rate)),
        "clap": lambda: _clap(rng, sample_rate),
        "hat": lambda: _panned(_hat(kit, rng, sample_rate, kit.hat_decay_s), 0.3),
        "open_hat": lambda: _panned(_hat(kit, rng, sample_rate, OPEN_HAT_DECAY_S), 0.3),
        "crash": lambda: _crash(kit, rng, sample_rate),
    }
    kick = _peak_one(_centred(_kick(kit, rng, sample_rate)))
    made = {name: [_peak_one(make()) for _ in range(VARIANTS)] for name, make in makers.items()}
    return {"kick": [kick] * VARIANTS, **made}


def _kick(kit: Kit, rng: np.random.Generator, sample_rate: int) -> Signal:
    time_s = seconds(7.0 * kit.kick_decay_s, sample_rate)
    sweep = kit.kick_hz + kit.kick_sweep_hz * np.exp(-time_s / 0.022)
    body = np.tanh(1.4 * sine(sweep, sample_rate)) * decay(time_s, kit.kick_decay_s)
    click = band_pass(noise(rng, time_s.size), sample_rate, low_hz=1_200.0, high_hz=5_000.0)
    return np.asarray(body + 0.25 * click * decay(time_s, 0.004))


def _snare(kit: Kit, rng: np.random.Generator, sample_rate: int) -> Signal:
    time_s = seconds(7.0 * kit.snare_decay_s, sample_rate)
    bend = 1.0 + 0.25 * np.exp(-time_s / 0.01)
    tone = sine(kit.snare_hz * bend, sample_rate) + 0.6 * sine(1.78 * kit.snare_hz * bend, sample_rate)
    wires = band_pass(noise(rng, time_s.size), sample_rate, low_hz=900.0, high_hz=7_500.0)
    return np.asarray(
        (1.0 - kit.snare_noise) * tone * decay(time_s, 0.07)
        + kit.snare_noise * wires * decay(time_s, kit.snare_decay_s)
    )


def _clap(rng: np.random.Generator, sample_rate: int) -> Stereo:
    time_s = seconds(0.5, sample_rate)
    bursts = np.zeros(time_s.size)
    for start_s, fall_s in ((0.0, 0.004), (0.011, 0.004), (0.021, 0.004), (0.03, 0.07)):
        bursts += (time_s >= start_s) * np.exp(-np.maximum(time_s - start_s, 0.0) / fall_s)
    sides = [band_pass(noise(rng, time_s.size), sample_rate, low_hz=800.0, high_hz=4_000.0) for _ in "lr"]
    middle = 0.7 * (sides[0] + sides[1])
    return np.stack([0.5 * side + 0.5 * middle for side in sides]) * bursts


def _hat(kit: Kit, rng: np.random.Generator, sample_rate: int, decay_s: float) -> Signal:
    time_s = seconds(6.0 * decay_s, sample_rate)
    hiss = band_pass(noise(rng, time_s.size), sample_rate, low_hz=kit.hat_low_hz, high_hz=13_000.0, order=3)
    return np.asarray(
        (hiss + 0.15 * _metal(kit.hat_low_hz * 0.7, time_s, sample_rate)) * decay(time_s, decay_s)
    )


def _crash(kit: Kit, rng: np.random.Generator, sample_rate: int) -> Stereo:
    time_s = seconds(4.0 * kit.crash_decay_s, sample_rate)
    sides = [band_pass(noise(rng, time_s.size), sample_rate, low_hz=2_500.0, high_hz=10_000.0) for _ in "lr"]
    middle = 0.5 * (sides[0] + sides[1]) + 0.2 * _metal(2_100.0, time_s, sample_rate)
    fall = decay(time_s, kit.crash_decay_s, attack_s=0.003)
    return np.stack([0.5 * side + 0.5 * middle for side in sides]) * fall


def _metal(lowest_hz: float, time_s: Signal, sample_rate: int) -> Signal:
    """Six inharmonic partials of a cymbal, those below 0.45 of the sample rate."""
    partials = [lowest_hz * ratio for ratio in (1.0, 1.34, 1.52, 1.81, 2.23, 2.67)]
    audible = [f for f in partials if f < 0.45 * sample_rate]
    return np.asarray(sum((np.sin(2.0 * np.pi * f * time_s) for f in audible), np.zeros(time_s.size)))


def _centred(signal: Signal) -> Stereo:
    return np.stack([signal, signal])


def _panned(signal: Signal, position: float) -> Stereo:
    """Constant-power pan; position -1 left, 1 right."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([np.cos(angle) * signal, np.sin(angle) * signal])


def _peak_one(hit: Stereo) -> Stereo:
    return np.asarray(hit / np.max(np.abs(hit)))
