"""Tempo and key: Rubber Band's finer engine (R3) through `pedalboard.time_stretch`, kept in time.

Conventions
    tempo_percent 95 plays slower: the piece becomes 100/95 as long. semitones 2 plays two semitones higher.
    The frame at time t comes out at t * 100 / tempo_percent; the length is rounded to whole frames.

Why the ratio is not passed on as it is
    R3 moves by whole frames: `inhop` frames of input become `inhop * ratio`, rounded. As Pedalboard 0.9
    drives it that rounding adds up: at 95 % a click comes 0.9 ms later every second and 77 ms late after
    90 s, at 105 % up to 78 ms. Where `inhop * ratio` is whole nothing adds up. R3 stretches by length times
    pitch and then resamples by pitch, so `steady_semitones` bends the pitch by a few cents until that product
    is such a ratio; the tempo stays exact. (breakfastquay/rubberband: R3Stretcher::calculateHop.)
    The faster engine (R2, high_quality=False) does not drift, but places clicks 26 ms * (length - 1) early or
    late, and takes 1.3 to 3.2 dB from noise where R3 takes 0.7 to 2.1.

Measured (pedalboard 0.9.26, 44.1 kHz unless said)
    Length      exact: the engine gives up to one frame less, which is padded with silence.
    Position    of clicks over 60 s, 44.1 and 48 kHz, 90 to 125 %, -4 to +3 semitones: on average within
                0.2 ms, every click within 0.7 ms, drift below 0.003 ms a second. Over 20 s at 96 kHz within
                1.2 ms, at 192 kHz within 1.7 ms. So stems that are stretched alone stay with the others.
    Transients  90 % of a click's energy within 0.1 to 1.8 ms (median over clicks, 80 to 125 %, -2 to +5
                semitones; 5.2 ms at worst); its peak falls from 0.80 to 0.38 to 0.61.
    Pitch       of sines as planned to 0.01 cents. The bend is at most 3.4 cents (median 1.4) for tempos from
                67 to 100 %, 7 for 100 to 150 %, 7.5 up to 200 %; 3.1 for keys of up to 4 semitones, 7.3 at
                all. Sung notes: median within 5 cents (the tracker's step), 80 % of frames -5 to +15 cents.
    Level       five pieces of music, 20 s each: integrated loudness -0.8 to +0.2 LU, true peak -1.7 to
                +1.8 dB, left-right correlation within 0.02. White noise -0.7 to -2.1 dB, sines 0.00 dB.
    Formants    kept where the key changes, pure tones lose 1 to 35 dB: only where it is asked for.
    Speed       4 to 12 times real time on one core.

Memory: Rubber Band wants the whole piece at once, and at its peak there are four of it: input, Pedalboard's
copy, its output and the array it gives back (350 MB for four minutes of stereo at 44.1 kHz, 5 GB an hour).
`Stretched` writes the result to a temporary file and frees them all, so that several stems never lie in
memory together.
"""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Annotated

import numpy as np

from mastering.audio import BLOCK_FRAMES, AudioSource, Samples
from mastering.errors import EnvironmentProblem, ParameterError
from mastering.host.libatomic import provide_libatomic
from mastering.units import Range

__all__ = [
    "SEMITONES",
    "TEMPO_PERCENT",
    "SemitonesNumber",
    "Stretched",
    "TempoPercent",
    "steady_semitones",
    "stretched_frames",
]

TEMPO_PERCENT = Range(50.0, 200.0, "%")
SEMITONES = Range(-12.0, 12.0, "semitones")
TempoPercent = Annotated[float, TEMPO_PERCENT]
SemitonesNumber = Annotated[float, SEMITONES]

_SHORTEST_FRAMES = 16_384
"""Shorter pieces are padded with silence for the engine: its windows are longer than they."""

_OUT_HOP = 256.0
_NUDGE = 1.0 - 1e-9
"""Keeps `floor(hop / ratio)` on the right side of a whole number; a drift of 4 µs an hour."""


def stretched_frames(frames: int, tempo_percent: float) -> int:
    """Length of `frames` at a tempo.

    >>> stretched_frames(44_100, 50.0)
    88200
    """
    return round(frames * 100.0 / tempo_percent)


def steady_semitones(tempo_percent: float, semitones: float, sample_rate: int) -> float:
    """The pitch closest to `semitones` at which the engine does not drift; see the module.

    Args:
        tempo_percent: 50..200.
        semitones: -12..12.
        sample_rate: in Hz.

    >>> round(100.0 * (steady_semitones(95.0, 0.0, 44_100)), 2)  # cents
    1.42
    """
    length = 100.0 / tempo_percent
    ratio = length * 2.0 ** (semitones / 12.0)
    about = int(_out_hop(ratio, sample_rate) / ratio)
    steady = [
        out_hop / in_hop * _NUDGE
        for in_hop in range(max(1, about - 3), about + 4)
        for out_hop in (math.floor(in_hop * ratio), math.ceil(in_hop * ratio))
        if out_hop > 0
        and int(_out_hop(out_hop / in_hop * _NUDGE, sample_rate) / (out_hop / in_hop * _NUDGE)) == in_hop
    ]
    nearest = min(steady, key=lambda one: abs(math.log(one / ratio)), default=ratio)
    return 12.0 * math.log2(nearest / length)


def _out_hop(ratio: float, sample_rate: int) -> float:
    """Frames that R3 wants to move its output by; its hop of the input is this over `ratio`, rounded down."""
    hop = _OUT_HOP
    if ratio > 1.5:
        hop = 2.0 ** (8.0 + 2.0 * math.log10(ratio - 0.5))
    elif ratio < 1.0:
        hop = 2.0 ** (8.0 + 2.0 * math.log10(ratio))
    shortest, longest = (2.0 ** math.ceil(math.log2(math.ceil(sample_rate / d))) for d in (512, 128))
    return min(max(hop, shortest), longest)


class Stretched:
    """A source at another tempo and in another key; an AudioSource.

    The work is done on the first call of `blocks`; later ones read the temporary file.

    Args:
        source: mono or stereo audio.
        tempo_percent: 50..200; 100 keeps the length.
        semitones: -12..12.
        keep_formants: hold the spectral envelope where it is, as a singer's throat does. For single voices
            only: pure tones lose 1 to 35 dB to it.

    Raises:
        ParameterError: a number outside its range.
        EnvironmentProblem: no room for the temporary file ("disk_full"); raised by `blocks`.
    """

    def __init__(
        self,
        source: AudioSource,
        *,
        tempo_percent: float = 100.0,
        semitones: float = 0.0,
        keep_formants: bool = False,
    ) -> None:
        _check("tempo_percent", tempo_percent, TEMPO_PERCENT)
        _check("semitones", semitones, SEMITONES)
        self._source = source
        self._tempo_percent = tempo_percent
        self._semitones = semitones
        self._keep_formants = keep_formants
        self._file: IO[bytes] | None = None
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = stretched_frames(source.frames, tempo_percent)

    def blocks(self) -> Iterator[Samples]:
        """The stretched samples in blocks of BLOCK_FRAMES."""
        if not self.frames:
            return
        if self._file is None:
            self._file = self._stretched()
            weakref.finalize(self, self._file.close)
        shape = (self.channels, self.frames)
        stored = np.memmap(self._file, dtype=np.float32, mode="r", shape=shape)
        for start in range(0, self.frames, BLOCK_FRAMES):
            yield np.array(stored[:, start : start + BLOCK_FRAMES])

    def _stretched(self) -> IO[bytes]:
        provide_libatomic()
        from pedalboard import time_stretch

        out = time_stretch(
            self._whole(),
            self.sample_rate,
            stretch_factor=self._tempo_percent / 100.0,
            pitch_shift_in_semitones=steady_semitones(self._tempo_percent, self._semitones, self.sample_rate),
            high_quality=True,
            preserve_formants=self._keep_formants,
        )
        file = None
        try:
            file = tempfile.TemporaryFile(prefix="tonmeister-")  # noqa: SIM115 - `blocks` reads it again
            for row in out:
                row[: self.frames].tofile(file)
                np.zeros(max(0, self.frames - len(row)), np.float32).tofile(file)
            file.flush()
        except OSError as error:
            if file is not None:
                file.close()
            raise EnvironmentProblem(
                f"{tempfile.gettempdir()}: no room for {4e-6 * self.channels * self.frames:,.0f} MB of "
                f"stretched audio ({error.strerror or error})",
                hint="Free some space, or set TMPDIR to another folder.",
                code="disk_full",
            ) from error
        return file

    def _whole(self) -> Samples:
        samples = np.zeros((self.channels, max(self._source.frames, _SHORTEST_FRAMES)), np.float32)
        start = 0
        for block in self._source.blocks():
            samples[:, start : start + block.shape[1]] = block
            start += block.shape[1]
        return samples


def _check(name: str, value: float, allowed: Range) -> None:
    if not allowed.low <= value <= allowed.high:
        raise ParameterError(
            f"Stretched.{name}={value!r}: allowed {allowed}",
            hint=f"Choose a number from {allowed.low:g} to {allowed.high:g}.",
        )
