"""Systems without a matcher of the product: nothing, loudness alone, Matchering, Gaussian-process shrinkage.

Where they need a level, the product's limiter brings it, under Matchering's ceiling, so that
peak to loudness ratios compare.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from cases import Case
from chains import audio
from match_metrics import CEILING_DBTP
from metrics import CENTRES_HZ, integrated_lufs, third_octaves_db

from mastering.audio import BLOCK_FRAMES
from mastering.chain import Limiter, LinearPhaseEq, MasteringChain, Step
from mastering.host.render import Rendered
from mastering.pipeline import Held, Levels, Limited, level_loop
from mastering.ports import MatchResult
from mastering.target import DeliverySpec

RATE = 44_100
DELIVERY = DeliverySpec(ceiling_dbtp=CEILING_DBTP, bit_depth=32)


def identity(case: Case) -> np.ndarray:
    """The input."""
    return case.source


def loudness_only(case: Case) -> np.ndarray:
    """The reference's loudness through the product's limiter, nothing else."""
    return delivered(case, (), integrated_lufs(case.reference, RATE))


def delivered(
    case: Case,
    steps: tuple[Step, ...],
    lufs: float,
    plr_db: float | None = None,
    limiter: Limiter | None = None,
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
            return frames_first(np.concatenate(blocks, axis=1))


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


def frames_first(samples: np.ndarray) -> np.ndarray:
    """Samples [frames, channels] of samples [channels, frames]."""
    return np.ascontiguousarray(samples.T)
