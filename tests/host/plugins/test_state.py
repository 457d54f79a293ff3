"""States and presets: the same bytes back, the same sound; and no job hears of the one before it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mastering.chain import External, ParameterLane
from mastering.errors import AudioFileError, PluginError, PluginMisbehaved, PresetError
from mastering.host.plugins.host import PluginHost, configure
from mastering.host.plugins.inserts import Insert, captured
from mastering.host.plugins.presets import preset_data, read_preset, read_state, state_data
from tests.host.plugins.support import noise, step_of, through

Hosts = Callable[..., PluginHost]
SETTINGS: dict[str, dict[str, Any]] = {
    "Test Latency": {"parameters": {"gain": -7.7, "latency": 333.0, "mode": "Dirty", "invert": True}},
    "Test Echo": {"parameters": {"time": 12.3, "feedback": 61.0}},
    "Test Mono": {"raw_parameters": {"gain": 0.777}},
    "Test Trouble": {"parameters": {"trouble": "BlockSize"}},
}


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_state_sounds_like_the_settings_it_was_made_of(new_host: Hosts, name: str) -> None:
    host, given = new_host(), noise(20_000)
    info = host.catalog.find(name)
    out = through(host, name, given, **SETTINGS[name])
    state = state_data(host, info, step_of(host, name, **SETTINGS[name]))
    assert np.array_equal(through(host, name, given, state=text(state)), out)
    assert state_data(host, info, step_of(host, name, state=text(state))) == state
    assert np.array_equal(through(new_host(), name, given, state=text(state)), out), "in another process"
    assert not np.array_equal(through(host, name, given), out), "the settings mattered"


def test_parameters_are_set_after_the_state(host: PluginHost) -> None:
    info, given = host.catalog.find("Test Latency"), noise(5_000)
    state = text(state_data(host, info, step_of(host, "Test Latency", parameters={"gain": -20.0})))
    out = through(host, "Test Latency", given, state=state, parameters={"gain": 6.0})
    assert np.array_equal(out, through(host, "Test Latency", given, parameters={"gain": 6.0}))


def other_state(host: PluginHost, name: str) -> bytes:
    return state_data(host, host.catalog.find(name), step_of(host, name, **SETTINGS[name]))


@pytest.mark.parametrize("kind", ["another plug-in's", "garbage", "text"])
def test_a_foreign_state_is_refused(new_host: Hosts, kind: str) -> None:
    host = new_host()
    state = {
        "another plug-in's": lambda: other_state(host, "Test Echo"),
        "garbage": lambda: np.random.default_rng(1).bytes(400),
        "text": lambda: b"threshold=-18 dB\n",
    }[kind]()
    with pytest.raises(PluginMisbehaved) as caught:
        through(host, "Test Latency", noise(3_000), state=text(state))
    assert caught.value.code == "plugin_refused"
    assert "Test Latency does not take the state" in caught.value.message
    assert np.array_equal(through(host, "Test Latency", noise(3_000)), noise(3_000)), (
        "and nothing stays of it"
    )


def test_a_state_that_is_not_base64(host: PluginHost) -> None:
    with pytest.raises(PresetError, match="the state of Test Latency is not base64"):
        through(host, "Test Latency", noise(100), state="*not base64*")


def test_the_first_state_is_no_foreign_one(host: PluginHost) -> None:
    """It changes nothing, and yet it is taken."""
    info = host.catalog.find("Test Latency")
    first = text(state_data(host, info, step_of(host, "Test Latency")))
    assert np.array_equal(through(host, "Test Latency", noise(3_000), state=first), noise(3_000))


# Preset files


@pytest.mark.parametrize("name", ["Test Latency", "Test Echo", "Test Mono"])
def test_a_preset_file_there_and_back(host: PluginHost, tmp_path: Path, name: str) -> None:
    info, given = host.catalog.find(name), noise(20_000)
    data = preset_data(host, info, step_of(host, name, **SETTINGS[name]))
    assert data[:4] == b"VST3"
    file = tmp_path / "Größe ✓.vstpreset"
    file.write_bytes(data)
    state = read_preset(host, info, file)
    out = through(host, name, given, **SETTINGS[name])
    assert np.array_equal(through(host, name, given, state=state), out)
    assert not np.array_equal(through(host, name, given), out), "reading a preset sets nothing"


def test_another_plugins_preset_is_refused(host: PluginHost, tmp_path: Path) -> None:
    file = tmp_path / "echo.vstpreset"
    file.write_bytes(preset_data(host, host.catalog.find("Test Echo"), step_of(host, "Test Echo")))
    with pytest.raises(PluginError, match="Test Latency does not take this preset") as caught:
        read_preset(host, host.catalog.find("Test Latency"), file)
    assert str(file) in caught.value.message


BAD_FILES = {
    "no preset": (b"RIFF....", "it is no .vstpreset file"),
    "empty": (b"", "it is empty"),
    "only the head": (b"VST3", "does not take this preset"),
    "cut off": (None, "does not take this preset"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_preset_files(host: PluginHost, tmp_path: Path, kind: str) -> None:
    content, words = BAD_FILES[kind]
    info = host.catalog.find("Test Latency")
    if content is None:
        content = preset_data(host, info, step_of(host, "Test Latency", **SETTINGS["Test Latency"]))[:60]
    file = tmp_path / "bad.vstpreset"
    file.write_bytes(content)
    with pytest.raises((AudioFileError, PluginError), match=words):
        read_preset(host, info, file)
    assert np.array_equal(through(host, "Test Latency", noise(2_000)), noise(2_000))


def test_a_preset_that_is_not_there(host: PluginHost, tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="no such file"):
        read_preset(host, host.catalog.find("Test Latency"), tmp_path / "none.vstpreset")
    with pytest.raises(AudioFileError, match="no such file"):
        read_state(tmp_path / "none.state")


def test_a_state_file(host: PluginHost, tmp_path: Path) -> None:
    info = host.catalog.find("Test Echo")
    step = step_of(host, "Test Echo", **SETTINGS["Test Echo"])
    file = tmp_path / "echo.state"
    file.write_bytes(state_data(host, info, step))
    out = through(host, "Test Echo", noise(9_000), state=read_state(file))
    assert np.array_equal(out, through(host, "Test Echo", noise(9_000), **SETTINGS["Test Echo"]))


# Recipes


def test_captured_steps_hold_all_they_need(host: PluginHost) -> None:
    step = step_of(host, "Test Latency", **SETTINGS["Test Latency"])
    (insert,) = captured(host, [Insert(step=step, at="pre")])
    assert insert.at == "pre"
    assert insert.step.parameters == step.parameters
    assert base64.b64decode(insert.step.state)
    given = noise(9_000)
    out = through(host, "Test Latency", given, **SETTINGS["Test Latency"])
    assert np.array_equal(through(host, "Test Latency", given, state=insert.step.state), out)
    both = {"state": insert.step.state, "parameters": insert.step.parameters}
    assert np.array_equal(through(host, "Test Latency", given, **both), out)
    assert captured(host, [insert]) == (insert,), "once more changes nothing"


def test_what_cannot_be_captured_is_bypassed_where_that_is_wanted(new_host: Hosts) -> None:
    step = replace(step_of(new_host(), "Test Latency"), state=text(b"foreign"))
    with pytest.raises(PluginMisbehaved):
        captured(new_host(), [Insert(step=step)])
    host = new_host(on_failure="bypass")
    (insert,) = captured(host, [Insert(step=step)])
    assert insert.step.bypass
    assert [notice.code for notice in host.notices] == ["plugin_bypassed"]


# Warm processes


def shuffled(rng: np.random.Generator) -> dict[str, Any]:
    """Settings of the Latency fixture at random."""
    chosen: dict[str, Any] = {
        "gain": float(rng.uniform(-60.0, 12.0)),
        "latency": float(rng.integers(0, 8_193)),
        "invert": bool(rng.integers(2)),
        "mode": str(rng.choice(["Clean", "Warm", "Dirty"])),
    }
    kept = [key for key in chosen if rng.random() < 0.6]
    return {key: chosen[key] for key in kept}


def test_a_warm_process_is_as_good_as_a_new_one(new_host: Hosts) -> None:
    """Whatever was set, processed, automated or left half done before."""
    rng, host = np.random.default_rng(11), new_host()
    info, given = host.catalog.find("Test Latency"), noise(6_000)
    lane = ParameterLane(parameter="gain", points=((0.0, -30.0), (1.0, 6.0)))
    with host.lease(info) as process:
        pid, first = process.pid, process.call("get_state")
    for turn in range(12):
        step = External(
            plugin=info.ref, parameters=shuffled(rng), automation=(lane,) if turn % 3 == 0 else ()
        )
        with host.lease(info) as process:
            assert process.pid == pid, "the same one, kept warm"
            assert process.call("get_state") == first
            configure(process, info, step)
            if turn % 2:  # or set, and never processed
                process.start(int(rng.choice([44_100, 96_000])), int(rng.choice([2])))
                process.push(noise(int(rng.integers(1, 30_000)), seed=turn))
                process.pull()
            if turn % 4 == 1:
                process.push(noise(500))
                process.abandon()
        assert np.array_equal(through(host, "Test Latency", given), given)
        settings = shuffled(rng)
        warm = through(host, "Test Latency", given, parameters=settings)
        if turn % 4 == 0:
            assert np.array_equal(warm, through(new_host(), "Test Latency", given, parameters=settings))


@pytest.mark.parametrize("name", ["Test Echo", "Test Mono", "Test Crash On Exit"])
def test_nothing_of_the_last_song_is_heard(new_host: Hosts, name: str) -> None:
    host, given = new_host(), noise(10_000)
    first = through(host, name, given)
    through(host, name, noise(50_000, seed=2), parameters={} if name != "Test Echo" else {"feedback": 95.0})
    assert np.array_equal(through(host, name, given), first)
    assert np.array_equal(through(new_host(), name, given), first)


def test_real_plugins_repeat_their_state_bit_for_bit(zam_host: PluginHost, new_host: Hosts) -> None:
    catalog, given = zam_host.catalog, noise(60_000)
    elsewhere = new_host(catalog=catalog, policy=zam_host.policy)
    settings: dict[str, dict[str, Any]] = {
        "ZaMaximX2": {"parameters": {"threshold": -12.0, "release": 40.0}},
        "ZaMultiCompX2": {"parameters": {"zamcomp_2_on": True, "threshold_2": -40.0, "makeup_2": 3.3}},
    }
    for name, chosen in settings.items():
        out = through(zam_host, name, given, **chosen)
        state = state_data(zam_host, catalog.find(name), step_of(zam_host, name, **chosen))
        assert np.array_equal(through(elsewhere, name, given, state=text(state)), out)
        assert np.array_equal(through(zam_host, name, given, **chosen), out)
        assert not np.array_equal(through(zam_host, name, given), out)
