"""The tuned instruments: bass, pad, pluck and lead, each with a timbre drawn by the seed.

Every voice is a callable (frequency_hz, gate_s, velocity, sample_rate) -> [2, frames]; the
tail after the gate is part of what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generation.synth.drums import Stereo
from generation.synth.envelopes import adsr, seconds, vibrato
from generation.synth.filters import low_pass
from generation.synth.oscillators import Signal, saw, sine, square

__all__ = ["Bass", "Lead", "Pad", "Pluck", "draw_bass", "draw_lead", "draw_pad", "draw_pluck"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bass:
    """Mono: a sawtooth or square through a filter that opens at each note, over a sine at the same pitch."""

    hollow: bool
    cutoff_hz: float
    opening_octaves: float
    opening_decay_s: float
    q: float
    sub: float

    def __call__(self, frequency_hz: float, gate_s: float, velocity: float, sample_rate: int) -> Stereo:
        time_s = seconds(gate_s + 0.15, sample_rate)
        pitch = np.full(time_s.size, frequency_hz)
        wave = square(pitch, sample_rate) if self.hollow else saw(pitch, sample_rate)
        opening = self.opening_octaves * velocity * np.exp(-time_s / self.opening_decay_s)
        tone = low_pass(wave, self.cutoff_hz * 2.0**opening, sample_rate, q=self.q)
        mixed = np.tanh(0.8 * tone + self.sub * sine(pitch, sample_rate))
        shape = adsr(time_s, gate_s, attack_s=0.004, decay_s=0.25, sustain=0.7, release_s=0.03)
        return _both(mixed * shape * velocity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Wide: two detuned sawtooths on each side, slow filter."""

    detune_cents: float
    cutoff_hz: float
    attack_s: float
    swell_octaves: float

    def __call__(self, frequency_hz: float, gate_s: float, velocity: float, sample_rate: int) -> Stereo:
        time_s = seconds(gate_s + 1.2, sample_rate)
        swell = self.swell_octaves * (1.0 - np.exp(-time_s / 0.6))
        cutoff_hz = self.cutoff_hz * (0.5 + velocity) * 2.0**swell
        shape = adsr(time_s, gate_s, attack_s=self.attack_s, decay_s=1.0, sustain=0.85, release_s=0.22)
        middle = saw(np.full(time_s.size, frequency_hz), sample_rate, phase=(frequency_hz * 0.37) % 1.0)
        sides = []
        for sign, phase in ((-1.0, 0.13), (1.0, 0.61)):
            pitch = np.full(time_s.size, frequency_hz * 2.0 ** (sign * self.detune_cents / 1200.0))
            wave = middle + 0.5 * saw(pitch, sample_rate, phase=phase + frequency_hz % 1.0)
            sides.append(low_pass(wave, cutoff_hz, sample_rate) * shape * velocity)
        return np.stack(sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pluck:
    """Short: a square through a filter that shuts quickly; pans with its pitch."""

    duty: float
    cutoff_hz: float
    decay_s: float
    octaves: float

    def __call__(self, frequency_hz: float, gate_s: float, velocity: float, sample_rate: int) -> Stereo:
        time_s = seconds(gate_s + 6.0 * self.decay_s, sample_rate)
        wave = square(np.full(time_s.size, frequency_hz), sample_rate, duty=self.duty)
        closing = self.octaves * velocity * np.exp(-time_s / (0.5 * self.decay_s))
        tone = low_pass(wave, self.cutoff_hz * 2.0**closing, sample_rate, q=1.2)
        shape = adsr(time_s, gate_s, attack_s=0.002, decay_s=self.decay_s, sustain=0.0, release_s=0.08)
        angle = np.pi / 4.0 * (1.0 + 0.7 * np.sin(12.0 * np.log2(frequency_hz)))
        return np.stack([np.cos(angle), np.sin(angle)])[:, np.newaxis] * (tone * shape * velocity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The singer: two voices near the centre, sawtooth and square, with vibrato on the long notes."""

    square_share: float
    cutoff_hz: float
    opening_octaves: float
    vibrato_hz: float
    vibrato_cents: float
    detune_cents: float

    def __call__(self, frequency_hz: float, gate_s: float, velocity: float, sample_rate: int) -> Stereo:
        time_s = seconds(gate_s + 0.4, sample_rate)
        sway = vibrato(time_s, rate_hz=self.vibrato_hz, depth_cents=self.vibrato_cents, delay_s=0.18)
        opening = self.opening_octaves * velocity * np.exp(-time_s / 0.18)
        cutoff_hz = self.cutoff_hz * (0.6 + 0.6 * velocity) * 2.0**opening
        shape = adsr(time_s, gate_s, attack_s=0.012, decay_s=0.3, sustain=0.75, release_s=0.06)
        voices = []
        for cents in (-self.detune_cents, self.detune_cents):
            pitch = frequency_hz * 2.0 ** (cents / 1200.0) * sway
            wave = (1.0 - self.square_share) * saw(pitch, sample_rate)
            wave = wave + self.square_share * square(pitch, sample_rate, duty=0.42)
            voices.append(low_pass(wave, cutoff_hz, sample_rate, q=1.0) * shape * velocity)
        return np.stack([0.7 * voices[0] + 0.3 * voices[1], 0.3 * voices[0] + 0.7 * voices[1]])


def draw_bass(rng: np.random.Generator) -> Bass:
    """A bass between round and biting."""
    return Bass(
        hollow=bool(rng.integers(2)),
        cutoff_hz=float(rng.uniform(160.0, 380.0)),
        opening_octaves=float(rng.uniform(1.5, 3.2)),
        opening_decay_s=float(rng.uniform(0.08, 0.22)),
        q=float(rng.uniform(0.7, 1.8)),
        sub=float(rng.uniform(0.4, 0.7)),
    )


def draw_pad(rng: np.random.Generator) -> Pad:
    """A pad between dark and open."""
    return Pad(
        detune_cents=float(rng.uniform(5.0, 12.0)),
        cutoff_hz=float(rng.uniform(600.0, 1_600.0)),
        attack_s=float(rng.uniform(0.03, 0.25)),
        swell_octaves=float(rng.uniform(0.2, 1.0)),
    )


def draw_pluck(rng: np.random.Generator) -> Pluck:
    """A pluck between wood and glass."""
    return Pluck(
        duty=float(rng.uniform(0.2, 0.5)),
        cutoff_hz=float(rng.uniform(400.0, 900.0)),
        decay_s=float(rng.uniform(0.12, 0.28)),
        octaves=float(rng.uniform(2.5, 4.0)),
    )


def draw_lead(rng: np.random.Generator) -> Lead:
    """A lead between flute and brass."""
    return Lead(
        square_share=float(rng.uniform(0.1, 0.9)),
        cutoff_hz=float(rng.uniform(1_300.0, 3_200.0)),
        opening_octaves=float(rng.uniform(0.3, 1.3)),
        vibrato_hz=float(rng.uniform(4.8, 6.2)),
        vibrato_cents=float(rng.uniform(12.0, 28.0)),
        detune_cents=float(rng.uniform(2.0, 5.0)),
    )


def _both(signal: Signal) -> Stereo:
    return np.stack([signal, signal])
