"""The plug-in fixtures do what their tests of the host rely on; each is loaded in a process that may die."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import plugin_fixtures as shared

plugin_fixtures = shared.plugin_fixtures
tool = shared.load_tool()

PRELUDE = """
import json, re, sys
import numpy as np
import pedalboard
from pedalboard import _pedalboard

# Or pedalboard asks for a thousand texts of each parameter: an instrument by DPF has 2,083.
_pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(""))

def load():
    return pedalboard.VST3Plugin(sys.argv[1])

def parameter(plugin, name):
    return next(p for p in plugin._parameters if p.name == name and p.is_automatable)

def give(**found):
    print(json.dumps(found), flush=True)

rate = 44100
signal = (0.1 * np.random.default_rng(7).standard_normal((2, 40000))).astype(np.float32)
"""
FLAG_FILE = "tonmeister-fixture-crash-once"


def run(bundle: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code behind the prelude in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + code, str(bundle)],
        capture_output=True,
        text=True,
        timeout=30.0,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
    )


def probe(bundle: Path, code: str) -> dict[str, Any]:
    """What the code gave, from a process that ended well."""
    done = run(bundle, code)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    return found


def trouble(bundle: Path, kind: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Process a second with the Trouble fixture at a kind."""
    code = f"""
plugin = load()
chosen = parameter(plugin, "Trouble")
chosen.raw_value = chosen.get_raw_value_for_text("{kind}")
give(begun=chosen.string_value)
plugin.process(signal, rate)
give(survived=True)
"""
    return run(bundle, code, **variables)


# What is needed, and what is up to date -- no compiler runs


@pytest.fixture
def dpf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like DPF's source, and a machine that looks like one with a compiler."""
    folder = tmp_path / "dpf"
    (folder / "distrho").mkdir(parents=True)
    (folder / "distrho" / "DistrhoPluginMain.cpp").touch()
    monkeypatch.setattr(tool.platform, "system", lambda: "Linux")
    monkeypatch.setattr(tool.shutil, "which", lambda name: f"/usr/bin/{name}")
    return folder


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The libraries that a stand-in for g++ was asked for."""
    asked: list[str] = []

    def compile_nothing(arguments: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        target = Path(arguments[arguments.index("-o") + 1])
        target.write_text("library")
        asked.append(target.stem)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(tool.subprocess, "run", compile_nothing)
    return asked


def test_nothing_is_missing_where_all_is_there(dpf: Path) -> None:
    assert tool.missing(dpf) is None


def test_missing_names_the_compiler(dpf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool.shutil, "which", lambda name: None)
    assert tool.missing(dpf) == "g++ is not installed (Debian package g++)"


def test_missing_names_the_source_of_dpf(dpf: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert tool.missing(nowhere) == f"{nowhere} does not hold the source of DPF (Debian package dpf-source)"


def test_missing_on_another_system(dpf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool.platform, "system", lambda: "Darwin")
    assert tool.missing(dpf) == "they are built on Linux only"


def test_build_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(tool.FixtureError, match="the plug-in fixtures cannot be built: "):
        tool.build(tmp_path / "out", tmp_path / "nowhere", ["Mono"])


def test_build_refuses_an_unknown_name(dpf: Path, tmp_path: Path) -> None:
    with pytest.raises(tool.FixtureError, match="no plug-in fixture is called 'Stereo': there are Latency, "):
        tool.build(tmp_path / "out", dpf, ["Mono", "Stereo"])


def test_build_passes_on_what_the_compiler_says(
    dpf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = subprocess.CompletedProcess(["g++"], 1, "", "plugin.cpp:3: error: no\n")
    monkeypatch.setattr(tool.subprocess, "run", lambda *_, **__: refusal)
    with pytest.raises(tool.FixtureError, match=r"Mono: g\+\+ ended with 1:\nplugin.cpp:3: error: no"):
        tool.build(tmp_path / "out", dpf, ["Mono"])
    assert not tool.is_current(tmp_path / "out", dpf, "Mono")


def test_a_bundle_has_the_folders_of_the_format(dpf: Path, tmp_path: Path, compiled: list[str]) -> None:
    bundles = tool.build(tmp_path / "out", dpf)
    assert list(bundles) == list(tool.NAMES)
    for name, path in bundles.items():
        assert path == tmp_path / "out" / f"{name}.vst3"
        files = [file.relative_to(path) for file in path.rglob("*") if file.is_file()]
        assert files == [Path("Contents") / f"{platform.machine()}-linux" / f"{name}.so"]


def test_what_is_up_to_date_is_not_built_again(dpf: Path, tmp_path: Path, compiled: list[str]) -> None:
    out = tmp_path / "out"
    tool.build(out, dpf, ["Mono", "Echo"])
    tool.build(out, dpf, ["Mono", "Echo"])
    assert sorted(compiled) == ["Echo", "Mono"]
    tool.library(out, "Echo").unlink()
    tool.build(out, dpf, ["Mono", "Echo"])
    assert sorted(compiled) == ["Echo", "Echo", "Mono"]


def test_up_to_date_needs_no_compiler(
    dpf: Path, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.build(tmp_path, dpf, ["Mono"])
    monkeypatch.setattr(tool.shutil, "which", lambda name: None)
    assert tool.build(tmp_path, dpf, ["Mono"]) == {"Mono": tmp_path / "Mono.vst3"}


@pytest.mark.parametrize("changed", ["Mono/plugin.cpp", "Mono/DistrhoPluginInfo.h", "Fixture.hpp"])
def test_a_changed_source_is_built_again(
    dpf: Path, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    sources = tmp_path / "sources"
    (sources / "Mono").mkdir(parents=True)
    for name in ("Mono/plugin.cpp", "Mono/DistrhoPluginInfo.h", "Fixture.hpp"):
        (sources / name).write_text("old")
    monkeypatch.setattr(tool, "SOURCES", sources)
    tool.build(tmp_path, dpf, ["Mono"])
    (sources / changed).write_text("new")
    tool.build(tmp_path, dpf, ["Mono"])
    assert compiled == ["Mono", "Mono"]


def test_changed_flags_are_built_again(
    dpf: Path, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.build(tmp_path, dpf, ["Mono"])
    monkeypatch.setattr(tool, "FLAGS", (*tool.FLAGS, "-g"))
    tool.build(tmp_path, dpf, ["Mono"])
    assert compiled == ["Mono", "Mono"]


# What each plug-in does


@pytest.mark.parametrize(
    ("name", "title", "latency", "parameters"),
    [
        ("Latency", "Test Latency", 1000, ["Gain dB", "Latency samples", "Invert ", "Mode "]),
        ("Echo", "Test Echo", 0, ["Time ms", "Feedback %"]),
        ("Mono", "Test Mono", 0, ["Gain dB"]),
        ("Trouble", "Test Trouble", 0, ["Trouble ", "After ms"]),
    ],
)
def test_identity_and_parameters(
    plugin_fixtures: dict[str, Path], name: str, title: str, latency: int, parameters: list[str]
) -> None:
    found = probe(
        plugin_fixtures[name],
        """
plugin = load()
give(who=[plugin.name, plugin.manufacturer_name, plugin.version], effect=plugin.is_effect)
give(latency=plugin.reported_latency_samples)
give(parameters=[f"{p.name} {p.label}" for p in plugin._parameters if p.is_automatable])
""",
    )
    assert found["who"] == [title, "Tonmeister Tests", "1.2.3"]
    assert found["effect"]
    assert found["latency"] == latency
    assert found["parameters"] == parameters


def test_latency_delays_by_what_it_reports(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Latency"],
        """
plugin = load()
latency = parameter(plugin, "Latency")
for samples in (1000, 0, 1, 8192):
    latency.raw_value = samples / 8192
    plugin.process(signal[:, :16], rate)
    aligned = plugin.process(signal, rate)
    give(**{f"reported {samples}": plugin.reported_latency_samples})
    give(**{f"aligned {samples}": bool(np.array_equal(aligned, signal))})
    plugin.reset()
    streamed = [plugin.process(signal[:, :8192], rate, reset=False)]
    streamed += [plugin.process(signal[:, at:at + 997], rate, reset=False) for at in range(8192, 40000, 997)]
    streamed += [plugin.process(np.zeros((2, 8192), "f"), rate, reset=False)]
    streamed = np.concatenate(streamed, axis=1)[:, :40000]
    give(**{f"streamed {samples}": bool(np.array_equal(streamed, signal))})
""",
    )
    for samples in (1000, 0, 1, 8192):
        assert found[f"reported {samples}"] == samples
        assert found[f"aligned {samples}"]
        assert found[f"streamed {samples}"]


def test_latency_parameters_change_the_sound(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Latency"],
        """
def error(got, wanted):
    return float(np.abs(got - wanted).max())

plugin = load()
gain, invert, mode = (parameter(plugin, name) for name in ("Gain", "Invert", "Mode"))
give(texts=[mode.get_text_for_raw_value(v) for v in (0.0, 0.5, 1.0)])
give(gains=[gain.get_text_for_raw_value(v) for v in (0.0, 1.0)])
gain.raw_value, invert.raw_value = (12.0 + 60.0) / 72.0, 1.0
loud = -signal * 10.0 ** (12.0 / 20.0)
give(clean=error(plugin.process(signal, rate), loud))
mode.raw_value = mode.get_raw_value_for_text("Warm")
warm = plugin.process(signal, rate)
give(warm=error(warm, np.tanh(loud)))
give(invariant=bool(np.array_equal(warm, plugin.process(signal, rate, buffer_size=333))))
copy = load()
copy.raw_state = plugin.raw_state
give(restored=bool(np.array_equal(copy.process(signal, rate), warm)))
mode.raw_value = mode.get_raw_value_for_text("Dirty")
give(dirty=error(plugin.process(signal, rate), np.clip(loud, -0.5, 0.5)))
""",
    )
    assert found["texts"] == ["Clean", "Warm", "Dirty"]
    assert found["gains"] == ["-60.000000", "12.000000"]
    assert found["clean"] < 1e-6
    assert found["warm"] < 1e-6
    assert found["dirty"] < 1e-6
    assert found["invariant"]
    assert found["restored"]


def test_a_change_begins_with_its_block(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Latency"],
        """
plugin = load()
gain = parameter(plugin, "Gain")
ones = np.ones((2, 8192), np.float32)
blocks = []
plugin.reset()
for step in range(4):
    gain.raw_value = (60.0 - 6.0 * step) / 72.0
    blocks.append(plugin.process(ones, rate, reset=False))
give(steps=(np.flatnonzero(np.diff(np.concatenate(blocks, axis=1)[0])) + 1).tolist())
""",
    )
    assert found["steps"] == [8192, 16384, 24576]


def test_echo_repeats_and_rings_on(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Echo"],
        """
plugin = load()
time, feedback = parameter(plugin, "Time"), parameter(plugin, "Feedback")
time.raw_value, feedback.raw_value = (100.0 - 1.0) / 999.0, 80.0 / 95.0
click = np.zeros((2, 10000), np.float32)
click[:, 0] = 1.0
sound = [plugin.process(click, rate), plugin.process(np.zeros((2, 10000), np.float32), rate, reset=False)]
sound = np.concatenate(sound, axis=1)
give(at=np.flatnonzero(sound[1]).tolist(), level=sound[1][sound[1] != 0].tolist())
give(cleared=int(np.count_nonzero(plugin.process(0 * click, rate))))
""",
    )
    assert found["at"] == [0, 4410, 8820, 13230, 17640]
    assert found["level"] == pytest.approx([1.0, 0.8, 0.64, 0.512, 0.4096], rel=1e-5)
    assert found["cleared"] == 0


def test_instrument_plays_in_tune_and_on_the_sample(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Instrument"],
        """
def on(note, frame, velocity=127):
    return bytes([0x90, note, velocity]), (frame + 0.5) / rate

def off(note, frame):
    return bytes([0x80, note, 0]), (frame + 0.5) / rate

plugin = load()
give(who=[plugin.name, plugin.is_instrument], parameters=[p.name for p in plugin._parameters][-2:])
sound = plugin.process([on(69, 8193), off(69, 30293)], 1.0, rate)
heard = np.flatnonzero(sound[0])
give(shape=sound.shape, same=bool(np.array_equal(*sound)), first=int(heard[0]), last=int(heard[-1]))
steady = np.arange(22100)
wanted = 0.25 * np.sin(2.0 * np.pi * 440.0 * steady / rate)
give(error=float(np.abs(sound[0, 8193:30293] - wanted).max()))
for note in (21, 60, 108):
    tone = plugin.process([on(note, 0)], 1.0, rate)[0]
    give(**{f"hz {note}": int(np.argmax(np.abs(np.fft.rfft(tone * np.hanning(rate)))))})
soft = plugin.process([on(69, 0, 64)], 0.1, rate)
give(soft=float(np.abs(soft).max()))
events = [on(48 + 2 * i, 100 * i) for i in range(16)] + [off(50, 20000)]
whole = plugin.process(events, 1.0, rate)
give(invariant=bool(np.array_equal(whole, plugin.process(events, 1.0, rate, buffer_size=333))))
first = plugin.process(events[:16], 0.25, rate)
rest = plugin.process([off(50, 20000 - 11025)], 0.75, rate, reset=False)
give(continued=bool(np.array_equal(np.concatenate([first, rest], axis=1), whole)))
release, volume = parameter(plugin, "Release"), parameter(plugin, "Volume")
release.raw_value, volume.raw_value = 500.0 / 5000.0, (-6.0 + 60.0) / 72.0
sound = plugin.process([on(69, 0), off(69, 8820)], 1.0, rate)
give(release_last=int(np.flatnonzero(sound[0])[-1]), quieter=float(np.abs(sound).max()))
""",
    )
    assert found["who"] == ["Test Instrument", True]
    assert found["parameters"] == ["Release", "Volume"]
    assert found["shape"] == [2, 44_100]
    assert found["same"]
    assert found["first"] == 8193 + 1, "a sine begins at zero"
    assert found["last"] == 30293 + 4410 - 1, "100 ms of release"
    assert found["error"] < 1e-6
    assert (found["hz 21"], found["hz 60"], found["hz 108"]) == (28, 262, 4186)
    assert found["soft"] == pytest.approx(0.25 * 64 / 127, rel=1e-3)
    assert found["invariant"]
    assert found["continued"]
    assert found["release_last"] == pytest.approx(8820 + 22050 - 1, abs=1)
    assert found["quieter"] == pytest.approx(0.25 * 10 ** (-6 / 20), rel=1e-3)


def test_mono_takes_one_channel_only(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Mono"],
        """
plugin = load()
gain = parameter(plugin, "Gain")
gain.raw_value = gain.get_raw_value_for_text("-6")
give(ratio=float((plugin.process(signal[:1], rate) / signal[:1]).mean()))
try:
    plugin.process(signal, rate)
except ValueError as error:
    give(refusal=str(error))
""",
    )
    assert found["ratio"] == pytest.approx(10 ** (-6 / 20), rel=1e-6)
    assert "does not support 2-channel output" in found["refusal"]


def test_troubles_that_end_well(plugin_fixtures: dict[str, Path]) -> None:
    found = probe(
        plugin_fixtures["Trouble"],
        """
import time

plugin = load()
kind, after = parameter(plugin, "Trouble"), parameter(plugin, "After")

def begin(text, after_ms=0.0):
    kind.raw_value = kind.get_raw_value_for_text(text)
    after.raw_value = after_ms / 60000.0
    return plugin.process(signal, rate)

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

give(none=bool(np.array_equal(begin("None"), signal)))
give(nan=bool(np.isnan(begin("NaN")).all()), inf=bool(np.isposinf(begin("Inf")).all()))
give(silence=int(np.count_nonzero(begin("Silence"))))
give(denormals=bool((begin("Denormals") == np.float32(1e-40)).all()))
late = begin("NaN", 500.0)
give(good_until=int(np.flatnonzero(np.isnan(late[0]))[0]))
give(sound_before=bool(np.array_equal(late[:, :22050], signal[:, :22050])))
give(noise_repeats=bool(np.array_equal(begin("Noise"), begin("Noise"))))
give(block_size_repeats=bool(np.array_equal(begin("BlockSize"), begin("BlockSize"))))
give(block_size_shows=not np.array_equal(begin("BlockSize"), plugin.process(signal, rate, buffer_size=512)))
start = time.perf_counter()
begin("Slow")
give(slow_s=time.perf_counter() - start)
before_mb = resident_mb()
begin("Leak")
give(leaked_mb=resident_mb() - before_mb)
try:
    begin("Throw")
except RuntimeError as error:
    give(thrown=str(error))
give(none_again=bool(np.array_equal(begin("None"), signal)))
""",
    )
    calls = 5  # of run(), for 40,000 frames in blocks of 8,192
    assert found["none"]
    assert found["nan"]
    assert found["inf"]
    assert found["silence"] == 0
    assert found["denormals"]
    assert found["good_until"] == 22_050
    assert found["sound_before"]
    assert not found["noise_repeats"]
    assert found["block_size_repeats"]
    assert found["block_size_shows"]
    assert found["slow_s"] >= calls * 0.2
    assert found["leaked_mb"] == pytest.approx(calls * 64.0, rel=0.05)
    assert found["thrown"] == "trouble on command"
    assert found["none_again"]


@pytest.mark.parametrize(("kind", "number"), [("Crash", signal.SIGSEGV), ("Abort", signal.SIGABRT)])
def test_troubles_that_end_the_process(plugin_fixtures: dict[str, Path], kind: str, number: int) -> None:
    done = trouble(plugin_fixtures["Trouble"], kind)
    assert done.returncode == -number
    assert json.loads(done.stdout) == {"begun": kind}


def test_crash_once_crashes_once(plugin_fixtures: dict[str, Path], tmp_path: Path) -> None:
    flag = tmp_path / FLAG_FILE
    flag.touch()
    first, second = (trouble(plugin_fixtures["Trouble"], "CrashOnce", TMPDIR=str(tmp_path)) for _ in range(2))
    assert first.returncode == -signal.SIGSEGV
    assert not flag.exists()
    assert second.returncode == 0, second.stderr


def hangs(bundle: Path, code: str) -> bool:
    """Whether the code prints its first line and no second one within a second; the process is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, str(bundle)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.stdout.read() == ""
        return False


def test_hang_hangs(plugin_fixtures: dict[str, Path]) -> None:
    code = """
plugin = load()
kind = parameter(plugin, "Trouble")
kind.raw_value = kind.get_raw_value_for_text("Hang")
give(begun=True)
plugin.process(signal, rate)
give(survived=True)
"""
    assert hangs(plugin_fixtures["Trouble"], code)


def test_hang_on_load_hangs(plugin_fixtures: dict[str, Path]) -> None:
    assert hangs(plugin_fixtures["HangOnLoad"], "give(begun=True)\nload()\ngive(survived=True)")


def test_crash_on_load_crashes(plugin_fixtures: dict[str, Path]) -> None:
    done = run(plugin_fixtures["CrashOnLoad"], "give(begun=True)\nload()\ngive(survived=True)")
    assert done.returncode == -signal.SIGSEGV
    assert json.loads(done.stdout) == {"begun": True}


def test_crash_on_exit_works_until_it_is_given_up(plugin_fixtures: dict[str, Path]) -> None:
    done = run(
        plugin_fixtures["CrashOnExit"],
        """
plugin = load()
give(name=plugin.name, untouched=bool(np.array_equal(plugin.process(signal, rate), signal)))
del plugin
give(survived=True)
""",
    )
    assert done.returncode == -signal.SIGSEGV
    assert json.loads(done.stdout) == {"name": "Test Crash On Exit", "untouched": True}
