"""The benchmark of stem-aware mastering: its metric finds what was done, its cases are what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mido")

import stems_match_cases as cases
import stems_match_songs as songs
from stems_match_metrics import Judge, si_sdr_db
from stems_match_report import page
from stems_match_systems import Handed, Masked

RATE = 44_100


def coloured(seed: int, slope: float) -> np.ndarray:
    """Six seconds of stereo noise with a spectrum of its own."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal((6 * RATE, 2)), axis=0)
    at = np.maximum(np.fft.rfftfreq(6 * RATE, 1.0 / RATE), 30.0)
    noise = np.fft.irfft(spectrum * (at / 1_000.0)[:, None] ** slope, axis=0)
    return (0.05 * noise / noise.std()).astype(np.float32)


@pytest.fixture(scope="module")
def stems() -> dict[str, np.ndarray]:
    return {"drums": coloured(1, 0.0), "bass": coloured(2, -1.0), "other": coloured(3, -0.5)}


def case(stems: dict[str, np.ndarray], wrong: dict[str, np.ndarray]) -> cases.Case:
    spec = cases.Spec(songs.Song("none", True, True), 0, 0)
    return cases.Case(spec, "level", "drums", {**stems, **wrong}, stems, stems, True)


def test_what_is_right_measures_as_right(stems: dict[str, np.ndarray]) -> None:
    row = Judge(case(stems, {})).row(sum(stems.values()))
    assert all(value < 0.02 for value in row.values()), row


def test_a_level_is_found_in_the_mix(stems: dict[str, np.ndarray]) -> None:
    louder = case(stems, {"drums": 2.0 * stems["drums"]})
    row = Judge(louder).row(sum(louder.stems.values()))
    assert row["level"] > 1.0
    assert row["ltas_changed"] == pytest.approx(0.0, abs=0.05)
    half = sum(part if name != "drums" else 0.5 * part for name, part in louder.stems.items())
    assert Judge(louder).row(half)["level"] < 0.05, "halved again it is right"


def test_what_a_leak_does_to_a_neighbour_is_seen_at_the_neighbour(stems: dict[str, np.ndarray]) -> None:
    right = case(stems, {})
    leaked = sum(stems.values()) + 0.5 * stems["other"]
    row = Judge(right).row(leaked)
    assert row["level_others"] > 0.5


def test_stems_handed_over_sum_to_the_recording(stems: dict[str, np.ndarray]) -> None:
    from chains import audio

    mix = sum(stems.values())
    for separator in (Handed(stems), Masked(stems)):
        parts = separator.separate(audio(mix)).parts
        assert set(parts) == set(songs.NAMES)
        total = sum(part.samples for part in parts.values()).T
        assert np.abs(total - mix).max() < 1e-6
    masked = Masked(stems).separate(audio(mix)).parts["bass"].samples.T
    assert 0.0 < si_sdr_db(masked, stems["bass"]) < 40.0


def test_held_out_songs_are_not_those_that_constants_were_chosen_on() -> None:
    held, own = ({spec.song.name for spec in cases.specs(held_out=held)} for held in (True, False))
    assert held.isdisjoint(own)
    assert "6.Caesium" in held
    numbers = [int(name.removeprefix("pop909-")) for name in held if name.startswith("pop909-")]
    assert min(numbers) >= 800
    assert {spec.place % 4 for spec in cases.specs(held_out=True)} == {0, 1, 2, 3}


def test_a_page_of_rows(tmp_path: Path, stems: dict[str, np.ndarray]) -> None:
    row = Judge(case(stems, {})).row(sum(stems.values()))
    about = {"machine": "x", "model": None, "held_out": True}
    rows = [
        {
            "case": f"{song}/0",
            "song": song,
            "rendered": False,
            "system": system,
            "kind": "level",
            "same": True,
        }
        | {"stem": "drums"}
        | row
        for song in ("a", "b")
        for system in ("identity", "plain", "true")
    ]
    text = page(rows, about)
    assert text.count("| stem-aware, true stems |") >= 3
    assert "nan" not in text
