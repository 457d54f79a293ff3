"""Space and width: chorus, and echo and reverb as impulse responses for one fast convolution."""

from __future__ import annotations

import math

import numpy as np

from generation.synth.drums import Stereo
from generation.synth.envelopes import seconds
from generation.synth.filters import band_pass, fast_size
from generation.synth.oscillators import noise

__all__ = ["add_space", "chorus", "ping_pong", "reverb"]


def reverb(
    rng: np.random.Generator, sample_rate: int, *, decay_s: float, predelay_s: float = 0.012
) -> Stereo:
    """Impulse response of a room: noise that falls by 60 dB in `decay_s`, sides independent, energy 1."""
    time_s = seconds(1.2 * decay_s, sample_rate)
    fall = np.exp(-6.9 * time_s / decay_s) * np.minimum(time_s / 0.004, 1.0)
    sides = [band_pass(noise(rng, time_s.size), sample_rate, low_hz=250.0, high_hz=5_000.0) for _ in "lr"]
    tail = np.stack(sides) * fall
    tail /= np.sqrt(np.sum(tail**2, axis=-1, keepdims=True))
    return np.pad(tail, ((0, 0), (round(predelay_s * sample_rate), 0)))


def ping_pong(sample_rate: int, *, delay_s: float, feedback: float, repeats: int = 6) -> Stereo:
    """Impulse response of an echo that changes sides, duller and softer each time."""
    response = np.zeros((2, round((repeats + 0.5) * delay_s * sample_rate)))
    for repeat in range(repeats):
        spread = sample_rate * 6e-5 * (1 + repeat)
        start = round((repeat + 1) * delay_s * sample_rate)
        width = math.ceil(3.0 * spread)
        bump = np.exp(-0.5 * (np.arange(-width, width + 1) / spread) ** 2)
        middle = slice(start - width, start + width + 1)
        response[repeat % 2, middle] += feedback**repeat * bump / bump.sum()
    return response


def add_space(samples: Stereo, response: Stereo, send: float) -> Stereo:
    """`samples` plus `send` times their mono sum through a stereo impulse response; same length."""
    frames = samples.shape[-1]
    size = fast_size(frames + response.shape[-1])
    spectrum = np.fft.rfft(samples.mean(axis=0).astype(np.float32), n=size)
    wet = np.fft.irfft(spectrum * np.fft.rfft(response.astype(np.float32), n=size), n=size)
    return np.asarray(samples + send * wet[:, :frames])


def chorus(samples: Stereo, sample_rate: int, *, rate_hz: float, depth_ms: float, mix: float) -> Stereo:
    """Each side plus a copy of itself on a moving delay; the two sides move against each other."""
    frames = samples.shape[-1]
    position = np.arange(frames)
    sway = np.sin(2.0 * np.pi * rate_hz * position / sample_rate)
    out = np.empty_like(samples)
    for side, sign in enumerate((1.0, -1.0)):
        delay = (8.0 + sign * depth_ms * sway) * sample_rate / 1000.0
        out[side] = samples[side] + mix * np.interp(position - delay, position, samples[side], left=0.0)
    return out / math.sqrt(1.0 + mix * mix)
