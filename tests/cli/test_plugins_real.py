"""`tonmeister plugins` with real VST3 plug-ins, good and bad: the fixtures of tools/make_fixtures.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

from mastering.cli.app import app
from mastering.host.plugins.bundles import PATH_VARIABLE
from mastering.host.plugins.catalog import load_catalog
from mastering.host.plugins.policy import load_words
from mastering.io.files import open_source
from mastering.io.metadata import Metadata
from mastering.io.tags import read_metadata
from mastering.io.writer import open_writer
from tests import plugin_fixtures as shared

plugin_fixtures = shared.plugin_fixtures

RATE = 44_100
Run = Callable[..., Result]
Samples = npt.NDArray[np.float32]


def _invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="tonmeister")


def _isolate(patch: pytest.MonkeyPatch, own: Path) -> None:
    """A catalog and a policy of the test's own, and no folder of the system's."""
    patch.setenv("TONMEISTER_PLUGIN_CATALOG", str(own / "catalog.json"))
    patch.setenv("TONMEISTER_PLUGIN_POLICY", str(own / "policy.json"))
    patch.delenv(PATH_VARIABLE, raising=False)
    patch.setattr("mastering.host.plugins.bundles._platform_folders", lambda: ())


@pytest.fixture(scope="module")
def scanned(
    plugin_fixtures: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Result]]:
    """Folder of a catalog of all fixtures, and what the scan said."""
    own = tmp_path_factory.mktemp("own")
    folder = plugin_fixtures["Latency"].parent
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, own)
        yield own, _invoke("plugins", "scan", folder, "--timeout", "8", "--jobs", "2")


@pytest.fixture(autouse=True)
def isolated(scanned: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scanned catalog and its policy, copied: a test may change them."""
    for name in ("catalog.json", "policy.json"):
        (tmp_path / name).write_bytes((scanned[0] / name).read_bytes())
    _isolate(monkeypatch, tmp_path)


def _write(path: Path, samples: Samples, rate: int = RATE, title: str = "") -> None:
    with open_writer(path, sample_rate=rate, channels=len(samples), container="wav", bit_depth=32) as writer:
        writer.write(samples)
        writer.commit(metadata=Metadata(tags={"title": (title,)} if title else {}))


def _read(path: Path) -> Samples:
    with open_source(path) as source:
        return np.concatenate(list(source.blocks()), axis=1)


@pytest.fixture
def song(folder: Path) -> Iterator[Path]:
    """A second and a half of noise; whatever happens, it must stay as it is."""
    path = folder / "song.wav"
    rng = np.random.default_rng(11)
    _write(path, (0.1 * rng.standard_normal((2, 3 * RATE // 2))).astype(np.float32), title="Song")
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before


def _rendered(run: Run, *arguments: str | Path) -> Samples:
    """What a render of 32 bits gave."""
    result = run("plugins", "render", *arguments, "-o", "out.wav", "--bit-depth", "32", "--force")
    assert result.exit_code == 0, result.output
    return _read(Path("out.wav"))


def _refused(result: Result, code: int, said: str, folder: Path, *left: str) -> None:
    assert result.exit_code == code, result.output
    assert said in " ".join(result.output.split())
    assert sorted(path.name for path in folder.iterdir()) == sorted(left)


def test_a_scan_takes_the_good_and_names_the_bad(scanned: tuple[Path, Result]) -> None:
    result = scanned[1]
    assert result.exit_code == 0, result.output
    assert "is an allowed folder from now on." in result.stderr
    status = {Path(entry.path).stem: entry.status for entry in load_catalog().bundles}
    assert status["CrashOnLoad"] == "crashed"
    assert status["HangOnLoad"] == "timed_out"
    assert {status[name] for name in ("Latency", "Echo", "Instrument", "Mono", "Trouble")} == {"ok"}
    lines = {line.split()[0]: line for line in result.stderr.splitlines()[1:]}
    assert "crashed" in lines["CrashOnLoad"]
    assert "SIGSEGV" in lines["CrashOnLoad"]
    assert "timed out" in lines["HangOnLoad"]
    assert lines["Latency"].split()[1] == "ok"
    summary = result.stdout.strip()
    assert " plug-ins in 8 bundles, " in summary
    assert "1 crashed" in summary
    assert "1 timed out" in summary
    assert summary.endswith(" s")


def test_what_failed_is_not_loaded_again(run: Run) -> None:
    result = run("plugins", "scan")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stderr.splitlines()] == ["CrashOnLoad", "HangOnLoad"]
    assert all(" known " in line for line in result.stderr.splitlines())
    assert "8 known" in result.stdout


def test_list_and_show_say_what_the_scan_found(run: Run) -> None:
    rows = {line.split("  ")[0]: line for line in run("plugins", "list").stdout.splitlines()}
    assert "1000 samples" in rows["Test Latency"]
    assert "  mono " in rows["Test Mono"]
    assert "not repeatable" not in rows["Test Trouble"]
    assert "crashed" in run("plugins", "list", "--all").stdout
    text = run("plugins", "show", "test latency").stdout
    assert "Test Latency 1.2.3" in text
    assert "-60..12 dB" in text
    assert "Clean, Warm, Dirty" in text
    (instrument,) = [
        plugin
        for plugin in json.loads(run("plugins", "list", "--json").stdout)["plugins"]
        if plugin["instrument"]
    ]
    assert instrument["name"] == "Test Instrument"


def test_a_plugin_that_does_nothing_gives_the_same_samples(run: Run, song: Path) -> None:
    given = _read(song)
    assert np.array_equal(_rendered(run, "Test Latency", song), given)  # 1000 samples late, put right
    assert np.array_equal(_rendered(run, "Test Mono", song), given)  # in two processes
    assert np.array_equal(_rendered(run, "Test Latency", song, "--set", "latency=8000"), given)


def test_settings_act_as_they_say(run: Run, song: Path) -> None:
    given = _read(song)
    for setting in ("gain=-6 dB", "GAIN=-6", "gain=raw:0.75"):
        assert _rendered(run, "Test Latency", song, "--set", setting) == pytest.approx(
            10 ** (-6 / 20) * given, abs=1e-6
        )
    dirty = _rendered(run, "Test Latency", song, "--set", "gain=12", "--set", "mode=dirty")
    assert dirty == pytest.approx(np.clip(10 ** (12 / 20) * given, -0.5, 0.5), abs=1e-6)


def test_mix_and_part(run: Run, song: Path) -> None:
    given = _read(song)
    cancelled = _rendered(run, "Test Latency", song, "--set", "invert=on", "--mix", "50%")
    assert np.abs(cancelled).max() < 1e-6
    side = _rendered(run, "Test Latency", song, "--set", "gain=-60", "--part", "side")
    assert side.sum(axis=0) == pytest.approx(given.sum(axis=0), abs=1e-5)
    assert side[0] - side[1] == pytest.approx(1e-3 * (given[0] - given[1]), abs=1e-5)


def test_a_tail_is_kept(run: Run, song: Path) -> None:
    given = _read(song)
    settings = ("--set", "time=500 ms", "--set", "feedback=50")
    echo = _rendered(run, "Test Echo", song, *settings, "--tail", "1")
    assert echo.shape[1] == given.shape[1] + RATE
    delay = RATE // 2
    wanted = np.concatenate([given, np.zeros((2, RATE), np.float32)], axis=1)
    for start in range(delay, wanted.shape[1], delay):
        stretch = slice(start, min(start + delay, wanted.shape[1]))
        wanted[:, stretch] += 0.5 * wanted[:, start - delay : stretch.stop - delay]
    assert echo == pytest.approx(wanted, abs=1e-5)
    assert np.array_equal(_rendered(run, "Test Echo", song, *settings), echo[:, : given.shape[1]])


def test_automation_moves_a_parameter(run: Run, song: Path, folder: Path) -> None:
    given = _read(song)
    (folder / "moves.json").write_text('{"gain": [[0.5, 0], [1.0, -20]]}')
    moved = _rendered(run, "Test Latency", song, "--set", "latency=0", "--automation", "moves.json")
    start, end = slice(0, RATE // 2), slice(RATE + 4_096, None)
    assert np.array_equal(moved[:, start], given[:, start])
    assert moved[:, end] == pytest.approx(0.1 * given[:, end], abs=1e-5)


def test_the_summary_and_the_document(run: Run, song: Path, folder: Path) -> None:
    result = run(
        "plugins", "render", "Test Latency", song, "-o", "out.wav", "--set", "gain=12", "--mix", "90"
    )
    assert result.exit_code == 0
    lines = [line.split(maxsplit=1) for line in result.stderr.splitlines()]
    assert lines[0] == [str(song), "-> out.wav"]
    rest = dict(lines[1:])
    assert rest["plug-in"] == "Test Latency 1.2.3 by Tonmeister Tests"
    assert rest["settings"] == "gain 12 dB, mix 90 %"
    assert rest["before"].endswith("dBTP")
    assert "turned down by" in rest["note"]
    assert result.stdout == ""
    assert read_metadata(folder / "out.wav").tags["title"] == ("Song",)
    result = run("plugins", "render", "Test Latency", song, "-o", "out2.wav", "--set", "gain=12", "--json")
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["status"] == "rendered"
    assert entry["plugin"]["name"] == "Test Latency"
    assert entry["step"]["parameters"] == {"gain": 12.0}
    assert [notice["code"] for notice in entry["notices"]] == ["gain_for_peaks"]
    assert entry["gain_db"] < 0.0
    assert -0.2 < entry["after"]["true_peak_dbtp"] <= 0.0
    assert entry["error"] is None
    loud = _rendered(run, "Test Latency", song, "--set", "gain=12")
    assert np.abs(loud).max() > 1.0  # 32 bits keep what 24 cannot
    assert _read(folder / "out2.wav") == pytest.approx(10 ** (entry["gain_db"] / 20) * loud, abs=1e-6)
    assert run("plugins", "render", "Test Latency", song, "-o", "q.wav", "-q").output == ""


def test_formats_and_rates(run: Run, folder: Path) -> None:
    rng = np.random.default_rng(5)
    _write(folder / "mono.wav", (0.1 * rng.standard_normal((1, 20_000))).astype(np.float32), rate=32_000)
    for name in ("out.flac", "out.mp3", "out.opus", "out.aiff"):
        result = run(
            "plugins", "render", "Test Latency", "mono.wav", "-o", name, "--bit-depth", "16", "--json"
        )
        assert result.exit_code == 0, result.output
        with open_source(folder / name) as source:
            assert source.channels == 1
            assert source.sample_rate == (48_000 if name == "out.opus" else 32_000)
            assert source.frames / source.sample_rate == pytest.approx(20_000 / 32_000, abs=0.05)


def test_presets_and_states_are_the_settings(run: Run, song: Path, folder: Path) -> None:
    settings = ("--set", "gain=-3.3 dB", "--set", "mode=Warm")
    wanted = _rendered(run, "Test Latency", song, *settings)
    assert not np.array_equal(wanted, _read(song))
    result = run("plugins", "save-preset", "Test Latency", "a.vstpreset", *settings)
    assert result.exit_code == 0, result.output
    assert "Test Latency -> a.vstpreset" in result.stdout
    assert (folder / "a.vstpreset").read_bytes()[:4] == b"VST3"
    assert np.array_equal(_rendered(run, "Test Latency", song, "--preset", "a.vstpreset"), wanted)
    result = run("plugins", "save-state", "Test Latency", "a.state", "--preset", "a.vstpreset", "--json")
    assert json.loads(result.stdout)["bytes"] == (folder / "a.state").stat().st_size
    assert np.array_equal(_rendered(run, "Test Latency", song, "--state", "a.state"), wanted)
    louder = _rendered(run, "Test Latency", song, "--state", "a.state", "--set", "gain=0")
    assert louder == pytest.approx(np.tanh(_read(song)), abs=1e-5)
    left = sorted(path.name for path in folder.iterdir())
    result = run("plugins", "save-state", "Test Latency", "a.state")
    _refused(result, 1, "a.state: a file of that name exists already", folder, *left)
    result = run("plugins", "save-state", "Test Latency", "a.state", "--state", "a.state", "--force")
    _refused(result, 1, "would overwrite the input", folder, *left)
    result = run("plugins", "render", "Test Echo", song, "-o", "no.wav", "--preset", "a.vstpreset")
    _refused(result, 1, "Test Echo does not take this preset", folder, *left)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("Crash", "crashed (SIGSEGV"),
        ("Abort", "crashed (SIGABRT"),
        ("Hang", "gave no answer for"),
        ("NaN", "gave NaN"),
        ("Inf", "gave infinite samples"),
        ("Silence", "gave silence where there was signal"),
    ],
)
def test_a_plugin_that_fails_leaves_nothing_behind(
    run: Run, song: Path, folder: Path, trouble: str, said: str
) -> None:
    arguments: list[Any] = ["Test Trouble", song, "-o", "out.wav", "--set", f"trouble={trouble}"]
    result = run("plugins", "render", *arguments, "--plugin-timeout", "2", "--bit-depth", "32")
    _refused(result, 1, said, folder, "song.wav")
    assert "Trouble" in result.stderr
    after = run("plugins", "render", "Test Trouble", song, "-o", "out.wav")
    assert after.exit_code == 0, after.output


def _midi(path: Path) -> None:
    import mido

    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.Message("note_on", note=69, velocity=127, time=0))
    track.append(mido.Message("note_off", note=69, velocity=0, time=480))
    track.append(mido.MetaMessage("end_of_track", time=0))
    file.save(path)


def test_an_instrument_plays_a_midi_file(run: Run, folder: Path) -> None:
    _midi(folder / "a.mid")  # half a second of A at 120 beats a minute
    result = run("plugins", "render", "Test Instrument", "a.mid", "-o", "a.wav", "--rate", "48000", "--json")
    assert result.exit_code == 0, result.output
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["before"] is None
    sound = _read(folder / "a.wav")
    assert sound.shape == (2, 48_000 * 5 // 2)
    note = sound[0, : 48_000 // 2]
    spectrum = np.abs(np.fft.rfft(note * np.hanning(note.size)))
    assert spectrum.argmax() / 0.5 == pytest.approx(440.0, abs=2.0)
    assert np.abs(note).max() == pytest.approx(0.25, abs=0.01)
    assert not np.abs(sound[:, int(0.65 * 48_000) :]).max() > 1e-6  # its release is 100 ms
    result = run("plugins", "render", "Test Instrument", "a.mid", "-o", "b.wav", "--tail", "0")
    assert result.exit_code == 0
    assert "before" not in result.stderr
    assert _read(folder / "b.wav").shape == (2, RATE // 2)


def test_a_bundle_by_its_path_is_scanned_once(
    run: Run, song: Path, folder: Path, plugin_fixtures: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONMEISTER_PLUGIN_CATALOG", str(folder.parent / "new.json"))
    bundle = plugin_fixtures["Latency"]
    result = run("plugins", "render", bundle, song, "-o", "out.wav")
    assert result.exit_code == 0, result.output
    assert "is not in the catalog yet: scanned in" in result.stderr
    result = run("plugins", "render", bundle, song, "-o", "out.wav", "--force")
    assert "scanned" not in result.stderr
    assert [Path(entry.path) for entry in load_catalog().bundles] == [bundle]


def test_a_ban_holds_and_is_taken_back(
    run: Run, song: Path, folder: Path, plugin_fixtures: dict[str, Path]
) -> None:
    assert run("plugins", "forbid", "Test Latency").exit_code == 0
    for name in ("Test Latency", plugin_fixtures["Latency"]):
        _refused(run("plugins", "render", name, song, "-o", "out.wav"), 3, "is forbidden", folder, "song.wav")
    assert run("plugins", "allow", plugin_fixtures["Latency"]).exit_code == 0
    assert len(load_words().allowed) == 1
    assert run("plugins", "render", "Test Latency", song, "-o", "out.wav").exit_code == 0
