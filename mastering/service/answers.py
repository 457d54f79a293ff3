"""Bodies of answers, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mastering.service.measured import CheckAnswer, NoticeAnswer, ShortTerm, Spectrum, Summary

__all__ = ["About", "Job", "JobPage", "ProblemAnswer", "Song", "SongPage"]


class Answer(BaseModel):
    """A body of an answer."""

    model_config = ConfigDict(frozen=True)


class ProblemAnswer(Answer):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["urn:tonmeister:problem:song_unknown"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no such song"])
    code: str = Field(examples=["song_unknown"])
    hint: str = ""
    field: str | None = None


class Format(Answer):
    """A container and the bit depths it takes."""

    container: str
    bit_depths: list[int]


class StemModel(Answer):
    """A separation model."""

    name: str
    label: str
    stems: list[str]
    present: bool


class About(Answer):
    """What the service is and allows."""

    version: str
    api: str = "1"
    role: Literal["admin", "submit", "shared"]
    max_upload_bytes: int
    max_duration_s: float
    max_songs: int
    formats: list[Format]
    plugins_allowed: bool
    stem_models: list[StemModel]
    preview_max_s: float
    job: str | None = Field(default=None, description="Of a shared link: what it shows.")


class Preset(Answer):
    """A style or a target."""

    name: str
    title: str
    sentence: str
    integrated_lufs: float | None
    ceiling_dbtp: float
    official: bool | None = None
    date: str | None = None
    container: str | None = None
    bit_depth: int | None = None
    sample_rate_hz: int | None = None


class Song(Answer):
    """An uploaded file."""

    id: str = Field(examples=["0f1e2d3c4b5a69788796a5b4"])
    name: str = Field(examples=["song.wav"])
    sha256: str
    size_bytes: int
    container: str = Field(examples=["wav"])
    duration_s: float
    sample_rate_hz: int
    channels: int
    integrated_lufs: float | None = Field(description="Once it was analysed.")
    true_peak_dbtp: float | None
    uploaded_at: str = Field(examples=["2026-01-02T03:04:05.678Z"])


class SongPage(Answer):
    """Some songs, the newest first."""

    items: list[Song]
    next_cursor: str | None


class Result(Answer):
    """A file that a job has written."""

    name: str = Field(examples=["master.flac"])
    url: str
    role: Literal["master", "report", "recipe", "stem", "mix"]
    stem: str | None = None
    song: str | None = None
    size_bytes: int
    sha256: str
    media_type: str
    duration_s: float | None = None
    sample_rate_hz: int | None = None


class JobError(Answer):
    """Why a job failed, or why its last attempt did."""

    code: str
    message: str
    hint: str


class Part(Answer):
    """What has become of one song of a batch."""

    id: str = Field(description="Of its own job.", examples=["5f0c1d2e3b4a59687786a5b4"])
    song: str | None
    label: str = Field(examples=["song.wav"])
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    error: JobError | None


class Job(Answer):
    """A piece of work."""

    id: str = Field(examples=["5f0c1d2e3b4a59687786a5b4"])
    kind: Literal["master", "album", "batch", "apply", "stems", "remix"]
    label: str = Field(examples=["song.wav"])
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str = ""
    share: float = Field(description="0..1 of the stage.")
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: int
    error: JobError | None
    song: str | None = Field(default=None, description="The one song; null for several.")
    songs: list[str]
    references: list[str] = Field(default_factory=list)
    request: dict[str, Any] = Field(default_factory=dict, description="What was asked for.")
    jobs: list[str] = Field(default_factory=list, description="Of a batch.")
    parts: list[Part] = Field(default_factory=list, description="Of a batch, song by song.")
    results: list[Result] = Field(default_factory=list)
    checks: list[CheckAnswer] = Field(default_factory=list)
    summary: Summary | None = None
    notices: list[NoticeAnswer] = Field(default_factory=list)
    links: dict[str, str] = Field(default_factory=dict)


class JobPage(Answer):
    """Some jobs, the newest first."""

    items: list[Job]
    next_cursor: str | None


class Peaks(Answer):
    """Lowest and highest sample of equal stretches, for each channel: min, max, min, max, ..."""

    sample_rate_hz: int
    duration_s: float
    channels: list[list[float]]


class RecipeAnswer(Answer):
    """A recipe as this version writes it, and what it does in sentences."""

    recipe: dict[str, Any]
    sentences: list[str]


class Change(Answer):
    """One value that differs."""

    path: str = Field(examples=["chain.limiter.ceiling_dbtp"])
    before: Any
    after: Any
    unit: str


class DiffAnswer(Answer):
    """What differs between two recipes."""

    changes: list[Change]


class ShareAnswer(Answer):
    """A link, which is shown once."""

    url: str = Field(examples=["/s/Zk3..."])
    token: str
    expires_at: str


class PluginItem(Answer):
    """A plug-in of the catalogue."""

    name: str
    vendor: str
    version: str
    format: str
    category: str
    instrument: bool = False
    sha256: str
    allowed: bool


class PluginPage(Answer):
    """All plug-ins that were found."""

    items: list[PluginItem]
    allowed: bool = Field(description="Whether any may be used.")


class PluginParameter(Answer):
    """What can be set of a plug-in: from low to high in its unit, or one of its choices."""

    key: str = Field(examples=["threshold"])
    name: str
    unit: str
    low: float | None
    high: float | None
    choices: list[str]
    boolean: bool
    steps: int = Field(description="How many values it has; 0 is any between low and high.", examples=[0])
    default: str
    value: float | bool | str | None = Field(description="As a request would set it.", examples=[-3.0])


class Plugin(PluginItem):
    """A plug-in with its parameters."""

    latency_frames: int
    parameters: list[PluginParameter]


class RecipeOnly(Answer):
    """A recipe."""

    recipe: dict[str, Any]


class Analysis(BaseModel):
    """Measurements of a file, as `tonmeister measure --json`, and curves for plots."""

    model_config = ConfigDict(extra="allow", frozen=True)

    integrated_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    plr_db: float | None
    short_term: ShortTerm
    spectrum: Spectrum
    correlation: float
    width_db: list[float | None]


class GainReduction(Answer):
    """Deepest gain of every step, in dB, 0 or below."""

    step_s: float
    limiter_db: list[float]
    compressor_db: list[float]
    compressor_bands_db: dict[str, list[float]]


class Health(Answer):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Answer):
    """Whether everything does its part: "ok", or what is wrong."""

    status: Literal["ok", "not ready"]
    parts: dict[str, str]
