"""Remix: what is done to each stem and to the whole, as a value that `mastering.codec` saves and reads."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from mastering.chain import MasteringChain, SeparatedBy
from mastering.errors import ParameterError
from mastering.host.stretch import SemitonesNumber, TempoPercent
from mastering.units import Range, check_ranges

__all__ = ["DELAY_MS", "GAIN_DB", "PAN", "WIDTH_PERCENT", "Automation", "Remix", "StemRemix"]

GAIN_DB = Range(-120.0, 24.0, "dB")
PAN = Range(-100.0, 100.0)
WIDTH_PERCENT = Range(0.0, 200.0, "%")
DELAY_MS = Range(-2_000.0, 2_000.0, "ms")

Points: TypeAlias = tuple[tuple[float, float], ...]
"""(time_s, value) in order of time; before the first and after the last point the value stays."""

_AUTOMATED = {"gain_db": GAIN_DB, "pan": PAN, "width_percent": WIDTH_PERCENT}


def _check_points(name: str, points: Points, allowed: Range) -> None:
    for time_s, value in points:
        if not (math.isfinite(time_s) and time_s >= 0.0):
            raise ParameterError(
                f"Automation.{name} has a point at {time_s!r} s: allowed from 0 s on",
                hint="Count the time from the start of the input.",
            )
        if not allowed.low <= value <= allowed.high:
            raise ParameterError(
                f"Automation.{name} is {value!r} at {time_s:g} s: allowed {allowed}",
                hint=f"Choose a number from {allowed.low:g} to {allowed.high:g}.",
            )
    for (before_s, _), (after_s, _) in itertools.pairwise(points):
        if after_s <= before_s:
            raise ParameterError(
                f"Automation.{name} goes from {before_s:g} s to {after_s:g} s: times must rise",
                hint="Sort the points by time; for a jump put two points a millisecond apart.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """Curves over the input's time, straight lines between points.

    Args:
        gain_db: added to the stem's own gain_db; a straight line in dB.
        pan: in place of the stem's own.
        width_percent: in place of the stem's own.

    Raises:
        ParameterError: times that do not rise from 0 on, or a value outside its range.
    """

    gain_db: Points = ()
    pan: Points = ()
    width_percent: Points = ()

    def __post_init__(self) -> None:
        for name, allowed in _AUTOMATED.items():
            _check_points(name, getattr(self, name), allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class StemRemix:
    """What is done to one stem, in this order: tempo and key, chain, delay, width, pan, gain.

    Args:
        gain_db: -120..24.
        mute: leave the stem out.
        solo: leave out all stems without solo.
        pan: -100 is left, 100 right; see `stems.remix.place` for the law.
        width_percent: gain of the side signal: 0 is mono, 100 keeps the width.
        delay_ms: later, or with a negative number earlier; rounded to whole frames (11 µs at 44.1 kHz).
        tempo_percent: of this stem alone; it starts with the others and then leaves them.
        semitones: of this stem alone.
        chain: steps and limiter; None for nothing.
        automation: of gain, pan and width.
    """

    gain_db: Annotated[float, GAIN_DB] = 0.0
    mute: bool = False
    solo: bool = False
    pan: Annotated[float, PAN] = 0.0
    width_percent: Annotated[float, WIDTH_PERCENT] = 100.0
    delay_ms: Annotated[float, DELAY_MS] = 0.0
    tempo_percent: TempoPercent = 100.0
    semitones: SemitonesNumber = 0.0
    chain: MasteringChain | None = None
    automation: Automation = Automation()

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def pans(self) -> bool:
        """Whether it is ever off the centre."""
        return any(pan for _, pan in self.automation.pan) if self.automation.pan else self.pan != 0.0

    @property
    def widens(self) -> bool:
        """Whether its width is ever changed."""
        if self.automation.width_percent:
            return any(width != 100.0 for _, width in self.automation.width_percent)
        return self.width_percent != 100.0

    @property
    def fades(self) -> bool:
        """Whether its gain is automated to anything but 0 dB."""
        return any(gain for _, gain in self.automation.gain_db)

    @property
    def stretches(self) -> bool:
        """Whether it has a tempo or key of its own."""
        return self.tempo_percent != 100.0 or self.semitones != 0.0

    @property
    def has_chain(self) -> bool:
        """Whether there is a chain that does anything."""
        return self.chain is not None and bool(self.chain.steps or self.chain.limiter)

    @property
    def changes(self) -> bool:
        """Whether the stem, where it is heard, is anything but itself."""
        return (
            self.gain_db != 0.0
            or self.delay_ms != 0.0
            or self.fades
            or self.pans
            or self.widens
            or self.stretches
            or self.has_chain
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remix:
    """A whole remix: `tonmeister stems remix --spec` needs nothing else to do it again.

    Args:
        stems: name -> what is done to it; stems without an entry stay as they are.
        tempo_percent: of the whole, after the stems are joined.
        semitones: of the whole.
        keep_loudness: one gain that gives the remix the input's integrated loudness.
        separator: what took the input apart when this was saved; None for stems that came as files.
        input_sha256: of the input it was saved for; empty for stems that came as files.
    """

    schema: int = 1
    stems: Mapping[str, StemRemix] = field(default_factory=dict)
    tempo_percent: TempoPercent = 100.0
    semitones: SemitonesNumber = 0.0
    keep_loudness: bool = False
    separator: SeparatedBy | None = None
    input_sha256: str = ""

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def stretches(self) -> bool:
        """Whether the whole has another tempo or key."""
        return self.tempo_percent != 100.0 or self.semitones != 0.0

    @property
    def unity(self) -> bool:
        """Whether nothing at all is changed: the input comes back bit for bit."""
        return not self.stretches and not any(
            stem.changes or stem.mute or stem.solo for stem in self.stems.values()
        )

    def of(self, name: str) -> StemRemix:
        """What is done to a stem."""
        return self.stems.get(name, StemRemix())

    def kept(self, names: Iterable[str]) -> tuple[str, ...]:
        """The stems out of `names` that are heard: mute goes before solo."""
        names = tuple(names)
        soloed = [name for name in names if self.of(name).solo]
        return tuple(name for name in soloed or names if not self.of(name).mute)

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse settings for stems that are not there.

        Raises:
            ParameterError: an unknown name, with the nearest known one.
        """
        known = tuple(names)
        for name in self.stems:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = f", did you mean '{near[0]}'?" if near else ""
                raise ParameterError(
                    f"no stem is called '{name}': there are {', '.join(known)}{meant}",
                    hint="Choose one of those, or a model that has it (`tonmeister stems models list`).",
                    code="unknown_stem",
                )
