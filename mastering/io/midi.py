"""Standard MIDI files as timed messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mastering.errors import AudioFileError

__all__ = ["MidiSong", "read_midi"]

_LARGEST_BYTES = 64 * 2**20
_DAMAGED = "it is damaged or no MIDI file"


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiSong:
    """Messages of all tracks in the order of time.

    Args:
        events: (seconds from the start, MIDI bytes).
        duration_s: up to the last message.
    """

    events: tuple[tuple[float, bytes], ...]
    duration_s: float


def read_midi(path: Path) -> MidiSong:
    """The channel messages of a MIDI file, its tempo changes worked in.

    Raises:
        AudioFileError: it cannot be read, or is no MIDI file.
    """
    import mido

    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ValueError("larger than any song")
        file = mido.MidiFile(path)
        if file.ticks_per_beat <= 0:
            raise ValueError("timed in frames of film")
        now_s, events = 0.0, []
        for message in file:
            now_s += message.time
            if not message.is_meta and message.type != "sysex":
                events.append((now_s, bytes(message.bytes())))
    except Exception as error:  # mido lets through whatever damaged bytes lead to
        unreadable = getattr(error, "strerror", None)
        reason = f"it cannot be read as MIDI: {str(unreadable).lower()}" if unreadable else _DAMAGED
        raise AudioFileError(
            f"{path}: {reason}",
            hint="Export it again as a standard MIDI file.",
            code="midi",
        ) from error
    return MidiSong(events=tuple(events), duration_s=now_s)
