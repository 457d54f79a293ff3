"""The systems of the matching benchmark: each takes a case and gives a master back.

The product runs in memory under Matchering's ceiling. A system that is not installed says so and is left out.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from baselines import DELIVERY, frames_first, identity, loudness_only, matchering, shrinkage
from cases import Case, code_digest
from chains import audio
from oracle import oracle

import mastering
from mastering.audio import Audio
from mastering.errors import ModelError, ParameterError
from mastering.library import reference_limits
from mastering.pipeline import master
from mastering.ports import MatchRequest, find_matcher

RATE = 44_100
EXCERPT_S = 10


@dataclass(frozen=True)
class System:
    """One row of the table.

    Args:
        name: key of its kept results.
        title: for people.
        run: samples [frames, 2] of its master.
        version: what it was; kept results of another version are not used.
        missing: why it cannot run here; "" if it can.
    """

    name: str
    title: str
    run: Callable[[Case], np.ndarray] = field(repr=False)
    version: Callable[[], str] = field(repr=False, default=lambda: "1")
    missing: Callable[[], str] = field(repr=False, default=lambda: "")


def product(
    case: Case, matcher: str, amount_percent: float | None = None, refine_steps: int = 0
) -> np.ndarray:
    """The product's pipeline with a registered matcher."""
    request = asked(case, amount_percent, refine_steps)
    return frames_first(master(audio(case.source), request, matcher=matcher).audio.samples)


def asked(case: Case, amount_percent: float | None = None, refine_steps: int = 0) -> MatchRequest:
    """What `tonmeister master` would ask of a matcher."""
    return MatchRequest(
        features=case.source_features,
        references=(case.reference_features,),
        delivery=DELIVERY,
        limits=reference_limits(),
        amount_percent=amount_percent,
        refine_steps=refine_steps,
        excerpt=_loudest(audio(case.source)) if refine_steps else None,
    )


def prediction_s(case: Case, matcher: str) -> tuple[float, float]:
    """Seconds a matcher takes for one case after measuring: the first time, and the median of ten more."""
    request = asked(case)
    taken = []
    for _ in range(11):
        start = time.perf_counter()
        find_matcher(matcher).match(request)
        taken.append(time.perf_counter() - start)
    return taken[0], float(np.median(taken[1:]))


def _loudest(source: Audio) -> Audio:
    """The loudest EXCERPT_S seconds."""
    power = np.square(source.samples).sum(axis=0, dtype=np.float64)
    seconds = power[: len(power) // RATE * RATE].reshape(-1, RATE).sum(axis=1)
    length = min(EXCERPT_S, len(seconds))
    start = int(np.convolve(seconds, np.ones(length), mode="valid").argmax()) * RATE
    return Audio(
        samples=np.ascontiguousarray(source.samples[:, start : start + length * RATE]),
        sample_rate=source.sample_rate,
    )


def learned_missing() -> str:
    """Why the learned matcher cannot run; "" if it can."""
    try:
        find_matcher("learned")
    except ParameterError:
        return "no such matcher is registered"
    from mastering.io.weights import load_weights
    from mastering.match.learned import MODEL, shipped_models

    try:
        load_weights(shipped_models(), MODEL)
    except ModelError:
        return "its weights are not in presets/models"
    return ""


def refined_missing() -> str:
    """Why refinement cannot run; "" if it can."""
    absent = learned_missing()
    if not absent and importlib.util.find_spec("mastering.match.refine") is None:
        absent = "mastering.match.refine is not there"
    return absent


@functools.cache
def product_version(*names: str) -> str:
    """Digest of the product's files under the named folders or files."""
    digest = hashlib.sha256()
    root = Path(mastering.__file__).parent
    for name in names:
        place = (root / name).resolve()
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.exists() and path.suffix in {".py", ".safetensors", ".toml"}:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


CLOSED_FORM = (
    "match/closed_form.py",
    "match/dynamics.py",
    "match/density.py",
    "match/level.py",
    "match/tone.py",
)
LEARNED = (*CLOSED_FORM, "match/learned.py", "match/network.py", "match/evidence.py", "../presets/models")
REFINED = (*LEARNED, "match/refine.py", "match/twin")


def delivered_version() -> str:
    """Of systems that use the level loop only."""
    return product_version("match/level.py", "dsp") + code_digest("baselines.py")


def oracle_version() -> str:
    """Of the oracle, whose compressors are the closed form's."""
    return product_version(*CLOSED_FORM, "dsp", "measure") + code_digest("baselines.py", "oracle.py")


def systems(refine_steps: int) -> list[System]:
    """All systems in the order of the table."""

    def closed_form_version() -> str:
        return product_version(*CLOSED_FORM, "dsp", "measure")

    def learned_version() -> str:
        return product_version(*LEARNED, "dsp", "measure")

    def refined_version() -> str:
        return f"{product_version(*REFINED, 'dsp', 'measure')}-{refine_steps}"

    return [
        System("identity", "identity", identity),
        System("loudness", "loudness only", loudness_only, delivered_version),
        System("matchering", "Matchering 2.0.6", matchering),
        System(
            "closed-50", "closed form, 50", lambda c: product(c, "closed-form", 50.0), closed_form_version
        ),
        System(
            "closed-100", "closed form, 100", lambda c: product(c, "closed-form", 100.0), closed_form_version
        ),
        System("shrinkage", "GP shrinkage", shrinkage, delivered_version),
        System("closed-auto", "closed form, auto", lambda c: product(c, "closed-form"), closed_form_version),
        System(
            "learned",
            "learned",
            lambda c: product(c, "learned"),
            learned_version,
            learned_missing,
        ),
        System(
            "learned-refined",
            f"learned, refined ({refine_steps} steps)",
            lambda c: product(c, "learned", refine_steps=refine_steps),
            refined_version,
            refined_missing,
        ),
        System("oracle", "oracle", oracle, oracle_version),
    ]
