"""Tone and width: from third-octave differences to gain curves that are safe to apply.

A difference between two pieces of music is partly mastering and partly music (another key,
another arrangement). `shrink` keeps what is likely mastering: mastering moves many bands
together and smoothly, music moves neighbouring bands apart. Both are Gaussian processes over
the band number, and the expected mastering part of an observed difference d is
K_t (K_t + K_c)^-1 d (Rasmussen, Williams, "Gaussian Processes for Machine Learning", eq. 2.23).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.measure.features import THIRD_OCTAVES_HZ, Features

__all__ = [
    "CENTRES_HZ",
    "JUDGED",
    "TONE",
    "WIDTH",
    "Curve",
    "Prior",
    "Spectrum",
    "allowed_boost_db",
    "mean_spectrum",
    "shrink",
    "side_headroom_db",
    "within_bandwidth",
]

Curve = npt.NDArray[np.float64]

CENTRES_HZ: Curve = np.asarray(THIRD_OCTAVES_HZ)

JUDGED = slice(2, 30)
"""The 28 bands from 31.5 Hz to 16 kHz: the level of a curve is its mean over these."""

FLOOR_DB = -120.0
"""Third-octave levels below this count as silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Third-octave levels (31) of mid, and side relative to mid, in dB; silence is FLOOR_DB."""

    mid_db: Curve
    side_to_mid_db: Curve


def mean_spectrum(pieces: tuple[Features, ...]) -> Spectrum:
    """The mean of several pieces: each levelled to its own mean first, then averaged in dB."""
    mids, sides = [], []
    for piece in pieces:
        mid = _levels(piece.band_levels_mid_db)
        mids.append(mid - mid[JUDGED].mean())
        sides.append(np.clip(_levels(piece.band_levels_side_db) - mid, -60.0, 30.0))
    return Spectrum(mid_db=np.mean(mids, axis=0), side_to_mid_db=np.mean(sides, axis=0))


def _levels(values_db: tuple[float, ...]) -> Curve:
    return np.asarray(np.maximum(np.nan_to_num(np.asarray(values_db), neginf=FLOOR_DB), FLOOR_DB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is expected of a difference: standard deviations in dB, lengths in third octaves.

    Attributes:
        mastering_db, mastering_bands: of the part that mastering makes.
        content_db, content_bands: of the part that the music makes.
        rough_db: of what is independent from band to band.
    """

    mastering_db: float
    mastering_bands: float
    content_db: float
    content_bands: float
    rough_db: float = 0.5


TONE = Prior(mastering_db=3.0, mastering_bands=2.0, content_db=2.0, content_bands=1.2)
"""Left 1.34 dB to the truth in 60 blind cases (nothing 2.25, the whole difference 2.06, Matchering 1.89)."""

WIDTH = Prior(mastering_db=2.0, mastering_bands=4.0, content_db=3.0, content_bands=3.0)
"""Songs differ in width far more than masters change it: of a constant difference a third is kept."""


def shrink(difference_db: Curve, trusted: npt.NDArray[np.bool_], references: int, prior: Prior) -> Curve:
    """The part of a third-octave difference (31) that is likely mastering.

    Args:
        difference_db: reference minus input, its mean removed.
        trusted: bands where both have content; the others are filled in from their neighbours.
        references: how many references were averaged; each one more tells music better apart.
        prior: TONE or WIDTH.
    """
    band = np.arange(len(difference_db), dtype=np.float64)
    apart = (band[:, None] - band[None, :]) ** 2
    mastering = prior.mastering_db**2 * np.exp(-0.5 * apart / prior.mastering_bands**2)
    content = prior.content_db**2 * np.exp(-0.5 * apart / prior.content_bands**2)
    content += prior.rough_db**2 * np.eye(len(band))
    # The input's own content stays in the difference; the references' averages out.
    content *= 0.5 * (1.0 + 1.0 / max(1, references))
    seen = np.flatnonzero(trusted)
    if len(seen) == 0:
        return np.zeros_like(difference_db)
    observed = (mastering + content)[np.ix_(seen, seen)]
    return np.asarray(mastering[:, seen] @ np.linalg.solve(observed, difference_db[seen]))


def allowed_boost_db(features: Features, max_boost_db: float) -> Curve:
    """Highest boost (31) each band bears: none above the audible bandwidth, none into the noise floor.

    A band that stands S dB above its share of the noise floor may be boosted by at most S - 10 dB.
    """
    levels = _levels(features.band_levels_mid_db)
    share_db = features.noise_floor_dbfs - 10.0 * np.log10(len(levels))
    # A "floor" close to the programme is a piece without pauses, not noise.
    is_noise = features.noise_floor_dbfs < features.integrated_lufs - 35.0
    boost = np.full(len(levels), max_boost_db)
    if is_noise:
        boost = np.minimum(boost, np.maximum(0.0, levels - share_db - 10.0))
    boost[~within_bandwidth(features)] = 0.0
    return boost


def within_bandwidth(features: Features) -> npt.NDArray[np.bool_]:
    """Bands (31) that lie wholly below the audible bandwidth; all up to Nyquist in a full-band piece."""
    full_band = features.bandwidth_hz >= 0.93 * features.sample_rate / 2
    edges = CENTRES_HZ * 10.0 ** (-0.05 if full_band else 0.05)
    return np.asarray(edges <= features.bandwidth_hz)


def side_headroom_db(side_to_mid_db: Curve, max_boost_db: float) -> Curve:
    """Highest boost (31) of the side: full where there is a side, none where it is nearly mono.

    From -25 dB (a real side) to -40 dB (bleed, codec noise) the cap falls to zero.
    """
    return np.asarray(max_boost_db * np.clip((side_to_mid_db + 40.0) / 15.0, 0.0, 1.0))
