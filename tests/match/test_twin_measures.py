"""The twin's measures read what `mastering.measure` reads, and know their derivatives."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mastering.audio import Audio
from mastering.io.files import open_source
from mastering.match.twin.measures import band_levels, third_octaves
from mastering.measure.features import analyse

SILENT_DB = -150.0


def largest_difference(measured: object, twin: Tensor) -> float:
    """In dB, over what is not silent; what is silent to one is silent to the other."""
    wanted, found = np.asarray(measured, dtype=np.float64), twin.double().numpy()
    sounding = wanted > SILENT_DB
    assert (found[~sounding] < SILENT_DB + 1.0).all()
    return float(np.abs(wanted - found)[sounding].max(initial=0.0))


def check(audio: Audio) -> None:
    features = analyse(audio)
    samples = torch.from_numpy(audio.samples.copy()).unsqueeze(0)
    mid_db, side_db = third_octaves(samples, audio.sample_rate)[0]
    levels = band_levels(samples, audio.sample_rate)
    assert largest_difference(features.band_levels_mid_db, mid_db) < 0.001
    assert largest_difference(features.band_levels_side_db, side_db) < 0.001
    assert largest_difference(features.level_percentiles_db, levels.percentiles_db[0]) < 0.001
    crest_db = np.asarray(features.crest_db)
    sounding = np.isfinite(crest_db)
    assert levels.crest_db[0].numpy()[sounding] == pytest.approx(crest_db[sounding], abs=0.001)


@pytest.mark.parametrize("frames", [50, 2_048, 20_000, 32_768, 49_152, 100_000])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_noise_of_any_length(noise: Audio, frames: int, rate: int) -> None:
    check(Audio(samples=noise.samples[:, :frames].copy(), sample_rate=rate))


def test_mono(noise: Audio) -> None:
    check(Audio(samples=noise.samples[:1].copy(), sample_rate=noise.sample_rate))


def test_pauses_do_not_count(noise: Audio) -> None:
    samples = noise.samples.copy()
    samples[:, 20_000:70_000] = 0.0
    samples[:, 70_000:90_000] *= 0.001
    check(Audio(samples=samples, sample_rate=noise.sample_rate))


def test_music(music_dir: Path) -> None:
    song = open_source(music_dir / "opensurge" / "drowning.ogg")
    samples = np.concatenate(list(itertools.islice(song.blocks(), 5)), axis=1)
    check(Audio(samples=samples, sample_rate=song.sample_rate))


def test_items_of_a_batch_have_their_own_gate(noise: Audio) -> None:
    loud = torch.from_numpy(noise.samples[:, :66_000].copy())
    paused = loud.clone()
    paused[:, 30_000:] *= 1e-3
    both = torch.stack([loud, paused])
    for item in range(2):
        one = both[item : item + 1]
        assert torch.allclose(third_octaves(both, 44_100)[item], third_octaves(one, 44_100)[0], atol=1e-4)
        assert torch.allclose(
            band_levels(both, 44_100).percentiles_db[item],
            band_levels(one, 44_100).percentiles_db[0],
            atol=1e-4,
        )


def test_silence_is_a_value() -> None:
    silence = torch.zeros(1, 2, 40_000, requires_grad=True)
    levels = third_octaves(silence, 44_100)
    assert (levels < SILENT_DB).all()
    (levels.sum() + band_levels(silence, 44_100).percentiles_db.sum()).backward()
    assert silence.grad is not None
    assert torch.isfinite(silence.grad).all()


@pytest.mark.parametrize("frames", [301, 30_000])
def test_derivatives(frames: int) -> None:
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(2, 2, frames, generator=generator, dtype=torch.float64)
    samples = (noise * torch.linspace(0.1, 1.0, frames)).requires_grad_()

    def spectrum(samples: Tensor) -> Tensor:
        return third_octaves(samples, 8_000)

    def density(samples: Tensor) -> tuple[Tensor, ...]:
        levels = band_levels(samples, 8_000)
        return levels.crest_db, levels.rms_db, levels.percentiles_db

    for measure in (spectrum, density):
        assert torch.autograd.gradcheck(measure, samples, fast_mode=True, atol=1e-5)
