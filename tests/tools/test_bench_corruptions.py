"""Every corruption keeps length and finiteness, repeats from its seed, and does what it is named after."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

corruptions = pytest.importorskip("corruptions", reason="tools/bench is not at hand")
behaviour = pytest.importorskip("corruptions_behaviour")
colour = pytest.importorskip("corruptions_colour")
corruptions_deepafx = pytest.importorskip("corruptions_deepafx")
metrics = pytest.importorskip("metrics")

RATE = 44_100
FAMILIES = corruptions.COLOURS | corruptions.BEHAVIOURS


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Four seconds of decaying chords over noise, wider in the treble, [frames, 2]."""
    rng = np.random.default_rng(11)
    time = np.arange(4 * RATE) / RATE
    decay = np.exp(-3.0 * (time % 0.5))
    tone = sum(np.sin(2 * np.pi * f * time) / n for n, f in enumerate((110.0, 277.0, 660.0, 2_210.0), 1))
    noise = signal.sosfilt(
        signal.butter(1, 2_000.0, fs=RATE, output="sos"), rng.standard_normal((len(time), 2)), axis=0
    )
    samples = 0.2 * (decay * tone)[:, None] + 0.05 * noise * (0.4 + decay[:, None])
    return samples.astype(np.float32)


def thirds_db(samples: np.ndarray) -> np.ndarray:
    return metrics.third_octaves_db(samples.mean(axis=1), RATE)


@pytest.mark.parametrize("name", FAMILIES)
def test_family_keeps_the_layout_and_repeats_from_its_seed(name: str, music: np.ndarray) -> None:
    made, again, other = (FAMILIES[name](music, np.random.default_rng(seed), 1.0) for seed in (5, 5, 6))
    assert made.shape == music.shape
    assert np.isfinite(made).all()
    assert np.array_equal(made, again)
    assert not np.array_equal(made, other)
    assert np.abs(made - music).max() > 1e-4


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - {"phase"}))
def test_family_does_not_delay(name: str, music: np.ndarray) -> None:
    made = FAMILIES[name](music, np.random.default_rng(8), 0.8)
    x, y = np.diff(music.mean(axis=1)), np.diff(made.mean(axis=1))
    cross = signal.correlate(y, x, "full", "fft")
    assert abs(int(np.abs(cross).argmax()) - (len(x) - 1)) <= 2


def test_unseen_names_what_it_did_and_ends_with_a_codec(music: np.ndarray) -> None:
    for seed in range(12):
        made, names = corruptions.unseen(music[:RATE], np.random.default_rng(seed))
        assert made.shape == (RATE, 2)
        assert 2 <= len(names) <= 4
        assert set(names) <= FAMILIES.keys()
        assert "codec" not in names[:-1]
        assert set(names) & corruptions.COLOURS.keys()


def test_air_loses_with_the_square_of_the_frequency(music: np.ndarray) -> None:
    lost = thirds_db(music) - thirds_db(colour.air(music, np.random.default_rng(1), 1.0))
    at_5k, at_10k = (int(np.abs(metrics.CENTRES_HZ - f).argmin()) for f in (5_000.0, 10_000.0))
    assert lost[at_10k] / lost[at_5k] == pytest.approx(4.0, rel=0.05)
    assert lost[:15] == pytest.approx(np.zeros(15), abs=0.05)


def test_phase_rotation_leaves_the_spectrum(music: np.ndarray) -> None:
    made = behaviour.phase(music, np.random.default_rng(2), 1.0)
    assert thirds_db(made) == pytest.approx(thirds_db(music), abs=0.15)


def test_haas_leaves_the_mid_and_widens(music: np.ndarray) -> None:
    made = behaviour.haas(music, np.random.default_rng(3), 1.0)
    assert made.mean(axis=1) == pytest.approx(music.mean(axis=1), abs=1e-6)
    assert np.std(made[:, 0] - made[:, 1]) > 1.1 * np.std(music[:, 0] - music[:, 1])


def test_bleed_carries_a_channel_into_the_other(music: np.ndarray) -> None:
    left = music * np.array([1.0, 0.0], dtype=np.float32)
    made = behaviour.bleed(left, np.random.default_rng(4), 1.0)
    level_db = 20.0 * np.log10(np.std(made[:, 1]) / np.std(made[:, 0]))
    assert -26.0 < level_db < -6.0


def test_gate_takes_away_and_never_adds(music: np.ndarray) -> None:
    made = behaviour.gate(music, np.random.default_rng(5), 1.0)
    assert np.sum(made**2) < np.sum(music**2)
    assert (thirds_db(made) < thirds_db(music) + 0.3).all()


def test_upward_compression_narrows_the_range(music: np.ndarray) -> None:
    made = behaviour.upward(music, np.random.default_rng(6), 1.5)

    def range_db(samples: np.ndarray) -> float:
        power = np.square(samples[: 39 * 4_410]).mean(axis=1).reshape(39, -1).mean(axis=1)
        high, low = np.percentile(power, (90, 10))
        return float(10.0 * np.log10(high / low))

    assert range_db(made) < range_db(music) - 0.5


def test_codec_comes_back_in_step(music: np.ndarray) -> None:
    made = behaviour.codec(music, np.random.default_rng(7), 1.0)
    x, y = music.mean(axis=1)[4_000:-4_000], made.mean(axis=1)[4_000:-4_000]
    assert np.corrcoef(x, y)[0, 1] > 0.99


def test_vinyl_played_by_its_own_curve_only_rings(music: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour, "PLAYBACK_S", {"RIAA": colour.RIAA_S})
    monkeypatch.setattr(colour, "bleed", lambda samples, rng, strength: samples)
    made = colour.vinyl(music, np.random.default_rng(9), 1.0)
    below_4k = slice(6, 21)
    assert thirds_db(made)[below_4k] == pytest.approx(thirds_db(music)[below_4k], abs=0.5)


def test_vinyl_played_by_nab_loses_treble_as_its_time_constants_say(
    music: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colour, "PLAYBACK_S", {"NAB": colour.PLAYBACK_S["NAB"]})
    monkeypatch.setattr(colour, "bleed", lambda samples, rng, strength: samples)
    monkeypatch.setattr(colour, "bell", lambda *_: lambda at: np.ones(len(at)))
    made = colour.vinyl(music, np.random.default_rng(9), 1.0)
    at_hz = metrics.CENTRES_HZ
    wanted = 10.0 * np.log10(
        (1.0 + (2 * np.pi * at_hz * 75e-6) ** 2) / (1.0 + (2 * np.pi * at_hz * 100e-6) ** 2)
    )
    lost = thirds_db(made) - thirds_db(music)
    assert lost[8:] == pytest.approx(wanted[8:], abs=0.25)


@pytest.mark.parametrize(("shape", "far_hz"), [("peak", 1_000.0), ("low", 20.0), ("high", 20_000.0)])
def test_deepafx_sections_reach_their_gain(shape: str, far_hz: float) -> None:
    row = corruptions_deepafx._section(shape, 1_000.0, 9.0, 0.707)
    _, response = signal.sosfreqz([row], worN=[far_hz], fs=RATE)
    assert 20.0 * np.log10(abs(response[0])) == pytest.approx(9.0, abs=0.1)


def test_deepafx_ends_at_its_peak_and_repeats(music: np.ndarray) -> None:
    made, again = (corruptions_deepafx.deepafx(music, np.random.default_rng(10)) for _ in range(2))
    assert np.abs(made).max() == pytest.approx(10.0 ** (-12.0 / 20.0), rel=1e-5)
    assert np.array_equal(made, again)


def test_deepafx_compressor_never_raises_the_level(music: np.ndarray) -> None:
    for seed in range(6):
        made = corruptions_deepafx.compressed(music, np.random.default_rng(seed))
        assert (np.abs(made) <= np.abs(music) + 1e-6).all()
