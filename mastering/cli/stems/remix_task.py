"""The work of `tonmeister stems remix`: separate (or open a folder of stems), remix, write, measure."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.cli.documents import features_entry
from mastering.cli.memory import keep_freed_memory
from mastering.cli.stems.remix_material import Material, Wish, open_folder, open_recording
from mastering.cli.stems.tasks import LABELS, StemsDone
from mastering.cli.writing import Progress, Watched, delivery_notices, room_db
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.notice import Notice
from mastering.report.wording import clean, number

if TYPE_CHECKING:
    from mastering.measure.features import Features
    from mastering.target import DeliverySpec
    from stems.remix.mix import Remixed
    from stems.remix.values import Remix

__all__ = ["RemixTask", "failed_remix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemixTask:
    """Remix one file, or one folder of stems.

    Args:
        spec: what is done.
        source: audio file, or folder of stems.
        output: file to write.
        delivery: container and bit depth.
        wish: which separator; not asked for where no stem is changed.
        force: replace existing outputs.
        downmix: fold more than two channels down instead of refusing them.
    """

    spec: Remix
    source: Path
    output: Path
    delivery: DeliverySpec
    wish: Wish
    force: bool = False
    downmix: bool = False

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.target import DeliverySpec
        from stems.remix.values import Remix

        return {"DeliverySpec": DeliverySpec, "Remix": Remix}

    @property
    def label(self) -> str:
        """The input's name."""
        return self.source.name

    def run(self, progress: Progress) -> StemsDone:
        """Write the remix and NAME.remix.json."""
        keep_freed_memory()
        from mastering.codec import to_json
        from mastering.io.files import write_text_atomic
        from stems.remix.documents import remix_path
        from stems.remix.mix import remix

        start = time.perf_counter()
        self._refuse_early()
        with contextlib.ExitStack() as stack:
            material = self._material(stack, lambda share: progress("separate", share))
            remixed = remix(
                material.parts,
                self.spec,
                original=material.original,
                on_progress=lambda share: progress("match", share),
            )
            before, after, notices, gain_db = self._write(material, remixed, progress)
        saved = replace(self.spec, separator=material.separated_by, input_sha256=material.input_sha256)
        write_text_atomic(remix_path(self.output), to_json(saved), force=True)
        notices = (*material.notices, *_loudness_notices(self.spec, remixed), *notices)
        entry = _entry(
            self,
            saved,
            before,
            after,
            notices,
            {"gain_db": gain_db, "loudness_gain_db": remixed.loudness_gain_db},
            time.perf_counter() - start,
        )
        return StemsDone(entry=entry, text=_text(self, saved, before, after, notices))

    def _refuse_early(self) -> None:
        """Before anything is separated: outputs that exist, and what the container cannot hold."""
        from mastering.io.encoders import check_spec
        from stems.remix.documents import remix_path

        check_spec(self.delivery)
        if not self.output.parent.is_dir():
            raise EnvironmentProblem(
                f"{self.output.parent}: no such folder to write to",
                hint="Create it, or choose another output.",
                code="output_not_writable",
            )
        for path in (self.output, remix_path(self.output)):
            if path.exists() and not self.force:
                raise AudioFileError(
                    f"{path}: exists already",
                    hint="Choose another name, or give --force to replace it.",
                    code="file_exists",
                )

    def _material(self, stack: contextlib.ExitStack, on_progress: Callable[[float], None]) -> Material:
        if self.source.is_dir():
            return open_folder(self.source, self.spec, downmix=self.downmix, stack=stack)
        return open_recording(
            self.source,
            self.spec,
            self.wish,
            downmix=self.downmix,
            stack=stack,
            on_progress=on_progress,
        )

    def _write(
        self, material: Material, remixed: Remixed, progress: Progress
    ) -> tuple[Features, Features, tuple[Notice, ...], float]:
        """Write the output; features of input and output, notices, and the gain that avoided clipping."""
        from mastering.host.render import Rendered
        from mastering.io.encoders import nearest_rate
        from mastering.io.writer import open_writer
        from mastering.io.written import open_written
        from mastering.measure.features import analyse
        from mastering.pipeline import Held
        from mastering.units import db_to_gain
        from stems.remix.mix import remix
        from stems.remix.values import Remix

        spec = self.delivery
        before = analyse(Watched(material.original or remix(material.parts, Remix()), "measure", progress))
        rate = nearest_rate(spec.container, remixed.sample_rate)
        held = Held(Rendered(remixed, (), rate))
        gain_db = 0.0 if spec.bit_depth == 32 else room_db(Watched(held, "render", progress), before)
        exact = self.spec.unity and gain_db == 0.0 and rate == remixed.sample_rate
        with open_writer(
            self.output,
            sample_rate=rate,
            channels=remixed.channels,
            container=spec.container,
            bit_depth=spec.bit_depth,
            dither_seed=None if exact else spec.dither_seed,
            force=self.force,
            inputs=material.inputs,
            frames=held.frames,
        ) as writer:
            gain = db_to_gain(gain_db)
            for block in Watched(held, "write", progress).blocks():
                writer.write(block if gain_db == 0.0 else (block * gain).astype(block.dtype))
            with open_written(writer.finish(), spec.container) as written:
                after = analyse(Watched(written, "verify", progress))
            ratio = rate / remixed.sample_rate * 100.0 / self.spec.tempo_percent
            writer.commit(metadata=material.metadata, loudness=after, rate_ratio=ratio)
        return (
            before,
            after,
            tuple(delivery_notices("The remix", gain_db, rate, remixed.sample_rate, spec)),
            gain_db,
        )


def _loudness_notices(spec: Remix, remixed: Remixed) -> Iterator[Notice]:
    from stems.remix.mix import LOUDNESS_GAIN_DB

    gain_db = remixed.loudness_gain_db
    if spec.keep_loudness and gain_db in (LOUDNESS_GAIN_DB.low, LOUDNESS_GAIN_DB.high):
        yield Notice(
            code="loudness_not_kept",
            message=f"Keeping the loudness would take more than {abs(gain_db):g} dB; it got {gain_db:+g} dB.",
        )


def _entry(
    task: RemixTask,
    saved: Remix,
    before: Features,
    after: Features,
    notices: tuple[Notice, ...],
    gains: dict[str, float],
    seconds: float,
) -> dict[str, Any]:
    from mastering.codec import to_plain

    return {
        "input": str(task.source),
        "output": str(task.output),
        "status": "remixed",
        "remix": to_plain(saved),
        **gains,
        "before": features_entry(before),
        "after": features_entry(after),
        "notices": to_plain(notices),
        "seconds": round(seconds, 3),
        "error": None,
    }


def failed_remix(task: RemixTask, code: str, message: str, hint: str) -> dict[str, Any]:
    """What the document says where nothing was written: the same keys."""
    nothing = dict.fromkeys(("remix", "gain_db", "loudness_gain_db", "before", "after"))
    return {
        "input": str(task.source),
        "output": str(task.output),
        "status": "error",
        **nothing,
        "notices": [],
        "seconds": 0.0,
        "error": {"code": code, "message": message, "hint": hint},
    }


def _text(
    task: RemixTask, saved: Remix, before: Features, after: Features, notices: tuple[Notice, ...]
) -> str:
    from stems.remix.documents import remix_path

    by = saved.separator

    def level(features: Features) -> str:
        return f"{number(features.integrated_lufs)} LUFS, {number(features.true_peak_dbtp)} dBTP"

    lines = [
        f"{task.source} -> {task.output}",
        *([f"  model   {by.model} ({by.label}: {LABELS[by.label]})"] if by is not None else []),
        f"  before  {level(before)}",
        f"  after   {level(after)}",
        f"  remix   {remix_path(task.output)}",
        *(f"  note    {notice.message}" for notice in notices),
    ]
    return "\n".join(clean(line) for line in lines)
