"""How well a stem was separated: SI-SDR and SDR, whole and by windows.

SI-SDR (Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019) leaves the level of the estimate
free; both channels are one vector. SDR is 10 log10(sum s^2 / sum (s - e)^2): of a whole song that of the
Music Demixing Challenge 2021, and by windows of one second, median over windows, that of museval (BSS Eval
v4, images): its error splits into parts by filters, but their sum is s - e. `museval_sdr_db` asks museval
itself.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

RATE = 44_100
WINDOW_S = 10
SECOND_S = 1
ACTIVE_DBFS = -50.0
"""A window counts for a stem that reaches this RMS in it ..."""
UNDER_MIX_DB = -30.0
"""... and lies no further under the mixture. A window of WINDOW_S wants that of the rest of the mixture, too:
where a stem plays alone there is nothing to separate, and a copy of the mixture would get any number."""
TINY = 1e-20


@dataclass(frozen=True)
class StemScore:
    """What one stem of one case got; windows in order, None where it does not count or nothing was estimated.

    Args:
        si_sdr_db: of the whole case; None where the estimate is silent.
        sdr_db: of the whole case.
        windows_db: SI-SDR of each window of WINDOW_S.
        seconds_db: SDR of each second.
    """

    si_sdr_db: float | None
    sdr_db: float
    windows_db: list[float | None]
    seconds_db: list[float | None]

    def row(self) -> dict:
        """For JSON, in thousandths of a decibel."""

        def short(value: float | None) -> float | None:
            return None if value is None else round(value, 3)

        return {
            key: [short(v) for v in value] if isinstance(value, list) else short(value)
            for key, value in asdict(self).items()
        }


def score(true: np.ndarray, estimate: np.ndarray, mix: np.ndarray) -> StemScore:
    """All numbers of one stem.

    Args:
        true, estimate, mix: [channels, frames] at 44.1 kHz.
    """
    return StemScore(
        si_sdr_db=si_sdr_db(true, estimate),
        sdr_db=sdr_db(true, estimate),
        windows_db=_windowed(true, estimate, mixed(true, mix, WINDOW_S), WINDOW_S, si_sdr_db),
        seconds_db=_windowed(true, estimate, active(true, mix, SECOND_S), SECOND_S, sdr_db),
    )


def si_sdr_db(true: np.ndarray, estimate: np.ndarray) -> float | None:
    """Scale-invariant SDR; None where the estimate is silent."""
    power, likeness = _dot(true, true), _dot(true, estimate)
    energy = _dot(estimate, estimate)
    if energy < TINY or power < TINY:
        return None
    target = likeness**2 / power
    return float(10.0 * np.log10((target + TINY) / (max(energy - target, 0.0) + TINY)))


def sdr_db(true: np.ndarray, estimate: np.ndarray) -> float:
    """Plain SDR: an estimate of silence gets 0 dB."""
    error = true - estimate
    return float(10.0 * np.log10((_dot(true, true) + TINY) / (_dot(error, error) + TINY)))


def active(true: np.ndarray, mix: np.ndarray, seconds: int) -> list[bool]:
    """Which windows of so many seconds a stem sounds in; a last window shorter than half is left out."""
    stem, whole = (_power_db(samples, seconds) for samples in (true, mix))
    return [bool(s > ACTIVE_DBFS and s - m > UNDER_MIX_DB) for s, m in zip(stem, whole, strict=True)]


def mixed(true: np.ndarray, mix: np.ndarray, seconds: int) -> list[bool]:
    """Which windows both a stem and something else sound in."""
    both = zip(active(true, mix, seconds), active(mix - true, mix, seconds), strict=True)
    return [stem and rest for stem, rest in both]


def museval_sdr_db(true: dict[str, np.ndarray], estimates: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """SDR of each second by the museval package itself (slow): stem -> [seconds], NaN where one is silent.

    Args:
        true, estimates: stem -> [channels, frames]; the same stems in the same order.
    """
    stacked = [np.stack([s.T for s in stems.values()]).astype(np.float64) for stems in (true, estimates)]
    sdr, *_ = _museval_metrics().bss_eval(*stacked, window=RATE, hop=RATE, compute_permutation=False)
    return dict(zip(true, sdr, strict=True))


def _museval_metrics() -> ModuleType:
    """museval.metrics alone: the package's own __init__ wants the ffmpeg command, its metrics do not."""
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("museval is not installed")
    spec = importlib.util.spec_from_file_location(
        "museval_metrics", Path(package.origin).with_name("metrics.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _windowed(
    true: np.ndarray,
    estimate: np.ndarray,
    counts: list[bool],
    seconds: int,
    measure: Callable[[np.ndarray, np.ndarray], float | None],
) -> list[float | None]:
    frames = seconds * RATE
    spans = [slice(frames * i, frames * (i + 1)) for i in range(len(counts))]
    return [
        measure(true[:, at], estimate[:, at]) if on else None for at, on in zip(spans, counts, strict=True)
    ]


def _starts(samples: np.ndarray, seconds: int) -> range:
    frames = seconds * RATE
    return range(0, max(1, samples.shape[1] - frames // 2 + 1), frames)


def _power_db(samples: np.ndarray, seconds: int) -> np.ndarray:
    frames = seconds * RATE
    windows = (samples[:, start : start + frames] for start in _starts(samples, seconds))
    return np.array([10.0 * np.log10(np.mean(np.square(w, dtype=np.float64)) + TINY) for w in windows])


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.einsum("cf,cf->", a, b, dtype=np.float64))
