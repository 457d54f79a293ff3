"""Plain units to 0..1: whatever a parameter's curve and its texts' rounding, it shows what was wanted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.host.plugins.plainvalues import describe, number_in, raw_of


@dataclass
class Fake:
    """A parameter of a plug-in that is not there.

    Args:
        curve: raw value -> number in the unit.
        digits: after the point, in its texts.
        own: whether the plug-in converts texts back.
    """

    curve: Callable[[float], float]
    digits: int = 2
    unit: str = ""
    own: bool = False
    name: str = "Fake"
    label: str = ""
    raw_value: float = 0.0
    num_steps: int = 0x7FFFFFFF
    is_boolean: bool = False
    is_discrete: bool = False
    is_automatable: bool = True
    default_raw_value: float = 0.5
    texts: list[str] = field(default_factory=list)

    def number(self, raw: float) -> float:
        if self.is_discrete:
            raw = round(raw * (self.num_steps - 1)) / (self.num_steps - 1)
        return self.curve(raw)

    def get_text_for_raw_value(self, raw: float) -> str:
        if self.texts:
            return self.texts[min(len(self.texts) - 1, int(raw * len(self.texts)))]
        return f"{self.number(raw):.{self.digits}f}{self.unit}"

    def get_raw_value_for_text(self, text: str) -> float:
        return 0.0


def linear(low: float, high: float) -> Callable[[float], float]:
    return lambda raw: low + raw * (high - low)


def logarithmic(low: float, high: float) -> Callable[[float], float]:
    return lambda raw: low * (high / low) ** raw


def cubic(low: float, high: float) -> Callable[[float], float]:
    return lambda raw: low + raw**3 * (high - low)


CURVES = {
    "linear": linear(-60.0, 12.0),
    "falling": linear(12.0, -60.0),
    "logarithmic": logarithmic(20.0, 20_000.0),
    "cubic": cubic(0.0, 5_000.0),
    "tiny": linear(0.0, 0.02),
    "flat at both ends": lambda raw: min(1.0, max(0.0, 2.0 * raw - 0.5)) * 10.0,
}


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(CURVES)), st.integers(0, 6), st.floats(0.0, 1.0))
def test_what_a_parameter_can_show_it_shows(name: str, digits: int, place: float) -> None:
    fake = Fake(CURVES[name], digits=digits)
    wanted = float(fake.get_text_for_raw_value(place))
    raw = raw_of(fake, wanted)
    assert 0.0 <= raw <= 1.0
    assert float(fake.get_text_for_raw_value(raw)) == pytest.approx(
        wanted, abs=1.01e-6 * max(1.0, abs(wanted))
    )


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(CURVES)), st.integers(0, 6), st.floats(0.0, 1.0))
def test_between_two_texts_the_nearest_is_shown(name: str, digits: int, place: float) -> None:
    fake = Fake(CURVES[name], digits=digits)
    wanted = fake.number(place)
    shown = float(fake.get_text_for_raw_value(raw_of(fake, wanted)))
    assert abs(shown - wanted) <= 10.0**-digits + 2e-6 * max(1.0, abs(wanted))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["linear", "falling", "cubic", "logarithmic"]), st.floats(0.0, 1.0))
def test_rounded_texts_give_the_middle_of_what_shows_them(name: str, place: float) -> None:
    """A text of whole numbers hides the rest: the middle is never further off than half of one."""
    fake = Fake(CURVES[name], digits=0)
    wanted = float(fake.get_text_for_raw_value(place))
    assert abs(fake.number(raw_of(fake, wanted)) - wanted) <= 0.51


@settings(deadline=None, max_examples=100)
@given(
    st.integers(2, 100),
    st.sampled_from([linear(0.0, 10.0), linear(5.0, -5.0), logarithmic(1.0, 1_000.0)]),
    st.floats(0.0, 1.0),
)
def test_a_stepped_parameter_takes_the_nearest_step(
    steps: int, curve: Callable[[float], float], place: float
) -> None:
    fake = Fake(curve, digits=4, num_steps=steps, is_discrete=True)
    wanted = curve(place)
    shown = float(fake.get_text_for_raw_value(raw_of(fake, wanted)))
    every = [float(fake.get_text_for_raw_value(step / (steps - 1))) for step in range(steps)]
    assert abs(shown - wanted) <= min(abs(number - wanted) for number in every) + 1e-3


@settings(deadline=None, max_examples=60)
@given(st.floats(20.0, 20_000.0))
def test_texts_that_change_their_unit_midway(wanted_hz: float) -> None:
    class Frequency(Fake):
        def get_text_for_raw_value(self, raw: float) -> str:
            hz = self.curve(raw)
            return f"{hz:.1f} Hz" if hz < 1_000.0 else f"{hz / 1_000.0:.3f} kHz"

    fake = Frequency(CURVES["logarithmic"])
    shown = number_in(fake.get_text_for_raw_value(raw_of(fake, wanted_hz)))
    assert shown == pytest.approx(wanted_hz, abs=0.06 if wanted_hz < 999.0 else 0.6)


def test_a_parameter_that_begins_at_minus_infinity() -> None:
    class Fader(Fake):
        def get_text_for_raw_value(self, raw: float) -> str:
            return "-inf dB" if raw == 0.0 else f"{20.0 * math.log10(raw):.2f} dB"

    fake = Fader(linear(0.0, 1.0))
    assert 20.0 * math.log10(raw_of(fake, -18.3)) == pytest.approx(-18.3, abs=0.006)
    assert raw_of(fake, 0.0) == pytest.approx(1.0, abs=1e-3)


def test_the_plugins_own_conversion_is_taken_where_it_is_exact() -> None:
    class Own(Fake):
        def get_raw_value_for_text(self, text: str) -> float:
            return (float(text) + 60.0) / 72.0

    fake = Own(linear(-60.0, 12.0), digits=1)
    assert raw_of(fake, -18.3) == (-18.3 + 60.0) / 72.0


def test_a_conversion_of_its_own_that_lies_is_not_believed() -> None:
    class Liar(Fake):
        def get_raw_value_for_text(self, text: str) -> float:
            return 0.123

    assert Liar(linear(0.0, 100.0)).number(raw_of(Liar(linear(0.0, 100.0)), 75.0)) == pytest.approx(
        75.0, abs=0.01
    )


def test_the_default_is_handed_back_exactly() -> None:
    fake = Fake(linear(0.0, 100.0), digits=0, default_raw_value=0.503)
    assert raw_of(fake, 50.0) == 0.503


@pytest.mark.parametrize(("value", "raw"), [("Warm", 0.5), (" warm ", 0.5), ("CLEAN", 0.0), ("Dirty", 1.0)])
def test_choices_by_their_text(value: str, raw: float) -> None:
    fake = Fake(linear(0.0, 2.0), texts=["Clean", "Warm", "Dirty"], num_steps=3, is_discrete=True)
    assert raw_of(fake, value) == raw


def test_texts_among_many_raw_values() -> None:
    fake = Fake(linear(0.0, 1.0), texts=["Tape", "Tube", "Transistor"])
    assert fake.get_text_for_raw_value(raw_of(fake, "tube")) == "Tube"


def test_on_and_off() -> None:
    fake = Fake(linear(0.0, 1.0))
    assert (raw_of(fake, True), raw_of(fake, False)) == (1.0, 0.0)


@pytest.mark.parametrize("value", ["Cold", "", 3.0])
def test_what_there_is_not_is_refused(value: str | float) -> None:
    fake = Fake(linear(0.0, 2.0), texts=["Clean", "Warm", "Dirty"], num_steps=3, is_discrete=True)
    with pytest.raises(ValueError):
        raw_of(fake, value)


NUMBERS = {
    "-18.5 dB": -18.5,
    "+3": 3.0,
    "1.2 kHz": 1_200.0,
    "1.2kHz": 1_200.0,
    "3,5 ms": 3.5,
    ".5": 0.5,
    "1e-3 s": 0.001,
    "  7 %": 7.0,
    "2:1": 2.0,
    "-inf": -math.inf,
    "-oo dB": -math.inf,
    "∞": math.inf,
    "Infinity": math.inf,
    "Warm": None,
    "": None,
    "dB 3": None,
    "-": None,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_in_texts(text: str) -> None:
    assert number_in(text) == NUMBERS[text]


@given(st.text(max_size=20))
def test_any_text_has_a_number_or_none(text: str) -> None:
    number = number_in(text)
    assert number is None or isinstance(number, float)


def test_a_numeric_parameter_described() -> None:
    plain = describe(Fake(linear(-60.0, 12.0), digits=1, unit=" dB", default_raw_value=60.0 / 72.0), 3)
    assert plain["index"] == 3
    assert (plain["low"], plain["high"], plain["unit"]) == (-60.0, 12.0, "dB")
    assert (plain["choices"], plain["boolean"], plain["steps"]) == ([], False, 0)
    assert plain["default_text"] == "0.0 dB"


def test_a_choice_described() -> None:
    fake = Fake(linear(0.0, 2.0), texts=["Clean", "Warm", "Dirty"], num_steps=3, is_discrete=True)
    plain = describe(fake, 0)
    assert plain["choices"] == ["Clean", "Warm", "Dirty"]
    assert (plain["low"], plain["high"], plain["steps"]) == (None, None, 3)


def test_a_switch_described() -> None:
    plain = describe(Fake(linear(0.0, 1.0), texts=["Off", "On"], num_steps=2, is_discrete=True), 0)
    assert plain["boolean"]
    assert plain["choices"] == ["Off", "On"]


def test_two_steps_that_are_no_switch() -> None:
    plain = describe(Fake(linear(0.0, 1.0), texts=["Tape", "Tube"], num_steps=2, is_discrete=True), 0)
    assert not plain["boolean"]
    assert plain["choices"] == ["Tape", "Tube"]


def test_an_unlimited_number_of_texts_is_no_choice() -> None:
    class Endless(Fake):
        def get_text_for_raw_value(self, raw: float) -> str:
            return f"note {raw:.9f}"

    assert describe(Endless(linear(0.0, 1.0)), 0)["choices"] == []
