"""Plug-ins as a person inserts them: "ZaMaximX2?thresh=-6&@mix=50%", and where in a chain they go.

What begins with @ is the host's: @mix (wet share), @part (whole, mid or side), @state and @preset (files).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from mastering.chain import BuiltIn, External, ParameterLane, Step
from mastering.errors import ParameterError, PluginError
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.setting import parameter_named, parse_insert, plain_value, with_settings
from mastering.host.plugins.values import PluginInfo
from mastering.notice import Notice

__all__ = [
    "Insert",
    "as_rendered",
    "bypassed",
    "captured",
    "insert_of",
    "lanes_of",
    "placed",
    "ready",
    "with_host_settings",
]

_KINDS = tuple(kind.__name__ for kind in get_args(BuiltIn))
PLACES = "pre, post, before:KIND or after:KIND"
_PARTS = ("whole", "mid", "side")


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A plug-in and its place.

    Args:
        step: the plug-in and its settings.
        at: "pre" is before everything, and what is matched is its sound; "post" is after the matched steps;
            "before:KIND" and "after:KIND" are next to the first step of a kind, such as "compressor";
            "before:limiter" is "post".
    """

    step: External
    at: str = "post"

    def __post_init__(self) -> None:
        side, _, kind = self.at.partition(":")
        if self.at in ("pre", "post", "before:limiter"):
            return
        if side not in ("before", "after") or kind not in step_kinds():
            raise ParameterError(
                f"--insert-at {self.at}: allowed {PLACES}; KIND is one of {', '.join(step_kinds())}",
                hint="Nothing goes behind the limiter: the ceiling would not hold.",
                code="plugin_place",
            )


def step_kinds() -> tuple[str, ...]:
    """The kinds of built-in steps, as recipes name them."""
    return tuple("".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_") for name in _KINDS)


def insert_of(host: PluginHost, text: str, at: str = "post") -> Insert:
    """An insert as typed.

    Raises:
        PluginNotFound: no such plug-in.
        ParameterError: a setting or a place that does not exist.
    """
    name, settings = parse_insert(text)
    info = host.catalog.find(name)
    if info.instrument:
        raise ParameterError(
            f"{info.ref.name} is an instrument: it makes sound from notes and takes no audio",
            hint="Insert an effect.",
            code="plugin_instrument",
        )
    own = [part for part in settings if part.startswith("@")]
    step = with_host_settings(External(plugin=info.ref), host, info, own)
    return Insert(step=with_settings(step, info, (s for s in settings if s not in own)), at=at)


def with_host_settings(step: External, host: PluginHost, info: PluginInfo, texts: Sequence[str]) -> External:
    """A step with "@mix=50%", "@part=side", "@state=FILE", "@preset=FILE" or "@automation=FILE" set.

    Raises:
        ParameterError: none of these, or a value it does not take.
        AudioFileError: a file that cannot be read.
    """
    from mastering.host.plugins.presets import read_preset, read_state

    for text in texts:
        name, _, value = text.removeprefix("@").partition("=")
        if name == "mix":
            step = replace(step, mix_percent=_percent(value))
        elif name == "part" and value in _PARTS:
            part: Any = value
            step = replace(step, part=part)
        elif name == "state":
            step = replace(step, state=read_state(Path(value).expanduser()))
        elif name == "preset":
            step = replace(step, state=read_preset(host, info, Path(value).expanduser()))
        elif name == "automation":
            step = replace(step, automation=lanes_of(info, Path(value).expanduser()))
        else:
            raise ParameterError(
                f"'{text}': the host's own settings are @mix=PERCENT, @part={'|'.join(_PARTS)}, @state=FILE, "
                "@preset=FILE and @automation=FILE",
                hint="A parameter of the plug-in goes without @.",
                code="plugin_setting",
            )
    return step


def _percent(text: str) -> float:
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        return math.nan  # External says what is allowed


def lanes_of(info: PluginInfo, path: Path) -> tuple[ParameterLane, ...]:
    """Automation from a JSON file: {"threshold": [[0.0, -10.0], [12.5, -20.0]], ...}, seconds and values.

    Raises:
        ParameterError: not such a file, or what the plug-in does not take.
    """

    def wrong(what: str) -> ParameterError:
        return ParameterError(
            f"{path}: {what}",
            hint='Write {"parameter": [[seconds, value], ...], ...} with rising times.',
            code="plugin_automation",
        )

    try:
        pairs = json.loads(path.read_text("utf-8-sig"), object_pairs_hook=list)
    except OSError as error:
        raise wrong(f"the automation cannot be read: {str(error.strerror).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise wrong(f"not a JSON document ({error})") from error
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise wrong("the automation is not a table of parameters")
    lanes: dict[str, ParameterLane] = {}
    for name, points in pairs:
        if not isinstance(points, list) or not all(map(_is_point, points)):
            raise wrong(f"{name} is not a list of [seconds, value]")
        try:
            lane = _lane(info, name, points)
        except ParameterError as error:
            raise ParameterError(f"{path}: {error.message}", hint=error.hint, code=error.code) from error
        if lane.parameter in lanes:
            raise wrong(f"{lane.parameter} is there twice")
        lanes[lane.parameter] = lane
    return tuple(lanes.values())


def _lane(info: PluginInfo, name: str, points: list[list[float]]) -> ParameterLane:
    """Automation of one parameter, checked."""
    parameter = parameter_named(info, name)
    for _, value in points:
        plain_value(info, parameter, float(value))
    return ParameterLane(
        parameter=parameter.key, points=tuple((float(time_s), float(value)) for time_s, value in points)
    )


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in point)
    )


def captured(host: PluginHost, inserts: Sequence[Insert]) -> tuple[Insert, ...]:
    """Inserts whose steps hold the plug-in's state, as a recipe needs them.

    Raises:
        PluginError: a plug-in does not load or take its settings, and the host does not bypass failures.
    """
    from mastering.host.plugins.presets import state_data

    found = []
    for insert in inserts:
        step = insert.step
        try:
            state = state_data(host, host.resolve(step.plugin), step)
            step = replace(step, state=base64.b64encode(state).decode())
        except PluginError as error:
            host.give_up(step, error)
            step = replace(step, bypass=True)
        found.append(replace(insert, step=step))
    return tuple(found)


def placed(matched: Sequence[Step], inserts: Sequence[Insert], host: PluginHost) -> tuple[Step, ...]:
    """A matched chain's steps with the inserts that do not come before it; said where one has no place."""
    steps, earlier = list(matched), list[Step]()
    for insert in inserts:
        if insert.at == "pre":
            continue
        side, _, kind = insert.at.partition(":")
        places = [number for number, step in enumerate(steps) if step.kind == kind]
        if places:
            place = places[0] + (1 if side == "after" else 0)
            while side == "after" and place < len(steps) and steps[place] in earlier:
                place += 1
            steps.insert(place, insert.step)
            earlier.append(insert.step)
            continue
        if kind not in ("", "limiter"):
            message = f"The chain has no {kind.replace('_', ' ')}: {insert.step.plugin.name} went to its end."
            host.say(Notice(code="plugin_placed_last", message=message))
        steps.append(insert.step)
    return tuple(steps)


def ready(steps: Sequence[Step], host: PluginHost) -> tuple[Step, ...]:
    """Steps whose plug-ins are all installed; where failures are bypassed, so is what is missing.

    Raises:
        PluginNotFound: a plug-in is missing, and failures are not bypassed.
    """
    for step in steps:
        if isinstance(step, External) and not step.bypass:
            try:
                host.resolve(step.plugin)
            except PluginError as error:
                host.give_up(step, error)
    return as_rendered(steps, host)


def as_rendered(steps: Sequence[Step], host: PluginHost) -> tuple[Step, ...]:
    """Steps as a recipe must hold them: what was given up on is bypassed."""
    return tuple(
        replace(step, bypass=True) if isinstance(step, External) and step in host.given_up else step
        for step in steps
    )


def bypassed(steps: Sequence[Step], names: Sequence[str]) -> tuple[Step, ...]:
    """Steps without the plug-ins of these names.

    Raises:
        ParameterError: there is no plug-in of that name among them.
    """
    there = list(dict.fromkeys(_plugin_names(steps)))
    for name in names:
        if name.casefold() not in (own.casefold() for own in there):
            raise ParameterError(
                f"--bypass-plugin {name}: the chain has {', '.join(there) or 'no plug-ins'}",
                hint="Name one of them.",
                code="plugin_not_in_chain",
            )
    wanted = {name.casefold() for name in names}
    return tuple(
        replace(step, bypass=True)
        if isinstance(step, External) and step.plugin.name.casefold() in wanted
        else step
        for step in steps
    )


def _plugin_names(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, External):
            yield step.plugin.name
