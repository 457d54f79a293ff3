"""Stems together again: `remix`.

As long as every stem is heard the remix is the ORIGINAL plus, for each changed stem, what the change adds:
original + sum(changed - stem). What is not touched is therefore exactly what it was, however roughly the
stems were separated, and unity settings give the input back bit for bit. Where stems are left out (mute,
solo) it is the sum of the ones that are kept. Sums are float64, the result float32. Tempo and key of the
whole come after the sum: every stem is stretched alike, and the errors of separation still cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from mastering.audio import AudioSource, Samples
from mastering.errors import ParameterError
from mastering.host.render import reblock
from mastering.host.stretch import Stretched
from mastering.measure.loudness import IntegratedMeter
from mastering.units import Range, db_to_gain
from stems.remix.stem import ChangedStem
from stems.remix.values import Remix

__all__ = ["LOUDNESS_GAIN_DB", "Remixed", "remix"]

LOUDNESS_GAIN_DB = Range(-40.0, 40.0, "dB")
"""How far `keep_loudness` goes: what is left of a piece may be close to nothing."""


class Remixed:
    """A remix as an AudioSource: each call of `blocks` renders anew from the start, in flat memory.

    (Tempo and key need whole arrays while they are computed: see `mastering.host.stretch`.)

    Attributes:
        sample_rate, channels, frames: as any source's; `frames` follows the tempo of the whole.
        loudness_gain_db: what `keep_loudness` added; 0.0 otherwise.
    """

    def __init__(self, source: AudioSource, loudness_gain_db: float) -> None:
        self._source = source
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = source.frames
        self.loudness_gain_db = loudness_gain_db

    def blocks(self) -> Iterator[Samples]:
        """Blocks of BLOCK_FRAMES."""
        if self.loudness_gain_db == 0.0:
            yield from reblock(self._source.blocks())
            return
        gain = np.float32(db_to_gain(self.loudness_gain_db))
        for block in reblock(self._source.blocks()):
            yield block * gain


def remix(
    stems: Mapping[str, AudioSource],
    spec: Remix,
    *,
    original: AudioSource | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Remixed:
    """Stems as `spec` wants them, joined.

    Mono stems that are panned make the remix stereo; everything else keeps the number of channels.

    Args:
        stems: name -> stem; one rate, length and number of channels (1 or 2).
        spec: what is done.
        original: the recording the stems sum to; None takes their sum.
        on_progress: with `keep_loudness`, called with the share 0..1 of the measuring passes.

    Raises:
        ParameterError: an unknown stem, stems that do not line up, or a width for mono.
    """
    _check_layout(stems, original)
    spec.check_names(stems)
    _check_mono(stems, spec)
    joined: AudioSource = _Joined(stems, spec, original)
    if original is not None and spec.unity:
        joined = original
    elif spec.stretches:
        joined = Stretched(joined, tempo_percent=spec.tempo_percent, semitones=spec.semitones)
    gain_db = 0.0
    if spec.keep_loudness and not spec.unity:
        gain_db = _loudness_gain_db(original or _Joined(stems, Remix(), None), joined, on_progress)
    return Remixed(joined, gain_db)


class _Joined:
    """The sum, before tempo and key of the whole."""

    def __init__(self, stems: Mapping[str, AudioSource], spec: Remix, original: AudioSource | None) -> None:
        first = next(iter(stems.values()))
        self.sample_rate = first.sample_rate
        self.frames = first.frames
        kept = spec.kept(stems)
        pans = any(spec.of(name).pans for name in kept)
        self.channels = 2 if first.channels == 1 and pans else first.channels
        changed = {name: stems[name] for name in kept if spec.of(name).changes}
        self._added: list[AudioSource] = [
            ChangedStem(name, stem, spec.of(name), self.channels) for name, stem in changed.items()
        ]
        self._removed: list[AudioSource] = []
        if original is not None and len(kept) == len(stems):
            self._added.append(original)
            self._removed += changed.values()
        else:
            self._added += [stems[name] for name in kept if name not in changed]

    def blocks(self) -> Iterator[Samples]:
        added = [reblock(source.blocks()) for source in self._added]
        removed = [reblock(source.blocks()) for source in self._removed]
        if not added:
            yield from _silent(self)
            return
        for blocks in zip(*added, *removed, strict=True):
            total = np.zeros((self.channels, blocks[0].shape[1]))
            for block in blocks[: len(added)]:
                total += block
            for block in blocks[len(added) :]:
                total -= block
            yield total.astype(np.float32)


def _silent(source: AudioSource) -> Iterator[Samples]:
    from stems.remix.stem import shifted

    yield from shifted((), 0, source.channels, source.frames)


def _loudness_gain_db(
    before: AudioSource, after: AudioSource, on_progress: Callable[[float], None] | None
) -> float:
    def loudness(source: AudioSource, base: float) -> float:
        meter, done = IntegratedMeter(source.sample_rate, source.channels), 0
        for block in source.blocks():
            meter.push(block)
            done += block.shape[1]
            if on_progress is not None:
                on_progress(base + 0.5 * done / source.frames)
        return meter.result()

    gain_db = loudness(before, 0.0) - loudness(after, 0.5)
    if not math.isfinite(gain_db):
        return 0.0
    return min(max(gain_db, LOUDNESS_GAIN_DB.low), LOUDNESS_GAIN_DB.high)


def _check_layout(stems: Mapping[str, AudioSource], original: AudioSource | None) -> None:
    sources = [*stems.values(), *([original] if original is not None else [])]
    layouts = {(source.sample_rate, source.channels, source.frames) for source in sources}
    if len(layouts) != 1:
        listed = "; ".join(f"{r} Hz, {c} channels, {f} frames" for r, c, f in sorted(layouts)) or "no stems"
        raise ParameterError(
            f"the stems do not line up ({listed}): allowed one rate, number of channels and length",
            hint="Export them again with one rate and from one start to one end.",
            code="stems_differ",
        )
    if next(iter(layouts))[1] > 2:
        raise ParameterError(
            f"the stems have {next(iter(layouts))[1]} channels: allowed 1 or 2",
            hint="Mix them down to stereo first.",
            code="too_many_channels",
        )


def _check_mono(stems: Mapping[str, AudioSource], spec: Remix) -> None:
    if next(iter(stems.values())).channels != 1:
        return
    for name in stems:
        if spec.of(name).widens:
            raise ParameterError(
                f"width of '{name}': the input is mono and has no sides to widen",
                hint="Leave the width at 100 %; pan places mono stems left and right.",
                code="mono",
            )
