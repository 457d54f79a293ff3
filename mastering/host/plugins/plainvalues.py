"""Plain units to a plug-in's 0..1 and back, by asking the plug-in what its numbers mean.

A plug-in shows each raw value as text ("-18.0 dB", "Warm", "On"); nothing else says what its range is. The
table costs a few calls for each parameter; a value is found by the plug-in's own conversion where that works,
and by bisection on the text where it does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["NativeParameter", "describe", "number_in", "raw_of"]

_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?")
_INFINITE = re.compile(r"^\s*([-+]?)\s*(?:inf\w*|oo|∞)", re.IGNORECASE)
_MANY = {"k": 1e3, "K": 1e3, "M": 1e6}
_SWITCHES = {("off", "on"), ("false", "true"), ("no", "yes"), ("disabled", "enabled")}
MOST_CHOICES = 128
_HALVINGS = 48


class NativeParameter(Protocol):
    """What pedalboard gives for a parameter of a loaded plug-in."""

    name: str
    label: str
    raw_value: float
    num_steps: int
    is_boolean: bool
    is_discrete: bool
    is_automatable: bool
    default_raw_value: float

    def get_text_for_raw_value(self, raw_value: float) -> str: ...

    def get_raw_value_for_text(self, text: str) -> float: ...


def number_in(text: str) -> float | None:
    """The number a text begins with, in the unit that follows it without its prefix; None if there is none.

    >>> number_in("-18.5 dB"), number_in("1.2 kHz"), number_in("-inf dB"), number_in("Warm")
    (-18.5, 1200.0, -inf, None)
    """
    endless = _INFINITE.match(text)
    if endless:
        return -math.inf if endless[1] == "-" else math.inf
    found = _NUMBER.match(text.strip())
    if found is None:
        return None
    rest = text.strip()[found.end() :].strip()
    factor = _MANY.get(rest[:1], 1.0) if len(rest) > 1 and rest[1:].startswith("Hz") else 1.0
    return float(found[0].replace(",", ".")) * factor


def describe(parameter: NativeParameter, index: int) -> dict[str, Any]:
    """A parameter as plain values, for the catalog."""
    text = parameter.get_text_for_raw_value
    ends = [text(raw) for raw in (0.0, 0.25, 0.5, 0.75, 1.0)]
    numbers = [number_in(end) for end in ends]
    numeric = all(number is not None for number in numbers)
    finite = [n for n in numbers if n is not None and math.isfinite(n)]
    stepped = parameter.is_discrete and 2 <= parameter.num_steps <= MOST_CHOICES
    boolean = parameter.is_boolean or (parameter.num_steps == 2 and _are_switch(ends[0], ends[-1]))
    choices: list[str] = []
    if boolean or (stepped and not numeric):
        count = 2 if boolean else parameter.num_steps
        choices = [text(step / (count - 1)) for step in range(count)]
    elif not numeric:
        choices = _texts(text)
    return {
        "index": index,
        "name": parameter.name,
        "unit": _unit(parameter, ends) if numeric else "",
        "low": min(finite) if numeric and finite and not choices else None,
        "high": max(finite) if numeric and finite and not choices else None,
        "choices": choices,
        "boolean": bool(boolean),
        "default_raw": float(parameter.default_raw_value),
        "default_text": text(parameter.default_raw_value),
        "steps": int(parameter.num_steps) if stepped else 0,
        "automatable": bool(parameter.is_automatable),
    }


def _are_switch(low: str, high: str) -> bool:
    """Whether two texts mean off and on."""
    if (low.strip().casefold(), high.strip().casefold()) in _SWITCHES:
        return True
    return (number_in(low), number_in(high)) == (0.0, 1.0)


def _texts(text: Callable[[float], str]) -> list[str]:
    """The different texts of a parameter that has no numbers; none where they are too many."""
    seen = list(dict.fromkeys(text(step / MOST_CHOICES) for step in range(MOST_CHOICES + 1)))
    return seen if len(seen) <= MOST_CHOICES // 2 else []


def _unit(parameter: NativeParameter, ends: list[str]) -> str:
    if parameter.label:
        return str(parameter.label)
    rests = {_NUMBER.sub("", end, count=1).strip() for end in ends}
    unit = rests.pop() if len(rests) == 1 else ""
    return unit if len(unit) <= 8 else ""


def raw_of(parameter: NativeParameter, value: float | str | bool) -> float:
    """The raw value at which a parameter shows `value`.

    Args:
        parameter: of the loaded plug-in.
        value: a number in the parameter's unit, a choice's text, or on/off.

    Raises:
        ValueError: it has no such value.
    """
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, str):
        return _raw_of_text(parameter, value)
    return _raw_of_number(parameter, float(value))


def _raw_of_text(parameter: NativeParameter, value: str) -> float:
    text = parameter.get_text_for_raw_value
    count = parameter.num_steps if parameter.is_discrete else 0
    steps = count if 2 <= count <= MOST_CHOICES else MOST_CHOICES + 1
    for step in range(steps):
        raw = step / (steps - 1)
        if text(raw).strip().casefold() == value.strip().casefold():
            return raw
    number = number_in(value)
    if number is None:
        raise ValueError(f"there is no {value!r}")
    return _raw_of_number(parameter, number)


def _raw_of_number(parameter: NativeParameter, value: float) -> float:
    def shown(raw: float) -> float:
        number = number_in(parameter.get_text_for_raw_value(raw))
        return math.nan if number is None else number

    low, high = shown(0.0), shown(1.0)
    if math.isnan(low) or math.isnan(high):
        raise ValueError("it shows no numbers")
    candidates = [parameter.default_raw_value, parameter.get_raw_value_for_text(f"{value:.9g}")]
    if math.isfinite(low) and math.isfinite(high) and high != low:
        candidates.append((value - low) / (high - low))
    candidates = [raw for raw in candidates if 0.0 <= raw <= 1.0]
    for raw in candidates:
        if abs(shown(raw) - value) <= 1e-6 * max(1.0, abs(value)):
            return raw
    found = _bisected(shown, value, rising=high > low)
    return min([found, *candidates], key=lambda raw: _miss(shown(raw), value))


def _bisected(shown: Callable[[float], float], value: float, *, rising: bool) -> float:
    """The middle of the raw values that show the nearest number: texts are rounded, and some have steps."""

    def edge(number: float, *, inclusive: bool) -> float:
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = shown(middle) < number if rising else shown(middle) > number
            if below or (inclusive and shown(middle) == number):
                low = middle
            else:
                high = middle
        return high if not inclusive else low

    first, last = edge(value, inclusive=False), edge(value, inclusive=True)
    if first > last:  # nothing shows it: whichever neighbour is nearer
        near = shown(min(first, last, key=lambda raw: _miss(shown(raw), value)))
        first, last = edge(near, inclusive=False), edge(near, inclusive=True)
    return 0.5 * (first + last)


def _miss(number: float, value: float) -> float:
    return abs(number - value) if math.isfinite(number) else math.inf
