"""Bodies of requests: checked before anything is done, and unknown keys refused."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mastering.chain import EqBand
from mastering.jobspec import MasterJob
from mastering.ports import Aspect
from mastering.target import Container, DeliverySpec
from mastering.units import Range, ranges

__all__ = [
    "AdjustBody",
    "Adjustment",
    "AlbumBody",
    "ApplyBody",
    "BatchBody",
    "Body",
    "DeskInsert",
    "DiffBody",
    "InsertBody",
    "JobBody",
    "MasterBody",
    "MasterOptions",
    "PreviewBody",
    "RecipeBody",
    "RemixBody",
    "SessionBody",
    "ShareBody",
    "StemsBody",
    "StemsOption",
    "ToneBand",
]

_DELIVERY, _JOB, _BAND = ranges(DeliverySpec), ranges(MasterJob), ranges(EqBand)

SongId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$", examples=["0f1e2d3c4b5a69788796a5b4"])]
JobId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$", examples=["5f0c1d2e3b4a59687786a5b4"])]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=120)]


def _storable(document: dict[str, Any]) -> dict[str, Any]:
    """Refuse texts that are none, such as half of a surrogate pair, and what no parser would read again."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        fault = "has text that is no Unicode" if isinstance(error, UnicodeError) else "is nested too deeply"
        raise ValueError(f"the document {fault}") from None
    return document


Document: TypeAlias = Annotated[dict[str, Any], AfterValidator(_storable)]
Webhook: TypeAlias = Annotated[
    str,
    Field(
        max_length=2_000,
        description="URL that is told when the job has ended: https, and of a public address.",
        examples=["https://studio.example.org/hooks/tonmeister"],
    ),
]
Songs: TypeAlias = Annotated[list[SongId], Field(min_length=1, max_length=100)]


def _in(limits: Range, **more: Any) -> Any:
    return Field(default=None, ge=limits.low, le=limits.high, allow_inf_nan=False, **more)


class Body(BaseModel):
    """A body; unknown keys are refused, and numbers are not read out of texts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StemsOption(Body):
    """How to separate."""

    model: Name | None = Field(default=None, description="A name of `stem_models`.", examples=["htdemucs"])


class InsertBody(Body):
    """A plug-in in the chain. It must be allowed."""

    plugin: Name = Field(examples=["ZaMaximX2"])
    parameters: dict[str, float | bool | str] = Field(
        default_factory=dict, max_length=500, examples=[{"threshold": -6.0}]
    )
    mix_percent: float | None = Field(default=None, ge=0.0, le=100.0, allow_inf_nan=False)
    part: Literal["whole", "mid", "side"] | None = None
    at: Annotated[str, Field(max_length=40, examples=["post"])] = "post"


class DeskInsert(InsertBody):
    """A plug-in as the desk has it."""

    own: int | None = Field(
        default=None,
        ge=0,
        le=63,
        description="This is the recipe's own plug-in of this number, from 0: settings that are not given "
        "stay; its place is `at`.",
    )
    bypass: bool | None = Field(default=None, description="Whether it stays in the chain and does nothing.")


class DeliveryOptions(Body):
    """What is written; what is not given is the style's, the target's, or built in."""

    integrated_lufs: float | None = _in(_DELIVERY["integrated_lufs"], examples=[-14.0])
    ceiling_dbtp: float | None = _in(_DELIVERY["ceiling_dbtp"], examples=[-1.0])
    sample_rate_hz: int | None = _in(_DELIVERY["sample_rate"], examples=[44_100])
    bit_depth: Literal[16, 24, 32] | None = Field(default=None, examples=[24])
    container: Container | None = Field(default=None, examples=["flac"])


class MasterOptions(DeliveryOptions):
    """How to master, as the command line's options."""

    amount_percent: float | None = _in(_JOB["amount_percent"], description="Null is auto.", examples=[70.0])
    only: list[Aspect] = Field(default_factory=list, max_length=4, description="Nothing else changes.")
    eq: Literal["linear", "parametric"] | None = None
    refine_steps: int | None = _in(_JOB["refine_steps"])
    downmix: bool = False
    stems: StemsOption | None = Field(default=None, description="Match stem by stem; needs a reference.")
    inserts: list[InsertBody] = Field(default_factory=list, max_length=16)


class _Mastering(Body):
    references: list[SongId] = Field(default_factory=list, max_length=16)
    style: Name | None = Field(default=None, examples=["balanced"])
    target: Name | None = Field(default=None, examples=["spotify"])
    options: MasterOptions = MasterOptions()
    webhook: Webhook | None = None


class MasterBody(_Mastering):
    """Master one song."""

    kind: Literal["master"]
    song: SongId


class AlbumBody(_Mastering):
    """Master songs with one decision for all."""

    kind: Literal["album"]
    songs: Songs


class BatchBody(_Mastering):
    """Master songs each by itself."""

    kind: Literal["batch"]
    songs: Songs


class ApplyBody(Body):
    """Run a saved recipe on a song."""

    kind: Literal["apply"]
    song: SongId
    recipe: Document = Field(description="A recipe, or a chain.")
    delivery: DeliveryOptions = DeliveryOptions()
    webhook: Webhook | None = None


class StemsBody(Body):
    """Separate a song."""

    kind: Literal["stems"]
    song: SongId
    model: Name | None = None
    two_stems: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")] | None = Field(
        default=None, examples=["vocals"]
    )
    container: Container = "wav"
    bit_depth: Literal[16, 24, 32] = 24
    residual: bool = False
    webhook: Webhook | None = None


class StemLevel(Body):
    """What is done to a stem."""

    gain_db: float = Field(default=0.0, ge=-120.0, le=24.0, allow_inf_nan=False)
    mute: bool = False
    solo: bool = False
    pan: float = Field(default=0.0, ge=-100.0, le=100.0, allow_inf_nan=False, description="-100 is left.")


class RemixBody(Body):
    """Put a song's stems together again, at other levels."""

    kind: Literal["remix"]
    song: SongId
    model: Name | None = None
    stems: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")], StemLevel] = Field(
        max_length=16, examples=[{"vocals": {"gain_db": -3.0}}]
    )
    keep_loudness: bool = False
    container: Container = "wav"
    bit_depth: Literal[16, 24, 32] = 24
    webhook: Webhook | None = None


JobBody: TypeAlias = Annotated[
    MasterBody | AlbumBody | BatchBody | ApplyBody | StemsBody | RemixBody, Field(discriminator="kind")
]


class SessionBody(Body):
    """A key, for a session of a browser."""

    key: Annotated[str, Field(min_length=1, max_length=200)]


class ShareBody(Body):
    """A job whose results are shown to whoever has the link."""

    job: JobId


class RecipeBody(Body):
    """A recipe, or a chain."""

    recipe: Document


class DiffBody(Body):
    """Two recipes."""

    a: Document
    b: Document


class ToneBand(Body):
    """One parametric band on mid and side."""

    frequency_hz: float = Field(
        ge=_BAND["frequency_hz"].low, le=_BAND["frequency_hz"].high, allow_inf_nan=False
    )
    gain_db: float = Field(ge=_BAND["gain_db"].low, le=_BAND["gain_db"].high, allow_inf_nan=False)
    q: float = Field(default=0.707, ge=_BAND["q"].low, le=_BAND["q"].high, allow_inf_nan=False)
    shape: Literal["peak", "low_shelf", "high_shelf"] = "peak"


class Adjustment(Body):
    """What the desk changes of a recipe; what is not given stays.

    100 % is the recipe as it was made.
    """

    amount_percent: float | None = Field(default=None, ge=0.0, le=150.0, allow_inf_nan=False)
    tone: list[ToneBand] = Field(default_factory=list, max_length=8)
    compression_percent: float | None = Field(default=None, ge=0.0, le=200.0, allow_inf_nan=False)
    width_percent: float | None = Field(default=None, ge=0.0, le=200.0, allow_inf_nan=False)
    ceiling_dbtp: float | None = _in(_DELIVERY["ceiling_dbtp"])
    integrated_lufs: float | None = _in(_DELIVERY["integrated_lufs"])
    inserts: list[DeskInsert] | None = Field(
        default=None,
        max_length=16,
        description="All plug-ins of the chain in their order, in place of the recipe's; null leaves those.",
    )


class _Adjusted(Body):
    recipe: Document | None = None
    job: JobId | None = Field(default=None, description="In place of a recipe: that of a job.")
    song: SongId | None = Field(default=None, description="Without it the job's first song.")
    adjust: Adjustment = Adjustment()


class AdjustBody(_Adjusted):
    """A recipe, or a job's, and what to change."""


class PreviewBody(_Adjusted):
    """A stretch of a song as a recipe would render it."""

    start_s: float = Field(default=0.0, ge=0.0, le=86_400.0, allow_inf_nan=False)
    duration_s: float = Field(default=10.0, gt=0.0, le=30.0, allow_inf_nan=False)
