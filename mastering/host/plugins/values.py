"""What is known about plug-ins: parameters, plug-ins, and what a scan found in a bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from mastering.chain import PluginRef
from mastering.units import Range, check_ranges

__all__ = ["OnFailure", "PluginInfo", "PluginParameter", "Scanned", "Status", "WorkerLimits"]

OnFailure: TypeAlias = Literal["fail", "bypass"]
Status: TypeAlias = Literal["ok", "crashed", "timed_out", "refused", "misbehaved", "not_allowed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What a plug-in's process may take.

    Args:
        load_s: longest time to load.
        answer_s: longest time for anything else, on top of the block's own duration times ten.
        memory_mb: of private memory.
        network: whether it may have one; only Linux can take it away.
    """

    load_s: Annotated[float, Range(0.1, 600.0, "s")] = 20.0
    answer_s: Annotated[float, Range(0.1, 600.0, "s")] = 10.0
    memory_mb: Annotated[int, Range(128, 262_144, "MB")] = 4_096
    network: bool = True

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginParameter:
    """One parameter as its plug-in shows it.

    Args:
        key: what a person types and a recipe holds: lower case with underscores, unique in the plug-in.
        index: its place in the plug-in.
        name: the plug-in's own.
        unit: such as "dB"; empty for none.
        low, high: what it shows at its ends; None where it shows no numbers or has choices.
        choices: its texts, where it has few; two for on/off.
        boolean: it is on or off.
        default_raw, default_text: before anything is set.
        steps: how many values it has; 0 for continuous.
        automatable: False for what plug-ins show but do not want to be set, such as meters.
    """

    key: str
    index: int
    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    boolean: bool = False
    default_raw: float = 0.0
    default_text: str = ""
    steps: int = 0
    automatable: bool = True

    @property
    def allowed(self) -> str:
        """What may be set, for messages."""
        if self.boolean:
            return "on or off"
        if self.choices:
            return ", ".join(self.choices)
        if self.low is None or self.high is None:
            return "raw:0 to raw:1"
        return str(Range(self.low, self.high, self.unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One plug-in of a bundle.

    Args:
        ref: identity.
        path: of the bundle.
        inside: its name in a bundle that holds several; empty otherwise.
        category: as the plug-in gives it, such as "Fx|Dynamics".
        instrument: it turns notes into sound.
        channels: numbers of channels it runs with (input and output alike); (0,) never occurs.
        latency_frames: at 44.1 kHz with its first settings.
        repeatable: two runs from a reset gave the same samples.
        block_invariant: neither does it matter in how long pieces the audio comes.
        state_round_trips: state saved and set again gave the same samples.
        parameters: in the plug-in's order.
        notes: what a scan found to say about it.
    """

    ref: PluginRef
    path: str
    inside: str = ""
    category: str = ""
    instrument: bool = False
    channels: tuple[int, ...] = (2,)
    latency_frames: int = 0
    repeatable: bool = True
    block_invariant: bool = True
    state_round_trips: bool = True
    parameters: tuple[PluginParameter, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a scan found in one bundle.

    Args:
        path: of the bundle.
        size_bytes, mtime_ns: of all its files, summed and latest: equal means unchanged.
        sha256: digest of its files.
        status: "ok", or why none of it may be used.
        reason: a sentence; empty for "ok".
        seconds: the scan took.
        plugins: what works.
        scanner: version of the scan; another one scans again.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    sha256: str
    status: Status
    reason: str = ""
    seconds: float = 0.0
    plugins: tuple[PluginInfo, ...] = field(default=())
    scanner: int = 1
