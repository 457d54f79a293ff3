"""Trust: how much of what a separated stem measures as is the stem, and how much its neighbours'.

A separator leaks: part of the other stems' energy ends up in each stem. Where a stem stands high in
the mix that does not matter; where it lies as low as the leak, its spectrum and its level are its
neighbours'. With q the stem's share of the mix's power and e the leak's share of the rest, the leak
makes up e (1 - q) / q of what was measured: what is left is trusted.

The leak is taken from the separator's label, and never below what the separator itself left out of
the recording (its residual share): a model that cannot account for the mix cannot tell its parts apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mastering.measure.features import Features
from mastering.stemwise.hearing import HeardStems

__all__ = ["LEAK_DB", "Curve", "band_trust", "leak_share", "stem_trust"]

Curve = npt.NDArray[np.float64]

LEAK_DB = {"official": -18.0, "custom": -13.0, "draft": -7.0}
"""Label -> power of what leaks into a stem, against the rest of the mix.

Chosen on development songs (tools/bench/stems_match.py). The draft's: with less, mixes end further from
the truth than without stems. A custom model's: masks that blur as a fair separator does. An official
model's: the published SDR of htdemucs, 9 dB, for stems some 9 dB under the rest.
"""


def leak_share(heard: HeardStems) -> float:
    """Share of the rest of the mix that leaks into each stem, 0..1."""
    expected = 10.0 ** (LEAK_DB.get(heard.info.label, LEAK_DB["draft"]) / 10.0)
    return float(np.clip(heard.residual_share, expected, 1.0))


def stem_trust(heard: HeardStems, stem: str) -> float:
    """Trust in a stem as a whole, 0..1, by its loudness against the mix."""
    level_lu = heard.level_lu(stem)
    return float(_trusted(np.array(10.0 ** (level_lu / 10.0)), leak_share(heard)))


def band_trust(heard: HeardStems, stem: str) -> Curve:
    """Trust in each third octave (31) of a stem, 0..1."""
    own, mix = _powers(heard.stems[stem]), _powers(heard.mix)
    return _trusted(own / np.maximum(mix, 1e-20), leak_share(heard))


def _trusted(share: Curve, leak: float) -> Curve:
    share = np.clip(share, 1e-12, 1.0)
    return np.asarray(np.clip(1.0 - leak * (1.0 - share) / share, 0.0, 1.0))


def _powers(features: Features) -> Curve:
    """Power of mid and side together in each third octave (31)."""
    mid, side = (np.asarray(c) for c in (features.band_levels_mid_db, features.band_levels_side_db))
    return np.asarray(10.0 ** (mid / 10.0) + 10.0 ** (side / 10.0))
