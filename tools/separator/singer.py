"""A singing voice made of harmonics, for training: real singing is scarce.

Source and filter (Fant 1960): harmonics that fall off as a glottal pulse's do, weighted by the resonances
of a vowel, breath shaped by the same resonances, and bursts of noise for consonants. Pitch glides from note
to note and carries vibrato and jitter. It fools nobody, but it moves as voices do and instruments do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matcher.midi import RATE, Note, Part

__all__ = ["sing"]

Array = np.ndarray

VOWELS_HZ = np.array(
    [
        (270, 2290, 3010),
        (390, 1990, 2550),
        (530, 1840, 2480),
        (660, 1720, 2410),
        (520, 1190, 2390),
        (730, 1090, 2440),
        (570, 840, 2410),
        (440, 1020, 2240),
        (300, 870, 2240),
        (490, 1350, 1690),
    ],
    np.float64,
)
"""First three resonances of ten vowels of men (Peterson and Barney 1952)."""
UPPER_HZ = (3300.0, 3900.0, 4900.0)
BANDWIDTHS_HZ = np.array([70.0, 90.0, 120.0, 160.0, 220.0, 300.0])
CONTROL = 441
"""Frames between control points: 10 ms."""
HIGHEST_HZ = 14_000.0
HARMONICS = 70


@dataclass(frozen=True)
class _Singer:
    """What makes one voice: drawn once a track."""

    octave: int
    size: float
    tilt_db: float
    breath: float
    vibrato_hz: float
    vibrato_cents: float
    jitter_cents: float
    glide_s: float
    consonants: float


def sing(part: Part, seconds: float, rng: np.random.Generator) -> Array:
    """The melody as one singer, or as a small group at random: float32 [2, frames]."""
    total = np.zeros((2, int(seconds * RATE)), np.float32)
    doubles = int(rng.choice((1, 1, 1, 2, 3)))
    octave = int(rng.choice((-1, 0, 0))) if _mean_key(part) > 60 else 0
    for double in range(doubles):
        voice = _take(part, total.shape[1], _singer(octave, rng), rng)
        late = int(rng.integers(0, 1200)) if double else 0
        pan = rng.uniform(-0.8, 0.8) if doubles > 1 else rng.uniform(-0.1, 0.1)
        total[:, late:] += voice[: len(voice) - late] * np.float32([[1 - pan], [1 + pan]])
    peak = np.abs(total).max()
    return np.asarray(total * np.float32(0.5 / max(peak, 1e-6)), np.float32)


def _mean_key(part: Part) -> float:
    return float(np.mean([note.key for note in part])) if part else 60.0


def _singer(octave: int, rng: np.random.Generator) -> _Singer:
    return _Singer(
        octave=octave,
        size=float(rng.uniform(0.95, 1.05) if octave < 0 else rng.uniform(1.0, 1.3)),
        tilt_db=float(rng.uniform(-16.0, -7.0)),
        breath=float(10 ** rng.uniform(-3.0, -1.3)),
        vibrato_hz=float(rng.uniform(4.5, 6.5)),
        vibrato_cents=float(rng.choice((0.0, rng.uniform(5, 80)))),
        jitter_cents=float(rng.uniform(4, 25)),
        glide_s=float(rng.uniform(0.02, 0.12)),
        consonants=float(rng.uniform(0.05, 0.6)),
    )


def _take(part: Part, frames: int, singer: _Singer, rng: np.random.Generator) -> Array:
    """One pass over the melody, mono."""
    points = frames // CONTROL + 2
    pitch_hz, loud, resonances_hz, hiss = _controls(part, points, singer, rng)
    voiced = _harmonics(pitch_hz, loud, resonances_hz, singer, frames)
    breath = _breath(loud, resonances_hz, singer, frames, rng)
    return voiced + breath + _consonants(hiss, frames, singer, rng)


def _controls(
    part: Part, points: int, singer: _Singer, rng: np.random.Generator
) -> tuple[Array, Array, Array, list[tuple[int, int]]]:
    """Pitch [points], loudness [points], resonances [points, 6] and consonants (start, length in points)."""
    at_s = np.arange(points) * CONTROL / RATE
    key, loud = np.full(points, 60.0), np.zeros(points)
    resonances = np.tile(np.r_[VOWELS_HZ[4], UPPER_HZ], (points, 1))
    hiss: list[tuple[int, int]] = []
    for note in sorted(part, key=lambda n: n.start_s):
        first, last = (int(t * RATE / CONTROL) for t in (note.start_s, _end_s(note, rng)))
        if first >= points:
            break
        key[first:] = note.key + 12 * singer.octave
        resonances[first:, :3] = VOWELS_HZ[rng.integers(len(VOWELS_HZ))]
        shape = np.sin(np.pi * np.linspace(0.08, 0.92, max(2, last - first))) ** 0.4
        loud[first:last] = (shape * 10 ** (rng.normal(0, 2.5) / 20))[: max(0, min(last, points) - first)]
        if rng.random() < 0.6:
            length = int(rng.integers(2, 14))
            hiss.append((max(0, first - length), length))
            loud[max(0, first - length // 2) : first] *= 0.2
    vibrato = singer.vibrato_cents * np.sin(2 * np.pi * singer.vibrato_hz * at_s + rng.uniform(0, 6.28))
    jitter = _smooth(rng.normal(0, 1, points), 6) * singer.jitter_cents * 2.5
    key = _smooth(key, max(1, int(singer.glide_s * RATE / CONTROL))) + (vibrato + jitter) / 100
    resonances = np.stack([_smooth(column, 5) for column in resonances.T], axis=1) * singer.size
    return 440 * 2 ** ((key - 69) / 12), _smooth(loud, 2), resonances, hiss


def _end_s(note: Note, rng: np.random.Generator) -> float:
    return note.start_s + (note.stop_s - note.start_s) * rng.uniform(0.75, 1.1)


def _smooth(values: Array, width: int) -> Array:
    window = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(values, (width, width), mode="edge")
    return np.convolve(padded, window / window.sum(), "valid")[: len(values)]


def _response(frequency_hz: Array, resonances_hz: Array) -> Array:
    """Sum of the resonances' curves at a frequency per control point, linear: [points]."""
    distance = (frequency_hz[:, None] - resonances_hz) / BANDWIDTHS_HZ
    falling = 10 ** (np.array([0, -2, -8, -12, -18, -24]) / 20)
    return np.asarray((falling / np.sqrt(1 + distance**2)).sum(axis=1))


def _harmonics(pitch_hz: Array, loud: Array, resonances_hz: Array, singer: _Singer, frames: int) -> Array:
    positions, knots = np.arange(frames), np.arange(len(pitch_hz)) * CONTROL
    phase = 2 * np.pi * np.cumsum(np.interp(positions, knots, pitch_hz)) / RATE
    total = np.zeros(frames, np.float32)
    for number in range(1, HARMONICS + 1):
        frequency = number * pitch_hz
        level = loud * 10 ** (singer.tilt_db * np.log2(number) / 20) * _response(frequency, resonances_hz)
        level = level * (1 + 3 * loud * np.log2(number) / 10) * (frequency < HIGHEST_HZ)
        if level.max() > 1e-5:
            total += np.interp(positions, knots, level).astype(np.float32) * np.sin(
                np.remainder(number * phase, 2 * np.pi).astype(np.float32)
            )
    return total


def _breath(
    loud: Array, resonances_hz: Array, singer: _Singer, frames: int, rng: np.random.Generator
) -> Array:
    """Noise through the vowels' resonances."""
    import scipy.signal

    _, times, spectrum = scipy.signal.stft(rng.standard_normal(frames), RATE, nperseg=1024)
    bins_hz = np.fft.rfftfreq(1024, 1 / RATE)
    at = np.clip((times * RATE / CONTROL).astype(int), 0, len(loud) - 1)
    for column, point in enumerate(at):
        if loud[point] > 1e-3:
            response = _response(bins_hz, np.broadcast_to(resonances_hz[point], (len(bins_hz), 6)))
            spectrum[:, column] *= loud[point] * (response + 0.05)
        else:
            spectrum[:, column] = 0.0
    noise = scipy.signal.istft(spectrum, RATE, nperseg=1024)[1][:frames]
    noise = np.pad(noise, (0, frames - len(noise)))
    return np.asarray(noise * singer.breath * 3, np.float32)


def _consonants(hiss: list[tuple[int, int]], frames: int, singer: _Singer, rng: np.random.Generator) -> Array:
    """Bursts of noise in bands where s, sh, f, t and k are."""
    import scipy.signal

    total = np.zeros(frames, np.float32)
    for start, length in hiss:
        low_hz = rng.uniform(1200, 6000)
        band = scipy.signal.butter(2, (low_hz, min(15_000, low_hz * rng.uniform(1.6, 3.0))), "band", fs=RATE)
        burst = scipy.signal.lfilter(*band, rng.standard_normal(length * CONTROL))
        burst *= np.hanning(len(burst)) * singer.consonants * rng.uniform(0.2, 1.0)
        first = start * CONTROL
        total[first : first + len(burst)] += burst[: frames - first].astype(np.float32)
    return total
