"""An excerpt on trial: rendered through a chain, judged by tone and by what each compressor takes off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mastering.audio import Audio
from mastering.chain import Saturation, Step
from mastering.match.tone import Curve
from mastering.match.twin.descent import Judged, descend
from mastering.match.twin.goals import crest_goals_db, tone_goal
from mastering.match.twin.objective import GRAIN_DB, Tone, smooth, with_whole
from mastering.match.twin.parameters import Freedom, TwinChain
from mastering.match.twin.render import Stage, rendered_stages, twin_steps
from mastering.match.twin.steps import TwinStep
from mastering.styles import Limits

__all__ = ["Score", "Trial"]

PRIOR = 0.05
"""Weight of the distance from the prediction: one unit costs a twentieth of an error of 0.5 dB."""

MARGIN_DB = 0.1
"""This close to a cap it begins to cost, so that the descent comes to rest below it."""

_SLACK_DB = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How an excerpt came out.

    Attributes:
        objective: cost of tone and density, without the prior.
        tone_error_db: mean absolute error of the mid's third octaves.
        crest_error_db: mean absolute error of crest reductions.
        allowed: whether the caps are kept as well as by the prediction.
    """

    objective: float
    tone_error_db: float
    crest_error_db: float
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One excerpt and its goals.

    Attributes:
        samples: [1, channels, frames].
        sample_rate: in Hz.
        tone: wanted behind all steps but saturation.
        reductions_db: per compressor in signal order, [5]: crest it is to take off in four bands and
            in all together; NaN where it has nothing to say.
        most_reduction_db: per compressor [bands]: cap on the mean gain reduction of the louder half.
        most_density_db: cap on the loss of peak to RMS ratio.
    """

    samples: Tensor
    sample_rate: int
    tone: Tone
    reductions_db: tuple[Tensor, ...]
    most_reduction_db: tuple[Tensor, ...]
    most_density_db: float

    @staticmethod
    def of(
        excerpt: Audio,
        steps: Sequence[Step],
        freedom: Freedom,
        kept: tuple[Curve, Curve] | None,
        limits: Limits,
    ) -> Trial | None:
        """Goals of a prediction for an excerpt; None where nothing is heard.

        Args:
            excerpt: one or two channels.
            steps: of the prediction.
            freedom: what may move; compressors that may not are not judged.
            kept: gains of mid and side (31) that the tone is to have; None takes what the curves do.
            limits: of the request.
        """
        samples = torch.from_numpy(np.array(excerpt.samples)).unsqueeze(0)
        with torch.no_grad():
            tone = tone_goal(samples, excerpt.sample_rate, steps, kept)
            if not tone.weights.any():
                return None
            stages = rendered_stages(samples, twin_steps(_heard(steps)), excerpt.sample_rate)
            at_work = [stage for stage in stages if stage.gain_db is not None]
            moving = [steps[i] for i, name in freedom if name == "ratio"]
            return Trial(
                samples=samples,
                sample_rate=excerpt.sample_rate,
                tone=tone,
                reductions_db=tuple(
                    crest_goals_db(stage, excerpt.sample_rate, judged=stage.steps[0].step in moving)
                    for stage in at_work
                ),
                most_reduction_db=tuple(
                    _loud_reduction_db(stage).clamp(min=limits.max_compression_db) for stage in at_work
                ),
                most_density_db=max(limits.max_plr_reduction_db, _density_db(samples, stages)),
            )

    def descended(self, freedom: Freedom, count: int, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The best of `count` gradient steps from `steps`, prior included."""
        heard = _heard(steps)
        inside = {key: free for key, free in freedom.items() if key[0] < len(heard)}
        chain = TwinChain(heard, inside, tie_side=True)
        return (*descend(chain, self._judge, count, prior=PRIOR), *steps[len(heard) :])

    def score(self, steps: Sequence[Step]) -> Score:
        """How the excerpt comes out of steps without free numbers."""
        with torch.no_grad():
            cost, tone_db, crest_db, allowed = self._costs(twin_steps(_heard(steps)))
        weights = self.tone.weights[0]
        crests = torch.cat([*crest_db, torch.zeros(0, dtype=torch.float64)])
        return Score(
            objective=float(cost),
            tone_error_db=float((tone_db[0].abs() * weights).sum() / weights.sum().clamp(min=1.0)),
            crest_error_db=float(crests.abs().mean()) if len(crests) else 0.0,
            allowed=allowed,
        )

    def _judge(self, steps: tuple[TwinStep, ...]) -> Judged:
        cost, _, _, allowed = self._costs(steps)
        return Judged(objective=cost, allowed=allowed)

    def _costs(self, steps: Sequence[TwinStep]) -> tuple[Tensor, Tensor, list[Tensor], bool]:
        """Cost, tone errors, crest errors per compressor, and whether all caps are kept."""
        stages = rendered_stages(self.samples, steps, self.sample_rate)
        last = stages[-1].after if stages else self.samples
        tone_db = self.tone.errors_db(last, self.sample_rate)
        cost = self.tone.cost(tone_db)
        allowed = _density_db(self.samples, stages) <= self.most_density_db + _SLACK_DB
        crest_db: list[Tensor] = []
        at_work = [stage for stage in stages if stage.gain_db is not None]
        for stage, wanted, most in zip(at_work, self.reductions_db, self.most_reduction_db, strict=True):
            over = _loud_reduction_db(stage) - most
            allowed = allowed and bool((over <= _SLACK_DB).all())
            cost = cost + torch.relu((over + MARGIN_DB) / GRAIN_DB).square().sum()
            judged = ~torch.isnan(wanted)
            if judged.any():
                crest_db.append((_crest_reduction_db(stage, self.sample_rate) - wanted)[judged])
                cost = cost + smooth(crest_db[-1] / GRAIN_DB).mean()
        return cost, tone_db, crest_db, allowed


def _heard(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps without saturation at the end: its colour is wanted."""
    last = max((i for i, step in enumerate(steps) if not isinstance(step, Saturation)), default=-1)
    return tuple(steps[: last + 1])


def _crest_reduction_db(stage: Stage, sample_rate: int) -> Tensor:
    """Crest [5] that a compressor takes off."""
    with torch.no_grad():
        before = with_whole(stage.before, sample_rate).crest_db[0]
    return (before - with_whole(stage.after, sample_rate).crest_db[0]).double()


def _loud_reduction_db(stage: Stage) -> Tensor:
    """Mean gain reduction [bands] over the half of the time where it is deepest."""
    assert stage.gain_db is not None
    gains = stage.gain_db[0].sort(dim=-1).values
    return -gains[:, : (gains.shape[-1] + 1) // 2].mean(dim=-1)


def _density_db(samples: Tensor, stages: Sequence[Stage]) -> float:
    """Peak to RMS ratio that the steps gave up."""
    if not stages:
        return 0.0
    return _peak_to_rms_db(samples) - _peak_to_rms_db(stages[-1].after.detach())


def _peak_to_rms_db(samples: Tensor) -> float:
    power = samples.double().square()
    return float(10.0 * torch.log10((power.max() + 1e-20) / (power.mean() + 1e-20)))
