"""Ports: the Protocols other rooms and third parties plug into, and how they are found.

Built-ins register through the same entry points as third parties (`tonmeister.matchers`).
One extension that fails to load never takes the others down: it is reported by name.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from mastering.audio import Audio, AudioSource
from mastering.chain import MasteringChain
from mastering.errors import ParameterError
from mastering.measure.features import Features
from mastering.notice import Notice
from mastering.styles import Limits, Style
from mastering.target import DeliverySpec
from mastering.units import Range, check_ranges

__all__ = [
    "ASPECTS",
    "Aspect",
    "MatchRequest",
    "MatchResult",
    "Matcher",
    "SeparatedStems",
    "Separator",
    "SeparatorInfo",
    "find_matcher",
]

Aspect: TypeAlias = Literal["tone", "dynamics", "width", "level"]
ASPECTS: tuple[Aspect, ...] = ("tone", "dynamics", "width", "level")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRequest:
    """What a matcher is asked for.

    Args:
        features: the input's measurements.
        references: measurements of one or several references; empty when only a style or target is wanted.
        style: target curves and limits; None matches the references alone.
        delivery: wanted loudness (None takes the reference's or style's) and ceiling.
        amount_percent: 0 changes nothing but level, 100 asks for the whole difference within the caps,
            None ("auto") keeps of each difference what is likely mastering.
        only: the aspects that may change.
        eq: a linear-phase curve or up to 8 parametric bands.
        limits: caps on every change.
        refine_steps: gradient steps on the chain's parameters through the exact twin; 0 takes the prediction.
        excerpt: a loud stretch of the input to refine on; needed where refine_steps is above 0.
    """

    features: Features
    references: tuple[Features, ...] = ()
    style: Style | None = None
    delivery: DeliverySpec = DeliverySpec()
    amount_percent: Annotated[float, Range(0.0, 100.0, "%")] | None = None
    only: tuple[Aspect, ...] = ASPECTS
    eq: Literal["linear", "parametric"] = "linear"
    limits: Limits = Limits()
    refine_steps: Annotated[int, Range(0, 500)] = 0
    excerpt: Audio | None = None

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchResult:
    """What a matcher answers.

    Attributes:
        chain: steps and limiter settings; the pipeline sets the limiter's input gain in closed loop.
        integrated_lufs: loudness to reach; None keeps the level of the rendered steps.
        plr_db: peak to loudness ratio to come close to by the limiter; None leaves it at the ceiling.
        max_limiter_reduction_db: cap on the limiter's gain reduction (99th percentile).
        wanted_mid_db, wanted_side_db: the whole third-octave difference (31) before shrinking and caps.
        kept_mid_db, kept_side_db: what of it the chain applies.
        expected_error_mid_db, expected_error_side_db: how far (mean absolute, 31) the matcher expects what it
            kept to lie from what mastering would have done; empty where it cannot say or nothing may change.
        amount_percent: as asked for; None is auto.
        notices: what was left alone, and why.
    """

    chain: MasteringChain
    integrated_lufs: float | None
    plr_db: float | None
    max_limiter_reduction_db: float = 24.0
    wanted_mid_db: tuple[float, ...] = ()
    wanted_side_db: tuple[float, ...] = ()
    kept_mid_db: tuple[float, ...] = ()
    kept_side_db: tuple[float, ...] = ()
    expected_error_mid_db: tuple[float, ...] = ()
    expected_error_side_db: tuple[float, ...] = ()
    amount_percent: float | None = None
    notices: tuple[Notice, ...] = ()


class Matcher(Protocol):
    """Turns measurements into a chain."""

    name: str

    def match(self, request: MatchRequest) -> MatchResult: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparatorInfo:
    """Which separator made the stems, for recipes and reports.

    Args:
        model: its name, such as "htdemucs" or "draft".
        label: "draft" where the stems are good for measuring and rough work only, "official", or "custom".
        sources: the stems' names in the model's order, such as ("drums", "bass", "other", "vocals").
        sample_rate: of the model, in Hz; what lies above half of it stays in the residual.
        sha256: digests of the weights, one for each model of a bag.
        settings: overlap, shifts and whatever else changes the samples, ready for JSON.
    """

    model: str
    label: Literal["draft", "official", "custom"]
    sources: tuple[str, ...]
    sample_rate: int
    sha256: tuple[str, ...]
    settings: Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparatedStems:
    """Stems of one recording, each of its length, width and rate; their sum is the recording.

    Args:
        info: the separator.
        parts: name -> stem, readable any number of times, block by block; valid while the cache entry is.
        residual_share: energy of what the model left out (now in "other") over the recording's energy, 0..1.
        notices: what a person should hear about the separation.
    """

    info: SeparatorInfo
    parts: Mapping[str, AudioSource]
    residual_share: float
    notices: tuple[Notice, ...] = ()


class Separator(Protocol):
    """Takes a recording apart."""

    @property
    def info(self) -> SeparatorInfo: ...

    def separate(
        self, source: AudioSource, *, on_progress: Callable[[float], None] | None = None
    ) -> SeparatedStems:
        """Stems of a source; from the cache where the same audio was separated the same way before.

        Args:
            source: 1 to 8 channels, any rate, any length.
            on_progress: called with the share done, 0..1, after each segment.

        Raises:
            ModelError: weights that are missing, changed or not a model.
        """
        ...


def _load(group: str, kind: str, name: str) -> Any:
    entries = {entry.name: entry for entry in importlib.metadata.entry_points(group=group)}
    if name not in entries:
        raise ParameterError(
            f"no {kind} named '{name}': allowed {', '.join(sorted(entries)) or 'none (reinstall)'}",
            hint="Choose one of those.",
        )
    try:
        factory: Any = entries[name].load()
        return factory()
    except Exception as error:
        raise ParameterError(
            f"{kind} '{name}' does not load: {error}", hint="Update or remove the package that provides it."
        ) from error


def find_matcher(name: str) -> Matcher:
    """The matcher registered as `name` in the entry-point group `tonmeister.matchers`.

    Raises:
        ParameterError: no such matcher, or it does not load.
    """
    matcher: Matcher = _load("tonmeister.matchers", "matcher", name)
    return matcher
