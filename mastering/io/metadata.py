"""What a file says besides its samples, as values: tags, pictures, broadcast data, cue points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["TAG_NAMES", "Broadcast", "CuePoint", "Metadata", "Picture"]

TAG_NAMES = (
    "title",
    "artist",
    "album",
    "albumartist",
    "date",
    "genre",
    "tracknumber",
    "discnumber",
    "composer",
    "isrc",
    "comment",
    "copyright",
    "bpm",
    "lyrics",
    "label",
)
"""The tags that are carried over. Everything else is left behind on purpose: ReplayGain and other
loudness tags, encoder names, fingerprints and database ids are wrong once the music is mastered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A cover or other picture; `kind` counts as in ID3's APIC (3 is the front cover)."""

    mime: str
    data: bytes = field(repr=False)
    kind: int = 3
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """The text fields of a BWF "bext" chunk (EBU Tech 3285); time_reference_frames counts from midnight."""

    description: str = ""
    originator: str = ""
    originator_reference: str = ""
    origination_date: str = ""
    origination_time: str = ""
    time_reference_frames: int = 0
    coding_history: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CuePoint:
    """A marker; with length_frames a region. `name` and `note` may be empty."""

    frame: int
    name: str = ""
    note: str = ""
    length_frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Everything of a file that is carried over to its master.

    Args:
        tags: one of TAG_NAMES -> its values; "tracknumber" and "discnumber" as "3" or "3/12".
        pictures: covers.
        broadcast: the bext fields; None where the file has none.
        cues: markers and regions.
    """

    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    broadcast: Broadcast | None = None
    cues: tuple[CuePoint, ...] = ()
