"""Features: what one piece of music measures as, and `analyse`, which measures it.

Conventions
    Loudness: ITU-R BS.1770-5, EBU Tech 3341 (momentary, short-term) and 3342 (range).
    Levels: dB relative to a full-scale sample (a full-scale sine has -3.01 dBFS RMS).
    Mid = (left + right) / 2, side = (left - right) / 2; a mono file has silent side.
    Third-octave bands: 31 base-ten centres, 20 Hz to 20 kHz (IEC 61260-1).
    Silence is a value: -inf here, null in JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BAND_EDGES_HZ", "THIRD_OCTAVES_HZ", "Features"]

THIRD_OCTAVES_HZ: tuple[float, ...] = tuple(1000.0 * 10.0 ** (i / 10.0) for i in range(-17, 14))
"""Exact centres of the 31 third-octave bands, nominally 20 Hz to 20 kHz (IEC 61260-1, base ten)."""

BAND_EDGES_HZ: tuple[float, ...] = (120.0, 1_000.0, 5_000.0)
"""Crossovers between the four bands (low, low-mid, high-mid, high) of crest, width and dynamics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Measurements of a whole piece. Per-band tuples have 31 (third octaves) or 4 (BAND_EDGES_HZ) entries.

    Attributes:
        integrated_lufs: gated programme loudness.
        max_momentary_lufs, max_short_term_lufs: highest 400 ms and 3 s loudness.
        loudness_range_lu: EBU Tech 3342.
        true_peak_dbtp: highest interpolated peak of any channel.
        sample_peak_dbfs: highest absolute sample of any channel.
        plr_db: true_peak_dbtp - integrated_lufs (peak to loudness ratio).
        psr_db: lowest peak to short-term loudness ratio: for each 3 s window inside the programme its
            sample peak minus its short-term loudness; the 5th percentile of these (AES 3-second PSR).
        crest_db: per band (4): 99th percentile of the 23 ms band level minus the band's RMS level.
        level_percentiles_db: per band (4): the 10th, 50th, 75th, 90th and 99th percentile of the 23 ms
            band level in dBFS, over the frames of the audible (gated) programme.
        band_levels_mid_db, band_levels_side_db: third-octave RMS levels (31) over the audible programme.
        tilt_db_per_octave: least-squares slope of band_levels_mid_db from 63 Hz to 12.5 kHz.
        side_to_mid_db: per third octave (31): side level minus mid level.
        correlation: left-right correlation of the whole, -1..1; 1 for mono.
        band_correlation: the same per band (4).
        clipped_frames: frames inside runs of at least 3 equal samples at the file's own peak, where that
            peak is above -6 dBFS.
        clipped_runs: the number of such runs.
        dc_offset: mean of the channel that is worst, signed, full scale 1.0.
        bandwidth_hz: highest frequency with audible content above the noise.
        noise_floor_dbfs: RMS level of the quietest 400 ms that is not digital silence.
        duration_s: length in seconds.
        sample_rate: in Hz.
        channels: number of channels.
        short_term_lufs: short-term loudness once a second, for plots.
    """

    integrated_lufs: float
    max_momentary_lufs: float
    max_short_term_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    plr_db: float
    psr_db: float
    crest_db: tuple[float, ...]
    level_percentiles_db: tuple[tuple[float, ...], ...]
    band_levels_mid_db: tuple[float, ...]
    band_levels_side_db: tuple[float, ...]
    tilt_db_per_octave: float
    side_to_mid_db: tuple[float, ...]
    correlation: float
    band_correlation: tuple[float, ...]
    clipped_frames: int
    clipped_runs: int
    dc_offset: float
    bandwidth_hz: float
    noise_floor_dbfs: float
    duration_s: float
    sample_rate: int
    channels: int
    short_term_lufs: tuple[float, ...]
