"""Fine-tuning: the best step by some cases of songs that were kept back, judged by other cases of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mastering.jobspec import Progress, ignore_progress
from mastering.match.evidence import joined
from mastering.train import fit
from mastering.train.house import House, against, whole
from mastering.train.model import MatchNet
from mastering.train.takes import Take

__all__ = ["USUAL", "Trial", "Tuning", "Weights", "tune"]

Weights = Mapping[str, npt.NDArray[np.float32]]

_JUDGING = 104_729
"""Apart from the seed: the cases that judge are none of those that choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How to fine-tune.

    Args:
        versions: degraded ones of each song.
        steps, batch, fresh, rate: as in `fit.Plan`.
        every: steps between two looks at the songs kept back.
        cases: of the songs kept back, to choose by and again to judge by.
    """

    versions: int = 5
    steps: int = 240
    batch: int = 64
    fresh: int = 16
    rate: float = 3e-4
    every: int = 20
    cases: int = 160


USUAL = Tuning()
"""What `tonmeister train` does; most of the gain comes within 50 steps, the best step before 250."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What became of it.

    Attributes:
        weights: the best ones if they won, else the ones that were started from.
        improved: whether they won.
        steps: optimiser steps taken.
        best_step: step of the best weights; 0 if none was better than the start.
        cases: that judged.
        before, after: `fit.evaluate` of start and best, with "loss".
    """

    weights: Weights
    improved: bool
    steps: int
    best_step: int
    cases: int
    before: dict[str, float]
    after: dict[str, float]


def tune(
    start: Weights,
    songs: Sequence[Take],
    held: Sequence[Take],
    tuning: Tuning,
    *,
    seed: int,
    seconds: float = float("inf"),
    progress: Progress = ignore_progress,
) -> Trial:
    """Fine-tune `start` on songs and judge it by the ones kept back, against an exemplar of the songs.

    Args:
        start: what `match.network` reads.
        songs: at least two.
        held: at least one that is none of them.
        tuning: how.
        seed: of everything random; without a time limit the same weights come out.
        seconds: stop after this long.
        progress: called with "train" and the share of steps.
    """
    exemplar = joined([whole(take) for take in songs])

    def cases(number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([seed, number])
        return fit.batch_of([against(held[i % len(held)], exemplar, rng) for i in range(tuning.cases)])

    state = {name: torch.from_numpy(np.array(array)) for name, array in start.items()}
    best = _Best(state, cases(0))

    def watch(step: int, _loss: float, net: MatchNet) -> None:
        best.steps = step + 1
        progress("train", (step + 1) / tuning.steps)
        if (step + 1) % tuning.every == 0:
            best.consider(net)

    with tempfile.TemporaryDirectory() as folder:
        average = fit.train(
            songs,
            _plan(tuning, seed, start),
            Path(folder) / "personal.ckpt",
            start=state,
            draw=House(songs),
            watch=watch,
            seconds=seconds,
        )
    best.consider(average)
    return _judged(start, state, best, cases(_JUDGING))


class _Best:
    """The weights with the lowest loss on a batch so far."""

    def __init__(self, state: dict[str, Tensor], batch: dict[str, Tensor]) -> None:
        self._batch = batch
        self.steps = 0
        self.step = 0
        self.state = state
        self._loss = _loss(_net(state), batch)

    def consider(self, net: MatchNet) -> None:
        """Keep a network's weights if they are better."""
        loss = _loss(net, self._batch)
        if loss < self._loss:
            self._loss, self.step = loss, self.steps
            self.state = {name: value.detach().clone() for name, value in net.state_dict().items()}


def _judged(start: Weights, state: dict[str, Tensor], best: _Best, batch: dict[str, Tensor]) -> Trial:
    before, after = (
        {"loss": _loss(_net(weights), batch)} | fit.evaluate(_net(weights), batch)
        for weights in (state, best.state)
    )
    improved = after["loss"] < before["loss"]
    return Trial(
        weights={name: value.numpy() for name, value in best.state.items()} if improved else start,
        improved=improved,
        steps=best.steps,
        best_step=best.step,
        cases=len(batch["plr"]),
        before=before,
        after=after,
    )


def _plan(tuning: Tuning, seed: int, start: Weights) -> fit.Plan:
    width, blocks = _size(start)
    return fit.Plan(
        seed=seed,
        steps=tuning.steps,
        batch=tuning.batch,
        rate=tuning.rate,
        pool=tuning.fresh * tuning.steps,
        fresh=tuning.fresh,
        width=width,
        blocks=blocks,
        workers=0,  # a worker would hear Ctrl-C too, and its cases come as fast as the steps
    )


def _size(weights: Mapping[str, npt.NDArray[np.float32] | Tensor]) -> tuple[int, int]:
    """Width and number of blocks of a network, from its weights."""
    blocks = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    return int(weights["place"].shape[1]), len(blocks)


def _net(state: dict[str, Tensor]) -> MatchNet:
    net = MatchNet(*_size(state))
    net.load_state_dict(state)
    return net


def _loss(net: MatchNet, batch: dict[str, Tensor]) -> float:
    with torch.no_grad():
        return float(fit.loss_of(net(batch), batch))
