"""Fixtures of the file tests: a signal, measurements, files of every format, small WAV headers."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from mastering.audio import Audio, Samples
from mastering.measure.features import Features

WriteAv = Callable[..., Path]


@pytest.fixture(scope="session")
def music() -> Audio:
    """Two seconds of stereo, 44.1 kHz: chirps with some noise, so that every moment is recognisable."""
    rng = np.random.default_rng(11)
    time_s = np.arange(2 * 44_100) / 44_100
    left = 0.3 * np.sin(2 * np.pi * (200.0 + 900.0 * time_s) * time_s)
    right = 0.3 * np.sin(2 * np.pi * (3_000.0 - 700.0 * time_s) * time_s)
    samples = np.stack([left, right]) + 0.02 * rng.standard_normal((2, time_s.size))
    return Audio(samples=samples.astype(np.float32), sample_rate=44_100)


@pytest.fixture
def loudness() -> Features:
    """Features whose loudness values are easy to recognise in a chunk."""
    values: dict[str, object] = {
        field.name: () if "tuple" in str(field.type) else 0 for field in dataclasses.fields(Features)
    }
    values |= {
        "integrated_lufs": -14.03,
        "loudness_range_lu": 6.5,
        "true_peak_dbtp": -1.04,
        "max_momentary_lufs": -9.99,
        "max_short_term_lufs": -11.5,
    }
    return Features(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def write_av() -> WriteAv:
    """A function that writes samples with FFmpeg and returns the path."""

    def write(
        path: Path, samples: Samples, sample_rate: int, container: str, codec: str, layout: str = "stereo"
    ) -> Path:
        with av.open(str(path), "w", format=container) as output:
            stream = output.add_stream(codec, rate=sample_rate, layout=layout)
            stream.bit_rate = 192_000
            resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=sample_rate)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def wav(tmp_path: Path, music: Audio) -> Path:
    """The music as a 16-bit WAV."""
    path = tmp_path / "music.wav"
    soundfile.write(path, music.samples.T, music.sample_rate, "PCM_16")
    return path


@pytest.fixture(scope="session")
def wav_header() -> Callable[..., bytes]:
    """A function that makes the classic 44 bytes for a promised number of bytes of samples."""

    def make(
        data_bytes: int, *, channels: int = 2, sample_rate: int = 44_100, bits: int = 16, tag: int = 1
    ) -> bytes:
        block = channels * bits // 8
        layout = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * block, block, bits)
        riff_bytes = min(data_bytes + 36, 0xFFFFFFFF)
        return struct.pack("<4sI8sI16s4sI", b"RIFF", riff_bytes, b"WAVEfmt ", 16, layout, b"data", data_bytes)

    return make


@pytest.fixture(scope="session")
def delay_frames() -> Callable[[Samples, Samples], int]:
    """Measures how many frames one channel comes after another, by cross-correlation."""

    def measure(heard: Samples, meant: Samples) -> int:
        size = 2 * max(heard.size, meant.size)
        product = np.fft.rfft(heard, size) * np.fft.rfft(meant, size).conj()
        lag = int(np.argmax(np.fft.irfft(product, size)))
        return lag if lag < size // 2 else lag - size

    return measure
