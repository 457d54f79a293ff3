"""Corruptions no matcher has been trained on: what machines, rooms, codecs and mistakes do to a master.

Training knows smooth curves and tilts, RBJ resonances, low- and high-passes, level and multiband
compression and expansion, tanh saturation and hard clipping, side gain curves, and our own chain
inverted. None of those is used here. Each family takes samples float32 [frames, 2] at 44.1 kHz, a
generator and a strength (1 is typical) and gives as many frames back, not delayed.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
from envelopes import follow, level_db, play, with_gain
from filters import Response, all_pass, bell, curve, filtered, high_pass, pole, shelf, split, zero
from scipy import signal

RATE = 44_100

Rng = np.random.Generator
Family = Callable[[np.ndarray, Rng, float], np.ndarray]


def tape(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Cassette or reel: head bump, spacing loss, magnetic hysteresis, hiss.

    Spacing loss is 54.6 dB times spacing over wavelength (Wallace 1951), so it grows with frequency.
    """
    bump_hz, bump_db = rng.uniform(45.0, 110.0), strength * rng.uniform(1.0, 4.0)
    loss_db_at_10k = strength * rng.uniform(1.0, 6.0)
    samples = _hysteresis(samples, strength * rng.uniform(0.3, 1.0))
    hiss = rng.standard_normal(samples.shape).astype(np.float32)
    hiss = filtered(hiss, shelf(1_500.0, 0.0, 6.0))
    level = np.sqrt(np.mean(samples**2)) * 10.0 ** (rng.uniform(-62.0, -48.0) / 20.0)
    at = np.geomspace(20.0, 20_000.0, 200)
    octaves = np.log2(at / bump_hz)
    gain_db = bump_db * (np.exp(-((octaves / 0.6) ** 2)) - 0.5 * np.exp(-(((octaves + 1.1) / 0.4) ** 2)))
    gain_db -= loss_db_at_10k * at / 10_000.0
    return filtered(samples, curve(at, gain_db)) + hiss * np.float32(level / np.sqrt(np.mean(hiss**2)))


def _hysteresis(samples: np.ndarray, depth: float) -> np.ndarray:
    """Each channel pushed into a Prandtl-Ishlinskii model, its mean level kept."""
    scale = 1.0 / (4.0 * np.sqrt(np.mean(samples**2)) + 1e-9)
    radii = np.array([0.0, 0.05, 0.15, 0.3, 0.6])
    weights = np.array([1.0, 0.25 * depth, 0.2 * depth, 0.1 * depth, -0.3 * depth])
    out = np.stack([play(scale * channel.astype(np.float64), radii, weights) for channel in samples.T], axis=1)
    out *= np.sqrt(np.mean(samples**2) / np.mean(out**2))
    return out.astype(np.float32)


GRAPHIC_HZ = 1_000.0 * 2.0 ** np.arange(-5, 5)
GRAPHIC_DB = {
    "smile": (5, 4, 2, 0, -3, -4, -2, 1, 4, 5),
    "hill": (-6, -4, -1, 2, 4, 4, 2, 0, -3, -5),
    "loudness": (7, 6, 3, 1, 0, 0, 0, 1, 3, 5),
    "voice": (-8, -5, -2, 0, 2, 4, 4, 2, -1, -3),
    "rock": (4, 3, -2, -3, -1, 2, 4, 5, 5, 4),
}


def graphic(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """A ten-band ISO graphic equaliser somebody left in a bad setting."""
    pick = int(rng.integers(len(GRAPHIC_DB) + 2))
    if pick < len(GRAPHIC_DB):
        sliders = np.array(list(GRAPHIC_DB.values())[pick], dtype=float) * rng.uniform(0.5, 1.1)
    else:
        sliders = rng.uniform(-5.0, 5.0, 10) if pick == len(GRAPHIC_DB) else np.zeros(10)
        stuck = rng.choice(10, 2, replace=False)
        sliders[stuck] = rng.choice((-9.0, 7.0), 2)
    return filtered(
        samples, *(bell(f, strength * g, 1.4) for f, g in zip(GRAPHIC_HZ, sliders, strict=True) if g)
    )


def loudspeaker(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Played over a box and recorded close by: its alignment, baffle step, cone break-up, dull axis."""
    parts: list[Response] = [
        high_pass(rng.uniform(35.0, 75.0), rng.uniform(0.6, 1.2)),
        shelf(rng.uniform(250.0, 700.0), 0.0, strength * rng.uniform(1.0, 4.5)),
        bell(rng.uniform(2_000.0, 5_000.0), strength * rng.uniform(-5.0, 3.0), rng.uniform(1.0, 2.0)),
        shelf(rng.uniform(6_000.0, 10_000.0), 0.0, -strength * rng.uniform(0.0, 6.0)),
    ]
    for _ in range(int(rng.integers(3, 7))):
        frequency_hz = np.exp(rng.uniform(np.log(600.0), np.log(12_000.0)))
        parts.append(bell(frequency_hz, strength * rng.normal(0.0, 2.5), rng.uniform(3.0, 8.0)))
    return filtered(samples, *parts)


def room(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """First reflections of a small room, another set for each channel, losing treble at each wall."""

    count = int(rng.integers(8, 18))
    delays_s = np.sort(rng.uniform(0.0008, 0.03, (2, count)), axis=1)
    gains = 10.0 ** (rng.uniform(-20.0, -7.0, (2, count)) / 20.0) * np.exp(-delays_s / 0.02)
    gains *= strength * rng.choice((1.0, 1.0, -1.0), (2, count))
    damping_hz = rng.uniform(2_500.0, 9_000.0)

    def response(at: np.ndarray) -> np.ndarray:
        wet = np.ones((len(at), 2), dtype=complex)
        for channel in range(2):
            for delay_s, gain in zip(delays_s[channel], gains[channel], strict=True):
                wet[:, channel] += gain * np.exp(-2j * np.pi * at * delay_s) / (1.0 + 1j * at / damping_hz)
        return wet

    return filtered(samples, response)


def comb(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """One strong reflection: a table top or a second path through a mixer."""
    delay_s = np.exp(rng.uniform(np.log(0.0002), np.log(0.004)))
    gain = min(0.8, strength * rng.uniform(0.25, 0.6)) * rng.choice((1.0, -1.0))
    return filtered(samples, lambda at: 1.0 + gain * np.exp(-2j * np.pi * at * delay_s))


RIAA_S = (3_180e-6, 318e-6, 75e-6)
PLAYBACK_S = {
    "Columbia LP": (1_590e-6, 318e-6, 100e-6),
    "NAB": (3_180e-6, 318e-6, 100e-6),
    "AES": (3_180e-6, 398e-6, 63.6e-6),
    "London LP": (1_590e-6, 318e-6, 50e-6),
    "flat treble": (3_180e-6, 318e-6, 30e-6),
    "78 rpm": (3_180e-6, 530e-6, 50e-6),
}


def vinyl(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """A record cut to RIAA and played by another curve, with the cartridge's resonance, bleed and rumble."""
    wrong = list(PLAYBACK_S.values())[int(rng.integers(len(PLAYBACK_S)))]
    corners = [(1.0 / (2.0 * np.pi * a), 1.0 / (2.0 * np.pi * b)) for a, b in zip(RIAA_S, wrong, strict=True)]

    def curves(at: np.ndarray) -> np.ndarray:
        gain = np.ones(len(at), dtype=complex)
        for (right, other), sign in zip(corners, (-1, 1, -1), strict=True):
            # Play-back has poles at the first and last time constant and a zero at the middle one.
            gain *= ((1.0 + 1j * at / other) / (1.0 + 1j * at / right)) ** sign
        return gain

    resonance = bell(rng.uniform(9_000.0, 17_000.0), strength * rng.uniform(1.0, 5.0), rng.uniform(1.0, 2.5))
    samples = filtered(samples, curves, resonance)
    samples = bleed(samples, rng, strength)
    rumble = filtered(rng.standard_normal(samples.shape).astype(np.float32), pole(30.0), pole(60.0))
    level = np.sqrt(np.mean(samples**2)) * 10.0 ** (rng.uniform(-50.0, -38.0) / 20.0)
    return samples + rumble * np.float32(level / np.sqrt(np.mean(rumble**2)))


def bleed(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Crosstalk from channel to channel that rises towards the treble, and a little imbalance."""
    into = filtered(samples[:, ::-1], zero(rng.uniform(3_000.0, 8_000.0)), pole(18_000.0))
    share = strength * 10.0 ** (rng.uniform(-24.0, -12.0) / 20.0)
    imbalance = 10.0 ** (strength * rng.uniform(-1.0, 1.0) * np.array([0.5, -0.5]) / 20.0)
    return ((samples + share * into) * imbalance).astype(np.float32)


def air(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Heard across a hall: absorption of air grows with the square of the frequency."""
    loss_db_at_10k = strength * rng.uniform(2.0, 8.0)
    at = np.geomspace(500.0, 20_000.0, 100)
    return filtered(samples, curve(at, -loss_db_at_10k * (at / 10_000.0) ** 2))


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
    """One to three bands that duck or swell with their own level, de-essers and resonance tamers set wrong."""
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
    level_db_ = strength * rng.uniform(2.0, 8.0)
    gain = np.sqrt(np.mean(high**2) / (np.mean(made**2) + 1e-20)) * (10.0 ** (level_db_ / 20.0) - 1.0)
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


def codec(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Through a lossy codec at a low bit rate and back, its delay taken out."""
    name, container = (("libmp3lame", "mp3"), ("aac", "adts"))[int(rng.integers(2))]
    rates = (48_000, 56_000, 64_000, 80_000) if strength >= 1.0 else (80_000, 96_000)
    bit_rate = int(rng.choice(rates))
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


COLOURS: dict[str, Family] = {
    "tape": tape,
    "graphic": graphic,
    "loudspeaker": loudspeaker,
    "room": room,
    "comb": comb,
    "vinyl": vinyl,
    "air": air,
}
"""Families that change the average spectrum most."""

BEHAVIOURS: dict[str, Family] = {
    "transients": transients,
    "upward": upward,
    "dynamic_eq": dynamic_eq,
    "exciter": exciter,
    "gate": gate,
    "bleed": bleed,
    "haas": haas,
    "phase": phase,
    "codec": codec,
}
"""Families that act on dynamics, stereo and detail; a codec comes last."""

STRENGTH = 1.0
"""Chosen by looking at what identity leaves alone: its median LTAS-M is to lie between 2.0 and 2.5 dB."""


def unseen(samples: np.ndarray, rng: Rng) -> tuple[np.ndarray, tuple[str, ...]]:
    """One or two colours and one or two behaviours at random, in random strength; also their names."""
    names = [
        *rng.choice(list(COLOURS), int(rng.integers(1, 3)), replace=False).tolist(),
        *rng.choice(list(BEHAVIOURS), int(rng.integers(1, 3)), replace=False).tolist(),
    ]
    names.sort(key=lambda name: name == "codec")
    for name in names:
        family = (COLOURS | BEHAVIOURS)[name]
        samples = family(samples, rng, STRENGTH * rng.uniform(0.6, 1.3))
    return samples, tuple(names)
