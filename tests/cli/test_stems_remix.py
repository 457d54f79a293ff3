"""`tonmeister stems remix` with a separator of known stems, and with folders of stems."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from mastering.audio import Audio, AudioSource
from mastering.cli.signals import Interrupts
from mastering.cli.stems.remix import command
from mastering.io.files import open_source
from mastering.io.writer import open_writer
from mastering.ports import SeparatedStems, SeparatorInfo

RATE = 44_100
NAMES = ("drums", "bass", "other", "vocals")


def _stems(frames: int = 60_000, level: float = 0.05) -> dict[str, Audio]:
    rng = np.random.default_rng(2)
    return {
        name: Audio(samples=(level * rng.standard_normal((2, frames))).astype(np.float32), sample_rate=RATE)
        for name in NAMES
    }


class FakeSeparator:
    """Gives known stems and remembers how it was made."""

    stems: Mapping[str, Audio] = {}
    seen: list[dict[str, Any]] = []  # noqa: RUF012 - reset by the fixture

    def __init__(self, model: str | None = None, **settings: Any) -> None:
        model = model or "draft"
        self.seen.append({"model": model, **settings})
        self.info = SeparatorInfo(
            model=model,
            label="draft",
            sources=NAMES,
            sample_rate=RATE,
            sha256=("ab" * 32,),
            settings={"overlap": settings.get("overlap", 0.25), "shifts": 0},
        )

    def separate(self, source: AudioSource, *, on_progress: Any = None) -> SeparatedStems:
        on_progress(1.0)
        return SeparatedStems(info=self.info, parts=self.stems, residual_share=0.0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with mix.wav, whose stems the separator knows."""
    stems = _stems()
    monkeypatch.setattr(FakeSeparator, "stems", stems)
    monkeypatch.setattr(FakeSeparator, "seen", [])
    module = types.ModuleType("stems.separate")
    module.Separator = FakeSeparator  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stems.separate", module)
    monkeypatch.chdir(tmp_path)
    total = sum(stem.samples.astype(np.float64) for stem in stems.values())
    _write(tmp_path / "mix.wav", Audio(samples=np.asarray(total, np.float32), sample_rate=RATE))
    return tmp_path


def _write(path: Path, audio: Audio, bit_depth: int = 32) -> None:
    path.parent.mkdir(exist_ok=True)
    with open_writer(
        path, sample_rate=RATE, channels=audio.channels, bit_depth=bit_depth, dither_seed=None
    ) as writer:
        for block in audio.blocks():
            writer.write(block)


def _samples(path: str) -> np.ndarray:
    with open_source(path) as source:
        return source.audio().samples


@pytest.fixture
def remix() -> Callable[..., Result]:
    """Run the command in this process."""

    def invoke(*arguments: str) -> Result:
        with Interrupts() as interrupts:
            return CliRunner().invoke(command, list(arguments), obj=interrupts, prog_name="remix")

    return invoke


Run = Callable[..., Result]


def test_levels_and_places(place: Path, remix: Run) -> None:
    result = remix("mix.wav", "--vocals", "-6", "--drums", "mute", "--pan", "bass=L100", "-o", "out.wav",
                   "--bit-depth", "32")  # fmt: skip
    assert result.exit_code == 0, result.output
    stems = {name: stem.samples.astype(np.float64) for name, stem in FakeSeparator.stems.items()}
    wanted = stems["other"] + 10 ** (-6 / 20) * stems["vocals"]
    wanted[0] += np.sqrt(2.0) * stems["bass"][0]
    assert _samples("out.wav") == pytest.approx(wanted, abs=1e-6)
    saved = json.loads((place / "out.remix.json").read_text())
    assert saved["stems"]["vocals"]["gain_db"] == -6.0
    assert saved["separator"]["model"] == "draft"
    assert "LUFS" in result.output


def test_unity_writes_the_input_again_bit_for_bit(place: Path, remix: Run) -> None:
    assert remix("mix.wav", "-o", "same.wav", "--bit-depth", "32").exit_code == 0
    assert np.array_equal(_samples("same.wav"), _samples("mix.wav"))
    with open_source("mix.wav") as mix:
        _write(place / "mix24.wav", mix.audio(), bit_depth=24)
    assert remix("mix24.wav", "-o", "same24.wav").exit_code == 0
    assert np.array_equal(_samples("same24.wav"), _samples("mix24.wav"))


def test_a_saved_remix_repeats_itself(place: Path, remix: Run) -> None:
    first = remix("mix.wav", "--other", "+3", "--width", "other=50%", "--delay", "bass=5ms", "--fx",
                  "vocals=gentle-glue", "--keep-loudness", "--model", "custom", "-o", "a.wav")  # fmt: skip
    assert first.exit_code == 0, first.output
    second = remix("mix.wav", "--spec", "a.remix.json", "-o", "b.wav")
    assert second.exit_code == 0, second.output
    assert np.array_equal(_samples("a.wav"), _samples("b.wav"))
    assert json.loads((place / "a.remix.json").read_text()) == json.loads(
        (place / "b.remix.json").read_text()
    )
    assert FakeSeparator.seen[1] | {"overlap": 0.25, "shifts": 0} == FakeSeparator.seen[1]
    assert FakeSeparator.seen[1]["model"] == "custom"
    third = remix("mix.wav", "--spec", "a.remix.json", "--other", "solo", "-o", "c.wav", "--bit-depth", "32")
    assert third.exit_code == 0, third.output
    assert json.loads((place / "c.remix.json").read_text())["stems"]["other"]["width_percent"] == 50.0


def test_a_folder_of_stems(place: Path, remix: Run) -> None:
    for name, audio in FakeSeparator.stems.items():
        _write(place / "parts" / f"song.{name}.wav", audio)
    _write(place / "parts" / "mix.wav", FakeSeparator.stems["bass"])
    result = remix("parts", "--vocals", "solo", "-o", "v.wav", "--bit-depth", "32", "--json")
    assert result.exit_code == 0, result.output
    assert np.array_equal(_samples("v.wav"), FakeSeparator.stems["vocals"].samples)
    entry = json.loads(result.stdout)["results"][0]
    assert entry["status"] == "remixed"
    assert entry["remix"]["separator"] is None
    assert [notice["code"] for notice in entry["notices"]] == ["mix_left_out"]
    assert not FakeSeparator.seen


def test_peaks_above_full_scale_get_one_gain_that_is_said(place: Path, remix: Run) -> None:
    result = remix("mix.wav", "--bass", "+24", "-o", "loud.wav", "--json")
    entry = json.loads(result.stdout)["results"][0]
    assert entry["gain_db"] < -1.0
    assert "gain_for_peaks" in [notice["code"] for notice in entry["notices"]]
    assert -0.2 < entry["after"]["true_peak_dbtp"] <= 0.0
    remix("mix.wav", "--bass", "+24", "-o", "float.wav", "--bit-depth", "32")
    assert _samples("loud.wav") == pytest.approx(
        _samples("float.wav") * 10 ** (entry["gain_db"] / 20), abs=1e-6
    )


def test_tempo_and_automation(place: Path, remix: Run) -> None:
    (place / "moves.json").write_text('{"vocals": {"gain_db": [[0, -120], [0.5, -120], [0.6, 0]]}}')
    result = remix("mix.wav", "--automation", "moves.json", "--tempo", "95%", "--key", "+1",
                   "--stem-key", "drums=-1", "-o", "slow.flac")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert len(FakeSeparator.seen) == 1
    assert remix("mix.wav", "--tempo", "95", "-o", "whole.wav").exit_code == 0
    assert len(FakeSeparator.seen) == 1  # nothing is done to a stem: nothing is separated
    assert _samples("slow.flac").shape == (2, round(60_000 / 0.95))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--pan", "bass=LL"], "--pan bass: 'LL' is not readable; allowed L0..L100, C or R0..R100"),
        (["--pan", "bass=L200"], "stem 'bass': StemRemix.pan=-200.0: allowed -100..100"),
        (["--pan", "bass"], "--pan bass: allowed STEM=VALUE, such as --pan bass=L20"),
        (["--vocals", "loud"], "'loud' is not readable; allowed a gain in dB such as -3, mute or solo"),
        (["--guitar", "-3"], "no stem is called 'guitar': there are drums, bass, other, vocals"),
        (["--stem", "vocal=-3"], "did you mean 'vocals'?"),
        (["--stem", "vocals=-3", "--vocals", "2"], "--stem vocals: given twice"),
        (["--tempo", "20%"], "Remix.tempo_percent=20.0: allowed 50..200 %"),
        (["--key", "high"], "--key: 'high' is not readable"),
        (["--fx", "vocals=absent.json"], "absent.json: the recipe cannot be read"),
        (["--automation", "absent.json"], "absent.json: the automation cannot be read"),
        (["--spec", "absent.json"], "absent.json: the remix cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(place: Path, remix: Run, arguments: list[str], said: str) -> None:
    result = remix("mix.wav", *arguments, "-o", "out.wav")
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (place / "out.wav").exists()
    assert not list(place.glob(".tonmeister-*"))


def test_outputs_are_not_replaced_unasked(place: Path, remix: Run) -> None:
    (place / "out.remix.json").write_text("{}")
    result = remix("mix.wav", "--vocals", "mute", "-o", "out.wav")
    assert result.exit_code == 1
    assert "out.remix.json: exists already" in result.output
    assert not FakeSeparator.seen
    assert remix("mix.wav", "--vocals", "mute", "-o", "out.wav", "--force").exit_code == 0
    result = remix("mix.wav", "--vocals", "mute", "-o", "mix.wav", "--force")
    assert result.exit_code == 1
    assert "would overwrite the input" in result.output
    assert remix("mix.wav", "-o", "out.xyz").exit_code == 2
    assert remix("absent.wav", "-o", "new.wav").exit_code == 1
    (place / "empty").mkdir()
    assert "holds no stems" in remix("empty", "-o", "new.wav").output


def test_stems_of_a_folder_that_differ(place: Path, remix: Run) -> None:
    _write(place / "parts" / "vocals.wav", FakeSeparator.stems["vocals"])
    short = FakeSeparator.stems["bass"].samples[:, :1_000]
    _write(place / "parts" / "bass.wav", Audio(samples=short, sample_rate=RATE))
    result = remix("parts", "--vocals", "-3", "-o", "out.wav", "--json")
    assert result.exit_code == 2
    entry = json.loads(result.stdout)["results"][0]
    assert entry["error"]["code"] == "stems_differ"
    assert entry["after"] is None


def test_it_is_a_command() -> None:
    assert isinstance(command, click.Command)
    assert command.name == "remix"
