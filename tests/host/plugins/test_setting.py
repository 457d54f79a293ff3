"""Settings as typed: names shortened or nearly right, units, choices, switches, raw values."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.chain import External, PluginRef
from mastering.errors import ParameterError
from mastering.host.plugins.setting import (
    parameter_named,
    parse_insert,
    parse_setting,
    plain_value,
    with_settings,
)
from mastering.host.plugins.values import PluginInfo, PluginParameter

INFO = PluginInfo(
    ref=PluginRef(id="VST3-Glue", name="Glue"),
    path="/nowhere/Glue.vst3",
    parameters=(
        PluginParameter(key="threshold", index=0, name="Threshold", unit="dB", low=-60.0, high=0.0),
        PluginParameter(key="attack", index=1, name="Attack", unit="ms", low=0.1, high=250.0),
        PluginParameter(key="release", index=2, name="Release", unit="s", low=0.01, high=5.0),
        PluginParameter(key="cutoff", index=3, name="Cutoff", unit="Hz", low=20.0, high=20_000.0),
        PluginParameter(key="mode", index=4, name="Mode", choices=("Clean", "Warm", "Dirty")),
        PluginParameter(key="side_chain", index=5, name="Side-Chain", choices=("Off", "On"), boolean=True),
        PluginParameter(key="mix", index=6, name="Mix", unit="%", low=0.0, high=100.0),
        PluginParameter(key="make_up", index=7, name="Make Up", unit="dB", low=0.0, high=24.0),
        PluginParameter(key="make", index=8, name="Make", unit="", low=0.0, high=1.0),
        PluginParameter(key="shape", index=9, name="Shape"),
        PluginParameter(
            key="meter", index=10, name="Meter", unit="dB", low=-60.0, high=0.0, automatable=False
        ),
    ),
)

PLAIN = {
    "threshold=-18 dB": ("threshold", -18.0),
    "threshold=-18": ("threshold", -18.0),
    "thresh = -18.25dB": ("threshold", -18.25),
    "Threshold=-1e1": ("threshold", -10.0),
    "attack=0.02 s": ("attack", 20.0),
    "attack=20ms": ("attack", 20.0),
    "release=500 ms": ("release", 0.5),
    "release=2 seconds": ("release", 2.0),
    "cutoff=1.2 kHz": ("cutoff", 1_200.0),
    "cut=440 hertz": ("cutoff", 440.0),
    "mix=50%": ("mix", 50.0),
    "mix=50 percent": ("mix", 50.0),
    "mode=warm": ("mode", "Warm"),
    "mode=Di": ("mode", "Dirty"),
    "side-chain=on": ("side_chain", True),
    "Side Chain=OFF": ("side_chain", False),
    "side=1": ("side_chain", True),
    "make=0.5": ("make", 0.5),
    "make up=6": ("make_up", 6.0),
}


@pytest.mark.parametrize("text", PLAIN)
def test_plain_settings(text: str) -> None:
    key, value, raw = parse_setting(INFO, text)
    assert not raw
    assert key == PLAIN[text][0]
    assert type(value) is type(PLAIN[text][1])
    assert value == pytest.approx(PLAIN[text][1]) if isinstance(value, float) else value == PLAIN[text][1]


@given(st.floats(0.0, 1.0))
def test_raw_values_are_exact(value: float) -> None:
    step = with_settings(External(plugin=INFO.ref), INFO, [f"threshold=raw:{value!r}"])
    assert step.raw_parameters == {"threshold": value}
    assert step.parameters == {}


WRONG = {
    "threshold": "is no setting",
    "threshold=-80 dB": "-60..0 dB",
    "threshold=1": "-60..0 dB",
    "threshold=-18 ms": "its unit is dB",
    "threshold=soft": "-60..0 dB",
    "threshold=nan": "-60..0 dB",
    "threshold=raw:1.5": "from 0 to 1",
    "threshold=raw:nan": "from 0 to 1",
    "threshold=raw:": "from 0 to 1",
    "mode=Cold": "Clean, Warm, Dirty",
    "mode=": "Clean, Warm, Dirty",
    "side_chain=maybe": "on or off",
    "cutoff=30 kHz": "20..20000 Hz",
    "thresold=-18": "did you mean threshold",
    "m=1": "did you mean mode or mix or make_up or make",
    "nothing_like_it_at_all=1": "it has threshold, attack",
    "=3": "it has threshold, attack",
    "shape=3": None,
}


@pytest.mark.parametrize("text", [text for text, words in WRONG.items() if words is not None])
def test_wrong_settings_say_what_is_allowed(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_setting(INFO, text)
    words = WRONG[text]
    assert words is not None
    assert words in caught.value.message
    assert "Glue" in caught.value.message or "setting" in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_meter_is_found_by_its_whole_name_only() -> None:
    assert parameter_named(INFO, "meter").index == 10
    with pytest.raises(ParameterError):
        parameter_named(INFO, "mete")


def test_a_whole_name_wins_over_what_begins_so() -> None:
    assert parameter_named(INFO, "make").index == 8


def test_a_later_setting_replaces_an_earlier_one() -> None:
    step = with_settings(
        External(plugin=INFO.ref), INFO, ["mix=20", "mix=raw:0.5", "mode=warm", "mode=clean"]
    )
    assert (step.parameters, step.raw_parameters) == ({"mode": "Clean"}, {"mix": 0.5})
    step = with_settings(step, INFO, ["mix=30"])
    assert (step.parameters, step.raw_parameters) == ({"mode": "Clean", "mix": 30.0}, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -60.1])
def test_numbers_from_a_recipe_are_checked_too(value: float) -> None:
    with pytest.raises(ParameterError, match=r"allowed -60\.\.0 dB"):
        plain_value(INFO, parameter_named(INFO, "threshold"), value)


def test_a_hair_beyond_the_end_is_the_end() -> None:
    assert plain_value(INFO, parameter_named(INFO, "threshold"), 1e-9) == 0.0


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("ZaMaximX2", "ZaMaximX2", ()),
        ("ZaMaximX2?thresh=-6 dB&release=50 ms", "ZaMaximX2", ("thresh=-6 dB", "release=50 ms")),
        (" A B ?x=1&", "A B", ("x=1",)),
        ("/p/A.vst3?x=a?b", "/p/A.vst3", ("x=a?b",)),
    ],
)
def test_inserts_as_typed(text: str, name: str, settings: tuple[str, ...]) -> None:
    assert parse_insert(text) == (name, settings)


@given(st.text(max_size=30))
def test_any_text_is_a_setting_or_a_parameter_error(text: str) -> None:
    with contextlib.suppress(ParameterError):
        key, _, _ = parse_setting(INFO, text)
        assert key in {parameter.key for parameter in INFO.parameters}
