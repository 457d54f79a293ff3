"""Separation without training, and the mask that no training can beat by much.

Each takes a mixture [2, frames] (the mask also the truth) and gives all four stems, each of that shape.
"""

from __future__ import annotations

import librosa
import numpy as np

RATE = 44_100
STEMS = ("drums", "bass", "other", "vocals")
FFT = 4096
HOP = 1024
BASS_HZ = 150.0
"""HPSS: below it what does not tick is the bass."""
REPET_WIDTH_S = 2.0
REPET_MARGINS = {"backing": 2.0, "vocals": 10.0}
REPET_POWER = 2.0


def silence(mix: np.ndarray) -> dict[str, np.ndarray]:
    """Nothing at all: 0 dB of SDR."""
    return {stem: np.zeros_like(mix) for stem in STEMS}


def quarter(mix: np.ndarray) -> dict[str, np.ndarray]:
    """A quarter of the mixture for each."""
    return {stem: mix / np.float32(4.0) for stem in STEMS}


def hpss_centre(mix: np.ndarray) -> dict[str, np.ndarray]:
    """Median-filtered percussion, low-passed bass, voices where both channels agree (librosa).

    FitzGerald, "Harmonic/percussive separation using median filtering", DAFx 2010; the centre by the
    similarity of Avendano, "Frequency-domain source identification", WASPAA 2003.
    """
    bins = _bins(mix)
    power = np.square(np.abs(bins))
    harmonic, percussive = librosa.decompose.hpss(np.sqrt(power.mean(axis=0)), mask=True)
    centre = 2.0 * np.abs(bins[0] * bins[1].conj()) / (power.sum(axis=0) + 1e-12)
    low = (librosa.fft_frequencies(sr=RATE, n_fft=FFT) < BASS_HZ)[:, None]
    masks = {
        "drums": percussive,
        "bass": harmonic * low,
        "other": harmonic * ~low * (1.0 - centre),
        "vocals": harmonic * ~low * centre,
    }
    return {stem: _samples(bins * mask, mix) for stem, mask in masks.items()}


def repet_sim(mix: np.ndarray) -> dict[str, np.ndarray]:
    """What repeats is the backing, a third of it for each of its stems; the rest is sung.

    REPET-SIM (Rafii, Pardo, ISMIR 2012) with the settings of librosa's own example.
    """
    bins = _bins(mix)
    size = np.sqrt(np.square(np.abs(bins)).mean(axis=0))
    width = int(librosa.time_to_frames(REPET_WIDTH_S, sr=RATE, hop_length=HOP))
    repeating = librosa.decompose.nn_filter(size, aggregate=np.median, metric="cosine", width=width)
    repeating = np.minimum(size, repeating)
    rest = size - repeating
    backing = librosa.util.softmask(repeating, REPET_MARGINS["backing"] * rest, power=REPET_POWER)
    sung = librosa.util.softmask(rest, REPET_MARGINS["vocals"] * repeating, power=REPET_POWER)
    third = _samples(bins * backing, mix) / np.float32(3.0)
    return {**dict.fromkeys(STEMS[:3], third), "vocals": _samples(bins * sung, mix)}


def ideal_ratio(mix: np.ndarray, true: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The mixture by each stem's true share of power in every bin and channel (IRM2 of SiSEC 2018)."""
    powers = {stem: np.square(np.abs(_bins(samples))) for stem, samples in true.items()}
    total = np.sum(list(powers.values()), axis=0) + 1e-12
    bins = _bins(mix)
    made = {stem: _samples(bins * (power / total), mix) for stem, power in powers.items()}
    return {stem: made.get(stem, np.zeros_like(mix)) for stem in STEMS}


def _bins(samples: np.ndarray) -> np.ndarray:
    return np.stack([librosa.stft(channel, n_fft=FFT, hop_length=HOP) for channel in samples])


def _samples(bins: np.ndarray, mix: np.ndarray) -> np.ndarray:
    channels = [librosa.istft(one, hop_length=HOP, length=mix.shape[1]) for one in bins]
    return np.stack(channels).astype(np.float32)
