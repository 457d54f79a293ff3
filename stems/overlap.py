"""Overlap-add as a stream: a model over a piece of any length, holding one segment.

The arithmetic is that of `demucs.apply.apply_model` (Defossez et al., demucs 4.1), in its order: segments of
the model's length every (1 - overlap) of it, each weighted by a triangle, summed, and divided by the
sum of the weights; a short segment is centred in what the model wants to see; shifts and models of a
bag are averaged. There the whole piece and all its stems lie in memory; here a segment's frames are
handed over as soon as no later segment reaches them.

A run can start at any frame: the segments that overlap it are computed again, so that what follows
has the same bits as in a run from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from mastering.audio import Samples

__all__ = ["Forward", "Lane", "Segments", "Voice", "Window", "segments_of", "stream"]

Forward: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""A model as a function: [1, channels, frames] -> [1, sources, channels, frames]."""

_LEAST_FRAMES = 5
"""HDemucs and Demucs fail on the one to four frames that a piece may leave for its last segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """How a model wants its input cut.

    Args:
        frames: of a segment.
        stride: frames from one segment to the next.
        valid: frames the model must see for a segment of so many.
    """

    frames: int
    stride: int
    valid: Callable[[int], int]


def segments_of(module: Any, *, overlap: float, segment_s: float | None = None) -> Segments:
    """Cutting for a Demucs, HDemucs or HTDemucs, as `apply_model` does it.

    Args:
        module: the model, with `segment` (s) and `samplerate` (Hz).
        overlap: share of a segment that the next one repeats, 0 to below 1.
        segment_s: shorter segments than the model's own; None takes the model's.
    """
    from demucs.htdemucs import HTDemucs

    frames = int(module.samplerate * (module.segment if segment_s is None else segment_s))
    stride = max(1, int((1 - overlap) * frames))
    if isinstance(module, HTDemucs) and segment_s is not None:
        return Segments(frames=frames, stride=stride, valid=lambda length: frames)
    model_valid = getattr(module, "valid_length", lambda length: length)
    return Segments(
        frames=frames, stride=stride, valid=lambda length: model_valid(max(length, _LEAST_FRAMES))
    )


class Window:
    """The part of a stream that segments still need, addressed by frames from its beginning.

    Args:
        blocks: the stream, float32 [channels, any frames]; `length` frames in all.
        channels: rows of every block.
        length: frames of the stream.
    """

    def __init__(self, blocks: Iterable[Samples], channels: int, length: int) -> None:
        self._blocks = iter(blocks)
        self._length = length
        self._held: Samples = np.zeros((channels, 0), np.float32)
        self._first = 0
        self._keep_from = 0

    def read(self, start: int, stop: int) -> Samples:
        """Frames start..stop as a new array; zeros before the beginning and after the end."""
        inside = slice(min(max(start, 0), self._length), max(0, min(stop, self._length)))
        while self._first + self._held.shape[1] < inside.stop:
            self._pull()
        samples = np.zeros((len(self._held), stop - start), np.float32)
        if inside.stop > inside.start:
            held = self._held[:, inside.start - self._first : inside.stop - self._first]
            samples[:, inside.start - start : inside.stop - start] = held
        return samples

    def forget(self, before: int) -> None:
        """Let go of all frames before `before`: none of them is read again."""
        self._keep_from = max(self._keep_from, before)
        self._trim()

    def _pull(self) -> None:
        block = next(self._blocks)
        self._held = np.concatenate([self._held, block], axis=1)
        self._trim()

    def _trim(self) -> None:
        excess = min(self._keep_from - self._first, self._held.shape[1])
        if excess > 0:
            self._held = self._held[:, excess:].copy()
            self._first += excess


class Lane:
    """One model over one piece, segment by segment.

    Args:
        forward: the model.
        segments: how it is cut.
        rows: the rows of the window that it hears.
        length: frames of the piece.
        shift_frames: silence put before the piece, and taken off its stems again.
        start: first frame wanted.
        device: where the model computes.
    """

    def __init__(
        self,
        forward: Forward,
        segments: Segments,
        *,
        rows: slice,
        length: int,
        shift_frames: int = 0,
        start: int = 0,
        device: str = "cpu",
    ) -> None:
        self._forward = forward
        self._segments = segments
        self._rows = rows
        self._shift = shift_frames
        self._device = device
        self._end = length + shift_frames
        first = start + shift_frames - segments.frames
        self._offset = (first // segments.stride + 1) * segments.stride if first >= 0 else 0
        self._begin = start + shift_frames  # frames before it are not wanted
        self._weight = _triangle(segments.frames)
        self._weights = torch.zeros(segments.frames)
        self._sums = self._scratch = torch.zeros(0)
        self._ready: list[torch.Tensor] = []
        self.done = min(self._offset, self._begin) - shift_frames

    @property
    def reach(self) -> int:
        """First frame of the piece that the next segment can need."""
        return self._offset - self._segments.valid(self._segments.frames) - self._shift

    @property
    def steps_left(self) -> int:
        """Segments still to be computed."""
        return -(-(self._end - self._offset) // self._segments.stride)

    def step(self, window: Window) -> None:
        """Compute the next segment; frames that no later one reaches become ready."""
        frames, stride = self._segments.frames, self._segments.stride
        length = min(frames, self._end - self._offset)
        estimate = self._estimate(window, length)
        if self._sums.numel() == 0:
            self._sums = torch.zeros((*estimate.shape[:-1], frames))
            self._scratch = torch.zeros_like(self._sums)
        weighted = torch.mul(estimate, self._weight[:length], out=self._scratch[..., :length])
        self._sums[..., :length] += weighted
        self._weights[:length] += self._weight[:length]
        finished = min(stride, length)
        skipped = min(max(0, self._begin - self._offset), finished)
        self._ready.append(self._sums[..., skipped:finished] / self._weights[skipped:finished])
        _move_left(self._sums, stride)
        _move_left(self._weights, stride)
        self._offset += stride
        self.done = min(self._offset, self._end) - self._shift

    def take(self, frames: int) -> torch.Tensor:
        """The next ready frames, [sources, channels, frames]."""
        ready = self._ready[0] if len(self._ready) == 1 else torch.cat(self._ready, dim=-1)
        self._ready = [ready[..., frames:].clone()] if ready.shape[-1] > frames else []
        return ready[..., :frames]

    def _estimate(self, window: Window, length: int) -> torch.Tensor:
        valid = self._segments.valid(length)
        before = (valid - length) // 2
        start = self._offset - before - self._shift
        heard = torch.from_numpy(window.read(start, start + valid)[self._rows])
        with torch.no_grad():
            estimate = self._forward(heard[None].to(self._device))[0]
        return estimate[..., before : before + length].to("cpu", torch.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A model of a bag: its lanes (one for each shift) and what it counts for in each source.

    Args:
        lanes: at least one, of one model.
        weights: one for each source.
    """

    lanes: Sequence[Lane]
    weights: Sequence[float]


def stream(
    pieces: Sequence[Sequence[Voice]],
    window: Window,
    *,
    start: int,
    length: int,
    on_segment: Callable[[], None] = lambda: None,
) -> Iterator[list[torch.Tensor]]:
    """Stems of pieces that run side by side, [sources, channels, frames] each, from `start` to `length`.

    The lane that lies behind the others is served first, so that no more waits than a segment of each.

    Args:
        pieces: for each piece (a pair of channels) the voices of the bag; at least one.
        window: what the lanes hear.
        start: first frame wanted; that of the lanes.
        length: frames of the pieces.
        on_segment: called after each segment.
    """
    lanes = [lane for voices in pieces for voice in voices for lane in voice.lanes]
    while start < length:
        lane = min(lanes, key=lambda lane: lane.done)
        window.forget(min(lane.reach for lane in lanes))
        lane.step(window)
        on_segment()
        ready = min(lane.done for lane in lanes)
        if ready > start:
            yield [_mean(voices, ready - start) for voices in pieces]
            start = ready


def _mean(voices: Sequence[Voice], frames: int) -> torch.Tensor:
    """The mean over the models of a bag by their weights, and over the shifts of each."""
    if len(voices) == len(voices[0].lanes) == 1:
        return voices[0].lanes[0].take(frames)
    estimates: torch.Tensor | float = 0.0
    for voice in voices:
        estimate = sum((lane.take(frames) for lane in voice.lanes[1:]), voice.lanes[0].take(frames))
        estimate = estimate / len(voice.lanes) * torch.tensor(voice.weights)[:, None, None]
        estimates = estimates + estimate
    totals = torch.tensor([sum(of_source) for of_source in zip(*(v.weights for v in voices), strict=True)])
    mean: torch.Tensor = estimates / totals[:, None, None]
    return mean


def _move_left(values: torch.Tensor, frames: int) -> None:
    """Move the last axis in place; zeros come in from the right."""
    left = values.shape[-1] - frames
    if left > 0:
        values[..., :left] = values[..., frames:].clone()
    values[..., max(0, left) :] = 0.0


def _triangle(frames: int) -> torch.Tensor:
    half = frames // 2
    weight = torch.cat([torch.arange(1, half + 1), torch.arange(frames - half, 0, -1)])
    return weight / weight.max()
