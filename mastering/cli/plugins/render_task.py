"""The work of `tonmeister plugins render`: run the plug-in, write its sound, measure what was written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.failures import Failure
from mastering.cli.memory import keep_freed_memory
from mastering.cli.plugins.files import refuse_early
from mastering.cli.plugins.finding import Found, find_plugin
from mastering.cli.plugins.setup import Setup
from mastering.cli.stems.remix_material import _metadata_of
from mastering.cli.stems.remix_task import _features, _room_db, _Watched
from mastering.errors import AudioFileError, ParameterError
from mastering.host.plugins.values import WorkerLimits
from mastering.notice import Notice
from mastering.report.wording import clean, number
from mastering.target import DeliverySpec

if TYPE_CHECKING:
    from mastering.audio import AudioSource
    from mastering.chain import External
    from mastering.host.plugins.host import PluginHost
    from mastering.io.metadata import Metadata
    from mastering.measure.features import Features

__all__ = ["RenderTask", "Rendering", "failed_render"]

INSTRUMENT_RATE_HZ = 44_100
INSTRUMENT_TAIL_S = 2.0
MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar")
_UNREPEATABLE_BYTES = 2**32
"""What an instrument plays must not change between measuring and writing, so it is kept, however long."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A finished render: its place in the JSON document, and the summary for people."""

    entry: dict[str, Any]
    text: str


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
        quiet: do not say that a bundle is scanned first.
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
    quiet: bool = False

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
        found = find_plugin(self.name, self.limits, self._tell)
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
            notices = (*sound.notices, *host.notices, *notices)
        return Rendering(
            entry=_entry(self, found, step, before, after, notices, gain_db, time.perf_counter() - start),
            text=_text(self, found, step, before, after, notices),
        )

    def _tell(self, line: str) -> None:
        if not self.quiet:
            click.echo(clean(line), err=True)

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

        source = stack.enter_context(open_source(self.source, downmix=self.downmix))
        metadata, unread = _metadata_of(self.source)
        tail_frames = round((self.tail_s or 0.0) * source.sample_rate)
        watched = _Watched(source, "render", progress)
        stage = PluginStage(watched, step, host, tail_frames=tail_frames)
        return _Sound(source=stage, original=source, metadata=metadata, notices=(*source.notices, *unread))

    def _played(self, found: Found, step: External, host: PluginHost) -> AudioSource:
        from mastering.host.plugins.instrument import Instrument
        from mastering.io.midi import read_midi
        from mastering.pipeline import HOLD_BYTES, Held

        song = read_midi(self.source)
        if not song.events:
            raise AudioFileError(f"{self.source}: it holds no notes", hint="Export it again.", code="midi")
        tail_s = INSTRUMENT_TAIL_S if self.tail_s is None else self.tail_s
        played = Instrument(
            song.events,
            step,
            host,
            sample_rate=self.sample_rate or INSTRUMENT_RATE_HZ,
            duration_s=song.duration_s + tail_s,
        )
        return Held(played, HOLD_BYTES if found.info.repeatable else _UNREPEATABLE_BYTES)

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

        before = None if sound.original is None else analyse(_Watched(sound.original, "measure", progress))
        own_rate, spec = sound.source.sample_rate, self.delivery
        rate = nearest_rate(spec.container, own_rate)
        ready = sound.source if rate == own_rate else Held(Rendered(sound.source, (), rate))
        gain_db = 0.0 if spec.bit_depth == 32 else _room_db(ready, before or _silence(), _as_limit(progress))
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
            for block in _Watched(ready, "write", progress).blocks():
                writer.write(block if gain_db == 0.0 else (block * gain).astype(block.dtype))
            with open_written(writer.finish(), spec.container) as written:
                after = analyse(_Watched(written, "verify", progress))
            writer.commit(metadata=sound.metadata, loudness=after, rate_ratio=rate / own_rate)
        return before, after, gain_db, tuple(_delivery_notices(gain_db, rate, own_rate, spec))


def _as_limit(progress: Progress) -> Progress:
    """The plug-in has its stage; looking for the peak is the next one."""
    return lambda _stage, fraction: progress("limit", fraction)


def _silence() -> Features:
    """Of an input that is none."""
    import numpy as np

    from mastering.audio import Audio
    from mastering.measure.features import analyse

    return analyse(Audio(samples=np.zeros((1, 1_024), np.float32), sample_rate=INSTRUMENT_RATE_HZ))


def _delivery_notices(gain_db: float, rate: int, own_rate: int, delivery: DeliverySpec) -> Iterator[Notice]:
    if gain_db != 0.0:
        yield Notice(
            code="gain_for_peaks",
            message=f"The sound peaks above full scale: the whole was turned down by {-gain_db:.2f} dB; "
            "--bit-depth 32 keeps it as it is.",
        )
    if rate != own_rate:
        yield Notice(
            code="rate_changed",
            message=f"{delivery.container} does not take {own_rate} Hz; delivered at {rate} Hz.",
        )


def _entry(
    task: RenderTask,
    found: Found,
    step: External,
    before: Features | None,
    after: Features,
    notices: tuple[Notice, ...],
    gain_db: float,
    seconds: float,
) -> dict[str, Any]:
    from mastering.codec import to_plain

    return {
        "input": str(task.source),
        "output": str(task.output),
        "status": "rendered",
        "plugin": to_plain(found.info.ref),
        "path": found.info.path,
        "step": to_plain(step),
        "gain_db": gain_db,
        "before": None if before is None else _features(before),
        "after": _features(after),
        "notices": to_plain(notices),
        "seconds": round(seconds, 3),
        "error": None,
    }


def failed_render(task: RenderTask, failure: Failure) -> dict[str, Any]:
    """What the document says where nothing was written: the same keys."""
    nothing = dict.fromkeys(("plugin", "path", "step", "gain_db", "before", "after"))
    return {
        "input": str(task.source),
        "output": str(task.output),
        "status": "error",
        **nothing,
        "notices": [],
        "seconds": None,
        "error": {"code": failure.code, "message": failure.message, "hint": failure.hint},
    }


def _text(
    task: RenderTask,
    found: Found,
    step: External,
    before: Features | None,
    after: Features,
    notices: tuple[Notice, ...],
) -> str:
    def level(features: Features) -> str:
        lufs = number(features.integrated_lufs, missing="silent")
        return f"{lufs} LUFS, {number(features.true_peak_dbtp, missing='silent')} dBTP"

    ref = found.info.ref
    settings = task.setup.summary(step, found.info)
    lines = [
        f"{task.source} -> {task.output}",
        f"  plug-in   {ref.name} {ref.version}{f' by {ref.vendor}' if ref.vendor else ''}",
        *([f"  settings  {settings}"] if settings else []),
        *([f"  before    {level(before)}"] if before is not None else []),
        f"  after     {level(after)}",
        *(f"  note      {notice.message}" for notice in notices),
    ]
    return "\n".join(clean(line) for line in lines)
