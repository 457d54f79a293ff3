"""How far a master lies from the truth, as a mix and stem by stem.

A master is one signal: how loud a stem is in it, and with which spectrum, is found by projection. In
each third octave the master is taken as a sum of the input's true stems with real gains g, fitted by
least squares over the spectrogram (4096 frames, Hann, half overlapped, left and right); a stem in the
master then has g^2 times the power it has in the input. That holds for whatever made the master,
leaking separators included: what they do to a neighbour is seen at the neighbour.

    LTAS-M   as in match_metrics: of the whole, mid, level removed
    level    |K-weighted level of the stem against the mix, master minus truth|
    LTAS     of the stem: mean |difference| of its third octaves, level removed, where it lies at most
             40 dB under its highest
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from match_metrics import lined_up, ltas_db, measure
from metrics import CENTRES_HZ
from scipy import fft
from stems_match_cases import Case
from stems_match_songs import RATE

__all__ = ["Judge", "si_sdr_db"]

SIZE = 4_096
RIDGE = 1e-4
DEPTH_DB = 40.0


@dataclass(frozen=True)
class Parts:
    """Power of each stem [stems, bands], and of all together [bands]."""

    stems: np.ndarray
    mix: np.ndarray


class Judge:
    """One case's truth, measured once for all systems."""

    def __init__(self, case: Case) -> None:
        self._names = sorted(case.truth)
        self._case = case
        self._input = sum(case.stems.values())
        self._spectra = [_spectrogram(case.stems[name]) for name in self._names]
        self._own = np.stack([_banded(np.square(np.abs(one))) for one in self._spectra])
        self._truth = measure(sum(case.truth.values()))
        truth = [_spectrogram(case.truth[name]) for name in self._names]
        self._wanted = Parts(
            np.stack([_banded(np.square(np.abs(one))) for one in truth]),
            _banded(np.square(np.abs(sum(truth)))),
        )

    def row(self, master: np.ndarray) -> dict[str, float]:
        """All metrics of a master [frames, 2]."""
        master = lined_up(master, self._input)
        mid, side = ltas_db(measure(master), self._truth)
        made = self._projected(master)
        levels = np.abs(_levels_db(made) - _levels_db(self._wanted))
        shapes = np.array([_shape_error(a, b) for a, b in zip(made.stems, self._wanted.stems, strict=True)])
        changed = np.array([name == self._case.stem for name in self._names])
        return {
            "ltas_m": mid,
            "ltas_s": side,
            "level": float(levels.mean()),
            "level_changed": float(levels[changed].mean()),
            "level_others": float(levels[~changed].mean()),
            "ltas": float(shapes.mean()),
            "ltas_changed": float(shapes[changed].mean()),
            "ltas_others": float(shapes[~changed].mean()),
        }

    def _projected(self, master: np.ndarray) -> Parts:
        made = _spectrogram(master)
        count = len(self._names)
        cross = np.empty((count, count, len(CENTRES_HZ)))
        onto = np.empty((count, len(CENTRES_HZ)))
        for i, a in enumerate(self._spectra):
            onto[i] = _banded((np.conj(a) * made).real)
            for j, b in enumerate(self._spectra[: i + 1]):
                cross[i, j] = cross[j, i] = _banded((np.conj(a) * b).real)
        gains = np.stack(
            [
                np.linalg.solve(
                    cross[..., k]
                    + RIDGE * np.trace(cross[..., k]) * np.eye(count) / count
                    + 1e-12 * np.eye(count),
                    onto[:, k],
                )
                for k in range(len(CENTRES_HZ))
            ],
            axis=1,
        )
        return Parts(np.square(gains) * self._own, _banded(np.square(np.abs(made))))


def _spectrogram(samples: np.ndarray) -> np.ndarray:
    """Complex [2 * windows, bins]."""
    views = np.lib.stride_tricks.sliding_window_view(np.ascontiguousarray(samples.T), SIZE, axis=1)
    window = np.hanning(SIZE).astype(np.float32)
    return fft.rfft((views[:, :: SIZE // 2] * window).reshape(-1, SIZE), axis=1)


_AT = np.fft.rfftfreq(SIZE, 1.0 / RATE)
_EDGES = np.searchsorted(_AT, np.append(CENTRES_HZ * 10.0**-0.05, CENTRES_HZ[-1] * 10.0**0.05))
_EDGES = np.maximum(_EDGES, np.arange(len(_EDGES)) + 1)


def _banded(values: np.ndarray) -> np.ndarray:
    """Sums over the 28 third octaves; the lowest hold at least one bin."""
    total = values.sum(axis=0, dtype=np.float64)
    return np.add.reduceat(total, _EDGES)[:-1]


def _k_weights() -> np.ndarray:
    """Power response of BS.1770's filters at the bands: +4 dB shelf above 1.7 kHz, high-pass at 38 Hz."""
    shelf = 10.0 ** (0.4 / (1.0 + (1_682.0 / CENTRES_HZ) ** 3))
    return shelf / (1.0 + (38.0 / CENTRES_HZ) ** 4)


def _levels_db(parts: Parts) -> np.ndarray:
    """K-weighted level of each stem against the mix."""
    weights = _k_weights()
    return 10.0 * np.log10((parts.stems @ weights + 1e-12) / (parts.mix @ weights + 1e-12))


def _shape_error(made: np.ndarray, wanted: np.ndarray) -> float:
    heard = wanted > wanted.max() * 10.0 ** (-DEPTH_DB / 10.0)
    apart = 10.0 * np.log10((made[heard] + 1e-9) / (wanted[heard] + 1e-9))
    return float(np.abs(apart - apart.mean()).mean())


def si_sdr_db(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal to distortion ratio (Le Roux et al., ICASSP 2019)."""
    scale = float(np.vdot(estimate, truth) / (np.vdot(truth, truth) + 1e-12))
    wanted = scale * truth
    return float(
        10.0 * np.log10(np.vdot(wanted, wanted) / (np.vdot(estimate - wanted, estimate - wanted) + 1e-12))
    )
