"""Systems: the input, the plain matcher, and stem-aware mastering with true and with separated stems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from baselines import DELIVERY
from chains import audio
from scipy import signal
from scipy.ndimage import uniform_filter
from stems_match_cases import Case
from stems_match_songs import NAMES as STEMS
from stems_match_songs import RATE

from mastering.audio import Audio, AudioSource
from mastering.library import reference_limits
from mastering.measure.features import analyse
from mastering.pipeline import master, remix
from mastering.ports import MatchRequest, SeparatedStems, Separator, SeparatorInfo
from mastering.stemwise.hearing import TakenApart, hear

__all__ = ["NAMES", "TITLES", "Handed", "Masked", "run"]

TITLES = {
    "identity": "input, untouched",
    "plain": "plain matcher",
    "true": "stem-aware, true stems",
    "masked": "stem-aware, masked stems",
    "separated": "stem-aware, separated stems",
}
NAMES = tuple(TITLES)

Stems = Mapping[str, np.ndarray]


class Handed:
    """A Separator that hands over stems it was given: the truth.

    Args:
        recordings: stems by the recording they sum to.
    """

    def __init__(self, *recordings: Stems) -> None:
        self._recordings = recordings

    @property
    def info(self) -> SeparatorInfo:
        return SeparatorInfo(
            model="truth", label="official", sources=STEMS, sample_rate=RATE, sha256=(), settings={}
        )

    def separate(
        self, source: AudioSource, *, on_progress: Callable[[float], None] | None = None
    ) -> SeparatedStems:
        """The stems whose sum is the source."""
        samples = np.concatenate(list(source.blocks()), axis=1).T
        stems = next(one for one in self._recordings if np.array_equal(sum(one.values()), samples))
        return SeparatedStems(info=self.info, parts=_parts(stems, samples), residual_share=0.0)


class Masked(Handed):
    """A Separator by ideal ratio masks of blurred spectrograms: it knows the truth and leaks all the same.

    SI-SDR on the development songs: drums 5.6, bass 3.8, other 6.3, vocals 6.7 dB.

    Args:
        recordings: as `Handed`.
        blur: windows and bins (of 2048 frames) over which the powers are averaged before the masks are made.
    """

    def __init__(self, *recordings: Stems, blur: tuple[int, int] = (9, 15)) -> None:
        super().__init__(*recordings)
        self._blur = blur

    @property
    def info(self) -> SeparatorInfo:
        return SeparatorInfo(
            model="mask", label="custom", sources=STEMS, sample_rate=RATE, sha256=(), settings={}
        )

    def separate(
        self, source: AudioSource, *, on_progress: Callable[[float], None] | None = None
    ) -> SeparatedStems:
        """Every stem through its mask."""
        samples = np.concatenate(list(source.blocks()), axis=1).T
        stems = next(one for one in self._recordings if np.array_equal(sum(one.values()), samples))
        mix = _stft(samples)
        powers = {name: self._blurred(np.abs(_stft(part)) ** 2) for name, part in stems.items()}
        total = sum(powers.values()) + 1e-12
        made = {name: _istft(mix * (power / total), len(samples)) for name, power in powers.items()}
        return SeparatedStems(info=self.info, parts=_parts(made, samples), residual_share=0.0)

    def _blurred(self, power: np.ndarray) -> np.ndarray:
        return uniform_filter(power, (0, self._blur[1], self._blur[0]))


def _stft(samples: np.ndarray) -> np.ndarray:
    return signal.stft(samples.T, RATE, nperseg=2_048, noverlap=1_536)[2]


def _istft(spectra: np.ndarray, frames: int) -> np.ndarray:
    out = signal.istft(spectra, RATE, nperseg=2_048, noverlap=1_536)[1].T[:frames]
    return np.pad(out, ((0, frames - len(out)), (0, 0))).astype(np.float32)


def _parts(stems: Stems, samples: np.ndarray) -> dict[str, Audio]:
    """All stems a model has, silent where the song has none; what is left of the sum is "other"'s."""
    made = {name: stems.get(name, np.zeros_like(samples)) for name in STEMS}
    rest = sum((part for name, part in made.items() if name != "other"), np.zeros_like(samples))
    made["other"] = samples - rest
    return {name: audio(part) for name, part in made.items()}


def run(name: str, case: Case, model: str | None, work: Path) -> np.ndarray:
    """The master [frames, 2] of a system.

    Args:
        name: key of TITLES.
        case: what to master.
        model: that separates, for "separated".
        work: separations are kept there.
    """
    if name == "identity":
        return identity(case)
    if name == "plain":
        return plain(case)
    if name == "true":
        return stem_aware(case, Handed(case.stems, case.reference))
    if name == "masked":
        return stem_aware(case, Masked(case.stems, case.reference))
    from stems.cache import StemCache
    from stems.separate import Separator as Demucs

    return stem_aware(case, Demucs(model, cache=StemCache(work / "separated")))


def identity(case: Case) -> np.ndarray:
    """The input."""
    return sum(case.stems.values())


def plain(case: Case, matcher: str = "learned") -> np.ndarray:
    """Mastering without stems."""
    return _frames_first(master(_input(case), _asked(case), matcher=matcher).audio)


def stem_aware(case: Case, separator: Separator, matcher: str = "learned") -> np.ndarray:
    """Mastering stem by stem, then the sum."""
    source, reference = _input(case), audio(sum(case.reference.values()))
    request = _asked(case)
    separated = separator.separate(source)
    heard = TakenApart(
        separated=separated,
        own=hear(separated, request.features),
        references=(hear(separator.separate(reference), request.references[0]),),
    )
    remixed = remix(source, heard, request, matcher=matcher)
    request = replace(request, features=remixed.features)
    return _frames_first(master(remixed.source, request, matcher=matcher).audio)


def _asked(case: Case) -> MatchRequest:
    return MatchRequest(
        features=analyse(_input(case)),
        references=(analyse(audio(sum(case.reference.values()))),),
        delivery=DELIVERY,
        limits=reference_limits(),
    )


def _input(case: Case) -> Audio:
    return audio(identity(case))


def _frames_first(made: Audio) -> np.ndarray:
    return np.ascontiguousarray(made.samples.T)
