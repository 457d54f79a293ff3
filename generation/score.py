"""Score: notes in beats, as values. What `compose` writes and `render` plays.

Conventions
    One beat is a quarter note; a bar has four. Times carry swing and human timing already:
    a renderer plays a note exactly where the score says.
    Pitch is a MIDI number (69 = 440 Hz); drum parts use the General MIDI key of their sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mastering.errors import ParameterError
from mastering.units import Range, check_ranges

__all__ = ["BEATS_PER_BAR", "Note", "Part", "Score", "Section", "pitch_hz"]

BEATS_PER_BAR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note: when, how long (both in beats), which pitch, how hard (0..1)."""

    start_beats: Annotated[float, Range(0.0, 100_000.0, "beats")]
    length_beats: Annotated[float, Range(0.01, 1_000.0, "beats")]
    pitch: Annotated[int, Range(0, 127)]
    velocity: Annotated[float, Range(0.0, 1.0)] = 0.8

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The notes of one instrument, in order of their start."""

    name: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of the form ("intro", "verse", "chorus") in beats."""

    name: str
    start_beats: float
    length_beats: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A piece: tempo, key, form and parts."""

    tempo_bpm: Annotated[float, Range(20.0, 400.0, "bpm")]
    key: str
    sections: tuple[Section, ...]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        check_ranges(self)

    def part(self, name: str) -> Part:
        """The part called `name`.

        Raises:
            ParameterError: there is none.
        """
        for part in self.parts:
            if part.name == name:
                return part
        raise ParameterError(f"no part named {name!r}: allowed {', '.join(p.name for p in self.parts)}")

    def seconds(self, beats: float) -> float:
        """Time of a position in beats."""
        return beats * 60.0 / self.tempo_bpm


def pitch_hz(pitch: float) -> float:
    """Frequency of a MIDI pitch in equal temperament.

    >>> pitch_hz(69)
    440.0
    """
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))
