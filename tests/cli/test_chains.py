"""The shipped chains: what they do to a mix at -18 LUFS, through `tonmeister apply`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from generation.piece import render_piece
from mastering import library
from mastering.audio import Audio
from mastering.codec import to_json
from mastering.host.render import render
from mastering.io.writer import open_writer
from mastering.measure.features import analyse

Run = Callable[..., Result]

CHAINS = ("air-and-width", "gentle-glue", "tape-warmth")
LEVEL_LUFS = -18.0
LOW, HIGH = 6, 26
"""Third-octave bands: 80 Hz and 8 kHz (band 0 is 20 Hz)."""


@pytest.fixture(scope="module", params=[1, 2])
def mix(request: pytest.FixtureRequest) -> Audio:
    """A piece of our own at the loudness of a mix."""
    piece = render_piece(request.param, 10.0).mix()
    gain = 10.0 ** ((LEVEL_LUFS - analyse(piece).integrated_lufs) / 20.0)
    return replace(piece, samples=piece.samples * np.float32(gain))


@pytest.fixture
def applied(folder: Path, mix: Audio, run: Run) -> Callable[[str], dict[str, Any]]:
    """The entry in the document of `apply NAME mix.wav`."""
    with open_writer("mix.wav", sample_rate=mix.sample_rate, channels=2, bit_depth=32) as writer:
        for block in mix.blocks():
            writer.write(block)

    def apply(name: str) -> dict[str, Any]:
        result = run("apply", name, "mix.wav", "--json", "--no-report", "--strict")
        assert result.exit_code == 0, result.stderr
        (entry,) = json.loads(result.stdout)["results"]
        assert entry["before"]["integrated_lufs"] == pytest.approx(LEVEL_LUFS, abs=0.01)
        return dict(entry)

    return apply


def change(entry: dict[str, Any], name: str) -> Any:
    """How far a measurement moved."""
    return np.array(entry["after"][name], float) - np.array(entry["before"][name], float)


def test_all_are_there_and_can_be_read() -> None:
    assert set(CHAINS) <= set(library.names("chains"))
    entries = {entry.name: entry for entry in library.entries("chains")}
    for name in CHAINS:
        entry = entries[name]
        assert (entry.title, entry.error, entry.shipped) == (name, "", True)
        assert library.validate(entry.path) == "chains"
        assert Path(entry.path).read_text("utf-8") == to_json(library.load_chain(name))


def test_the_readme_explains_each() -> None:
    text = (Path(__file__).parents[2] / "presets" / "README.md").read_text("utf-8")
    assert [name for name in CHAINS if f"| {name} |" not in text] == []


@pytest.mark.parametrize("name", CHAINS)
def test_no_jump_in_level_and_the_ceiling_holds(
    applied: Callable[[str], dict[str, Any]], folder: Path, name: str
) -> None:
    entry = applied(name)
    assert abs(change(entry, "integrated_lufs")) < 1.5
    assert entry["after"]["true_peak_dbtp"] <= -1.0 + 0.02
    assert entry["after"]["true_peak_dbtp"] > entry["before"]["true_peak_dbtp"] - 3.0
    assert sorted(path.name for path in folder.iterdir()) == [
        *("mix.master.recipe.json", "mix.master.wav", "mix.wav"),
    ]


def test_glue_gives_a_decibel_to_what_is_quiet_and_takes_from_what_is_loud(mix: Audio) -> None:
    steps = library.load_chain("gentle-glue").steps

    def gain_lu(level_lufs: float) -> float:
        quiet = replace(mix, samples=mix.samples * np.float32(10.0 ** ((level_lufs - LEVEL_LUFS) / 20.0)))
        return analyse(render(quiet, steps)).integrated_lufs - level_lufs

    assert gain_lu(-36.0) == pytest.approx(1.0, abs=0.02)
    assert -0.6 < gain_lu(LEVEL_LUFS) < 0.6
    assert -3.0 < gain_lu(-12.0) < -1.0


def test_air_and_width_is_where_it_says(applied: Callable[[str], dict[str, Any]]) -> None:
    entry = applied("air-and-width")
    side = change(entry, "side_to_mid_db")
    assert side[LOW] < -20.0
    assert side[HIGH] == pytest.approx(2.0, abs=0.2)
    assert abs(side[HIGH - 12]) < 0.2  # 500 Hz
    assert change(entry, "band_levels_mid_db")[HIGH + 3] == pytest.approx(1.4, abs=0.4)  # 16 kHz


def test_tape_warmth_rounds_peaks_and_top(applied: Callable[[str], dict[str, Any]]) -> None:
    entry = applied("tape-warmth")
    assert -3.0 < change(entry, "plr_db") < -0.5
    assert -2.5 < change(entry, "band_levels_mid_db")[HIGH + 3] < -1.0
