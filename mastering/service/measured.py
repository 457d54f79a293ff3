"""Parts of answers that tell what was measured, as the OpenAPI document shows them.

They are of reports and analyses, which may hold more.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CheckAnswer", "Measured", "NoticeAnswer", "ShortTerm", "SongSummary", "Spectrum", "Summary"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class CheckAnswer(_Part):
    """One promise, and whether it was kept."""

    name: str = Field(examples=["true_peak_dbtp"])
    measured: float | None
    limit: float | None
    unit: str
    passed: bool


class NoticeAnswer(_Part):
    """Something unusual that did not stop the work."""

    code: str
    message: str


class Measured(_Part):
    """A song or a master in numbers; null where there is nothing to measure, as in silence."""

    integrated_lufs: float | None
    max_momentary_lufs: float | None
    max_short_term_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    sample_peak_dbfs: float | None
    plr_db: float | None
    psr_db: float | None
    tilt_db_per_octave: float | None
    correlation: float | None
    duration_s: float | None
    sample_rate: int | None


class SongSummary(_Part):
    """One song of several."""

    song: str | None
    before: Measured | None
    after: Measured


class Summary(_Part):
    """Before and after; of an album the first song's, and `songs` has each."""

    before: Measured | None
    after: Measured
    songs: list[SongSummary] = Field(default_factory=list)


class ShortTerm(_Part):
    """Short-term loudness, each `step_s`; the first window ends at `first_s`."""

    step_s: float
    first_s: float
    lufs: list[float | None]


class Spectrum(_Part):
    """Third-octave levels of mid and side."""

    frequencies_hz: list[float]
    mid_db: list[float | None]
    side_db: list[float | None]
