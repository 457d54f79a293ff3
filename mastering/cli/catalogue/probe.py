"""How long songs play, from their headers: many at a time, in processes that a bad file may take down."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mastering.io.remote import Found, is_url

__all__ = ["Length", "lengths_of"]

_CHUNK = 64
_CHUNK_S = 30.0
_SINGLE_S = 5.0
_MOST_ELSEWHERE = 256
"""Objects whose headers are fetched; the others are judged by their sizes."""

_HEADERS_AT_ONCE = 8
_READ_BYTES = 2**16
_SMALL_HEADERS = frozenset((".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".flac"))
_PER_SECOND_BYTES = {
    ".flac": 110_000.0,
    ".mp3": 40_000.0,
    ".m4a": 32_000.0,
    ".ogg": 24_000.0,
    ".opus": 20_000.0,
}
_WAV_PER_SECOND_BYTES = 264_600.0  # 44.1 kHz, 24 bit, stereo


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a song plays.

    Args:
        duration_s: seconds.
        sample_rate: Hz; 0 where it was judged by its size.
        channels: of them 2 are kept.
    """

    duration_s: float
    sample_rate: int
    channels: int


def lengths_of(locations: Sequence[str], found: dict[str, Found]) -> list[Length | None]:
    """The lengths of songs, None for those whose header cannot be read.

    Args:
        locations: paths and URLs.
        found: URL -> what a listing said of it.
    """
    near = [one for one in locations if not is_url(one)]
    far = [one for one in locations if is_url(one)]
    fetched = [one for one in far if PurePath(one).suffix.lower() in _SMALL_HEADERS][
        :: max(1, len(far) // _MOST_ELSEWHERE)
    ]
    known: dict[str, Length | None] = dict(_probed([*near, *fetched]))
    rates = _bytes_per_second(found, known)
    for url in far:
        if known.get(url) is None:
            known[url] = _by_size(url, found.get(url), rates)
    return [known.get(one) for one in locations]


def _probed(locations: Sequence[str]) -> Iterator[tuple[str, Length | None]]:
    if not locations:
        return
    from pebble import ProcessPool

    context: Any = multiprocessing.get_context("spawn")
    chunks = [locations[i : i + _CHUNK] for i in range(0, len(locations), _CHUNK)]
    workers = min(os.cpu_count() or 1, len(chunks), 16)
    with ProcessPool(max_workers=workers, context=context) as pool:
        first = [pool.schedule(_headers, args=(chunk,), timeout=_CHUNK_S) for chunk in chunks]
        suspects: list[str] = []
        for chunk, future in zip(chunks, first, strict=True):
            try:
                yield from zip(chunk, future.result(), strict=True)
            except Exception:  # one of them took the process down, or took too long
                suspects += chunk
        alone = [(one, pool.schedule(_headers, args=([one],), timeout=_SINGLE_S)) for one in suspects]
        for one, future in alone:
            with suppress(Exception):
                yield one, future.result()[0]


def _headers(locations: Sequence[str]) -> list[Length | None]:
    """Runs in a process of its own."""
    with ThreadPoolExecutor(_HEADERS_AT_ONCE if any(map(is_url, locations)) else 1) as pool:
        return list(pool.map(_header, locations))


def _header(location: str) -> Length | None:
    with suppress(Exception):  # whatever is wrong with it, its job will say
        if is_url(location):
            return _header_elsewhere(location)
        from mastering.io.decoder import header_of

        header = header_of(location)
        if header.header_frames is not None:
            return Length(
                duration_s=header.header_frames / header.sample_rate,
                sample_rate=header.sample_rate,
                channels=header.channels,
            )
    return None


def _header_elsewhere(url: str) -> Length:
    from mastering.io.remote import open_object
    from mastering.io.sndfile import shape_of

    with open_object(url, block_bytes=_READ_BYTES) as file:
        frames, sample_rate, channels = shape_of(file)
    return Length(duration_s=frames / sample_rate, sample_rate=sample_rate, channels=channels)


def _bytes_per_second(found: dict[str, Found], known: dict[str, Length | None]) -> dict[str, float]:
    """Suffix -> bytes per second of those whose length is known."""
    sums: dict[str, tuple[float, float]] = {}
    for url, length in known.items():
        if length is not None and url in found and found[url].size_bytes:
            suffix = PurePath(url).suffix.lower()
            size, seconds = sums.get(suffix, (0.0, 0.0))
            sums[suffix] = (size + float(found[url].size_bytes or 0), seconds + length.duration_s)
    return {suffix: size / seconds for suffix, (size, seconds) in sums.items() if seconds > 0.0}


def _by_size(url: str, found: Found | None, rates: dict[str, float]) -> Length | None:
    if found is None or not found.size_bytes:
        return None
    suffix = PurePath(url).suffix.lower()
    rate = rates.get(suffix) or _PER_SECOND_BYTES.get(suffix, _WAV_PER_SECOND_BYTES)
    seconds = found.size_bytes / rate
    return Length(duration_s=seconds, sample_rate=0, channels=2) if math.isfinite(seconds) else None
