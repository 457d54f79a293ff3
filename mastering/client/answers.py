"""What the service tells, as dictionaries of which a type checker knows the keys.

A newer service may tell more. A measurement is None where there is nothing to measure, as in silence.
Reports and recipes are whole documents, and stay plain mappings.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

__all__ = [
    "About",
    "Analysis",
    "Change",
    "Check",
    "Failure",
    "Format",
    "GainReduction",
    "Measured",
    "Notice",
    "Part",
    "Peaks",
    "Plugin",
    "PluginItem",
    "PluginParameter",
    "Preset",
    "ShortTerm",
    "SongSummary",
    "Spectrum",
    "StemModel",
    "Summary",
    "Validated",
]


class Format(TypedDict):
    """A container and the bit depths it takes."""

    container: str
    bit_depths: list[int]


class StemModel(TypedDict):
    """A separation model; `present` where its weights are on the service's machine."""

    name: str
    label: str
    stems: list[str]
    present: bool


class About(TypedDict):
    """What the service is, and what it allows."""

    version: str
    api: str
    role: Literal["admin", "submit", "shared"]
    max_upload_bytes: int
    max_duration_s: float
    max_songs: int
    formats: list[Format]
    plugins_allowed: bool
    stem_models: list[StemModel]
    preview_max_s: float
    job: str | None


class Preset(TypedDict):
    """A style or a target, and what it does in a sentence."""

    name: str
    title: str
    sentence: str
    integrated_lufs: float | None
    ceiling_dbtp: float
    official: bool | None
    date: str | None
    container: str | None
    bit_depth: int | None
    sample_rate_hz: int | None


class Peaks(TypedDict):
    """Lowest and highest sample of equal stretches, for each channel: min, max, min, max, ..."""

    sample_rate_hz: int
    duration_s: float
    channels: list[list[float]]


class ShortTerm(TypedDict):
    """Short-term loudness, each `step_s`; the first window ends at `first_s`."""

    step_s: float
    first_s: float
    lufs: list[float | None]


class Spectrum(TypedDict):
    """Third-octave levels of mid and side."""

    frequencies_hz: list[float]
    mid_db: list[float | None]
    side_db: list[float | None]


class Analysis(TypedDict):
    """Measurements of a file; those of `tonmeister measure --json` are there, too."""

    integrated_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    plr_db: float | None
    short_term: ShortTerm
    spectrum: Spectrum
    correlation: float
    width_db: list[float | None]


class GainReduction(TypedDict):
    """Deepest gain of every step, in dB, 0 or below."""

    step_s: float
    limiter_db: list[float]
    compressor_db: list[float]
    compressor_bands_db: dict[str, list[float]]


class Failure(TypedDict):
    """Why a job failed, or why its last attempt did."""

    code: str
    message: str
    hint: str


class Part(TypedDict):
    """What has become of one song of a batch; `id` is of its own job."""

    id: str
    song: str | None
    label: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    error: Failure | None


class Check(TypedDict):
    """One promise, and whether it was kept."""

    name: str
    measured: float | None
    limit: float | None
    unit: str
    passed: bool


class Notice(TypedDict):
    """Something unusual that did not stop the work."""

    code: str
    message: str


class Measured(TypedDict):
    """A song or a master in numbers."""

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


class SongSummary(TypedDict):
    """One song of several; `song` is its id."""

    song: str | None
    before: Measured | None
    after: Measured


class _Summary(TypedDict):
    before: Measured | None
    after: Measured


class Summary(_Summary, total=False):
    """Before and after; of an album the first song's, and `songs` has each."""

    songs: list[SongSummary]


class Validated(TypedDict):
    """A recipe as the service writes it, and what it does in sentences."""

    recipe: dict[str, Any]
    sentences: list[str]


class Change(TypedDict):
    """One value that differs between two recipes."""

    path: str
    before: Any
    after: Any
    unit: str


class PluginItem(TypedDict):
    """A plug-in of the service's machine."""

    name: str
    vendor: str
    version: str
    format: str
    category: str
    instrument: bool
    sha256: str
    allowed: bool


class PluginParameter(TypedDict):
    """What can be set of a plug-in: from low to high in its unit, or one of its choices."""

    key: str
    name: str
    unit: str
    low: float | None
    high: float | None
    choices: list[str]
    boolean: bool
    steps: int
    default: str
    value: float | bool | str | None


class Plugin(PluginItem):
    """A plug-in with its parameters."""

    latency_frames: int
    parameters: list[PluginParameter]
