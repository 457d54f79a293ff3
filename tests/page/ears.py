"""What a recording of the loudspeakers is compared with."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from tests.page.desk import BLOCK
from tests.page.server import Server

__all__ = ["Samples", "continuous", "find", "sound"]

Samples = npt.NDArray[np.float32]


def sound(server: Server, path: str, body: Any = None) -> Samples:
    """The samples [channels, frames] of an answer of the service."""
    with server.open(path, body) as answer:
        samples, _ = soundfile.read(io.BytesIO(answer.read()), dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.T)


def find(part: Samples, whole: Samples) -> tuple[int, float]:
    """Where a part of a whole begins, and its gain; fails where it is not exactly in there."""
    size = 1 << (whole.shape[1] + part.shape[1]).bit_length()
    products = np.fft.rfft(whole[0], size) * np.conj(np.fft.rfft(part[0], size))
    likeness = np.fft.irfft(products, size)[: whole.shape[1] - part.shape[1]]
    energy = np.cumsum(np.concatenate([[0.0], whole[0].astype(np.float64) ** 2]))
    place = int(np.argmax(likeness / np.sqrt(energy[part.shape[1] :] - energy[: -part.shape[1]])[:-1]))
    there = whole[:, place : place + part.shape[1]]
    gain = float(np.sum(there * part) / np.sum(there * there))
    assert np.abs(part - gain * there).max() < 1e-3, "what sounds is the file"
    return place, gain


def continuous(frames: list[int]) -> bool:
    """Whether blocks follow each other; a busy browser stamps one a little off, and the next right."""
    return bool(np.abs(np.asarray(frames) - frames[0] - BLOCK * np.arange(len(frames))).max() <= 512)
