"""Standard MIDI files as timed messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mastering.errors import AudioFileError

__all__ = ["MidiSong", "read_midi"]

_LARGEST_BYTES = 64 * 2**20


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
        now_s, events = 0.0, []
        for message in file:
            now_s += message.time
            if not message.is_meta and message.type != "sysex":
                events.append((now_s, bytes(message.bytes())))
    except OSError as error:
        reason = error.strerror or "it is damaged or no MIDI file"
        raise AudioFileError(
            f"{path}: it cannot be read as MIDI: {str(reason).lower()}", hint="Export it again.", code="midi"
        ) from error
    except (ValueError, KeyError, IndexError, EOFError, TypeError) as error:
        raise AudioFileError(
            f"{path}: it is damaged or no MIDI file",
            hint="Export it again as a standard MIDI file.",
            code="midi",
        ) from error
    return MidiSong(events=tuple(events), duration_s=now_s)
