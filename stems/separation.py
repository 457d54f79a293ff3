"""`Separation`: the stems of a recording as a cache entry holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mastering.audio import AudioSource
from mastering.notice import Notice
from mastering.ports import SeparatedStems, SeparatorInfo
from stems.cache import Lease
from stems.identity import Identity
from stems.raw import Part, Sum
from stems.settings import ALGORITHM, Settings, check_source
from stems.survey import Survey
from stems.work import RESIDUAL, Plan, file_of

__all__ = ["Separation", "manifest_of", "separation_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation(SeparatedStems):
    """SeparatedStems, and how they came about.

    Args:
        own: the stems as the model gave them, without the residual.
        residual: what the model left out; with `own` it adds up to the recording.
        rest: the stem whose part has the residual in it.
        cached: nothing had to be separated.
        content_sha256: digest of rate, channels and samples of the recording.
    """

    own: Mapping[str, AudioSource]
    residual: AudioSource
    rest: str
    cached: bool
    content_sha256: str


def manifest_of(info: SeparatorInfo, about: Survey, plan: Plan, found: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says about itself: plain values; `found` is what `work.fill` gave."""
    return {
        "schema": 1,
        "algorithm": ALGORITHM,
        "model": info.model,
        "label": info.label,
        "sources": list(info.sources),
        "kept": [info.sources[place] for place in plan.sources],
        "model_rate": info.sample_rate,
        "sha256": list(info.sha256),
        "settings": dict(info.settings),
        "content_sha256": about.sha256,
        "sample_rate": about.sample_rate,
        "channels": about.channels,
        "frames": about.frames,
        **found,
    }


def separation_of(
    lease: Lease,
    known: Identity,
    settings: Settings,
    *,
    cached: bool,
    notices: tuple[Notice, ...] = (),
) -> Separation:
    """The stems of a whole entry.

    Raises:
        ParameterError: the model does not have the one stem that is wanted.
    """
    manifest = lease.manifest
    names: list[str] = manifest["kept"]
    own: dict[str, AudioSource] = {
        name: _part(lease, file_of(name), manifest["model_rate"]) for name in names
    }
    residual = _part(lease, RESIDUAL, manifest["sample_rate"])
    parts, rest = _joined(own, residual, settings.only)
    reduced = len(names) < len(manifest["sources"])
    return Separation(
        info=SeparatorInfo(
            model=known.name,
            label=known.label,
            sources=tuple(manifest["sources"]),
            sample_rate=manifest["model_rate"],
            sha256=tuple(manifest["sha256"]),
            settings=manifest["settings"],
        ),
        parts=parts,
        residual_share=math.nan if reduced else manifest["residual_share"],
        own=own,
        residual=residual,
        rest=rest,
        cached=cached,
        content_sha256=manifest["content_sha256"],
        notices=known.notices + notices,
    )


def _part(lease: Lease, name: str, file_rate: int) -> Part:
    manifest = lease.manifest
    return Part(
        lease,
        name,
        file_rate=file_rate,
        sample_rate=manifest["sample_rate"],
        channels=manifest["channels"],
        frames=manifest["frames"],
    )


def _joined(
    own: Mapping[str, AudioSource], residual: AudioSource, only: str | None
) -> tuple[dict[str, AudioSource], str]:
    """The parts that add up to the recording, and the one that has the residual in it."""
    if only is not None:
        check_source(only, tuple(own))
        others = [stem for name, stem in own.items() if name != only]
        return {only: own[only], f"no_{only}": Sum(*others, residual)}, f"no_{only}"
    rest = "other" if "other" in own else list(own)[-1]
    return {name: Sum(stem, residual) if name == rest else stem for name, stem in own.items()}, rest
