"""The twin renders what the host renders, on noise and on music, at both rates, mono and stereo."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from mastering.audio import Audio
from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    LinearPhaseEq,
    MultibandCompressor,
    Saturation,
    Step,
    Width,
)
from mastering.dsp.resample import resample
from mastering.host.render import render as host_render
from mastering.io.files import open_source
from mastering.match.twin.render import render, rendered_stages, twin_steps
from mastering.match.twin.steps import TwinStep, numbers, plain, range_of
from mastering.measure.features import THIRD_OCTAVES_HZ

WAVY = tuple((4.0 * np.sin(np.arange(31) * 0.9)).round(3).tolist())
CURVE = LinearPhaseEq(frequencies_hz=THIRD_OCTAVES_HZ, mid_gain_db=WAVY, side_gain_db=WAVY[::-1])
WIDTH = Width(frequencies_hz=(80.0, 200.0, 5_000.0), side_gain_db=(-60.0, 2.0, 3.0))
MULTIBAND = MultibandCompressor(
    crossovers_hz=(120.0, 1_000.0, 5_000.0),
    bands=(
        Compressor(threshold_dbfs=-32.0, ratio=2.0, attack_ms=10.0, release_ms=150.0),
        Compressor(threshold_dbfs=-34.0, ratio=1.6, attack_ms=6.0, release_ms=120.0, makeup_db=1.0),
        Compressor(threshold_dbfs=-40.0, ratio=3.0, attack_ms=0.5, release_ms=30.0, knee_db=0.0),
        Compressor(threshold_dbfs=0.0, ratio=1.0),
    ),
)
BUS = Compressor(threshold_dbfs=-28.0, ratio=1.5, attack_ms=30.0, release_ms=200.0, makeup_db=2.0)
SHELVES = (
    EqBand(shape="low_shelf", frequency_hz=150.0, gain_db=3.0),
    EqBand(shape="high_shelf", frequency_hz=8_000.0, gain_db=-4.0),
)
BANDS = Equalizer(
    mid=(
        EqBand(shape="high_pass", frequency_hz=30.0),
        EqBand(frequency_hz=300.0, gain_db=-3.0, q=1.4),
        *SHELVES,
    ),
    side=(EqBand(shape="low_pass", frequency_hz=12_000.0), EqBand(shape="low_pass", frequency_hz=23_900.0)),
)
CHAINS: dict[str, tuple[Step, ...]] = {
    "curve": (CURVE,),
    "one point": (Width(frequencies_hz=(1_000.0,), side_gain_db=(-3.0,)),),
    "multiband": (MULTIBAND,),
    "bus": (BUS,),
    "parametric": (BANDS,),
    "saturation": (Saturation(drive_db=8.0, mix_percent=40.0),),
    "whole": (CURVE, WIDTH, MULTIBAND, BUS),
}


def tensor(audio: Audio) -> torch.Tensor:
    return torch.from_numpy(audio.samples.copy()).unsqueeze(0)


def difference_db(audio: Audio, steps: tuple[Step, ...]) -> float:
    """Power of twin minus host over power of host."""
    wanted = host_render(audio, steps).samples.astype(np.float64)
    with torch.no_grad():
        found = render(tensor(audio), twin_steps(steps), audio.sample_rate)[0].numpy()
    assert found.dtype == np.float32
    return float(10.0 * np.log10(np.mean((found - wanted) ** 2) / np.mean(wanted**2) + 1e-30))


@pytest.mark.parametrize("name", CHAINS)
def test_noise_comes_out_as_from_the_host(noise: Audio, name: str) -> None:
    # Pedalboard's own float32 noise in low filters is the floor of the parametric bands.
    assert difference_db(noise, CHAINS[name]) < (-85.0 if name == "parametric" else -110.0)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_music_comes_out_as_from_the_host(music_dir: Path, rate: int) -> None:
    song = open_source(music_dir / "opensurge" / "title.ogg")
    start = np.concatenate(list(itertools.islice(song.blocks(), 4)), axis=1)
    samples = resample(start, song.sample_rate, rate)
    music = Audio(samples=np.ascontiguousarray(samples), sample_rate=rate)
    assert difference_db(music, CHAINS["whole"]) < -120.0
    assert difference_db(music, CHAINS["parametric"]) < -80.0


def test_mono_comes_out_as_from_the_host(noise: Audio) -> None:
    mono = Audio(samples=noise.samples[:1].copy(), sample_rate=noise.sample_rate)
    assert difference_db(mono, CHAINS["whole"]) < -120.0
    assert difference_db(mono, CHAINS["parametric"]) < -85.0


@pytest.mark.parametrize("frames", [1, 31, 5_000, 24_578, 24_579])
def test_any_length_comes_out_as_from_the_host(noise: Audio, frames: int) -> None:
    short = Audio(samples=noise.samples[:, :frames].copy(), sample_rate=noise.sample_rate)
    assert difference_db(short, CHAINS["whole"]) < -110.0


def test_silence_stays_silence() -> None:
    silence = torch.zeros(1, 2, 9_000)
    assert not render(silence, twin_steps(CHAINS["whole"]), 44_100).any()


def test_a_batch_is_its_items(noise: Audio) -> None:
    samples = torch.stack([tensor(noise)[0, :, :40_000], 0.3 * tensor(noise)[0, :, 40_000:80_000]])
    values = [
        {name: torch.tensor(np.multiply([own, own], [[1.0], [0.9]])) for name, own in numbers(step).items()}
        for step in (CURVE, MULTIBAND)
    ]
    values[1]["ratio"] = values[1]["ratio"].clamp(min=1.0)
    values[1]["threshold_dbfs"].requires_grad_()
    batch = [TwinStep(step=step, values=v) for step, v in zip((CURVE, MULTIBAND), values, strict=True)]
    out = render(samples, batch, 44_100)
    for item in range(2):
        alone = [
            TwinStep(step=twin.step, values={name: v[item] for name, v in twin.values.items()})
            for twin in batch
        ]
        one = render(samples[item : item + 1], alone, 44_100)[0]
        assert (out[item] - one).abs().max() < 1e-6
    out.square().sum().backward()
    gradient = values[1]["threshold_dbfs"].grad
    assert gradient is not None
    assert gradient.shape == (2, 4)
    assert (gradient[:, :3] != 0.0).all()


def test_stages_tell_the_gain(noise: Audio) -> None:
    stages = rendered_stages(tensor(noise), twin_steps(CHAINS["whole"]), 44_100)
    assert [len(stage.steps) for stage in stages] == [2, 1, 1]
    gain_db = stages[1].gain_db
    assert gain_db is not None
    assert gain_db.shape[:2] == (1, 4)
    assert gain_db.max() <= 0.0
    assert gain_db[0, 0].min() < -1.0
    assert not gain_db[0, 3].any()


@pytest.mark.parametrize("step", [CURVE, WIDTH, MULTIBAND, BUS, BANDS, Saturation()], ids=lambda s: s.kind)
def test_a_step_survives_the_way_to_tensors_and_back(step: Step) -> None:
    values = {name: torch.tensor(own, dtype=torch.float64) for name, own in numbers(step).items()}
    assert plain(TwinStep(step=step, values=values)) == step


def test_a_number_beyond_its_range_is_held() -> None:
    step = plain(TwinStep(step=BUS, values={"ratio": torch.tensor([99.0])}))
    assert isinstance(step, Compressor)
    assert step.ratio == range_of(BUS, "ratio").high == 20.0
