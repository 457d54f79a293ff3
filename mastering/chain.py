"""The mastering chain as a value: steps in signal order, then the limiter.

Every number is declared once with its Range and stored in plain units. The chain does not
depend on a sample rate: the host designs filters for the rate it renders at.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from mastering.errors import ParameterError
from mastering.units import Range, check_ranges

__all__ = [
    "BuiltIn",
    "Compressor",
    "EqBand",
    "Equalizer",
    "External",
    "Limiter",
    "LinearPhaseEq",
    "MasteringChain",
    "MultibandCompressor",
    "Origin",
    "ParameterLane",
    "PluginRef",
    "Saturation",
    "SeparatedBy",
    "StemChain",
    "StemChains",
    "Step",
    "Width",
]

FrequencyHz: TypeAlias = Annotated[float, Range(10.0, 40_000.0, "Hz")]
GainDb: TypeAlias = Annotated[float, Range(-24.0, 24.0, "dB")]
CutDb: TypeAlias = Annotated[float, Range(-60.0, 24.0, "dB")]

BandShape: TypeAlias = Literal["peak", "low_shelf", "high_shelf", "high_pass", "low_pass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EqBand:
    """One filter of a parametric equaliser (RBJ cookbook; passes are 2nd-order Butterworth at q 0.707)."""

    shape: BandShape = "peak"
    frequency_hz: FrequencyHz
    gain_db: GainDb = 0.0
    q: Annotated[float, Range(0.1, 12.0)] = 0.707

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equalizer:
    """Minimum-phase parametric equaliser; up to 8 bands on mid and 8 on side."""

    kind: Literal["equalizer"] = field(default="equalizer", init=False)
    mid: tuple[EqBand, ...] = ()
    side: tuple[EqBand, ...] = ()

    def __post_init__(self) -> None:
        if max(len(self.mid), len(self.side)) > 8:
            raise ParameterError(
                f"Equalizer has {len(self.mid)} mid and {len(self.side)} side bands: allowed 0..8 each",
                hint="Merge bands, or use a linear-phase curve.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPhaseEq:
    """Linear-phase gain curve on mid and side, interpolated over log frequency between points."""

    kind: Literal["linear_phase_eq"] = field(default="linear_phase_eq", init=False)
    frequencies_hz: tuple[FrequencyHz, ...]
    mid_gain_db: tuple[CutDb, ...]
    side_gain_db: tuple[CutDb, ...]

    def __post_init__(self) -> None:
        check_ranges(self)
        _check_curve(type(self).__name__, self.frequencies_hz, self.mid_gain_db, self.side_gain_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """Stereo-linked soft-knee compressor; the detector is the short-time RMS over all channels."""

    kind: Literal["compressor"] = field(default="compressor", init=False)
    threshold_dbfs: Annotated[float, Range(-80.0, 0.0, "dBFS")]
    ratio: Annotated[float, Range(1.0, 20.0, ":1")] = 2.0
    knee_db: Annotated[float, Range(0.0, 24.0, "dB")] = 6.0
    attack_ms: Annotated[float, Range(0.1, 500.0, "ms")] = 20.0
    release_ms: Annotated[float, Range(5.0, 5_000.0, "ms")] = 200.0
    makeup_db: GainDb = 0.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MultibandCompressor:
    """Compressors on bands split by linear-phase crossovers (24 dB per octave); one more than crossovers."""

    kind: Literal["multiband_compressor"] = field(default="multiband_compressor", init=False)
    crossovers_hz: tuple[FrequencyHz, ...]
    bands: tuple[Compressor, ...]

    def __post_init__(self) -> None:
        check_ranges(self)
        if len(self.bands) != len(self.crossovers_hz) + 1 or not 2 <= len(self.bands) <= 6:
            raise ParameterError(
                f"MultibandCompressor has {len(self.bands)} bands and {len(self.crossovers_hz)} crossovers: "
                "allowed 2..6 bands, one more than crossovers",
            )
        if list(self.crossovers_hz) != sorted(set(self.crossovers_hz)):
            raise ParameterError("MultibandCompressor.crossovers_hz must rise from low to high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """Side gain over frequency (linear phase): 0 dB keeps the width, -60 dB is mono."""

    kind: Literal["width"] = field(default="width", init=False)
    frequencies_hz: tuple[FrequencyHz, ...]
    side_gain_db: tuple[CutDb, ...]

    def __post_init__(self) -> None:
        check_ranges(self)
        _check_curve(type(self).__name__, self.frequencies_hz, self.side_gain_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """Oversampled tanh saturation, level-compensated for small signals, mixed with the dry signal."""

    kind: Literal["saturation"] = field(default="saturation", init=False)
    drive_db: Annotated[float, Range(0.0, 24.0, "dB")] = 6.0
    mix_percent: Annotated[float, Range(0.0, 100.0, "%")] = 50.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRef:
    """Which plug-in: enough to find it again, and to tell whether it is still the same.

    Args:
        id: of the format, such as "VST3-ZaMaximX2-df8f1bce-fdfd6c5".
        name, vendor, version: as the plug-in gives them.
        format: "vst3" or "au".
        sha256: digest of its bundle; empty where it is not known.
    """

    id: str
    name: str
    vendor: str = ""
    version: str = ""
    format: Literal["vst3", "au"] = "vst3"
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterLane:
    """Automation of one parameter: straight lines between points, level before the first and after the last.

    Args:
        parameter: its name, as in `External.parameters`.
        points: (seconds from the start of the song, value in the parameter's unit); times rise.
    """

    parameter: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        times_s = [time_s for time_s, _ in self.points]
        if not times_s or times_s[0] < 0.0 or any(b <= a for a, b in itertools.pairwise(times_s)):
            raise ParameterError(
                f"automation of {self.parameter!r} has the times {times_s[:6]} s: allowed at least one, "
                "from 0 s on and rising",
                hint="Sort the points by time; for a jump put two points a millisecond apart.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """An external plug-in, run in a process of its own (`mastering.host.plugins`).

    The state is set first, then the parameters. Latency is compensated; the length of the song stays.

    Args:
        plugin: which.
        parameters: name -> value in the parameter's unit, a choice's text, or on/off.
        raw_parameters: name -> 0..1, handed to the plug-in exactly.
        state: the plug-in's own, opaque, as base64.
        part: what it hears: the whole signal, or the mid or the side alone.
        mix_percent: of the plug-in's sound; the rest is dry.
        bypass: leave it out.
        automation: parameters that change over time.
    """

    kind: Literal["external"] = field(default="external", init=False)
    plugin: PluginRef
    parameters: Mapping[str, float | str | bool] = field(default_factory=dict)
    raw_parameters: Mapping[str, float] = field(default_factory=dict)
    state: str = field(default="", repr=False)
    part: Literal["whole", "mid", "side"] = "whole"
    mix_percent: Annotated[float, Range(0.0, 100.0, "%")] = 100.0
    bypass: bool = False
    automation: tuple[ParameterLane, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self)
        for name, value in self.raw_parameters.items():
            if not 0.0 <= value <= 1.0:
                raise ParameterError(
                    f"{self.plugin.name}: raw value of {name!r} is {value!r}: allowed 0..1",
                    hint="Give the value in the parameter's unit without raw.",
                )


BuiltIn: TypeAlias = Equalizer | LinearPhaseEq | Compressor | MultibandCompressor | Width | Saturation
Step: TypeAlias = BuiltIn | External


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """Gain into a stereo-linked look-ahead true-peak limiter: the last stage before dither."""

    input_gain_db: Annotated[float, Range(-60.0, 60.0, "dB")] = 0.0
    ceiling_dbtp: Annotated[float, Range(-24.0, 0.0, "dBTP")] = -1.0
    lookahead_ms: Annotated[float, Range(0.5, 20.0, "ms")] = 1.5
    release_ms: Annotated[float, Range(5.0, 1_000.0, "ms")] = 80.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a chain came from: enough to say so in a report, not needed to render it."""

    matcher: str = "hand"
    version: str = ""
    input_sha256: str = ""
    reference_sha256: tuple[str, ...] = ()
    style: str = ""
    target: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MasteringChain:
    """Steps in signal order, then the limiter (None: the steps alone)."""

    schema: int = 1
    name: str = ""
    steps: tuple[Step, ...] = ()
    limiter: Limiter | None = None
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparatedBy:
    """What took a recording apart: enough to do it again, and to tell whether it is the same.

    Args:
        model: the separator's model, such as "htdemucs" or "draft".
        label: "draft", "official" or "custom", as in ports.SeparatorInfo.
        sha256: digests of its weights, one for each model of a bag.
        settings: whatever else changes the samples, such as overlap and shifts.
    """

    model: str
    label: str = ""
    sha256: tuple[str, ...] = ()
    settings: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StemChain:
    """What is done to one stem: steps in signal order, then a gain.

    Args:
        stem: its name, such as "vocals".
        steps: as in MasteringChain.
        gain_db: of the stem after its steps.
    """

    stem: str
    steps: tuple[Step, ...] = ()
    gain_db: Annotated[float, Range(-24.0, 24.0, "dB")] = 0.0

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def changes(self) -> bool:
        """Whether it does anything at all."""
        return bool(self.steps) or self.gain_db != 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StemChains:
    """What is done to single stems before the mix is mastered: the changes are added to the recording.

    Raises:
        ParameterError: two chains for one stem.
    """

    separator: SeparatedBy
    chains: tuple[StemChain, ...] = ()

    def __post_init__(self) -> None:
        names = [chain.stem for chain in self.chains]
        if len(set(names)) < len(names):
            raise ParameterError(
                f"StemChains has {', '.join(names)}: allowed one chain for each stem",
                hint="Join the steps of the same stem.",
            )


def _check_curve(name: str, frequencies_hz: tuple[float, ...], *gains_db: tuple[float, ...]) -> None:
    if not frequencies_hz or any(len(curve) != len(frequencies_hz) for curve in gains_db):
        raise ParameterError(
            f"{name} has {len(frequencies_hz)} frequencies and {[len(c) for c in gains_db]} gains: "
            "allowed one gain for each of at least one frequency",
        )
    if list(frequencies_hz) != sorted(set(frequencies_hz)):
        raise ParameterError(f"{name}.frequencies_hz must rise from low to high")
