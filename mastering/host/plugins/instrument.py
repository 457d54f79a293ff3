"""An instrument plug-in as a source of audio: notes in, sound out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from mastering.audio import BLOCK_FRAMES, Samples
from mastering.chain import External
from mastering.errors import ParameterError
from mastering.host.plugins.checks import Watch
from mastering.host.plugins.host import PluginHost, configure
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.spool import Spool
from mastering.host.render import reblock
from mastering.units import Range, check_ranges

__all__ = ["Instrument", "MidiNote", "events_of"]

_NOTE_ON, _NOTE_OFF = 0x90, 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiNote:
    """A note.

    Args:
        start_s, stop_s: from the start of the song.
        key: MIDI number, 60 is middle C.
        velocity: 1..127.
        channel: 0..15.
    """

    start_s: Annotated[float, Range(0.0, 86_400.0, "s")]
    stop_s: Annotated[float, Range(0.0, 86_400.0, "s")]
    key: Annotated[int, Range(0, 127)]
    velocity: Annotated[int, Range(1, 127)] = 100
    channel: Annotated[int, Range(0, 15)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)


def events_of(notes: Iterable[MidiNote]) -> tuple[tuple[float, bytes], ...]:
    """Notes as MIDI messages in the order of time; a note ends before the next of its key begins."""
    events = []
    for note in notes:
        events.append((note.start_s, 1, bytes((_NOTE_ON | note.channel, note.key, note.velocity))))
        events.append((note.stop_s, 0, bytes((_NOTE_OFF | note.channel, note.key, 0))))
    return tuple((time_s, data) for time_s, _, data in sorted(events))


class Instrument:
    """An AudioSource: stereo sound of an instrument that plays a song; it plays once.

    Args:
        events: (seconds from the start, MIDI bytes), in the order of time.
        step: the instrument and its settings.
        host: runs it.
        sample_rate: in Hz.
        duration_s: of the sound, release of the last notes included.

    Raises:
        ParameterError: it is an effect.
    """

    channels = 2

    def __init__(
        self,
        events: tuple[tuple[float, bytes], ...],
        step: External,
        host: PluginHost,
        *,
        sample_rate: int,
        duration_s: float,
    ) -> None:
        self._events, self._step, self._host = events, step, host
        self._info = host.resolve(step.plugin)
        if not self._info.instrument:
            raise ParameterError(
                f"{self._info.ref.name} is an effect: it takes audio, not notes",
                hint="Give it an audio file, or choose an instrument.",
                code="plugin_effect",
            )
        self.sample_rate = sample_rate
        self.frames = round(duration_s * sample_rate)
        self._spool: Spool | None = None

    def blocks(self) -> Iterator[Samples]:
        """Blocks of BLOCK_FRAMES, the last one shorter; the first call plays the song.

        Raises:
            PluginError: whatever the instrument did.
        """
        if self._spool is None:
            self._spool = self._play()
        yield from self._spool.blocks()

    def _play(self) -> Spool:
        spool = Spool(self.channels, self.frames)
        watch = Watch(self._info.ref.name, self.sample_rate, instrument=True)
        with self._host.lease(self._info, fresh=not self._info.repeatable) as process:
            configure(process, self._info, self._step)
            late = process.start(self.sample_rate, self.channels)
            end = self.frames + late
            for block in reblock(self._played(process, watch, late, end)):
                spool.write(block)
        return spool

    def _played(self, process: PluginProcess, watch: Watch, late: int, end: int) -> Iterator[Samples]:
        """All frames up to `end` but the first `late`, which are the instrument's latency."""
        for start in range(0, end, BLOCK_FRAMES):
            frames = min(BLOCK_FRAMES, end - start)
            process.push_notes(frames, self._between(start, start + frames))
            block = process.pull()
            watch.get(block)
            if block.shape[1] != frames:
                raise watch.short(start + block.shape[1], end)
            yield block[:, max(0, late - start) :]

    def _between(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """The messages of a stretch, in frames from its start."""
        timed = ((round(time_s * self.sample_rate), data) for time_s, data in self._events)
        return [(frame - start, data) for frame, data in timed if start <= frame < stop]
