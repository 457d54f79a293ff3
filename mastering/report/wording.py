"""Numbers and names as text: one place decides on decimals, units, signs and how silence reads.

Conventions
    A level that is not finite reads "silent", any other number that is not finite reads "none".
    The minus sign is ASCII; "-0.0" reads "0.0".
    Names come from users: `clean` takes away what could move a terminal's cursor or turn text around.
"""

from __future__ import annotations

import math
import re
import unicodedata

__all__ = [
    "NO_BREAK",
    "clean",
    "clock",
    "duration",
    "frequency",
    "is_level",
    "join",
    "moved",
    "nominal_hz",
    "number",
    "percent",
    "quantity",
    "shorten",
    "unbroken",
]

NO_BREAK = "\u00a0"
_JOINERS = "\u200c\u200d"  # zero-width joiners build emoji and Indic letters: they stay
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=[%a-zA-Z])")
_LEVEL_UNITS = ("LUFS", "dBTP", "dBFS")
_NOMINAL = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
"""Nominal third-octave steps of one decade (IEC 61260-1, table E.1)."""


def clean(name: str) -> str:
    r"""`name` without control, direction-changing and unencodable characters (each becomes U+FFFD).

    >>> clean("a\x1b[2Jb")
    'a�[2Jb'
    """
    return "".join(_harmless(character) for character in name)


def _harmless(character: str) -> str:
    if character in _JOINERS:
        return character
    kind = unicodedata.category(character)
    return "\ufffd" if kind in ("Cc", "Cf", "Cs", "Zl", "Zp") else character


def shorten(name: str, characters: int) -> str:
    """`name` cleaned and, where longer than `characters`, cut in the middle so that both ends stay.

    >>> shorten("a very long name.wav", 11)
    'a ver….wav'
    """
    text = clean(name)
    if len(text) <= characters:
        return text
    head = (characters - 1) // 2
    tail = characters - 2 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def is_level(unit: str) -> bool:
    """True for the units of absolute levels, whose -inf is silence."""
    return unit in _LEVEL_UNITS


def number(value: float, *, decimals: int = 1, signed: bool = False, missing: str = "none") -> str:
    """`value` with fixed decimals; `missing` where it is not finite.

    >>> number(-0.04), number(2.0, signed=True), number(float("-inf"), missing="silent")
    ('0.0', '+2.0', 'silent')
    """
    if not math.isfinite(value):
        return missing
    rounded = round(value, decimals)
    if rounded == 0.0:
        rounded = 0.0  # -0.0 would keep its sign
        signed = False
    return f"{rounded:+.{decimals}f}" if signed else f"{rounded:.{decimals}f}"


def quantity(value: float, unit: str, *, decimals: int = 1, signed: bool = False) -> str:
    """A number with its unit; words alone where it is not finite.

    >>> quantity(-14.03, "LUFS"), quantity(float("-inf"), "LUFS"), quantity(2.0, ":1")
    ('-14.0 LUFS', 'silent', '2.0:1')
    """
    text = number(value, decimals=decimals, signed=signed, missing="silent" if is_level(unit) else "none")
    if not math.isfinite(value) or not unit:
        return text
    return f"{text}{unit}" if unit == ":1" else f"{text} {unit}"


def moved(before: float, after: float, unit: str) -> str:
    """How a number changed: "went from 14.2 to 10.1 dB" or "stayed at 14.2 dB".

    >>> moved(14.2, 10.1, "dB"), moved(8.04, 8.01, "LU")
    ('went from 14.2 to 10.1 dB', 'stayed at 8.0 LU')
    """
    if number(before) == number(after):
        return f"stayed at {quantity(after, unit)}"
    first = number(before) if math.isfinite(after) else quantity(before, unit)
    return f"went from {first} to {quantity(after, unit)}"


def percent(fraction: float) -> str:
    """A fraction as whole percent."""
    return f"{round(100.0 * fraction)} %" if math.isfinite(fraction) else "none"


def nominal_hz(frequency_hz: float) -> float:
    """The nominal third-octave centre nearest to `frequency_hz`.

    >>> nominal_hz(7943.0), nominal_hz(31.6)
    (8000.0, 31.5)
    """
    step = round(10.0 * math.log10(frequency_hz))
    decade, position = divmod(step, 10)
    # Renard numbers: 31.5 Hz and 315 Hz, so 3.15 serves every decade.
    return round(_NOMINAL[position] * 10.0**decade, 6)


def frequency(frequency_hz: float) -> str:
    """A frequency with the unit a reader expects, three digits at most.

    >>> frequency(63.0), frequency(2500.0), frequency(31.5)
    ('63 Hz', '2.5 kHz', '31.5 Hz')
    """
    if not math.isfinite(frequency_hz) or frequency_hz <= 0.0:
        return "none"
    if frequency_hz < 999.5:
        return f"{frequency_hz:.3g} Hz"
    return f"{frequency_hz / 1000.0:.3g} kHz"


def duration(seconds: float) -> str:
    """A duration as "m:ss" or "h:mm:ss"; below a minute with a tenth of a second.

    >>> duration(245.2), duration(3.04), duration(7384.0)
    ('4:05', '3.0 s', '2:03:04')
    """
    if not math.isfinite(seconds):
        return "none"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return clock(seconds)


def clock(seconds: float) -> str:
    """A time as "m:ss" or "h:mm:ss".

    >>> clock(0.0), clock(10.0), clock(7384.0)
    ('0:00', '0:10', '2:03:04')
    """
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def unbroken(text: str) -> str:
    """`text` with no-break spaces between numbers and their units, so that no line ends between them."""
    return _BEFORE_UNIT.sub(NO_BREAK, text)


def join(parts: list[str]) -> str:
    """Words in a row: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
