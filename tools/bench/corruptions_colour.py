"""Corruptions that change the average spectrum most: machines, boxes, rooms, records.

Each takes samples float32 [frames, 2] at 44.1 kHz, a generator and a strength (1 is typical) and
gives as many frames back, not delayed.
"""

from __future__ import annotations

import numpy as np
from corruptions_behaviour import bleed
from envelopes import play
from filters import Response, bell, curve, filtered, high_pass, pole, shelf

RATE = 44_100

Rng = np.random.Generator


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
    out = np.stack(
        [play(scale * channel.astype(np.float64), radii, weights) for channel in samples.T], axis=1
    )
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


def air(samples: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Heard across a hall: absorption of air grows with the square of the frequency."""
    loss_db_at_10k = strength * rng.uniform(2.0, 8.0)
    at = np.geomspace(500.0, 20_000.0, 100)
    return filtered(samples, curve(at, -loss_db_at_10k * (at / 10_000.0) ** 2))
