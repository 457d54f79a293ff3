"""The chain in readable form: each step with every number and its unit, in signal order.

Labels and units are those the chain declares on its fields (units.Range), so a new field shows
up here by itself.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    External,
    Limiter,
    LinearPhaseEq,
    MasteringChain,
    MultibandCompressor,
    Saturation,
    StemChain,
    Step,
    Width,
)
from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.report.wording import clean, frequency, nominal_hz, quantity
from mastering.units import ranges

__all__ = ["StepText", "band_spans", "chain_steps", "shown_value", "stem_steps"]

Table: TypeAlias = tuple[tuple[str, ...], ...]

_UNIT_SUFFIXES = ("_dbfs", "_dbtp", "_db", "_hz", "_ms", "_percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepText:
    """One step of the chain as a small table.

    Attributes:
        title: what it is.
        header: column names.
        rows: cells, as many as the header has.
    """

    title: str
    header: tuple[str, ...]
    rows: Table


def chain_steps(chain: MasteringChain) -> tuple[StepText, ...]:
    """Every step of `chain`, the limiter last; empty for an empty chain."""
    texts = tuple(_step(step) for step in chain.steps)
    if chain.limiter is None:
        return texts
    return (*texts, _numbers("True-peak limiter", [chain.limiter], ("",)))


def stem_steps(chain: StemChain) -> tuple[StepText, ...]:
    """Every step of a stem's chain, its gain last."""
    texts = tuple(_step(step) for step in chain.steps)
    if chain.gain_db == 0.0:
        return texts
    return (*texts, _numbers("Gain", [chain], ("",)))


def band_spans(crossovers_hz: Sequence[float]) -> tuple[str, ...]:
    """The bands between crossovers, in words.

    >>> band_spans((120.0, 5000.0))
    ('below 120 Hz', '120 Hz to 5 kHz', 'above 5 kHz')
    """
    edges = [frequency(edge) for edge in crossovers_hz]
    middle = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
    return (f"below {edges[0]}", *middle, f"above {edges[-1]}")


def _step(step: Step) -> StepText:
    if isinstance(step, Equalizer):
        return _equalizer(step)
    if isinstance(step, LinearPhaseEq):
        curves = {"Mid": step.mid_gain_db, "Side": step.side_gain_db}
        return _curve("Linear-phase equaliser", step.frequencies_hz, curves)
    if isinstance(step, Width):
        return _curve("Stereo width (linear phase)", step.frequencies_hz, {"Side": step.side_gain_db})
    if isinstance(step, Compressor):
        return _numbers("Compressor, whole spectrum, channels linked", [step], ("",))
    if isinstance(step, MultibandCompressor):
        title = f"Multiband compressor, {len(step.bands)} bands"
        return _numbers(title, step.bands, band_spans(step.crossovers_hz))
    if isinstance(step, External):
        return _external(step)
    return _numbers("Saturation (oversampled tanh)", [step], ("",))


def _external(step: External) -> StepText:
    """A plug-in: what was set, and where it was put."""
    plugin = step.plugin
    part = "" if step.part == "whole" else f" on the {step.part}"
    rows = [(clean(name), shown_value(value)) for name, value in step.parameters.items()]
    rows += [(clean(name), f"{value:g} of 0..1") for name, value in step.raw_parameters.items()]
    rows += [(clean(lane.parameter), f"{len(lane.points)} points over time") for lane in step.automation]
    rows += [("mix", quantity(step.mix_percent, "%", decimals=0))] if step.mix_percent != 100.0 else []
    rows += [("state", "as saved in the recipe")] if step.state else []
    rows += [("bypass", "on")] if step.bypass else []
    return StepText(
        title=clean(
            f"Plug-in {plugin.name} {plugin.version}{' by ' + plugin.vendor if plugin.vendor else ''}{part}"
        ),
        header=("Parameter", "Value"),
        rows=tuple(rows),
    )


def shown_value(value: float | str | bool) -> str:
    """A plug-in's setting for people."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return clean(value) if isinstance(value, str) else f"{value:.6g}"


def _equalizer(step: Equalizer) -> StepText:
    bands = [("Mid", band) for band in step.mid] + [("Side", band) for band in step.side]
    return StepText(
        title="Parametric equaliser (minimum phase)",
        header=("On", "Shape", "Frequency", "Gain", "Q"),
        rows=tuple((on, *_eq_band(band)) for on, band in bands),
    )


def _eq_band(band: EqBand) -> tuple[str, ...]:
    gain = "" if band.shape.endswith("_pass") else quantity(band.gain_db, "dB", decimals=2, signed=True)
    return (band.shape.replace("_", " "), frequency(band.frequency_hz), gain, f"{band.q:.3g}")


def _curve(title: str, frequencies_hz: Sequence[float], gains: dict[str, tuple[float, ...]]) -> StepText:
    columns = [[quantity(gain, "dB", decimals=2, signed=True) for gain in curve] for curve in gains.values()]
    rows = zip(map(_point, frequencies_hz), *columns, strict=True)
    return StepText(title=title, header=("Frequency", *gains), rows=tuple(rows))


def _point(frequency_hz: float) -> str:
    """A frequency; the exact centre of a third octave goes by its nominal name, 8 kHz for 7.943 kHz."""
    centre = min(THIRD_OCTAVES_HZ, key=lambda exact: abs(exact - frequency_hz))
    return frequency(nominal_hz(centre) if abs(centre / frequency_hz - 1.0) < 1e-3 else frequency_hz)


def _numbers(
    title: str, parts: Sequence[Compressor | Saturation | Limiter | StemChain], names: Sequence[str]
) -> StepText:
    """A table of every declared number of equal parts: a row each, the columns are the fields."""
    kind: Any = type(parts[0])
    fields = [field.name for field in dataclasses.fields(kind) if field.name in ranges(kind)]
    named = any(names)
    header = (("Band",) if named else ()) + tuple(_label(field) for field in fields)
    rows = tuple(
        ((name,) if named else ()) + tuple(_value(part, field) for field in fields)
        for name, part in zip(names, parts, strict=True)
    )
    return StepText(title=title, header=header, rows=rows)


def _label(field: str) -> str:
    for suffix in _UNIT_SUFFIXES:
        field = field.removesuffix(suffix)
    return field.replace("_", " ").capitalize()


def _value(part: Any, field: str) -> str:
    kind: Any = type(part)
    unit = ranges(kind)[field].unit
    decimals = 0 if unit == "%" else 2 if unit.startswith("dB") or unit == ":1" else 1
    return quantity(getattr(part, field), unit, decimals=decimals)
