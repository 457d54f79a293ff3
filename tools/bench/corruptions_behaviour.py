"""Corruptions that act on dynamics, stereo and detail.

Each takes samples float32 [frames, 2] at 44.1 kHz, a generator and a strength (1 is typical) and
gives as many frames back, not delayed.
"""

from __future__ import annotations

import io

import av
import numpy as np
from envelopes import follow, level_db, with_gain
from filters import all_pass, bell, filtered, high_pass, pole, split, zero
from scipy import signal

RATE = 44_100

Rng = np.random.Generator


def bleed(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Crosstalk from channel to channel that rises towards the treble, and a little imbalance."""
    into = filtered(samples[:, ::-1], zero(rng.uniform(3_000.0, 8_000.0)), pole(18_000.0))
    share = strength * 10.0 ** (rng.uniform(-24.0, -12.0) / 20.0)
    imbalance = 10.0 ** (strength * rng.uniform(-1.0, 1.0) * np.array([0.5, -0.5]) / 20.0)
    return ((samples + share * into) * imbalance).astype(np.float32)


def transients(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Transient shaper: attacks raised or lowered by the distance of a fast and a slow envelope."""
    level = level_db(samples)
    fast, slow = follow(level, 1.0, 40.0), follow(level, 25.0, 40.0)
    sign = rng.choice((1.0, -1.0))
    gain = sign * np.clip(strength * rng.uniform(0.3, 0.7) * np.maximum(0.0, fast - slow), 0.0, 9.0)
    return with_gain(samples, gain)


def upward(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Three-band compressor that lifts what is soft as well as pressing what is loud (OTT)."""
    out = np.zeros_like(samples)
    amount = strength * rng.uniform(0.2, 0.55)
    for band in split(samples, rng.uniform(90.0, 160.0), rng.uniform(1_800.0, 3_500.0)):
        level = follow(level_db(band), 8.0, 120.0)
        loud = np.percentile(level, 75)
        lift = np.clip(loud - 8.0 - level, 0.0, 24.0) * amount
        press = np.clip(level - loud, 0.0, 24.0) * amount
        trim = strength * rng.normal(0.0, 1.5)
        out += with_gain(band, np.minimum(lift, 12.0) - press + trim)
    return out


def dynamic_eq(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """One to three bands that duck or swell with their own level: de-essers and tamers set wrong."""
    out = samples.copy()
    for _ in range(int(rng.integers(1, 4))):
        centre_hz = np.exp(rng.uniform(np.log(120.0), np.log(10_000.0)))
        q = rng.uniform(0.5, 1.5)
        # A bell of 6 dB minus the signal is the band-pass of the same shape.
        band = filtered(samples, bell(centre_hz, 6.0, q)) - samples
        level = follow(level_db(band), 5.0, 80.0)
        over = np.clip(level - np.percentile(level, 40), 0.0, 18.0)
        most_db = strength * rng.choice((-10.0, -8.0, 4.0, 6.0)) * rng.uniform(0.6, 1.2)
        out += with_gain(band, most_db * over / 18.0) - band
        # The static end of the range stays on: an offset that somebody forgot.
        out += np.float32(10.0 ** (strength * rng.normal(0.0, 2.0) / 20.0) - 1.0) * band
    return out


def exciter(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Even harmonics of the treble, mixed in above a corner."""
    corner_hz = rng.uniform(1_800.0, 4_500.0)
    high = filtered(samples, high_pass(corner_hz, 0.7))
    made = filtered(np.abs(high) + 0.5 * high, high_pass(1.4 * corner_hz, 0.7))
    raised_db = strength * rng.uniform(2.0, 8.0)
    gain = np.sqrt(np.mean(high**2) / (np.mean(made**2) + 1e-20)) * (10.0 ** (raised_db / 20.0) - 1.0)
    return (samples + np.float32(gain) * made).astype(np.float32)


def gate(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Spectral noise gate set too high: soft bins are pushed down, tails and air go missing."""
    size = 2_048
    _, _, spectra = signal.stft(samples.T, RATE, nperseg=size, noverlap=3 * size // 4)
    magnitude = np.abs(spectra)
    usual = np.sqrt(np.mean(magnitude**2, axis=-1, keepdims=True))
    threshold = usual * 10.0 ** (-rng.uniform(2.0, 9.0) / 20.0)
    floor = 10.0 ** (-strength * rng.uniform(6.0, 20.0) / 20.0)
    spectra *= np.clip((magnitude / (threshold + 1e-12)) ** 2, floor, 1.0)
    _, out = signal.istft(spectra, RATE, nperseg=size, noverlap=3 * size // 4)
    return np.ascontiguousarray(_fit(out.T, len(samples)), dtype=np.float32)


def haas(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Fake width: a delayed, band-limited copy of the mid added with opposite signs."""
    delay_s = rng.uniform(0.004, 0.018)
    amount = strength * rng.uniform(0.08, 0.3)
    mid = np.repeat(samples.mean(axis=1, keepdims=True), 2, axis=1)
    late = filtered(mid, high_pass(250.0, 0.7), pole(7_000.0), lambda at: np.exp(-2j * np.pi * at * delay_s))
    return (samples + amount * late * np.array([1.0, -1.0])).astype(np.float32)


def phase(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """A broadcast phase rotator: all-passes that raise peaks and leave the spectrum; polarity may flip."""
    count = max(1, round(4 * strength))
    corners = rng.uniform(60.0, 600.0, count)
    sign = rng.choice((1.0, -1.0))
    return np.float32(sign) * filtered(samples, *(all_pass(f, 0.5) for f in corners))


CODECS = (
    ("libmp3lame", "mp3", (96_000, 112_000, 128_000)),
    ("aac", "adts", (80_000, 96_000, 128_000)),
)


def codec(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Through a lossy codec at a low bit rate and back, its delay taken out.

    Lower rates cut whole third octaves off, which no master brings back and which would make the mean
    over all bands a matter of these alone.
    """
    name, container, rates = CODECS[int(rng.integers(len(CODECS)))]
    bit_rate = int(rng.choice(rates[:2] if strength > 1.0 else rates[1:]))
    encoded = io.BytesIO()
    with av.open(encoded, "w", format=container) as file:
        stream = file.add_stream(name, rate=RATE, layout="stereo")
        stream.bit_rate = bit_rate
        for start in range(0, len(samples), 1_152 * 64):
            part = np.ascontiguousarray(samples[start : start + 1_152 * 64].T)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    encoded.seek(0)
    with av.open(encoded) as file:
        parts = [frame.to_ndarray() for frame in file.decode(audio=0)]
    decoded = np.concatenate(parts, axis=1).T
    return _fit(aligned(decoded, samples), len(samples)).astype(np.float32)


def aligned(late: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """`late` without its delay against `samples`, found by cross-correlation of the first 12 s."""
    frames = min(len(late), len(samples), 1 << 19)
    x, y = samples[:frames].sum(axis=1), late[:frames].sum(axis=1)
    cross = signal.correlate(y, x, "full", "fft")[frames - 1 - 4_096 : frames + 4_096]
    delay = int(np.argmax(cross)) - 4_096
    return late[delay:] if delay >= 0 else np.pad(late, ((-delay, 0), (0, 0)))


def _fit(samples: np.ndarray, frames: int) -> np.ndarray:
    return np.pad(samples[:frames], ((0, max(0, frames - len(samples))), (0, 0)))
