"""What a worker does for one recording: separate it, write the stems, tell what came of it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.cli.failures import Failure
from mastering.cli.stems.outputs import Place
from mastering.codec import to_plain
from mastering.errors import ParameterError
from mastering.notice import Notice
from mastering.report.wording import clean, number, percent

if TYPE_CHECKING:
    from mastering.audio import AudioSource
    from mastering.cli.stems.delivery import Format, Written
    from mastering.io.files import FileSource
    from stems.device import Device
    from stems.separate import Separation, Separator

__all__ = ["LABELS", "Settings", "StemsDone", "StemsTask", "failed_separation"]

LABELS = {
    "draft": "a small embedded model: good for measuring and rough work, not for release",
    "official": "by the makers of demucs",
    "custom": "a file of your own",
}
_SUM_LIMIT_DBFS = -80.0
_RESIDUAL = "residual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to separate: what `stems.separate.Separator` takes, as plain values."""

    model: str | None = None
    models_dir: Path | None = None
    overlap: float = 0.25
    shifts: int = 0
    device: Device = "cpu"
    only: str | None = None

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from stems.device import Device

        return {"Device": Device}


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsDone:
    """One recording whose work is done: its place in the JSON document, and the summary for people."""

    entry: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsTask:
    """Separate one file.

    Args:
        source: the file.
        place: where its stems go, by name; or the file for `wanted`.
        how: format of the stems.
        settings: how to separate.
        wanted: the one part to write; None writes all.
        residual: write what the model left out as a file of its own.
        force: replace existing files.
        downmix: fold more than two channels down to stereo.
        threads: of PyTorch; None leaves it to PyTorch.
    """

    source: Path
    place: Place | Path
    how: Format
    settings: Settings
    wanted: str | None = None
    residual: bool = False
    force: bool = False
    downmix: bool = False
    threads: int | None = None

    @staticmethod
    def annotated_types() -> dict[str, Any]:
        """Types that are imported late, for `mastering.codec`."""
        from mastering.cli.stems.delivery import Format

        return {"Format": Format}

    @property
    def label(self) -> str:
        """The input's name."""
        return self.source.name

    def run(self, progress: Callable[[str, float], None]) -> StemsDone:
        """Write the stems."""
        started_s = time.perf_counter()
        if self.threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(self.threads)  # read when PyTorch is imported
        from mastering.cli.stems.delivery import refuse_existing, write_stems
        from mastering.io.files import open_source
        from mastering.io.tags import metadata_or_notice

        with open_source(self.source, downmix=self.downmix) as source:
            self._check_rate(source)
            separator = self._separator()
            refuse_existing(self._expected(separator), force=self.force)
            separated = separator.separate(source, on_progress=lambda share: progress("separate", share))
            parts = self._parts(separated)
            outputs = self._outputs(tuple(parts), separated.info.model)
            metadata, unread = metadata_or_notice(self.source)
            written = write_stems(
                parts,
                outputs,
                self.how,
                original=source,
                inputs=(self.source,),
                force=self.force,
                metadata=metadata,
                progress=lambda share: progress("write", share),
            )
            notices = (*source.notices, *unread, *separated.notices, *self._own_notices(written, separated))
            return self._done(source, separated, outputs, written, notices, time.perf_counter() - started_s)

    def _separator(self) -> Separator:
        from stems.separate import Separator

        settings = self.settings
        return Separator(
            settings.model,
            models_dir=settings.models_dir,
            overlap=settings.overlap,
            shifts=settings.shifts,
            device=settings.device,
            only=settings.only,
        )

    def _check_rate(self, source: FileSource) -> None:
        from mastering.io.encoders import nearest_rate

        if nearest_rate(self.how.container, source.sample_rate) != source.sample_rate:
            raise ParameterError(
                f"{self.how.container} does not take {source.sample_rate} Hz, and stems keep the rate of "
                "their recording",
                hint="Choose --format wav, flac or aiff.",
                code="rate_not_taken",
            )

    def _expected(self, separator: Separator) -> dict[str, Path]:
        """The files that will be, as far as that is known before a model is opened."""
        sources, only = separator.known_sources, self.settings.only
        if not sources:
            return {}
        names = sources if only is None else (only, f"no_{only}")
        return self._outputs((*names, _RESIDUAL) if self.residual else names, separator.info.model)

    def _parts(self, separated: Separation) -> dict[str, AudioSource]:
        """What is written, and last what takes up the rounding of the others."""
        if self.residual:
            return {**separated.own, _RESIDUAL: separated.residual}
        parts = dict(separated.parts)
        parts[separated.rest] = parts.pop(separated.rest)
        return parts

    def _outputs(self, names: tuple[str, ...], model: str) -> dict[str, Path]:
        if isinstance(self.place, Path):
            return {name: self.place for name in names if name == self.wanted}
        return {name: self.place.path(name, model) for name in names}

    def _own_notices(self, written: Written, separated: Separation) -> list[Notice]:
        found = []
        if written.gain_db != 0.0:
            found.append(
                Notice(
                    code="gain_for_peaks",
                    message=f"A stem goes beyond full scale, so all were turned down by "
                    f"{-written.gain_db:.2f} dB; --bit-depth 32 keeps them as they are.",
                )
            )
        if not self.how.is_exact and self.wanted is None:
            found.append(
                Notice(
                    code="lossy_stems",
                    message=f"Stems in {self.how.container} add up to the recording only roughly; wav, flac "
                    "and aiff do to within their dither.",
                )
            )
        if written.sum_error_dbfs is not None and written.sum_error_dbfs > _SUM_LIMIT_DBFS:
            found.append(
                Notice(
                    code="sum_off",
                    message=f"The stems' sum is {number(written.sum_error_dbfs)} dBFS off the recording.",
                )
            )
        return found

    def _done(
        self,
        source: FileSource,
        separated: Separation,
        outputs: Mapping[str, Path],
        written: Written,
        notices: tuple[Notice, ...],
        seconds: float,
    ) -> StemsDone:
        info = separated.info
        entry = {
            "input": str(self.source),
            "status": "separated",
            "model": {"name": info.model, "label": info.label, "sha256": list(info.sha256)},
            "settings": dict(info.settings),
            "outputs": {name: str(path) for name, path in outputs.items()},
            "sample_rate": source.sample_rate,
            "channels": source.channels,
            "frames": source.frames,
            "gain_db": written.gain_db,
            "residual_share": separated.residual_share if math.isfinite(separated.residual_share) else None,
            "sum_error_dbfs": written.sum_error_dbfs,
            "sum_error_peak_dbfs": written.sum_error_peak_dbfs,
            "cached": separated.cached,
            "notices": to_plain(notices),
            "seconds": round(seconds, 3),
            "error": None,
        }
        return StemsDone(entry=entry, text=self._text(separated, outputs, written, notices))

    def _text(
        self,
        separated: Separation,
        outputs: Mapping[str, Path],
        written: Written,
        notices: tuple[Notice, ...],
    ) -> str:
        info, share = separated.info, separated.residual_share
        folders = dict.fromkeys(str(path.parent) for path in outputs.values())
        where = ", ".join(folders) if len(outputs) > 1 else str(next(iter(outputs.values())))
        cached = "; from the cache" if separated.cached else ""
        lines = [
            f"{self.source} -> {where}",
            f"  model     {info.model} ({info.label}: {LABELS[info.label]}){cached}",
        ]
        if len(outputs) > 1:
            lines.append(f"  stems     {', '.join(path.name for path in outputs.values())}")
        if len(outputs) > 1 and math.isfinite(share):
            place = _RESIDUAL if self.residual else separated.rest
            lines.append(f"  residual  {percent(share)} of the energy is not the model's, it is in {place}")
        if written.sum_error_dbfs is not None:
            lines.append(
                f"  sum       {number(written.sum_error_dbfs, missing='nothing')} dBFS off the recording"
            )
        lines += [f"  note      {notice.message}" for notice in notices]
        return clean_lines(lines)


def clean_lines(lines: list[str]) -> str:
    """Lines with what file names may hold made harmless."""
    return "\n".join(clean(line) for line in lines)


def failed_separation(source: Path, failure: Failure) -> dict[str, Any]:
    """What the document says about an input that failed: the same keys."""
    nothing = dict.fromkeys(
        (
            *("model", "settings", "outputs", "sample_rate", "channels", "frames", "gain_db"),
            *("residual_share", "sum_error_dbfs", "sum_error_peak_dbfs", "cached"),
        )
    )
    error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
    return {
        "input": str(source),
        "status": "error",
        **nothing,
        "notices": [],
        "seconds": None,
        "error": error,
    }
