"""Filling an entry of the cache: the model over the piece, then what it left out.

Stems are kept as the model gives them, at its rate, in the recording's channels; the residual is
kept at the recording's rate and is, to the last bit of float32, the recording less the sum of what the stems
become at that rate. So the stems and the residual add up whatever the model did, and
a recording with more bandwidth than the model keeps it.

demucs adds the mean of the mix to every stem; here nothing is added, and the constant is left to the
residual, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mastering.audio import BLOCK_FRAMES, AudioSource, Samples
from mastering.errors import ModelError
from stems.cache import Lease
from stems.layout import groups_of, heard, kept
from stems.raw import Part, RawFiles, at_model_rate, model_frames, write_raw
from stems.survey import Survey

if TYPE_CHECKING:
    from stems.models import LoadedModel
    from stems.overlap import Forward, Voice

__all__ = ["RESIDUAL", "Plan", "file_of", "fill"]

RESIDUAL = "residual.f32"
"""Name of the residual's file."""

CHECKPOINT_S = 2.0
"""How much work a kill may cost, besides one segment."""

_MAX_SHIFT_S = 0.5
_MODEL_SHARE = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done.

    Args:
        model: the loaded model.
        forwards: each of its networks as a function, on `device`.
        sources: places of the sources that are kept, in the model's order.
        overlap: share of a segment that the next one repeats.
        shifts: how often it is done over, each time shifted a little; 0 is once, as it is.
        segment_s: shorter segments than the model's own; None leaves them.
        device: of PyTorch.
    """

    model: LoadedModel
    forwards: Sequence[Forward]
    sources: tuple[int, ...]
    overlap: float
    shifts: int
    segment_s: float | None
    device: str


def file_of(source: str) -> str:
    """Name of a stem's file: names of sources are a model's own words, and need not be file names."""
    return f"stem-{source.encode().hex()}.f32"


def fill(
    lease: Lease, source: AudioSource, about: Survey, plan: Plan, on_progress: Callable[[float], None]
) -> dict[str, Any]:
    """Separate into an entry that this process writes; goes on where an earlier run came to.

    Args:
        lease: the entry.
        source: the recording.
        about: its survey.
        plan: how.
        on_progress: called with the share done after each segment; may raise, and what is done is kept.

    Returns:
        What the manifest says about the stems.

    Raises:
        ModelError: the model answers with values that are not finite ("model_not_finite").
        OSError: the entry cannot be written.
    """
    names = [plan.model.sources[place] for place in plan.sources]
    with RawFiles(lease.folder, [file_of(name) for name in names], about.channels) as files:
        _run_model(files, source, about, plan, lambda share: on_progress(_MODEL_SHARE * share))
        files.note()
    parts = [
        Part(
            lease,
            file_of(name),
            file_rate=plan.model.sample_rate,
            sample_rate=about.sample_rate,
            channels=about.channels,
            frames=about.frames,
        )
        for name in names
    ]
    residual = _Residual(source, parts, lambda share: on_progress(_MODEL_SHARE + (1 - _MODEL_SHARE) * share))
    write_raw(lease.folder / RESIDUAL, residual.blocks())
    names = [*map(file_of, names), RESIDUAL]
    return {"sizes": _sizes(lease.folder, names), "residual_share": residual.share}


def _sizes(folder: Path, names: Sequence[str]) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in names}


def _run_model(
    files: RawFiles, source: AudioSource, about: Survey, plan: Plan, on_progress: Callable[[float], None]
) -> None:
    """Append the stems from where the files end to the end of the piece."""
    length = model_frames(about.frames, about.sample_rate, plan.model.sample_rate)
    noted_s = time.monotonic()
    for stems in _stems(source, about, plan, length, files.frames, on_progress):
        files.append(stems)
        if time.monotonic() - noted_s >= CHECKPOINT_S:
            files.note()
            noted_s = time.monotonic()


def _stems(
    source: AudioSource,
    about: Survey,
    plan: Plan,
    length: int,
    start: int,
    on_progress: Callable[[float], None],
) -> Iterator[list[Samples]]:
    """For each kept source its next frames, in the recording's channels."""
    from stems.overlap import Window, stream

    width = plan.model.audio_channels
    groups = groups_of(about.channels, width)
    levels = {group: about.level(group) for group in groups}
    sounding = [group for group in groups if levels[group].scale > 0.0]
    if not sounding:
        yield from _silence(plan, about, length, start)
        return
    rows = [slice(width * place, width * (place + 1)) for place in range(len(sounding))]
    pieces = [_voices(plan, about, own, length, start) for own in rows]

    def inputs() -> Iterator[Samples]:
        for block in at_model_rate(source, plan.model.sample_rate):
            yield np.concatenate([levels[group].apply(heard(block, group, width)) for group in sounding])

    steps = sum(lane.steps_left for piece in pieces for voice in piece for lane in voice.lanes)
    whole = max(1, round(steps * length / max(1, length - start)))
    done = whole - steps

    def on_segment() -> None:
        nonlocal done
        done += 1
        on_progress(done / whole)

    window = Window(inputs(), width * len(sounding), length)
    for estimates in stream(pieces, window, start=start, length=length, on_segment=on_segment):
        stems = np.zeros((len(plan.sources), about.channels, estimates[0].shape[-1]), np.float32)
        for group, estimate in zip(sounding, estimates, strict=True):
            own = estimate.numpy()
            own = own if len(plan.sources) == len(own) else own[list(plan.sources)]
            channels = slice(group[0], group[-1] + 1)
            np.multiply(kept(own, group), np.float32(levels[group].scale), out=stems[:, channels])
        if not np.isfinite(stems.sum(dtype=np.float64)):
            raise _not_finite(plan)
        yield list(stems)


def _voices(plan: Plan, about: Survey, rows: slice, length: int, start: int) -> list[Voice]:
    """The networks of the bag over one piece; those that count for no kept source are left out."""
    from stems.overlap import Lane, Voice, segments_of

    voices = []
    for place, (module, weights) in enumerate(zip(plan.model.models, plan.model.weights, strict=True)):
        if not any(weights[source] for source in plan.sources):
            continue
        segments = segments_of(module, overlap=plan.overlap, segment_s=plan.segment_s)
        lanes = [
            Lane(
                plan.forwards[place],
                segments,
                rows=rows,
                length=length,
                shift_frames=shift,
                start=start,
                device=plan.device,
            )
            for shift in _shifts(plan, about, place)
        ]
        voices.append(Voice(lanes=lanes, weights=weights))
    return voices


def _shifts(plan: Plan, about: Survey, place: int) -> list[int]:
    """Shifts of a network's lanes in frames: any up to half a second, always the same of the same piece."""
    if plan.shifts == 0:
        return [0]
    seed = np.random.SeedSequence([int(about.sha256, 16), place])
    most = int(_MAX_SHIFT_S * plan.model.sample_rate)
    draws = np.random.Generator(np.random.PCG64(seed)).integers(0, most + 1, plan.shifts)
    return [int(shift) for shift in draws]


def _silence(plan: Plan, about: Survey, length: int, start: int) -> Iterator[list[Samples]]:
    for done in range(start, length, BLOCK_FRAMES):
        frames = min(BLOCK_FRAMES, length - done)
        yield [np.zeros((about.channels, frames), np.float32) for _ in plan.sources]


class _Residual:
    """A source less its parts, with the share of its energy that this is, apart from constants."""

    def __init__(
        self, source: AudioSource, parts: Sequence[Part], on_progress: Callable[[float], None]
    ) -> None:
        self._source = source
        self._parts = parts
        self._on_progress = on_progress
        self._moments = np.zeros((2, 2, source.channels))
        self._frames = 0

    def blocks(self) -> Iterator[Samples]:
        """The differences of the blocks."""
        ours = (part.blocks() for part in self._parts)
        for block, *stems in zip(self._source.blocks(), *ours, strict=True):
            whole = block.astype(np.float64)
            exact = whole.copy()
            for stem in stems:
                exact -= stem
            for row, samples in enumerate((exact, whole)):
                self._moments[row] += samples.sum(axis=1), np.einsum("cf,cf->c", samples, samples)
            self._frames += block.shape[1]
            yield exact.astype(np.float32)
            self._on_progress(self._frames / max(1, self._source.frames))

    @property
    def share(self) -> float:
        """Energy of the differences over that of the source; 0 for a silent source."""
        sums, squares = self._moments[:, 0], self._moments[:, 1]
        left, whole = (squares - np.square(sums) / max(1, self._frames)).sum(axis=1)
        return float(min(max(left / whole, 0.0), 1.0)) if whole > 0.0 else 0.0


def _not_finite(plan: Plan) -> ModelError:
    return ModelError(
        f"the model '{plan.model.name}' answers with values that are not finite",
        hint="Its weights are damaged or do not fit; choose another model.",
        code="model_not_finite",
    )
