"""Space and width: chorus, and echo and reverb as impulse responses for one fast convolution."""

from __future__ import annotations

import math

import numpy as np

from generation.synth.drums import Stereo
from generation.synth.envelopes import seconds
from generation.synth.filters import band_pass, fast_size
from generation.synth.oscillators import noise
from mastering.audio import Samples

__all__ = ["add_space", "chorus", "ping_pong", "reverb"]

BLOCK_FRAMES = 1 << 18


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


def add_space(samples: Samples, response: Stereo, send: float) -> Samples:
    """`samples` plus `send` times their mono sum through a stereo impulse response; same length.

    Overlap-add in blocks, so that memory does not grow with the piece.
    """
    frames, tail = samples.shape[-1], response.shape[-1]
    size = fast_size(BLOCK_FRAMES + tail)
    transfer = np.fft.rfft((send * response).astype(np.float32), n=size)
    out = samples.copy()
    for start in range(0, frames, BLOCK_FRAMES):
        mono = samples[:, start : start + BLOCK_FRAMES].mean(axis=0)
        wet = np.fft.irfft(np.fft.rfft(mono, n=size) * transfer, n=size)
        length = min(mono.size + tail, frames - start)
        out[:, start : start + length] += wet[:, :length]
    return out


def chorus(samples: Samples, sample_rate: int, *, rate_hz: float, depth_ms: float, mix: float) -> Samples:
    """Each side plus a copy of itself on a moving delay; the two sides move against each other."""
    position = np.arange(samples.shape[-1], dtype=np.float64)
    sway = np.sin(2.0 * np.pi * rate_hz * position / sample_rate)
    out = np.empty_like(samples)
    for side, sign in enumerate((1.0, -1.0)):
        delay = (8.0 + sign * depth_ms * sway) * sample_rate / 1000.0
        copy = np.interp(position - delay, position, samples[side], left=0.0)
        out[side] = (samples[side] + mix * copy) / math.sqrt(1.0 + mix * mix)
    return out
