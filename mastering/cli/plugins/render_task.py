"""The work of `tonmeister plugins render`: run the plug-in, write its sound, measure what was written."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mastering.cli.memory import keep_freed_memory
from mastering.cli.plugins.files import refuse_early
from mastering.cli.plugins.finding import Found, find_plugin
from mastering.cli.plugins.rendering import Rendering, entry_of, text_of
from mastering.cli.plugins.setup import Setup
from mastering.cli.writing import Progress, Watched, delivery_notices, room_db
from mastering.errors import AudioFileError, ParameterError
from mastering.host.plugins.values import WorkerLimits
from mastering.notice import Notice
from mastering.target import DeliverySpec

if TYPE_CHECKING:
    from mastering.audio import AudioSource
    from mastering.chain import External
    from mastering.host.plugins.host import PluginHost
    from mastering.io.metadata import Metadata
    from mastering.measure.features import Features

__all__ = ["RenderTask"]

INSTRUMENT_RATE_HZ = 44_100
INSTRUMENT_TAIL_S = 2.0
MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sound:
    """What is to be written.

    Args:
        source: the plug-in's sound, at its own rate.
        original: what went in; None for notes.
        metadata: to carry over.
        notices: about what went in.
    """

    source: AudioSource
    original: AudioSource | None
    metadata: Metadata
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderTask:
    """Render one file.

    Args:
        name: of the plug-in.
        source: audio for an effect, a MIDI file for an instrument.
        output: file to write.
        setup: of the plug-in.
        limits: of its process.
        delivery: container and bit depth.
        sample_rate: of an instrument, in Hz; None is 44100.
        tail_s: after the end of the source; None is 2 s for an instrument, nothing for an effect.
        force: replace an existing output.
        downmix: fold more than two channels down.
    """

    name: str
    source: Path
    output: Path
    setup: Setup
    limits: WorkerLimits
    delivery: DeliverySpec
    sample_rate: int | None = None
    tail_s: float | None = None
    force: bool = False
    downmix: bool = False

    @property
    def label(self) -> str:
        """The input's name."""
        return self.source.name

    def run(self, progress: Progress) -> Rendering:
        """Write the render."""
        keep_freed_memory()
        from mastering.host.plugins.host import PluginHost
        from mastering.io.encoders import check_spec

        start = time.perf_counter()
        told: list[str] = []
        found = find_plugin(self.name, self.limits, told.append)
        found.check()
        self._check_use(found)
        check_spec(self.delivery)
        refuse_early(self.output, force=self.force, inputs=(self.source, *self.setup.files))
        with (
            PluginHost(catalog=found.catalog, policy=found.policy, limits=self.limits) as host,
            contextlib.ExitStack() as stack,
        ):
            step = self.setup.step(host, found.info)
            sound = self._sound(found, step, host, stack, progress)
            before, after, gain_db, notices = self._write(sound, progress)
            scanned = (Notice(code="plugin_scanned", message=line) for line in told)
            notices = (*scanned, *sound.notices, *host.notices, *notices)
        return Rendering(
            entry=entry_of(self, found, step, before, after, notices, gain_db, time.perf_counter() - start),
            text=text_of(self, found, step, before, after, notices),
        )

    def _check_use(self, found: Found) -> None:
        """Refuse an effect for notes, an instrument for audio, and options of the other kind.

        Raises:
            ParameterError: which.
        """
        info, name = found.info, found.info.ref.name
        is_midi = self.source.suffix.lower() in MIDI_SUFFIXES
        if info.instrument and not is_midi:
            raise ParameterError(
                f"{name} is an instrument: it plays notes, and {self.source} is no MIDI file",
                hint=f"Give it a file that ends in {' or '.join(MIDI_SUFFIXES[:2])}, or choose an effect.",
                code="plugin_instrument",
            )
        if not info.instrument and is_midi:
            raise ParameterError(
                f"{name} is an effect: it takes audio, and {self.source} is a MIDI file",
                hint="Give it an audio file, or choose an instrument.",
                code="plugin_effect",
            )
        if info.instrument and (
            self.setup.part != "whole" or self.setup.mix_percent != 100.0 or self.downmix
        ):
            raise ParameterError(
                f"{name} is an instrument: --mix, --part and --downmix are for effects",
                hint="Leave them out.",
            )
        if not info.instrument and self.sample_rate is not None:
            raise ParameterError(
                f"{name} is an effect: it keeps the rate of its input, --rate is for instruments",
                hint="Leave it out.",
            )

    def _sound(
        self,
        found: Found,
        step: External,
        host: PluginHost,
        stack: contextlib.ExitStack,
        progress: Progress,
    ) -> _Sound:
        """The plug-in's sound; it runs when it is asked for."""
        from mastering.io.metadata import Metadata

        if found.info.instrument:
            return _Sound(
                source=self._played(found, step, host), original=None, metadata=Metadata(), notices=()
            )
        from mastering.host.plugins.stage import PluginStage
        from mastering.io.files import open_source
        from mastering.io.tags import metadata_or_notice

        source = stack.enter_context(open_source(self.source, downmix=self.downmix))
        metadata, unread = metadata_or_notice(self.source)
        tail_frames = round((self.tail_s or 0.0) * source.sample_rate)
        watched = Watched(source, "render", progress)
        stage = PluginStage(watched, step, host, tail_frames=tail_frames)
        return _Sound(source=stage, original=source, metadata=metadata, notices=(*source.notices, *unread))

    def _played(self, found: Found, step: External, host: PluginHost) -> AudioSource:
        from mastering.host.plugins.instrument import Instrument
        from mastering.io.midi import read_midi

        song = read_midi(self.source)
        if not song.events:
            raise AudioFileError(f"{self.source}: it holds no notes", hint="Export it again.", code="midi")
        tail_s = INSTRUMENT_TAIL_S if self.tail_s is None else self.tail_s
        return Instrument(
            song.events,
            step,
            host,
            sample_rate=self.sample_rate or INSTRUMENT_RATE_HZ,
            duration_s=song.duration_s + tail_s,
        )

    def _write(
        self, sound: _Sound, progress: Progress
    ) -> tuple[Features | None, Features, float, tuple[Notice, ...]]:
        """Write the output; features of input and output, the gain that avoided clipping, and notices."""
        from mastering.host.render import Rendered
        from mastering.io.encoders import nearest_rate
        from mastering.io.writer import open_writer
        from mastering.io.written import open_written
        from mastering.measure.features import analyse
        from mastering.pipeline import Held
        from mastering.units import db_to_gain

        before = None if sound.original is None else analyse(Watched(sound.original, "measure", progress))
        own_rate, spec = sound.source.sample_rate, self.delivery
        rate = nearest_rate(spec.container, own_rate)
        ready = sound.source if rate == own_rate else Held(Rendered(sound.source, (), rate))
        gain_db = 0.0 if spec.bit_depth == 32 else room_db(Watched(ready, "limit", progress), before)
        gain = db_to_gain(gain_db)
        with open_writer(
            self.output,
            sample_rate=rate,
            channels=ready.channels,
            container=spec.container,
            bit_depth=spec.bit_depth,
            dither_seed=spec.dither_seed,
            force=self.force,
            inputs=(self.source, *self.setup.files),
            frames=ready.frames,
        ) as writer:
            for block in Watched(ready, "write", progress).blocks():
                writer.write(block if gain_db == 0.0 else (block * gain).astype(block.dtype))
            with open_written(writer.finish(), spec.container) as written:
                after = analyse(Watched(written, "verify", progress))
            writer.commit(metadata=sound.metadata, loudness=after, rate_ratio=rate / own_rate)
        return before, after, gain_db, tuple(delivery_notices("The sound", gain_db, rate, own_rate, spec))
