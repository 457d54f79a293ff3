"""The systems of the matching benchmark: each takes a case and gives a master back.

The product runs in memory with Matchering's ceiling, so that peak to loudness ratios compare.
A system that is not installed says so and is left out.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cases import Case, code_digest
from chains import audio
from match_metrics import CEILING_DBTP
from metrics import CENTRES_HZ, integrated_lufs, third_octaves_db

import mastering
from mastering.audio import BLOCK_FRAMES, Audio
from mastering.chain import Limiter, LinearPhaseEq, MasteringChain, Step
from mastering.errors import TonmeisterError
from mastering.host.render import Rendered
from mastering.library import reference_limits
from mastering.pipeline import Held, Levels, Limited, level_loop, master
from mastering.ports import MatchRequest, MatchResult, find_matcher
from mastering.target import DeliverySpec

RATE = 44_100
EXCERPT_S = 10
DELIVERY = DeliverySpec(ceiling_dbtp=CEILING_DBTP, bit_depth=32)


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


def identity(case: Case) -> np.ndarray:
    """The input."""
    return case.source


def loudness_only(case: Case) -> np.ndarray:
    """The reference's loudness through the product's limiter, nothing else."""
    return delivered(case, (), integrated_lufs(case.reference, RATE))


def delivered(
    case: Case, steps: tuple[Step, ...], lufs: float, plr_db: float | None = None, limiter: Limiter | None = None
) -> np.ndarray:
    """Given steps, then the product's level loop to a loudness under the ceiling."""
    result = MatchResult(
        chain=MasteringChain(steps=steps, limiter=limiter or Limiter(ceiling_dbtp=CEILING_DBTP)),
        integrated_lufs=lufs,
        plr_db=plr_db,
    )
    source = Held(Rendered(audio(case.source), steps))
    loop = level_loop([source], result, DELIVERY)
    while True:
        plan = loop.plan()
        levels = Levels(RATE, 2)
        blocks = list(levels.watch(Limited(source, plan.limiter, BLOCK_FRAMES)))
        if loop.settled(plan, [levels]):
            return _frames_first(np.concatenate(blocks, axis=1))


def matchering(case: Case) -> np.ndarray:
    """Matchering as a user calls it: files in, default settings, float result."""
    import matchering as peer
    import soundfile

    with tempfile.TemporaryDirectory() as name:
        paths = [str(Path(name) / f"{part}.wav") for part in ("target", "reference", "result")]
        for path, samples in zip(paths, (case.source, case.reference), strict=False):
            soundfile.write(path, samples, RATE, "FLOAT")
        peer.process(target=paths[0], reference=paths[1], results=[peer.Result(paths[2], subtype="FLOAT")])
        made, _ = soundfile.read(paths[2], dtype="float32")
    return made


def shrinkage(case: Case) -> np.ndarray:
    """The four-constant Gaussian process on 28 third octaves of mid; loudness by the product's limiter."""
    band = np.arange(len(CENTRES_HZ))
    apart = (band[:, None] - band) ** 2
    mastering_part = 3.0**2 * np.exp(-0.5 * apart / 2.0**2)
    content_part = 2.0**2 * np.exp(-0.5 * apart / 1.2**2) + 0.5**2 * np.eye(len(band))
    own, goal = (third_octaves_db(part.mean(axis=1), RATE) for part in (case.source, case.reference))
    difference = goal - own
    difference -= difference.mean()
    kept = mastering_part @ np.linalg.solve(mastering_part + content_part, difference)
    return delivered(case, (_eq(CENTRES_HZ, kept, kept),), integrated_lufs(case.reference, RATE))


def _eq(points_hz: np.ndarray, mid_db: np.ndarray, side_db: np.ndarray) -> LinearPhaseEq:
    return LinearPhaseEq(
        frequencies_hz=tuple(points_hz.tolist()),
        mid_gain_db=tuple(np.clip(mid_db, -24.0, 24.0).tolist()),
        side_gain_db=tuple(np.clip(side_db, -24.0, 24.0).tolist()),
    )


def product(
    case: Case, matcher: str, amount_percent: float | None = None, refine_steps: int = 0
) -> np.ndarray:
    """The product's pipeline with a registered matcher."""
    source = audio(case.source)
    request = MatchRequest(
        features=case.source_features,
        references=(case.reference_features,),
        delivery=DELIVERY,
        limits=reference_limits(),
        amount_percent=amount_percent,
        refine_steps=refine_steps,
        excerpt=_loudest(source) if refine_steps else None,
    )
    return _frames_first(master(source, request, matcher=matcher).audio.samples)


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


def _frames_first(samples: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(samples.T)


def matcher_missing(name: str) -> str:
    """Why a registered matcher cannot run; "" if it can."""
    try:
        find_matcher(name)
    except TonmeisterError as error:
        return str(error)
    return ""


def refined_missing() -> str:
    """Why refinement cannot run."""
    absent = matcher_missing("learned")
    if not absent and importlib.util.find_spec("mastering.match.twin") is None:
        absent = "mastering.match.twin is not there"
    return absent


@functools.cache
def product_version(*names: str) -> str:
    """Digest of the product's files under the named folders or files."""
    digest = hashlib.sha256()
    root = Path(mastering.__file__).parent
    for name in names:
        place = (root / name).resolve()
        paths = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in paths:
            if path.suffix in {".py", ".safetensors", ".toml"}:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


CLOSED_FORM = ("match/closed_form.py", "match/dynamics.py", "match/density.py", "match/level.py", "match/tone.py")
LEARNED = (*CLOSED_FORM, "match/learned.py", "../presets/models")


def delivered_version() -> str:
    """Of systems that use the level loop only."""
    return product_version("match/level.py", "dsp") + code_digest("systems.py", "oracle.py")


def systems(refine_steps: int) -> list[System]:
    """All systems in the order of the table."""
    from oracle import oracle

    def closed_form_version() -> str:
        return product_version(*CLOSED_FORM, "dsp", "measure")

    def learned_version() -> str:
        return product_version(*(name for name in LEARNED), "dsp", "measure")

    def refined_version() -> str:
        return f"{product_version(*LEARNED, 'dsp', 'measure', 'match/twin')}-{refine_steps}"

    return [
        System("identity", "identity", identity),
        System("loudness", "loudness only", loudness_only, delivered_version),
        System("matchering", "Matchering 2.0.6", matchering),
        System("closed-50", "closed form, 50", lambda c: product(c, "closed-form", 50.0), closed_form_version),
        System("closed-100", "closed form, 100", lambda c: product(c, "closed-form", 100.0), closed_form_version),
        System("shrinkage", "GP shrinkage", shrinkage, delivered_version),
        System("closed-auto", "closed form, auto", lambda c: product(c, "closed-form"), closed_form_version),
        System(
            "learned",
            "learned",
            lambda c: product(c, "learned"),
            learned_version,
            lambda: matcher_missing("learned"),
        ),
        System(
            "learned-refined",
            f"learned, refined ({refine_steps} steps)",
            lambda c: product(c, "learned", refine_steps=refine_steps),
            refined_version,
            refined_missing,
        ),
        System("oracle", "oracle", oracle, delivered_version),
    ]
