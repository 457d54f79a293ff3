"""Which stem a track of the multitracks belongs to, by its name.

The words decide; where a name does not say what sounds (FILL BUILD, SCRATCH, TRANSISTION), the tracks
were measured (share of energy below 150 Hz and above 4 kHz, percussive share after median filtering,
spectral flatness, spread of onset strength) and are listed whole in `MEASURED`.
"""

from __future__ import annotations

import re

SOURCES = ("drums", "bass", "other", "vocals")
"""Stems in Demucs's order."""

MEASURED = {
    "BREAK": "drums",
    "BUILD": "drums",  # a roll of toms: percussive share 0.82
    "CRUSH BREAK": "drums",
    "EDM BUILD": "other",  # chords that rise: 0.07 percussive
    "FILL BUILD": "other",  # a riser of noise above 4 kHz, even onsets
    "7.FRANCIUM_STEM_FILL BUILD": "drums",  # a roll: 0.96 percussive
    "FILL SCRATCH": "drums",  # 0.98 percussive
    "7.FRANCIUM_STEM_FILL SCRATCH": "other",  # a wide, dense sweep: side/mid 1.6, 0.54 percussive
    "HIGH STABS": "other",  # chords over a steady tone of 44 Hz, the loudest of it
    "SINE": "other",  # a wide hiss of tones around 1.6 kHz
    "TEXTURE": "drums",  # a kick gliding from 500 to 40 Hz every 1.9 s, and crackle
    "TOPS": "drums",  # 0.94 percussive
    "TRANSISTION": "drums",  # kicks and a fill
}
"""Names whose words mislead or say nothing; with the song where two songs differ."""

WORDS = (
    ("vocals", r"(BG)?VOX"),
    ("bass", r"BASS"),
    ("drums", r"KICK|SNARES?|HATS?|HH|CLAPS?|TOMS?|CRASH|CYMBALS?|PRC|PERC|DRUMS?|BEATS?|K|SN"),
)
"""The first group with a word in the name."""


def group(track_name: str) -> str:
    """The stem of a track: one of `SOURCES`.

    Args:
        track_name: the file's name ("7.Francium_Stem_FILL BUILD.m4a"), or the part after "_Stem_" alone.
    """
    whole = track_name.rpartition("/")[2].removesuffix(".m4a").upper()
    if whole in MEASURED:
        return MEASURED[whole]
    name = _plain(track_name)
    if name in MEASURED:
        return MEASURED[name]
    for stem, words in WORDS:
        if re.search(rf"\b({words})\b", name):
            return stem
    return "other"


def is_master(name: str) -> bool:
    """Whether a file is the finished song (6.Caesium_Master_mobile), not one of its tracks."""
    return "_MASTER" in name.upper() or _plain(name) == "MASTER"


def _plain(name: str) -> str:
    name = name.rpartition("/")[2].rpartition("_Stem_")[2]
    return name.removesuffix(".m4a").removesuffix("_mobile").upper()
