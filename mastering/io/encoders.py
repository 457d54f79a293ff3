"""Encoders: samples [channels, frames] become the bytes of one container.

Choices, and why:
    mp3   320 kbit/s constant: the most the format has; distributors that take MP3 ask for it.
    ogg   Vorbis quality 8 (about 256 kbit/s), transparent in listening tests.
    opus  about 256 kbit/s variable, far above the 128 at which it is transparent in stereo.
    m4a   AAC-LC at 256 kbit/s (FFmpeg's encoder), what Apple's store delivers.
    flac  level 5, the encoder's default.
Each encoder writes the same bytes for the same samples: no clock, no random serial number.
"""

from __future__ import annotations

import contextlib
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.io import ogg, riff
from mastering.io.wav import WavFile
from mastering.target import CONTAINERS, Container, DeliverySpec

__all__ = ["LOSSY", "Encoder", "check_format", "check_spec", "nearest_rate", "open_encoder"]

LOSSY: tuple[Container, ...] = ("mp3", "ogg", "opus", "m4a")
"""Containers that take float samples and ignore the bit depth."""

_BIT_DEPTHS: dict[Container, tuple[int, ...]] = {"wav": (16, 24, 32), "aiff": (16, 24, 32), "flac": (16, 24)}
_MPEG_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_RATES_HZ: dict[Container, tuple[int, ...]] = {
    "mp3": _MPEG_RATES_HZ,
    "opus": (48000,),
    "m4a": (*_MPEG_RATES_HZ, 64000, 88200, 96000),
}
_MAX_RATE_HZ: dict[Container, int] = {"ogg": 192_000}
_SNDFILE: dict[Container, dict[str, Any]] = {
    "flac": {"format": "FLAC"},
    "aiff": {"format": "AIFF"},
    "mp3": {
        "format": "MP3",
        "subtype": "MPEG_LAYER_III",
        "bitrate_mode": "CONSTANT",
        "compression_level": 0.0,
    },
    "ogg": {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.2},
    "opus": {"format": "OGG", "subtype": "OPUS", "compression_level": 0.5},
}
_OGG_SERIAL = 0x746F6E65
# Always the same number of frames at once: libsndfile's Vorbis encoder makes other bytes of other
# numbers, and keeps a whole write on its stack.
_SLICE_FRAMES = 4096
_AIFF_MAX_BYTES = 2**32 - 2**20


class Encoder(Protocol):
    """A file being encoded: write blocks, then close, or abort."""

    def write(self, samples: npt.NDArray[Any]) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


def check_format(container: Container, *, sample_rate: int, channels: int, bit_depth: int) -> None:
    """Raise ParameterError for what a container cannot hold."""
    if container not in CONTAINERS:
        raise ParameterError(f"container={container!r}: allowed {', '.join(CONTAINERS)}")
    if channels not in (1, 2):
        raise ParameterError(f"{container} with {channels} channels: allowed 1 or 2")
    depths = _BIT_DEPTHS.get(container, (bit_depth,))
    if bit_depth not in depths:
        raise ParameterError(
            f"{container} with {bit_depth} bits: allowed {', '.join(map(str, depths))}",
            hint="32 bit (float) needs wav or aiff.",
        )
    near = nearest_rate(container, sample_rate)
    if near != sample_rate:
        rates = _RATES_HZ.get(container)
        allowed = ", ".join(map(str, rates)) if rates else f"at most {_MAX_RATE_HZ[container]}"
        raise ParameterError(
            f"{container} at {sample_rate} Hz: allowed {allowed} Hz", hint=f"Deliver at {near} Hz."
        )


def check_spec(spec: DeliverySpec) -> None:
    """Raise ParameterError for what no input could make right: bits, or a rate that was asked for.

    Without a rate the input's, or the nearest that the container takes, is delivered.
    """
    rate = spec.sample_rate or nearest_rate(spec.container, 48_000)
    check_format(spec.container, sample_rate=rate, channels=2, bit_depth=spec.bit_depth)


def nearest_rate(container: Container, sample_rate: int) -> int:
    """The rate in Hz that a container takes in place of `sample_rate`; the same where it takes that.

    >>> nearest_rate("opus", 44_100), nearest_rate("mp3", 88_200), nearest_rate("wav", 88_200)
    (48000, 44100, 88200)
    """
    rates = _RATES_HZ.get(container)
    taken = sample_rate in rates if rates else sample_rate <= _MAX_RATE_HZ.get(container, sample_rate)
    if taken:
        return sample_rate
    family = 44_100 if sample_rate % 44_100 == 0 else 48_000
    return family if rates is None or family in rates else 48_000


def open_encoder(
    path: Path, container: Container, *, sample_rate: int, channels: int, bit_depth: int
) -> Encoder:
    """An encoder that fills the existing file `path`; see the module's description for its settings."""
    if container == "wav":
        return WavFile(path, sample_rate=sample_rate, channels=channels, bit_depth=bit_depth)
    if container == "m4a":
        return _M4aFile(path, sample_rate=sample_rate, channels=channels)
    return _SndfileEncoder(path, container, sample_rate=sample_rate, channels=channels, bit_depth=bit_depth)


class _Sink:
    """The file libsndfile writes into: keeps the first error, which libsndfile itself forgets."""

    def __init__(self, path: Path) -> None:
        # Unbuffered: a buffer would bring its errors up in a seek, where nobody can report them.
        file: Any = path.open("r+b", buffering=0)
        self._file = file
        self.problem: OSError | None = None
        self.tell = file.tell
        self.seek = file.seek
        self.readinto = file.readinto
        self.close = file.close

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.problem = self.problem or error
        return len(data) - len(rest)

    def flush(self) -> None:
        """Nothing to flush."""


class _SndfileEncoder:
    def __init__(
        self, path: Path, container: Container, *, sample_rate: int, channels: int, bit_depth: int
    ) -> None:
        self._path = path
        self._container = container
        self._bit_depth = 0 if container in LOSSY else bit_depth
        self._bytes = 0
        self._pending: npt.NDArray[Any] = np.empty((0, channels), np.float32)
        settings = dict(_SNDFILE[container])
        if self._bit_depth:
            settings["subtype"] = "FLOAT" if bit_depth == 32 else f"PCM_{bit_depth}"
        self._sink = _Sink(path)
        try:
            self._file = soundfile.SoundFile(self._sink, "w", sample_rate, channels, **settings)
        except RuntimeError as error:
            self._sink.close()
            raise EnvironmentProblem(
                f"{container} cannot be encoded here: {error}",
                hint="Choose another container.",
                code="no_encoder",
            ) from error

    def write(self, samples: npt.NDArray[Any]) -> None:
        frames = samples.T
        if self._bit_depth == 24:
            frames = np.left_shift(frames, 8)  # libsndfile takes 24 bits at the top of 32
        elif self._bit_depth == 16:
            frames = frames.astype(np.int16)
        self._bytes += frames.size * max(self._bit_depth, 8) // 8
        if self._container == "aiff" and self._bytes > _AIFF_MAX_BYTES:
            raise ParameterError(
                "aiff cannot hold more than 4 GiB", hint="Choose wav, which becomes RF64, or flac."
            )
        frames = (
            np.concatenate([self._pending, frames]) if len(self._pending) else np.ascontiguousarray(frames)
        )
        whole = len(frames) // _SLICE_FRAMES * _SLICE_FRAMES
        for start in range(0, whole, _SLICE_FRAMES):
            self._put(frames[start : start + _SLICE_FRAMES])
        self._pending = frames[whole:].copy()

    def _put(self, frames: npt.NDArray[Any]) -> None:
        """Write, and raise what the system said about it, whatever libsndfile makes of that."""
        try:
            self._file.write(frames)
        except (RuntimeError, AssertionError) as error:
            raise self._sink.problem or OSError(str(error)) from error
        if self._sink.problem is not None:
            raise self._sink.problem

    def close(self) -> None:
        try:
            if len(self._pending):
                self._put(self._pending)
            self._file.close()
        except RuntimeError as error:
            raise self._sink.problem or OSError(str(error)) from error
        finally:
            self._sink.close()
        if self._sink.problem is not None:
            raise self._sink.problem
        if self._container in ("ogg", "opus"):
            ogg.set_serial(self._path, _OGG_SERIAL)
        if self._container == "aiff" and self._bit_depth == 32:
            _blank_peak_time(self._path)

    def abort(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._sink.close()


def _blank_peak_time(path: Path) -> None:
    """Blank the time that libsndfile writes into the PEAK chunk of float files: bytes 4 to 8."""
    with path.open("r+b") as file:
        form = riff.read_form(file)
        peak = form.find(b"PEAK") if form else None
        if peak is not None:
            file.seek(peak.start + 4)
            file.write(struct.pack(">I", 0))


class _M4aFile:
    """AAC in MP4. `bitexact` keeps version strings and dates out; `faststart` puts the index first."""

    def __init__(self, path: Path, *, sample_rate: int, channels: int) -> None:
        import av

        self._frame_type = av.AudioFrame
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate = sample_rate
        self._done = 0
        options = {"movflags": "+faststart", "fflags": "+bitexact", "movie_timescale": str(sample_rate)}
        self._container = av.open(str(path.absolute()), "w", format="ipod", options=options)
        stream: Any = self._container.add_stream("aac", rate=sample_rate, layout=self._layout)
        stream.bit_rate = 128_000 * channels
        stream.options = {"flags": "+bitexact"}
        self._stream = stream

    def write(self, samples: npt.NDArray[Any]) -> None:
        frame = self._frame_type.from_ndarray(
            np.ascontiguousarray(samples), format="fltp", layout=self._layout
        )
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._done
        self._done += samples.shape[1]
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def abort(self) -> None:
        with contextlib.suppress(Exception):
            self._container.close()
