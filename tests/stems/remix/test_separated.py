"""A remix of what a real separator, on a tiny untrained model, makes of a recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from mastering.audio import Audio
from mastering.cli.app import app
from mastering.io.files import open_source
from mastering.io.writer import open_writer


def _samples(path: Path) -> np.ndarray:
    with open_source(path) as source:
        return source.audio().samples


def test_the_command_separates_once_and_adds_up(
    model_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: Audio
) -> None:
    monkeypatch.setenv("TONMEISTER_CACHE_DIR", str(tmp_path / "cache"))
    model, song, music = model_file(), tmp_path / "song.wav", noise.samples[:, :30_000]
    with open_writer(song, sample_rate=44_100, channels=2, bit_depth=32) as writer:
        writer.write(music)

    def remix(name: str, *arguments: str) -> dict[str, Any]:
        given = ["stems", "remix", str(song), "--model", str(model), "--bit-depth", "32", "--json"]
        result = CliRunner().invoke(app, [*given, *arguments, "-o", str(tmp_path / f"{name}.wav")])
        assert result.exit_code == 0, result.output
        entry: dict[str, Any] = json.loads(result.stdout)["results"][0]
        return entry

    first = remix("muted", "--vocals", "mute")
    assert first["remix"]["separator"]["label"] == "custom"
    # The weights would be needed to separate again: a second remix must do without them.
    monkeypatch.setattr("stems.separate._Run.go", None)
    remix("soloed", "--vocals", "solo")
    both = _samples(tmp_path / "muted.wav") + _samples(tmp_path / "soloed.wav")
    assert np.abs(both - music).max() < 1e-6
    remix("again", "--spec", str(tmp_path / "muted.remix.json"))
    assert np.array_equal(_samples(tmp_path / "again.wav"), _samples(tmp_path / "muted.wav"))
    remix("unity", "--vocals", "0")
    assert np.array_equal(_samples(tmp_path / "unity.wav"), music)
