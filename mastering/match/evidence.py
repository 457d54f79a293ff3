"""Evidence: what the learned matcher looks at, as arrays, from measurements of input and references.

Two kinds of input. Per third octave: the whole difference and what is known about it, how much
the band moves within each piece, and the levels themselves. Per chunk: how far its spectrum
lies from the mean of its own piece. A static equaliser moves every chunk alike, so these
deviations do not know about mastering, only about music: they tell which chunks of input and
reference are comparable.

Everything is relative to the piece's own level; nothing here depends on loudness but two scalars.

Symbols in shapes: C chunks, P percentiles (6), 31 third octaves, 4 wide bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mastering.match.tone import CENTRES_HZ, JUDGED, TONE, WIDTH, Prior, shrink, within_bandwidth
from mastering.measure.features import CHUNK_PERCENTILES, Features

__all__ = [
    "BAND_FEATURES",
    "CHUNK_FEATURES",
    "MAX_CHUNKS",
    "SCALARS",
    "Evidence",
    "Piece",
    "piece_of",
    "weigh",
]

Array = npt.NDArray[np.float64]

BANDS = len(CENTRES_HZ)
MAX_CHUNKS = 30
"""Chunks of a piece, and of all references together, that the network sees at most."""

BAND_FEATURES = 34
CHUNK_FEATURES = 67
SCALARS = 24

_FLOOR_DB = 60.0
"""Levels further below the piece's median third octave count as this far below."""

_MONO_DB = -40.0
_SIDE_HEADROOM_DB = 15.0
_BROAD = Prior(mastering_db=3.0, mastering_bands=5.0, content_db=2.5, content_bands=1.5)
"""A second opinion: only broad differences are mastering."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One piece, or several references joined, in dB relative to its own median third octave of mid.

    Attributes:
        mid, side_to_mid: [31].
        percentiles_mid, percentiles_side: [P, 31]; side relative to mid.
        chunks_mid, chunks_side: [C, 31]; side relative to mid.
        chunk_crest: [C, 4].
        crest: [4].
        sounding: [31] bool, bands with content inside the bandwidth.
        bandwidth_hz, integrated_lufs, plr_db, loudness_range_lu, duration_s: numbers.
    """

    mid: Array
    side_to_mid: Array
    percentiles_mid: Array
    percentiles_side: Array
    chunks_mid: Array
    chunks_side: Array
    chunk_crest: Array
    crest: Array
    sounding: npt.NDArray[np.bool_]
    bandwidth_hz: float
    integrated_lufs: float
    plr_db: float
    loudness_range_lu: float
    duration_s: float

    @staticmethod
    def from_levels(
        levels: Array,
        percentiles: Array,
        chunks: Array,
        chunk_crest: Array,
        crest: Array,
        within: npt.NDArray[np.bool_],
        **numbers: float,
    ) -> Piece:
        """From levels in dB: [2, 31], [P, 2, 31], [C, 2, 31] of mid and side; silence may be -inf."""
        zero = float(np.median(np.maximum(levels[0, JUDGED], -200.0)))
        mid = np.maximum(levels[0] - zero, -_FLOOR_DB)
        return Piece(
            mid=mid,
            side_to_mid=_to_mid(levels[1], levels[0]),
            percentiles_mid=np.maximum(percentiles[:, 0] - zero, -_FLOOR_DB),
            percentiles_side=_to_mid(percentiles[:, 1], percentiles[:, 0]),
            chunks_mid=np.maximum(chunks[:, 0] - zero, -_FLOOR_DB),
            chunks_side=_to_mid(chunks[:, 1], chunks[:, 0]),
            chunk_crest=np.clip(chunk_crest, 0.0, 30.0),
            crest=np.clip(crest, 0.0, 30.0),
            sounding=within & (mid > mid[JUDGED].max() - 80.0) & (mid > -_FLOOR_DB),
            **numbers,
        )


def _to_mid(side: Array, mid: Array) -> Array:
    """Side relative to mid within what matters; silence against silence is mono."""
    with np.errstate(invalid="ignore"):
        ratio = side - np.maximum(mid, -150.0)
    return np.asarray(np.clip(np.nan_to_num(ratio, nan=_MONO_DB), _MONO_DB, _SIDE_HEADROOM_DB))


def piece_of(features: Features) -> Piece:
    """One measured piece; one without chunks (too short, an older measurement) is its own only chunk."""
    levels = np.array([features.band_levels_mid_db, features.band_levels_side_db])
    chunks = features.chunks
    if chunks.mid_db:
        parts = np.stack([np.array(chunks.mid_db), np.array(chunks.side_db)], axis=1)
        crests = np.array(chunks.crest_db)
        percentiles = np.stack(
            [np.array(chunks.mid_percentiles_db), np.array(chunks.side_percentiles_db)], axis=1
        )
    else:
        parts, crests = levels[None], np.array(features.crest_db)[None]
        percentiles = np.repeat(levels[None], len(CHUNK_PERCENTILES), axis=0)
    return Piece.from_levels(
        levels,
        percentiles,
        parts,
        crests,
        np.array(features.crest_db),
        within_bandwidth(features),
        bandwidth_hz=features.bandwidth_hz,
        integrated_lufs=features.integrated_lufs,
        plr_db=features.sample_peak_dbfs - features.integrated_lufs,
        loudness_range_lu=features.loudness_range_lu,
        duration_s=features.duration_s,
    )


def joined(pieces: list[Piece]) -> Piece:
    """Several references as one: means of what describes the whole, chunks of all of them."""
    if len(pieces) == 1:
        return pieces[0]

    def mean(name: str) -> Array:
        return np.asarray(np.mean([getattr(piece, name) for piece in pieces], axis=0))

    def chunks(name: str) -> Array:
        every = np.concatenate([getattr(piece, name) for piece in pieces])
        return np.asarray(every[np.linspace(0, len(every) - 1, min(len(every), MAX_CHUNKS)).astype(int)])

    return Piece(
        mid=mean("mid"),
        side_to_mid=mean("side_to_mid"),
        percentiles_mid=mean("percentiles_mid"),
        percentiles_side=mean("percentiles_side"),
        chunks_mid=chunks("chunks_mid"),
        chunks_side=chunks("chunks_side"),
        chunk_crest=chunks("chunk_crest"),
        crest=mean("crest"),
        sounding=np.mean([piece.sounding for piece in pieces], axis=0) > 0.5,
        bandwidth_hz=float(mean("bandwidth_hz")),
        integrated_lufs=float(mean("integrated_lufs")),
        plr_db=float(mean("plr_db")),
        loudness_range_lu=float(mean("loudness_range_lu")),
        duration_s=float(np.sum([piece.duration_s for piece in pieces])),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """The network's input for one case.

    Attributes:
        bands: float32 [31, BAND_FEATURES].
        own_chunks, reference_chunks: float32 [MAX_CHUNKS, CHUNK_FEATURES], zero beyond the mask.
        own_levels, reference_levels: float32 [MAX_CHUNKS, 2, 31]: mid and side to mid of each chunk, in dB.
        own_mask, reference_mask: float32 [MAX_CHUNKS], 1 where there is a chunk.
        scalars: float32 [SCALARS].
        wanted: float32 [2, 31]: whole difference of mid (mean removed) and of side to mid.
        trusted: float32 [2, 31]: 1 where both pieces have content to compare (mid; side).
    """

    bands: npt.NDArray[np.float32]
    own_chunks: npt.NDArray[np.float32]
    reference_chunks: npt.NDArray[np.float32]
    own_levels: npt.NDArray[np.float32]
    reference_levels: npt.NDArray[np.float32]
    own_mask: npt.NDArray[np.float32]
    reference_mask: npt.NDArray[np.float32]
    scalars: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.float32]
    trusted: npt.NDArray[np.float32]


def weigh(own: Piece, references: list[Piece]) -> Evidence:
    """The evidence of a case: an input and at least one reference."""
    reference = joined(references)
    trusted = own.sounding & reference.sounding
    side_trusted = trusted & (own.side_to_mid > _MONO_DB) & (reference.side_to_mid > _MONO_DB)
    offset = _level(reference.mid - own.mid, trusted)
    difference = np.where(trusted, reference.mid - own.mid - offset, 0.0)
    width = np.where(side_trusted, reference.side_to_mid - own.side_to_mid, 0.0)
    own_chunks, own_levels, own_mask = _chunks(own)
    reference_chunks, reference_levels, reference_mask = _chunks(reference)
    return Evidence(
        bands=_bands(own, reference, trusted, side_trusted, difference, width, offset, len(references)),
        own_chunks=own_chunks,
        reference_chunks=reference_chunks,
        own_levels=own_levels,
        reference_levels=reference_levels,
        own_mask=own_mask,
        reference_mask=reference_mask,
        scalars=_scalars(own, reference, difference, width, len(references)),
        wanted=np.stack([difference, width]).astype(np.float32),
        trusted=np.stack([trusted, side_trusted]).astype(np.float32),
    )


def _level(curve: Array, trusted: npt.NDArray[np.bool_]) -> float:
    """Mean over the judged bands that are trusted; 0 where there are none."""
    judged = curve[JUDGED][trusted[JUDGED]]
    return float(judged.mean()) if len(judged) else 0.0


def _bands(
    own: Piece,
    reference: Piece,
    trusted: npt.NDArray[np.bool_],
    side_trusted: npt.NDArray[np.bool_],
    difference: Array,
    width: Array,
    offset: float,
    references: int,
) -> npt.NDArray[np.float32]:
    rows = [
        difference,
        shrink(difference, trusted, references, TONE),
        shrink(difference, trusted, references, _BROAD),
        *np.where(trusted, reference.percentiles_mid - own.percentiles_mid - offset, 0.0),
        own.chunks_mid.std(axis=0),
        reference.chunks_mid.std(axis=0),
        own.percentiles_mid[4] - own.percentiles_mid[0],
        reference.percentiles_mid[4] - reference.percentiles_mid[0],
        0.3 * own.mid,
        0.3 * reference.mid,
        width,
        shrink(width, side_trusted, references, WIDTH),
        *np.where(side_trusted, reference.percentiles_side - own.percentiles_side, 0.0),
        own.chunks_side.std(axis=0),
        reference.chunks_side.std(axis=0),
        0.3 * (own.side_to_mid + 10.0),
        0.3 * (reference.side_to_mid + 10.0),
        5.0 * trusted,
        5.0 * side_trusted,
        5.0 * own.sounding,
        5.0 * reference.sounding,
        5.0 * (own.percentiles_mid[0] <= -0.99 * _FLOOR_DB),
        np.gradient(own.mid),
        np.gradient(reference.mid),
    ]
    return np.asarray(0.2 * np.clip(np.stack(rows, axis=1), -30.0, 30.0), np.float32)


def _chunks(
    piece: Piece,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Features, levels and mask of a piece's chunks."""
    count = min(len(piece.chunks_mid), MAX_CHUNKS)
    levels = np.stack([piece.chunks_mid, piece.chunks_side], axis=1)[:count]
    deviations = levels - levels.mean(axis=0) if count else levels
    loudness = deviations[:, 0, JUDGED].mean(axis=1, keepdims=True)
    crest = piece.chunk_crest[:count] - 6.0
    rows = np.concatenate([deviations.reshape(count, 2 * BANDS), crest, loudness], axis=1)
    features = np.zeros((MAX_CHUNKS, CHUNK_FEATURES), np.float32)
    features[:count] = 0.15 * np.clip(rows, -30.0, 30.0)
    padded = np.zeros((MAX_CHUNKS, 2, BANDS), np.float32)
    padded[:count] = levels
    return features, padded, (np.arange(MAX_CHUNKS) < count).astype(np.float32)


def _scalars(
    own: Piece, reference: Piece, difference: Array, width: Array, references: int
) -> npt.NDArray[np.float32]:
    numbers = [
        0.1 * np.clip(own.plr_db - 12.0, -12.0, 15.0),
        0.1 * np.clip(reference.plr_db - 12.0, -12.0, 15.0),
        0.1 * np.clip(own.integrated_lufs + 14.0, -20.0, 14.0),
        0.1 * np.clip(reference.integrated_lufs + 14.0, -20.0, 14.0),
        0.1 * np.clip(own.loudness_range_lu - 5.0, -5.0, 15.0),
        0.1 * np.clip(reference.loudness_range_lu - 5.0, -5.0, 15.0),
        *(0.2 * (own.crest - 6.0)),
        *(0.2 * (reference.crest - 6.0)),
        0.5 * np.log2(max(own.bandwidth_hz, 500.0) / 16_000.0),
        0.5 * np.log2(max(reference.bandwidth_hz, 500.0) / 16_000.0),
        0.5 * np.log2(np.clip(own.duration_s, 4.0, 40.0) / 16.0),
        0.5 * np.log2(np.clip(reference.duration_s, 4.0, 40.0) / 16.0),
        0.2 * np.abs(difference[JUDGED]).mean(),
        0.2 * np.abs(width[JUDGED]).mean(),
        0.2 * np.abs(np.diff(difference[JUDGED])).mean(),
        0.2 * np.abs(np.diff(width[JUDGED])).mean(),
        min(references, 8) / 8.0,
        1.0,
    ]
    return np.nan_to_num(np.array(numbers, np.float32))
