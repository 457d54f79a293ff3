"""Grooves: sixteen steps a bar, written as people read them.

Drum steps: X accent, x normal, o ghost, . rest. Bass steps: R root, O octave, F fifth,
N the scale step that leads to the next root, - holds, . rests.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BASS_LINES", "FILLS", "GROOVES", "STEPS", "Groove", "bass_steps", "drum_steps"]

STEPS = 16
VELOCITIES = {"X": 0.95, "x": 0.75, "o": 0.4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Groove:
    """One bar of drums for the verse and its busier hats for the chorus."""

    name: str
    kick: str
    snare: str
    hat: str
    chorus_kick: str
    chorus_hat: str
    open_hat: str = "." * STEPS


GROOVES = (
    Groove(
        name="four on the floor",
        kick="X.......X.......",
        snare="....X.......X...",
        hat="..x...x...x...x.",
        chorus_kick="X...X...X...X...",
        chorus_hat="xoXoxoXoxoXoxoXo",
        open_hat="..x...x...x...x.",
    ),
    Groove(
        name="backbeat",
        kick="X.....x.X.......",
        snare="....X.......X..o",
        hat="X.x.X.x.X.x.X.x.",
        chorus_kick="X.x...x.X.x.....",
        chorus_hat="X.xoX.xoX.xoX.xo",
        open_hat="..............x.",
    ),
    Groove(
        name="half time",
        kick="X.........x.....",
        snare="........X.......",
        hat="X...x...X...x...",
        chorus_kick="X..x......x..x..",
        chorus_hat="X.x.X.xoX.x.Xoxo",
        open_hat="......x.........",
    ),
    Groove(
        name="syncopated",
        kick="X..x..x...x.....",
        snare="....X..o.o..X...",
        hat="x.X.x.X.x.X.x.X.",
        chorus_kick="X..x..x.x.x...x.",
        chorus_hat="xoXoxoXoxoXoxoXo",
        open_hat="..........x.....",
    ),
)

FILLS = ("............xxXX", "........x.x.xoXX", "..........x.oxXX", "........xxxxXXXX")
"""Snare steps of the bar before a new section."""

BASS_LINES = (
    "R-----R-R---..N-",
    "R-R-R-R-R-R-R-N-",
    "R--R--R---O-..N-",
    "R---..O-R---F-N-",
    "R-.R-.R-..F-R-O-",
    "R-O-R-O-R-O-F-N-",
)


def drum_steps(pattern: str) -> list[tuple[int, float]]:
    """(step, velocity) of every hit.

    >>> drum_steps("X...o")
    [(0, 0.95), (4, 0.4)]
    """
    return [(step, VELOCITIES[mark]) for step, mark in enumerate(pattern) if mark in VELOCITIES]


def bass_steps(pattern: str) -> list[tuple[int, int, str]]:
    """(step, length in steps, what) of every bass note.

    >>> bass_steps("R--.F-")
    [(0, 3, 'R'), (4, 2, 'F')]
    """
    found: list[tuple[int, int, str]] = []
    for step, mark in enumerate(pattern):
        if mark == "-" and found:
            start, length, what = found[-1]
            found[-1] = (start, length + 1, what)
        elif mark not in ".-":
            found.append((step, 1, mark))
    return found
