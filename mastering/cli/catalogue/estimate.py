"""What a run will take, before it begins: time, room, memory and money."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.plan import Work
from mastering.cli.catalogue.probe import Length, lengths_of
from mastering.cli.catalogue.rates import MEASURED, SOURCE, Effort, effort_of
from mastering.cli.catalogue.record import Record
from mastering.errors import EnvironmentProblem
from mastering.io.remote import Found
from mastering.target import DeliverySpec

__all__ = ["Estimate", "Price", "estimate", "refuse_without_room", "sentences", "span"]

_START_S = 2.5
"""Until workers have loaded what they need."""

_REPORT_BYTES = 300_000
_PROGRAM_MB = 250
_LOSSY_PER_SECOND_BYTES = {"mp3": 40_000.0, "m4a": 32_000.0, "ogg": 32_000.0, "opus": 32_000.0}
_FLAC_SHARE = 0.65
_USUAL_HZ = 44_100


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an hour of a core costs."""

    per_core_hour: float
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is left of a run.

    Args:
        songs: that are to be done.
        done_before: songs that earlier runs have done.
        unread: songs whose header cannot be read; they count nothing, and will most likely fail.
        audio_s: their length.
        worker_s: time that workers will spend.
        wall_s: time until the end.
        workers: at a time.
        sources: where the times are from.
        output_bytes: room that masters, recipes and reports will take.
        least_bytes: room that they certainly take.
        free_bytes: room that there is; None where nobody knows.
        memory_bytes, free_memory_bytes: likewise.
        price: of all; None for none.
        currency: of the price.
    """

    songs: int
    done_before: int
    unread: int
    audio_s: float
    worker_s: float
    wall_s: float
    workers: int
    sources: tuple[str, ...]
    output_bytes: int
    least_bytes: int
    free_bytes: int | None
    memory_bytes: int
    free_memory_bytes: int | None
    price: float | None = None
    currency: str = ""


def estimate(
    works: Sequence[Work],
    record: Record,
    outbox: Outbox,
    found: dict[str, Found],
    *,
    workers: Mapping[str, int],
    history: Mapping[Effort, tuple[float, int]],
    price: Price | None,
) -> Estimate:
    """Judge what is left by the songs' headers.

    Args:
        works: all of the run.
        record, outbox: of the run.
        found: URL -> what a listing said of it.
        workers: lane -> how many.
        history: as `rates.from_history`.
        price: of the machine.
    """
    left = [work for work in works if not _is_done(work, record, outbox)]
    places = [song.row.input for work in left for song in work.songs]
    lengths = lengths_of(places, found)
    none = Length(duration_s=0.0, sample_rate=0, channels=0)
    each = iter([length or none for length in lengths])
    efforts: set[Effort] = set()
    audio_s = output = least = longest_s = 0.0
    lanes = {"short": 0.0, "long": 0.0}
    for work in left:
        effort = _effort(work)
        efforts.add(effort)
        work_s = 0.0
        for song, length in zip(work.songs, each, strict=False):
            audio_s += length.duration_s
            work_s += _seconds(effort, length.duration_s, history)
            size = _size(work.manner.job.delivery, length)
            output += size[0] + (_REPORT_BYTES if work.manner.job.write_report else 0)
            least += max(0.0, size[1] - _replaced_bytes(song.output, record))
        lanes[work.lane] += work_s
        longest_s = max(longest_s, work_s)
    cores = os.cpu_count() or 1
    busy = {lane: min(count, cores) for lane, count in workers.items()}
    wall_s = max(longest_s, *(seconds / busy.get(lane, 1) for lane, seconds in lanes.items()))
    worker_s = sum(lanes.values())
    return Estimate(
        songs=len(places),
        done_before=sum(len(work.songs) for work in works) - len(places),
        unread=lengths.count(None),
        audio_s=audio_s,
        worker_s=worker_s,
        wall_s=_START_S + max(wall_s, worker_s / cores) if left else 0.0,
        workers=sum(busy[lane] for lane, seconds in lanes.items() if seconds > 0.0) or busy["short"],
        sources=tuple(_sources(efforts, history)),
        output_bytes=int(output),
        least_bytes=int(least),
        free_bytes=outbox.free_bytes(),
        memory_bytes=_memory_bytes(efforts, workers),
        free_memory_bytes=_free_memory_bytes(),
        price=None if price is None else worker_s / 3600.0 * price.per_core_hour,
        currency="" if price is None else price.currency,
    )


def refuse_without_room(judged: Estimate, outbox: Outbox) -> None:
    """Raise EnvironmentProblem ("disk_full") if the masters certainly do not fit."""
    if judged.free_bytes is not None and judged.least_bytes > judged.free_bytes:
        raise EnvironmentProblem(
            f"{outbox.location}: the masters need {_size_text(judged.least_bytes)}, and "
            f"{_size_text(judged.free_bytes)} are free",
            hint="Free some space, or choose another disk, --format flac or a smaller --bit-depth.",
            code="disk_full",
        )


def sentences(judged: Estimate) -> list[str]:
    """The estimate for people."""
    return list(_sentences(judged))


def span(seconds: float) -> str:
    """A time as people say it.

    >>> span(4.2), span(245.0), span(45_600.0)
    ('4 s', '4 min 5 s', '12 h 40 min')
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _sentences(judged: Estimate) -> Iterator[str]:
    before = f"; {judged.done_before} done before" if judged.done_before else ""
    unread = f"; {judged.unread} whose header cannot be read" if judged.unread else ""
    songs = f"{judged.songs} {'song' if judged.songs == 1 else 'songs'}"
    yield f"{songs} to master, {judged.audio_s / 3600.0:.2f} hours of audio{unread}{before}."
    if not judged.audio_s:
        return
    speed = judged.audio_s / judged.worker_s if judged.worker_s else 0.0
    yield (
        f"Processor time about {span(judged.worker_s)} ({speed:.1f} x real time on a core, "
        f"{'; '.join(judged.sources)})."
    )
    yield f"About {span(judged.wall_s)} with {judged.workers} at a time."
    free = f"; {_size_text(judged.free_bytes)} free" if judged.free_bytes is not None else ""
    yield f"Room about {_size_text(judged.output_bytes)}{free}."
    free = f"; {_size_text(judged.free_memory_bytes)} free" if judged.free_memory_bytes is not None else ""
    scarce = ""
    if judged.free_memory_bytes is not None and judged.memory_bytes > judged.free_memory_bytes:
        scarce = ": use a smaller --jobs"
    yield f"Memory up to about {_size_text(judged.memory_bytes)}{free}{scarce}."
    if judged.price is not None:
        yield f"Price about {judged.price:.2f} {judged.currency}".rstrip() + "."


def _is_done(work: Work, record: Record, outbox: Outbox) -> bool:
    """As far as that can be said without reading anything."""
    for song in work.songs:
        before = record.before(song.output)
        if before is None or before.state != "done":
            return False
        if not all(outbox.exists(file.path) for file in before.files):
            return False
    return True


def _effort(work: Work) -> Effort:
    manner = work.manner
    return effort_of(
        stems=manner.stems is not None,
        references=len(manner.references),
        refine_steps=manner.job.refine_steps,
    )


def _seconds(effort: Effort, duration_s: float, history: Mapping[Effort, tuple[float, int]]) -> float:
    if effort in history:
        return history[effort][0] * duration_s
    return MEASURED[effort].seconds(duration_s)


def _sources(efforts: set[Effort], history: Mapping[Effort, tuple[float, int]]) -> Iterator[str]:
    for effort in sorted(efforts):
        if effort in history:
            yield f"{effort}: as {history[effort][1]} finished jobs here"
        else:
            yield f"{effort}: as measured in {SOURCE}"


def _size(spec: DeliverySpec, length: Length) -> tuple[float, float]:
    """Bytes of a master: likely, and at least."""
    rate = spec.sample_rate or length.sample_rate or _USUAL_HZ
    whole = length.duration_s * rate * min(length.channels, 2) * spec.bit_depth / 8.0
    if spec.container in ("wav", "aiff"):
        return whole, whole if length.sample_rate else 0.0
    if spec.container == "flac":
        return whole * _FLAC_SHARE, 0.0
    return length.duration_s * _LOSSY_PER_SECOND_BYTES[spec.container], 0.0


def _replaced_bytes(output: str, record: Record) -> int:
    before = record.before(output)
    return sum(file.size_bytes for file in before.files) if before is not None else 0


def _memory_bytes(efforts: set[Effort], workers: Mapping[str, int]) -> int:
    short = max((MEASURED[effort].memory_mb for effort in efforts if effort != "stems"), default=0)
    long = MEASURED["stems"].memory_mb if "stems" in efforts else 0
    return 2**20 * (_PROGRAM_MB + short * workers["short"] + long * workers["long"])


def _free_memory_bytes() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    return None


def _size_text(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"
