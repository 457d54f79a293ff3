"""Settings as a person types them: "threshold=-18 dB", "mode=Warm", "threshold=raw:0.4".

Names may be shortened as long as one parameter only begins so. Units may be left out; where one is typed it
must be the parameter's, or one that converts to it (kHz, s).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import replace

from mastering.chain import External
from mastering.errors import ParameterError
from mastering.host.plugins.values import PluginInfo, PluginParameter

__all__ = ["parameter_named", "parse_insert", "parse_setting", "plain_value", "with_settings"]

_NUMBER_AND_UNIT = re.compile(r"\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")
_TIMES = {("khz", "hz"): 1e3, ("s", "ms"): 1e3, ("ms", "s"): 1e-3, ("hz", "khz"): 1e-3, ("us", "ms"): 1e-3}
_ON, _OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")
_SLACK = 1e-6
_ALIASES = {"percent": "%", "frames": "samples", "sec": "s", "seconds": "s", "hertz": "hz"}


def parameter_named(info: PluginInfo, name: str) -> PluginParameter:
    """A plug-in's parameter by its key, its own name, or the beginning of one.

    Raises:
        ParameterError: there is none, or several begin so.
    """
    wanted = re.sub(r"[^0-9a-z]+", "_", name.casefold()).strip("_")
    settable = [p for p in info.parameters if p.automatable]
    for exact in (p for p in info.parameters if wanted == p.key):
        return exact
    begins = [p for p in settable if p.key.startswith(wanted)] if wanted else []
    if len(begins) == 1:
        return begins[0]
    keys = [p.key for p in settable]
    near = [p.key for p in begins] or difflib.get_close_matches(wanted, keys, n=3, cutoff=0.5)
    shown = f"did you mean {' or '.join(near[:6])}?" if near else f"it has {', '.join(keys[:12])}"
    raise ParameterError(
        f"{info.ref.name} has no single parameter '{name}'; {shown}",
        hint=f"`tonmeister plugins show '{info.ref.name}'` lists them with units and ranges.",
        code="plugin_parameter",
    )


def parse_setting(info: PluginInfo, text: str) -> tuple[str, float | str | bool, bool]:
    """(key, value, whether it is raw) of "name=value".

    Raises:
        ParameterError: no such parameter, or a value outside of what it takes.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ParameterError(
            f"'{text}' is no setting",
            hint='Write NAME=VALUE, such as "threshold=-18 dB".',
            code="plugin_setting",
        )
    parameter = parameter_named(info, name.strip())
    if value.strip().startswith("raw:"):
        return parameter.key, _raw(info, parameter, value.strip().removeprefix("raw:")), True
    return parameter.key, plain_value(info, parameter, value), False


def plain_value(
    info: PluginInfo, parameter: PluginParameter, value: float | str | bool
) -> float | str | bool:
    """A value as the worker takes it, checked: a number in the parameter's unit, a choice, or on/off.

    Raises:
        ParameterError: outside of what the parameter takes.
    """
    if parameter.boolean:
        return _switch(info, parameter, value)
    if parameter.choices:
        return _choice(info, parameter, str(value))
    if isinstance(value, str):
        value = _number(info, parameter, value)
    number = float(value)
    if parameter.low is not None and parameter.high is not None:
        slack = _SLACK * max(1.0, abs(parameter.high - parameter.low))
        if not parameter.low - slack <= number <= parameter.high + slack:
            raise _outside(info, parameter, f"{number:g}")
        number = min(max(number, parameter.low), parameter.high)
    return number


def with_settings(step: External, info: PluginInfo, texts: Iterable[str]) -> External:
    """A step with some parameters set as typed.

    Raises:
        ParameterError: as `parse_setting`.
    """
    plain, raw = dict(step.parameters), dict(step.raw_parameters)
    for text in texts:
        key, value, is_raw = parse_setting(info, text)
        plain.pop(key, None)
        raw.pop(key, None)
        if is_raw:
            raw[key] = float(value)
        else:
            plain[key] = value
    return replace(step, parameters=plain, raw_parameters=raw)


def parse_insert(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and settings of "NAME?setting&setting".

    >>> parse_insert("ZaMaximX2?thresh=-6&release=50 ms")
    ('ZaMaximX2', ('thresh=-6', 'release=50 ms'))
    """
    name, _, settings = text.partition("?")
    return name.strip(), tuple(part for part in settings.split("&") if part.strip())


def _number(info: PluginInfo, parameter: PluginParameter, text: str) -> float:
    found = _NUMBER_AND_UNIT.fullmatch(text)
    if found is None:
        raise _outside(info, parameter, text.strip())
    number, unit = float(found[1]), found[2].casefold()
    unit, own = (_ALIASES.get(u, u) for u in (unit, parameter.unit.casefold()))
    if not unit or unit == own:
        return number
    if (unit, own) not in _TIMES:
        raise ParameterError(
            f"{info.ref.name} {parameter.key}={text.strip()}: its unit is {parameter.unit or 'none'}",
            hint=f"Allowed: {parameter.allowed}.",
            code="plugin_unit",
        )
    return number * _TIMES[unit, own]


def _switch(info: PluginInfo, parameter: PluginParameter, value: float | str | bool) -> bool:
    if isinstance(value, bool):
        return value
    text = (f"{value:g}" if isinstance(value, (int, float)) else value).strip().casefold()
    shown = [choice.casefold() for choice in parameter.choices]
    if text in _ON or (len(shown) == 2 and text == shown[1]):
        return True
    if text in _OFF or (len(shown) == 2 and text == shown[0]):
        return False
    raise _outside(info, parameter, str(value))


def _choice(info: PluginInfo, parameter: PluginParameter, text: str) -> str:
    wanted = text.strip().casefold()
    exact = [choice for choice in parameter.choices if choice.casefold() == wanted]
    begins = [choice for choice in parameter.choices if wanted and choice.casefold().startswith(wanted)]
    if exact or len(begins) == 1:
        return (exact or begins)[0]
    raise _outside(info, parameter, text.strip())


def _raw(info: PluginInfo, parameter: PluginParameter, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value <= 1.0:
        raise ParameterError(
            f"{info.ref.name} {parameter.key}=raw:{text}: a raw value is a number from 0 to 1",
            hint="Write raw:0.25, or the value in the parameter's unit without raw.",
            code="plugin_setting",
        )
    return value


def _outside(info: PluginInfo, parameter: PluginParameter, text: str) -> ParameterError:
    return ParameterError(
        f"{info.ref.name} {parameter.key}={text}: allowed {parameter.allowed}",
        hint=f"`tonmeister plugins show '{info.ref.name}'` lists all parameters.",
        code="plugin_setting",
    )
