"""Features: what one piece of music measures as, and `analyse`, which measures it.

Conventions
    Loudness: ITU-R BS.1770-5, EBU Tech 3341 (momentary, short-term) and 3342 (range).
    Levels: dB relative to a full-scale sample (a full-scale sine has -3.01 dBFS RMS).
    Mid = (left + right) / 2, side = (left - right) / 2; a mono file has silent side. Channels
    beyond the second count for loudness, peaks, levels and clipping, not for the spectra.
    Third-octave bands: 31 base-ten centres, 20 Hz to 20 kHz (IEC 61260-1).
    Audible programme: frames at most 30 dB below the mean power of all frames that are not
    digital silence (below -150 dBFS).
    Silence is a value: -inf here, null in JSON. So is a difference of levels (crest, PLR, PSR,
    side to mid) with nothing to take it from. No field is ever NaN or +inf.

A stream gives the same numbers, to the last bit, however it is cut into blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from mastering.audio import AudioSource

__all__ = ["BAND_EDGES_HZ", "CHUNK_PERCENTILES", "THIRD_OCTAVES_HZ", "Chunks", "Features", "analyse"]

THIRD_OCTAVES_HZ: tuple[float, ...] = tuple(1000.0 * 10.0 ** (i / 10.0) for i in range(-17, 14))
"""Exact centres of the 31 third-octave bands, nominally 20 Hz to 20 kHz (IEC 61260-1, base ten)."""

BAND_EDGES_HZ: tuple[float, ...] = (120.0, 1_000.0, 5_000.0)
"""Crossovers between the four bands (low, low-mid, high-mid, high) of crest, width and dynamics."""

CHUNK_PERCENTILES = (10, 25, 50, 75, 90, 97)
"""Percentiles of the third-octave levels of single frames that `Chunks` keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """The audible programme over time, in up to 30 equal shares (`mastering.measure.chunks`).

    Attributes:
        mid_db, side_db: third-octave RMS levels [chunks][31].
        crest_db: per chunk and band [chunks][4]: 99th percentile of the 23 ms level minus the RMS level.
        mid_percentiles_db, side_percentiles_db: of the third-octave levels of single frames of 0.7 s
            over the whole audible programme [CHUNK_PERCENTILES][31].
    """

    mid_db: tuple[tuple[float, ...], ...] = ()
    side_db: tuple[tuple[float, ...], ...] = ()
    crest_db: tuple[tuple[float, ...], ...] = ()
    mid_percentiles_db: tuple[tuple[float, ...], ...] = ()
    side_percentiles_db: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Measurements of a whole piece. Per-band tuples have 31 (third octaves) or 4 (BAND_EDGES_HZ) entries.

    Attributes:
        integrated_lufs: gated programme loudness; -inf below 0.4 s.
        max_momentary_lufs, max_short_term_lufs: highest 400 ms and 3 s loudness, looked at every
            10 ms; -inf in a piece shorter than the window.
        loudness_range_lu: EBU Tech 3342; 0.0 below 3 s.
        true_peak_dbtp: highest interpolated peak of any channel.
        sample_peak_dbfs: highest absolute sample of any channel.
        plr_db: true_peak_dbtp - integrated_lufs (peak to loudness ratio).
        psr_db: peak to short-term loudness ratio where the programme is densest: over the 3 s windows
            (every 100 ms) above -70 LUFS and above 20 LU below their mean, the 5th percentile of the
            window's sample peak minus its short-term loudness; -inf below 3 s.
        crest_db: per band (4): 99th percentile of the 23 ms band level minus the band's RMS level.
        level_percentiles_db: per band (4): the 10th, 50th, 75th, 90th and 99th percentile of the 23 ms
            band level (mid plus side power) in dBFS, over the audible programme.
        band_levels_mid_db, band_levels_side_db: third-octave RMS levels (31) over the audible programme.
        tilt_db_per_octave: least-squares slope of band_levels_mid_db from 63 Hz to 12.5 kHz; pink is 0.
        side_to_mid_db: per third octave (31): side level minus mid level, at most 120 dB.
        correlation: left-right correlation of the whole, -1..1; 1 for mono and for silence.
        band_correlation: the same per band (4).
        clipped_frames: samples, counted per channel, in runs of at least 3 equal ones at the highest or
            lowest value of their channel, where that is beyond -6 dBFS.
        clipped_runs: the number of such runs.
        dc_offset: mean of the channel that is worst, signed, full scale 1.0.
        bandwidth_hz: highest frequency with content, below the cliff of a codec or low-pass and the
            noise floor (`mastering.measure.bandwidth`); 0.0 for silence.
        noise_floor_dbfs: RMS level of the quietest 400 ms without digital silence; -inf where there is none.
        duration_s: length in seconds.
        sample_rate: in Hz.
        channels: number of channels.
        short_term_lufs: short-term loudness once a second, for plots; the first window ends at 3 s.
        chunks: the programme in up to 30 parts, for the learned matcher.
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
    chunks: Chunks = Chunks()


def analyse(source: AudioSource, *, threads: int = 1) -> Features:
    """Measure a whole piece in one pass.

    Args:
        source: an `Audio`, or a file opened as a stream.
        threads: 1 or 2; two run the spectra beside the other meters. The numbers are the same.

    Returns:
        The features; of silence and of no frames at all, too.

    Raises:
        ParameterError: a sample that is not finite.

    >>> import numpy as np
    >>> from mastering.audio import Audio
    >>> silence = Audio(samples=np.zeros((2, 48_000), np.float32), sample_rate=48_000)
    >>> analyse(silence).integrated_lufs
    -inf
    """
    # Only who measures pays for loading the compiled kernels; many modules just need the value.
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import nullcontext

    from mastering.measure.meter import FeatureMeter

    meter = FeatureMeter(source.sample_rate, source.channels)
    with ThreadPoolExecutor(1) if threads > 1 else nullcontext() as pool:
        for block in source.blocks():
            meter.push(block, pool=pool)
    return meter.result()
