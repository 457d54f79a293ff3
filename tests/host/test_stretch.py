"""Tempo and key: length, position and pitch are what was asked for, at any rate and length."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.errors import EnvironmentProblem, ParameterError
from mastering.host import stretch
from mastering.host.stretch import Stretched, steady_semitones, stretched_frames

RATE = 44_100


def _stretched(samples: np.ndarray, rate: int = RATE, **settings: float) -> np.ndarray:
    source = Stretched(Audio(samples=samples.astype(np.float32), sample_rate=rate), **settings)  # type: ignore[arg-type]
    out = np.concatenate([np.empty((source.channels, 0), np.float32), *source.blocks()], axis=1)
    assert out.shape == (source.channels, source.frames)
    assert out.dtype == np.float32
    return out


def _click_errors_ms(rate: int, seconds: float, tempo_percent: float, semitones: float) -> np.ndarray:
    """How far clicks, two a second in faint noise, come out from where they belong."""
    frames = round(seconds * rate)
    samples = 0.003 * np.random.default_rng(1).standard_normal((1, frames))
    places = np.arange(rate // 2, frames - rate // 2, rate // 2)
    samples[0, places] = 0.8
    out = _stretched(samples, rate, tempo_percent=tempo_percent, semitones=semitones)[0]
    near = round(0.1 * rate)
    found = []
    for place in places * 100.0 / tempo_percent:
        first = round(place) - near
        found.append(first + np.argmax(np.abs(out[first : first + 2 * near])) - place)
    return np.array(found) / rate * 1_000.0


@pytest.mark.parametrize(
    ("rate", "tempo_percent", "semitones"),
    [(44_100, 95.0, 0.0), (44_100, 105.0, 0.0), (44_100, 100.0, -2.0), (48_000, 110.0, 3.0)],
)
def test_clicks_stay_in_time(rate: int, tempo_percent: float, semitones: float) -> None:
    """As Pedalboard drives the engine, clicks drift by 1 ms a second; here 20 s end where they began."""
    errors_ms = _click_errors_ms(rate, 20.0, tempo_percent, semitones)
    assert np.abs(errors_ms).max() < 1.0
    assert abs(errors_ms[-8:].mean() - errors_ms[:8].mean()) < 0.25


@pytest.mark.parametrize(("tempo_percent", "semitones"), [(95.0, 0.0), (100.0, 2.0), (80.0, -1.0)])
def test_the_pitch_is_as_planned(tempo_percent: float, semitones: float) -> None:
    sine = 0.3 * np.sin(2.0 * np.pi * 440.0 * np.arange(3 * RATE) / RATE)
    out = _stretched(np.stack([sine, sine]), tempo_percent=tempo_percent, semitones=semitones)[0]
    middle = out[RATE // 2 : RATE // 2 + 65_536] * np.hanning(65_536)
    power = np.abs(np.fft.rfft(middle, 2**21))
    found_hz = power.argmax() * RATE / 2**21
    cents = 1_200.0 * np.log2(found_hz / 440.0) - 100.0 * semitones
    bend = 100.0 * (steady_semitones(tempo_percent, semitones, RATE) - semitones)
    assert cents == pytest.approx(bend, abs=0.2)
    assert out[RATE // 2 : -RATE // 2].std() == pytest.approx(sine.std(), rel=0.03)


def test_the_bend_is_small() -> None:
    bends = [
        abs(steady_semitones(tempo, key, rate) - key) * 100.0
        for rate in (44_100, 48_000, 96_000)
        for tempo in np.linspace(67.0, 150.0, 30)
        for key in np.linspace(-4.0, 4.0, 17)
    ]
    assert max(bends) < 10.0
    assert np.median(bends) < 2.5


def test_at_unity_nothing_is_bent() -> None:
    assert steady_semitones(100.0, 0.0, RATE) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 1_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_short_pieces(frames: int, channels: int) -> None:
    out = _stretched(np.full((channels, frames), 0.1), tempo_percent=80.0, semitones=3.0)
    assert out.shape == (channels, stretched_frames(frames, 80.0))
    assert np.isfinite(out).all()


def test_silence_stays_silence() -> None:
    assert not _stretched(np.zeros((2, RATE)), tempo_percent=110.0, semitones=-5.0).any()


def test_a_second_pass_reads_the_same_samples() -> None:
    noise = 0.1 * np.random.default_rng(3).standard_normal((2, RATE))
    source = Stretched(Audio(samples=noise.astype(np.float32), sample_rate=RATE), tempo_percent=90.0)
    first, second = (np.concatenate(list(source.blocks()), axis=1) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tempo_percent": 20.0}, "Stretched.tempo_percent=20.0: allowed 50..200 %"),
        ({"tempo_percent": float("nan")}, "allowed 50..200 %"),
        ({"semitones": 13.0}, "Stretched.semitones=13.0: allowed -12..12 semitones"),
    ],
)
def test_numbers_out_of_range(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Stretched(Audio(samples=np.zeros((1, 10), np.float32), sample_rate=RATE), **settings)  # type: ignore[arg-type]
    assert said in caught.value.message


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stretch.tempfile, "TemporaryFile", full)
    with pytest.raises(EnvironmentProblem, match=r"no room for .* stretched audio") as caught:
        _stretched(np.zeros((2, RATE)), tempo_percent=90.0)
    assert caught.value.code == "disk_full"
