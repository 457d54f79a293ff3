"""Plug-ins as text for people and as plain values for --json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mastering.errors import PluginForbidden
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.values import PluginInfo, PluginParameter
from mastering.report.wording import clean

__all__ = [
    "allowance",
    "channels_text",
    "default_text",
    "kind_text",
    "latency_text",
    "marks",
    "plugin_document",
    "plural",
    "range_text",
    "status_text",
]

_CHANNELS = {1: "mono", 2: "stereo"}
_SCAN_RATE_HZ = 44_100
_MOST_CHOICES = 6
_NOTHING = 1e-6


def plural(count: int, word: str) -> str:
    """A number of things.

    >>> plural(1, "plug-in"), plural(0, "bundle")
    ('1 plug-in', '0 bundles')
    """
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def status_text(status: str) -> str:
    """A scan's verdict in words.

    >>> status_text("timed_out")
    'timed out'
    """
    return status.replace("_", " ")


def kind_text(plugin: PluginInfo) -> str:
    """The category without its separators and without what its kind says anyway.

    "Fx|Dynamics|Stereo" is "Dynamics, Stereo".
    """
    parts = [part for part in plugin.category.split("|") if part and part not in ("Fx", "Instrument")]
    kind = "instrument" if plugin.instrument else "effect"
    return clean(", ".join(parts)) or kind


def channels_text(plugin: PluginInfo) -> str:
    """What it runs with: "mono", "stereo", "mono, stereo"."""
    return ", ".join(_CHANNELS.get(count, f"{count}") for count in plugin.channels)


def latency_text(plugin: PluginInfo) -> str:
    """Its latency when it was scanned: "480 samples"."""
    return plural(plugin.latency_frames, "sample") if plugin.latency_frames else "none"


def marks(plugin: PluginInfo) -> list[str]:
    """What a scan found wanting; nothing where it behaves as it should."""
    if not plugin.repeatable:
        return ["not repeatable"]  # what else would be compared says nothing then
    found = [] if plugin.block_invariant else ["depends on buffer size"]
    return found if plugin.state_round_trips else [*found, "state not kept"]


def allowance(policy: Policy) -> Callable[[Path, str], str]:
    """A function of a bundle's path and digest: "yes", "forbidden" or "not allowed"."""
    forbidden = {word.sha256 for word in policy.forbidden}

    def of(bundle: Path, sha256: str) -> str:
        if sha256 in forbidden:
            return "forbidden"
        try:
            policy.check(bundle, sha256)
        except PluginForbidden:
            return "not allowed"
        return "yes"

    return of


def range_text(parameter: PluginParameter) -> str:
    """What may be set: "-30..0 dB", "Clean, Warm, Dirty", "on or off"."""
    choices = parameter.choices
    if choices and not parameter.boolean and len(choices) > _MOST_CHOICES:
        shown = ", ".join(choices[:_MOST_CHOICES])
        return clean(f"{shown} ... ({len(choices)} choices)")
    steps = f" in {parameter.steps} steps" if parameter.steps and not choices else ""
    return clean(f"{parameter.allowed}{steps}")


def default_text(parameter: PluginParameter) -> str:
    """The first value without the zeros that plug-ins like to show: "25 ms" for "25.000000"."""
    text = parameter.default_text.strip()
    if parameter.boolean:
        return "on" if parameter.default_raw >= 0.5 else "off"
    if parameter.choices:
        return clean(text)
    try:
        number = float(text)
    except ValueError:
        return clean(text)
    span = 0.0 if parameter.low is None or parameter.high is None else parameter.high - parameter.low
    if abs(number) <= _NOTHING * span:
        number = 0.0  # also what conversions leave of a zero, and its sign
    return clean(f"{number:g} {parameter.unit}".rstrip())


def plugin_document(plugin: PluginInfo, allowed: str) -> dict[str, Any]:
    """What the documents say of a plug-in, parameters apart."""
    ref = plugin.ref
    return {
        "name": ref.name,
        "vendor": ref.vendor,
        "version": ref.version,
        "category": plugin.category,
        "instrument": plugin.instrument,
        "format": ref.format,
        "id": ref.id,
        "path": plugin.path,
        "sha256": ref.sha256,
        "channels": list(plugin.channels),
        "latency_frames": plugin.latency_frames,
        "repeatable": plugin.repeatable,
        "block_invariant": plugin.block_invariant,
        "state_round_trips": plugin.state_round_trips,
        "allowed": allowed,
        "notes": list(plugin.notes),
    }
