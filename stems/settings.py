"""How to separate, and the name of the cache entry that follows from it."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from mastering.errors import ParameterError
from mastering.units import Range, check_ranges
from stems.engine import ENGINES
from stems.identity import Identity

__all__ = ["ALGORITHM", "Settings", "check_source", "entry_key", "is_reducible"]

ALGORITHM = 1
"""Counts up when the same model and settings give other samples; what the cache holds is then forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What besides the model changes the samples.

    Args:
        overlap: share of a segment that the next one repeats.
        shifts: how often everything is done over, each time shifted by up to half a second, and averaged;
            0 is once, unshifted. The shifts are drawn from the recording's digest, always the same.
        engine: of `stems.engine`: "auto", "torch" or "fast".
        only: one source; the rest comes as one, named no_ONLY. Networks of a bag that do not
            count for it are not run. None keeps every source.
    """

    overlap: Annotated[float, Range(0.0, 0.95)] = 0.25
    shifts: Annotated[int, Range(0, 20)] = 0
    engine: str = "auto"
    only: str | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.engine not in ENGINES:
            raise ParameterError(f"Separator.engine={self.engine!r}: allowed {', '.join(ENGINES)}")

    def plain(self, segment_s: float | None = None) -> dict[str, float | int | str]:
        """For recipes and reports; `segment_s` where segments had to be shorter than the model's own."""
        given = {"only": self.only, "segment_s": segment_s}
        chosen: dict[str, float | int | str] = {
            "overlap": self.overlap,
            "shifts": self.shifts,
            "engine": self.engine,
        }
        return chosen | {name: value for name, value in given.items() if value is not None}


def is_reducible(known: Identity, settings: Settings) -> bool:
    """Whether some networks of the bag do not count for the one source that is wanted."""
    if settings.only is None or not known.weights or not known.sources:
        return False
    at = known.sources.index(settings.only)
    return any(weights[at] == 0.0 for weights in known.weights)


def entry_key(
    content_sha256: str,
    known: Identity,
    settings: Settings,
    *,
    segment_s: float | None = None,
    reduced: bool = False,
) -> str:
    """Name of the cache entry: a digest of everything that its samples depend on.

    Args:
        content_sha256: of the recording.
        known: the model.
        settings: how.
        segment_s: segments shorter than the model's own.
        reduced: only the networks that count for `settings.only` are run.
    """
    facts = {
        "algorithm": ALGORITHM,
        "content": content_sha256,
        "weights": [known.sha256, known.weights, known.segment_s],
        "settings": [settings.overlap, settings.shifts, settings.engine, segment_s],
        "only": settings.only if reduced else None,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def check_source(name: str, sources: Sequence[str]) -> None:
    """Refuse a stem that the model does not have.

    Raises:
        ParameterError: with what may have been meant.
    """
    if name in sources:
        return
    near = difflib.get_close_matches(name.lower(), sources, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    raise ParameterError(
        f"the model has no stem '{name}'{meant}",
        hint=f"Its stems: {', '.join(sources)}.",
        code="stem_unknown",
    )
