"""How a plug-in is set up: what was typed, as a step of a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click

from mastering.chain import External, ParameterLane
from mastering.errors import ParameterError
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import lanes_of
from mastering.host.plugins.presets import read_preset, read_state
from mastering.host.plugins.setting import with_settings
from mastering.host.plugins.values import PluginInfo
from mastering.report.wording import quantity

__all__ = ["Part", "Setup"]

Part: TypeAlias = Literal["whole", "mid", "side"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was typed about a plug-in; see the options of `render`.

    Args:
        settings: "threshold=-18 dB" and the like; they go on top of preset or state.
        preset, state, automation: files.
        part: of the signal that the plug-in hears.
        mix_percent: of its sound.
    """

    settings: tuple[str, ...] = ()
    preset: Path | None = None
    state: Path | None = None
    automation: Path | None = None
    part: Part = "whole"
    mix_percent: float = 100.0

    @classmethod
    def typed(cls, options: Mapping[str, Any]) -> Setup:
        """Out of a command's options.

        Raises:
            click.UsageError: a preset and a state.
        """
        if options["preset"] is not None and options["state"] is not None:
            raise click.UsageError("--preset and --state exclude each other: a preset is a state.")
        names = ("settings", "preset", "state", "automation", "part", "mix_percent")
        return cls(**{name: options[name] for name in names if options.get(name) is not None})

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that must not be written over."""
        return tuple(path for path in (self.preset, self.state, self.automation) if path is not None)

    def step(self, host: PluginHost, info: PluginInfo) -> External:
        """The step; what can be wrong without loading the plug-in is found before it is loaded.

        Raises:
            ParameterError: a parameter or a value that it does not have.
            AudioFileError, PluginError: a preset or state that cannot be read, or is another plug-in's.
        """
        step = External(plugin=info.ref, part=self.part, mix_percent=self.mix_percent)
        step = replace(with_settings(step, info, self.settings), automation=self._lanes(info))
        if self.state is not None:
            return replace(step, state=read_state(self.state))
        if self.preset is not None:
            return replace(step, state=read_preset(host, info, self.preset))
        return step

    def _lanes(self, info: PluginInfo) -> tuple[ParameterLane, ...]:
        path = self.automation
        if path is None:
            return ()
        try:
            return lanes_of(info, path)
        except ParameterError as error:
            if error.message.startswith(f"{path}: "):
                raise
            raise ParameterError(f"{path}: {error.message}", hint=error.hint, code=error.code) from error

    def summary(self, step: External, info: PluginInfo) -> str:
        """The settings that were made, in one line; empty if none were."""
        units = {parameter.key: parameter.unit for parameter in info.parameters}
        parts = [f"{path.name}" for path in (self.preset, self.state) if path is not None]
        parts += [f"{key} {_shown(value, units.get(key, ''))}" for key, value in step.parameters.items()]
        parts += [f"{key} raw {value:g}" for key, value in step.raw_parameters.items()]
        parts += [f"{lane.parameter} over time ({_points(lane.points)})" for lane in step.automation]
        parts += [f"{self.part} only"] if self.part != "whole" else []
        parts += [f"mix {quantity(self.mix_percent, '%', decimals=0)}"] if self.mix_percent != 100.0 else []
        return ", ".join(parts)


def _shown(value: float | str | bool, unit: str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g} {unit}".rstrip()


def _points(points: Sequence[tuple[float, float]]) -> str:
    return "1 point" if len(points) == 1 else f"{len(points)} points"
