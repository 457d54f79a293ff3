"""The per-case oracle: knows the truth and sets the chain's curves to it, an upper bound.

Parameters are the third-octave gains of mid and of side of the product's linear-phase
equaliser, the compressors the closed form would set if the truth were its reference, loudness
and PLR. Gauss-Newton steps bring the exact band powers behind the equaliser (power spectrum times
squared magnitude, summed in each band) to the truth's; two more rounds repeat that against the
real render, so that what compressors and limiter do to the spectrum is taken into account.
"""

from __future__ import annotations

import numpy as np
from baselines import DELIVERY, delivered
from cases import Case
from chains import audio
from metrics import CENTRES_HZ, integrated_lufs, third_octaves_db, true_peak_8x_db
from scipy import signal

from mastering.chain import LinearPhaseEq
from mastering.dsp.fir import curve_at
from mastering.library import reference_limits
from mastering.measure.features import THIRD_OCTAVES_HZ, analyse
from mastering.ports import MatchRequest, find_matcher

RATE = 44_100
POINTS_HZ = np.array(THIRD_OCTAVES_HZ)
JUDGED = slice(2, 30)
MOST_DB = 24.0
SMOOTHING = 0.02
"""Weight of the pull of every gain towards its neighbours: bands without content follow them."""

STEPS = 6
ROUNDS = 3


def oracle(case: Case) -> np.ndarray:
    """The best master of three rounds."""
    truth_mid_db, truth_side_db = _bands(case.truth)
    lufs = integrated_lufs(case.truth, RATE)
    plr_db = true_peak_8x_db(case.truth) - lufs
    request = MatchRequest(
        features=case.source_features,
        references=(analyse(audio(case.truth)),),
        delivery=DELIVERY,
        limits=reference_limits(),
        amount_percent=100.0,
    )
    chain = find_matcher("closed-form").match(request).chain
    rest = tuple(step for step in chain.steps if step.kind in ("compressor", "multiband_compressor"))
    aim_mid, aim_side = truth_mid_db, truth_side_db
    best, lowest = case.source, np.inf
    for _ in range(ROUNDS):
        mid, side = solved_db(_mid(case.source), aim_mid), solved_db(_side(case.source), aim_side)
        made = delivered(case, (equalizer(mid, side), *rest), lufs, plr_db, chain.limiter)
        made_mid, made_side = _bands(made)
        error = np.abs(_level_free(made_mid - truth_mid_db)).mean()
        if error < lowest:
            best, lowest = made, error
        aim_mid = aim_mid - _level_free(made_mid - truth_mid_db)
        aim_side = aim_side - np.clip(made_side - truth_side_db - (made_mid - truth_mid_db).mean(), -6.0, 6.0)
    return best


def _mid(samples: np.ndarray) -> np.ndarray:
    return samples.mean(axis=1)


def _side(samples: np.ndarray) -> np.ndarray:
    return 0.5 * (samples[:, 0] - samples[:, 1])


def _bands(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return third_octaves_db(_mid(samples), RATE), third_octaves_db(_side(samples), RATE)


def _level_free(difference_db: np.ndarray) -> np.ndarray:
    return difference_db - difference_db.mean()


def equalizer(mid_db: np.ndarray, side_db: np.ndarray) -> LinearPhaseEq:
    """The product's step for two curves of 31 gains."""
    return LinearPhaseEq(
        frequencies_hz=tuple(POINTS_HZ.tolist()),
        mid_gain_db=tuple(mid_db.tolist()),
        side_gain_db=tuple(side_db.tolist()),
    )


def solved_db(channel: np.ndarray, wanted_db: np.ndarray) -> np.ndarray:
    """Gains (31) of the equaliser that give a channel's third octaves (28) wanted levels, by Gauss-Newton."""
    at, density = signal.welch(channel, RATE, "hann", 16_384)
    edges = CENTRES_HZ[:, None] * 10.0 ** np.array([-0.05, 0.05])
    step = at[1]
    share = np.clip(
        np.minimum(at + step / 2, edges[:, 1:]) - np.maximum(at - step / 2, edges[:, :1]), 0, None
    )
    power = share * density + 1e-20
    before_db = 10.0 * np.log10(power.sum(axis=1))
    heard = (before_db > -110.0) & (wanted_db > -110.0)
    gains = np.zeros(len(POINTS_HZ))
    if not heard.any():
        return gains
    rough = SMOOTHING * np.diff(np.eye(len(gains)), axis=0)
    for _ in range(STEPS):
        level, slope = _levels(power, at, gains)
        missing = np.where(heard, wanted_db - level, 0.0)
        jacobian = np.vstack([slope * heard[:, None], rough])
        update = np.linalg.lstsq(jacobian, np.concatenate([missing, -rough @ gains]), rcond=None)[0]
        gains = np.clip(gains + update, -MOST_DB, MOST_DB)
    return gains


def _levels(power: np.ndarray, at: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Band levels behind the gains in dB, and their derivative by each gain."""

    def level(values: np.ndarray) -> np.ndarray:
        return 10.0 * np.log10(power @ 10.0 ** (curve_at(at, POINTS_HZ, values) / 10.0))

    base = level(gains)
    by_gain = [(level(gains + 0.1 * unit) - base) / 0.1 for unit in np.eye(len(gains))]
    return base, np.stack(by_gain, axis=1)
