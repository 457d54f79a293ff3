"""What commands that write a sound of their own share: progress of a pass, room for peaks, what to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mastering.audio import AudioSource, Samples
from mastering.notice import Notice
from mastering.target import DeliverySpec

if TYPE_CHECKING:
    from mastering.measure.features import Features

__all__ = ["Progress", "Watched", "delivery_notices", "room_db"]

_FULL_SCALE_DBTP = 0.0
_MARGIN_DB = 0.05
"""How far below full scale the one gain goes: dither and rounding take less."""

Progress = Callable[[str, float], None]


class Watched:
    """A source whose blocks count as progress of a stage."""

    def __init__(self, source: AudioSource, stage: str, progress: Progress) -> None:
        self._source, self._stage, self._progress = source, stage, progress
        self.sample_rate, self.channels, self.frames = source.sample_rate, source.channels, source.frames

    def blocks(self) -> Iterator[Samples]:
        """The source's."""
        done = 0
        for block in self._source.blocks():
            yield block
            done += block.shape[1]
            self._progress(self._stage, done / max(1, self.frames))


def room_db(source: AudioSource, before: Features | None) -> float:
    """One gain for a true peak above full scale; 0 where there is room.

    Args:
        source: what will be written.
        before: measurements of the input; one that was above full scale already may stay as high.
    """
    from mastering.measure.peaks import TruePeakMeter

    meter = TruePeakMeter(source.channels)
    for block in source.blocks():
        meter.push(block)
    peaks = meter.result()
    allowed_dbtp = _FULL_SCALE_DBTP
    if before is not None and before.sample_peak_dbfs <= 0.0 and peaks.sample_peak_dbfs <= 0.0:
        allowed_dbtp = max(allowed_dbtp, before.true_peak_dbtp)
    over_db = peaks.true_peak_dbtp - allowed_dbtp
    return -(over_db + _MARGIN_DB) if over_db > 0.0 else 0.0


def delivery_notices(
    what: str, gain_db: float, rate: int, own_rate: int, delivery: DeliverySpec
) -> Iterator[Notice]:
    """What happened to a sound on its way to the file.

    Args:
        what: it is, as a message begins: "The remix".
        gain_db: that made room for its peaks.
        rate, own_rate: of the file and of the sound, in Hz.
        delivery: of the file.
    """
    if gain_db != 0.0:
        yield Notice(
            code="gain_for_peaks",
            message=f"{what} peaks above full scale: the whole was turned down by {-gain_db:.2f} dB; "
            "--bit-depth 32 keeps it as it is.",
        )
    if rate != own_rate:
        yield Notice(
            code="rate_changed",
            message=f"{delivery.container} does not take {own_rate} Hz; delivered at {rate} Hz.",
        )
