"""Parameters of real plug-ins: what is typed is what is heard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mastering.chain import External
from mastering.errors import ParameterError, PluginMisbehaved
from mastering.host.plugins.host import PluginHost, configure
from mastering.host.plugins.plainvalues import number_in
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.scan import parameters_of
from mastering.host.plugins.setting import with_settings
from tests.host.plugins.support import noise, step_of, through


@pytest.fixture
def latency(host: PluginHost) -> Iterator[PluginProcess]:
    with host.lease(host.catalog.find("Test Latency")) as process:
        yield process


def level_db(samples: np.ndarray) -> float:
    return float(10.0 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def as_typed(host: PluginHost, name: str, *texts: str) -> External:
    return with_settings(step_of(host, name), host.catalog.find(name), texts)


@pytest.mark.parametrize("gain_db", [-60.0, -18.3, -0.1, 0.0, 5.55, 12.0])
@pytest.mark.parametrize("name", ["Test Latency", "Test Mono"])
def test_a_gain_is_heard_as_typed(host: PluginHost, name: str, gain_db: float) -> None:
    given = noise(20_000)
    step = as_typed(host, name, f"gain={gain_db} dB")
    assert step.parameters == {"gain": gain_db}
    out = through(host, name, given, parameters=step.parameters)
    assert level_db(out) - level_db(given) == pytest.approx(gain_db, abs=1e-4)


@pytest.mark.parametrize("text", ["time=0.025 s", "time=25 ms", "time=25", "Time = 25.0ms", "ti=2.5e1"])
def test_a_time_is_heard_as_typed(host: PluginHost, text: str) -> None:
    click = np.zeros((2, 4_410), np.float32)
    click[:, 0] = 1.0
    step = as_typed(host, "Test Echo", text, "feedback=30%")
    out = through(host, "Test Echo", click, parameters=step.parameters)
    echoes = np.flatnonzero(out[0])[:3]
    assert np.abs(echoes - [0, 1_102, 2_204]).max() <= 2, "1102.5 frames round up or down"
    assert out[0, echoes] == pytest.approx([1.0, 0.3, 0.09], abs=1e-6)


@pytest.mark.parametrize(("text", "function"), [("Warm", np.tanh), ("dirty", lambda x: x.clip(-0.5, 0.5))])
def test_a_choice_is_heard(host: PluginHost, text: str, function: object) -> None:
    given = noise(20_000) * np.float32(4.0)
    step = as_typed(host, "Test Latency", f"mode={text}")
    out = through(host, "Test Latency", given, parameters=step.parameters)
    assert np.abs(out - function(given)).max() < 1e-6  # type: ignore[operator]


@pytest.mark.parametrize(("text", "sign"), [("on", -1.0), ("off", 1.0), ("yes", -1.0), ("0", 1.0)])
def test_a_switch_is_heard(host: PluginHost, text: str, sign: float) -> None:
    step = as_typed(host, "Test Latency", f"invert={text}")
    assert step.parameters == {"invert": sign < 0}
    out = through(host, "Test Latency", noise(5_000), parameters=step.parameters)
    assert np.abs(out - sign * noise(5_000)).max() < 1e-6


def test_whole_numbers(host: PluginHost, latency: PluginProcess) -> None:
    info = host.catalog.find("Test Latency")
    configure(latency, info, as_typed(host, "Test Latency", "latency=4097 samples"))
    assert latency.start(44_100, 2) == 4_097


@pytest.mark.parametrize("raw", [0.0, 1.0, 0.5, 0.123456789, 1.0 / 3.0])
def test_raw_values_are_handed_over_exactly(host: PluginHost, latency: PluginProcess, raw: float) -> None:
    """As exactly as the interface has them: 32 bit."""
    shown = latency.call("set", values=[[1, raw, "raw"]])["shown"]
    assert shown[0][0] == float(np.float32(raw))
    assert number_in(shown[0][1]) == pytest.approx(-60.0 + 72.0 * raw, abs=1e-5)


def test_the_table_is_true(host: PluginHost, latency: PluginProcess) -> None:
    info = host.catalog.find("Test Latency")
    assert parameters_of(latency.call("table")["parameters"]) == info.parameters
    gain = next(p for p in info.parameters if p.key == "gain")
    assert (gain.unit, gain.low, gain.high, gain.allowed) == ("dB", -60.0, 12.0, "-60..12 dB")
    mode = next(p for p in info.parameters if p.key == "mode")
    assert (mode.choices, mode.steps) == (("Clean", "Warm", "Dirty"), 3)
    assert next(p for p in info.parameters if p.key == "invert").boolean
    assert len({p.key for p in info.parameters}) == len(info.parameters)


def test_every_parameter_reads_back_what_was_set(zam_host: PluginHost) -> None:
    """Ends, middle and a crooked value of every parameter of two real plug-ins, by their own texts."""
    for name in ("ZaMaximX2", "ZaMultiCompX2"):
        info = zam_host.catalog.find(name)
        with zam_host.lease(info) as process:
            for parameter in info.parameters:
                if not parameter.automatable or parameter.low is None or parameter.high is None:
                    continue
                span = parameter.high - parameter.low
                for place in (0.0, 0.3137, 0.5, 1.0):
                    wanted = parameter.low + place * span
                    ((_, text),) = process.call("set", values=[[parameter.index, wanted]])["shown"]
                    tolerance = 0.51 if parameter.steps else 2e-6 * max(1.0, span)
                    assert number_in(text) == pytest.approx(wanted, abs=tolerance), (name, parameter, wanted)


def test_a_step_with_a_parameter_there_is_not(host: PluginHost) -> None:
    with pytest.raises(ParameterError, match="did you mean gain") as caught:
        through(host, "Test Latency", noise(10), parameters={"gian": -3.0})
    assert "Test Latency" in caught.value.message


@pytest.mark.parametrize("value", [12.5, -61.0, float("nan"), "loud"])
def test_a_step_with_a_value_there_is_not(host: PluginHost, value: float | str) -> None:
    with pytest.raises(ParameterError, match=r"Test Latency gain=.*: allowed -60\.\.12 dB"):
        through(host, "Test Latency", noise(10), parameters={"gain": value})


def test_what_the_plugin_itself_refuses_is_named(latency: PluginProcess) -> None:
    answer = latency.call("set", values=[[4, "Cold"]])
    assert answer == {"refused": "Mode", "reason": "there is no 'Cold'"}


def test_an_older_table_does_not_end_the_process(latency: PluginProcess) -> None:
    with pytest.raises(PluginMisbehaved, match="Test Latency"):
        latency.call("set", values=[[99, 1.0]])
    assert latency.usable
