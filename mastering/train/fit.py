"""The training loop: cases drawn anew, replayed a few times; checkpoints that a run resumes from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mastering.match.evidence import Evidence
from mastering.match.tone import JUDGED
from mastering.train.model import Answer, MatchNet
from mastering.train.pairs import Case, draw_case
from mastering.train.takes import Take

__all__ = ["Plan", "batch_of", "evaluate", "loss_of", "train"]

_EVIDENCE = tuple(field.name for field in fields(Evidence))
_CLIP_DB = 15.0
"""Truths beyond this cannot be restored (a low-pass) and must not rule the loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train.

    Args:
        seed: of the draws and of the first weights.
        steps: optimiser steps in all.
        batch: cases a step.
        rate: highest learning rate (AdamW, one cycle of cosine).
        pool: cases kept for replay.
        fresh: new cases drawn a step; each is seen batch / fresh times on average.
        width, blocks: of the network.
        workers: processes that draw cases.
    """

    seed: int = 1
    steps: int = 12_000
    batch: int = 128
    rate: float = 1.5e-3
    pool: int = 24_000
    fresh: int = 32
    width: int = 96
    blocks: int = 3
    workers: int = 1


def batch_of(cases: Sequence[Case]) -> dict[str, Tensor]:
    """Cases as tensors with a leading batch dimension."""
    batch = {
        name: torch.from_numpy(np.stack([getattr(case.evidence, name) for case in cases]))
        for name in _EVIDENCE
    }
    batch["truth"] = torch.from_numpy(np.stack([case.truth for case in cases])).clamp(-_CLIP_DB, _CLIP_DB)
    batch["crest"] = torch.from_numpy(np.stack([case.crest for case in cases])).clamp(-8.0, 8.0)
    batch["plr"] = torch.tensor([case.plr for case in cases], dtype=torch.float32).clamp(-8.0, 8.0)
    return batch


def distances(answer: Answer, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Per case, in dB: mean |error| of mid (its mean removed) and of side to mid; the same if nothing is done."""
    trusted = batch["trusted"][..., JUDGED]
    truth = batch["truth"][..., JUDGED]
    kept = torch.stack([answer["mid"], answer["side"]], dim=1)[..., JUDGED]
    mid = _levelled(kept[:, 0] - truth[:, 0], trusted[:, 0])
    nothing = _levelled(truth[:, 0], trusted[:, 0])
    return (
        _mean(mid.abs(), trusted[:, 0]),
        _mean((kept[:, 1] - truth[:, 1]).abs(), trusted[:, 1]),
        _mean(nothing.abs(), trusted[:, 0]),
        _mean(truth[:, 1].abs(), trusted[:, 1]),
    )


def _levelled(curve: Tensor, weights: Tensor) -> Tensor:
    return curve - _mean(curve, weights)[:, None]


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1.0)


def loss_of(answer: Answer, batch: dict[str, Tensor]) -> Tensor:
    """Mean absolute error, harm counted twice, plus the likelihood of the expected errors (Laplace)."""
    mid, side, mid_before, side_before = distances(answer, batch)
    harm = torch.relu(mid - mid_before) + 0.5 * torch.relu(side - side_before)
    crest = (answer["crest"] - batch["crest"]).abs().mean(dim=-1)
    plr = (answer["plr"] - batch["plr"]).abs()
    surprise = _surprise(answer, batch)
    return (mid + 0.5 * side + 0.5 * harm + 0.1 * crest + 0.1 * plr + 0.1 * surprise).mean()


def _surprise(answer: Answer, batch: dict[str, Tensor]) -> Tensor:
    """Negative log-likelihood of the errors; the errors themselves are not moved by it."""
    kept = torch.stack([answer["mid"], answer["side"]], dim=1).detach()
    error = kept - batch["truth"]
    level = _mean(error[:, 0, JUDGED], batch["trusted"][:, 0, JUDGED])
    error = torch.stack([error[:, 0] - level[:, None], error[:, 1]], dim=1).abs()
    scale = torch.stack([answer["error_mid"], answer["error_side"]], dim=1)
    return _mean((error / scale + scale.log()).flatten(1), batch["trusted"].flatten(1))


class _Pool:
    """Cases drawn by worker processes, kept as tensors and replaced in turn."""

    def __init__(self, takes: Sequence[Take], plan: Plan, seed: int) -> None:
        self._loader = iter(
            torch.utils.data.DataLoader(
                _Stream(takes, seed),
                batch_size=plan.fresh,
                collate_fn=batch_of,
                num_workers=plan.workers,
                prefetch_factor=8 if plan.workers else None,
            )
        )
        self._size = plan.pool
        self._rng = np.random.default_rng(seed)
        self._cases: dict[str, Tensor] = {}
        self._filled = self._next = 0

    def refill(self) -> None:
        """Put the next drawn cases in place of the oldest ones."""
        fresh = next(self._loader)
        count = len(fresh["plr"])
        if not self._cases:
            self._cases = {k: torch.zeros((self._size, *v.shape[1:])) for k, v in fresh.items()}
        at = (self._next + np.arange(count)) % self._size
        for name, values in fresh.items():
            self._cases[name][at] = values
        self._next = int((self._next + count) % self._size)
        self._filled = min(self._size, self._filled + count)

    def draw(self, count: int) -> dict[str, Tensor]:
        at = torch.from_numpy(self._rng.integers(0, self._filled, count))
        return {name: values[at] for name, values in self._cases.items()}


class _Stream(torch.utils.data.IterableDataset[Case]):
    def __init__(self, takes: Sequence[Take], seed: int) -> None:
        self._takes, self._seed = takes, seed

    def __iter__(self) -> Any:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self._seed, info.id if info else 0])
        families = sorted({take.family for take in self._takes})
        groups = [[take for take in self._takes if take.family == family] for family in families]
        while True:
            # Families count alike: hundreds of MIDI songs must not drown three recorded ones.
            yield draw_case(groups[int(rng.integers(len(groups)))], rng)


def evaluate(net: MatchNet, batch: dict[str, Tensor]) -> dict[str, float]:
    """Medians over a fixed batch of development cases."""
    net.eval()
    with torch.no_grad():
        answer = net(batch)
    net.train()
    mid, side, mid_before, side_before = distances(answer, batch)
    touched = mid_before > 0.3
    expected = _mean(answer["error_mid"][:, JUDGED], batch["trusted"][:, 0, JUDGED])
    return {
        "mid": float(mid[touched].median()),
        "mid_before": float(mid_before[touched].median()),
        "left": float(mid[~touched].median()) if (~touched).any() else 0.0,
        "side": float(side.median()),
        "side_before": float(side_before[side_before > 0.2].median()),
        "harmed_percent": 100.0 * float((mid > mid_before)[touched].float().mean()),
        "expected": float(expected.median()),
        "plr": float((answer["plr"] - batch["plr"]).abs().median()),
        "plr_before": float(batch["plr"].abs().median()),
    }


def train(
    takes: Sequence[Take],
    plan: Plan,
    checkpoint: Path,
    *,
    start: dict[str, Tensor] | None = None,
    watch: Callable[[int, float, MatchNet], None] = lambda step, loss, net: None,
    seconds: float = float("inf"),
    save_every: int = 500,
) -> MatchNet:
    """Train, or go on from `checkpoint`.

    Args:
        takes: the training songs.
        plan: see `Plan`.
        checkpoint: written every `save_every` steps and at the end, whole or not at all.
        start: weights to fine-tune.
        watch: called with every step's number, its loss and the network.
        seconds: stop (and save) after this long.
    """
    torch.manual_seed(plan.seed)
    net = MatchNet(plan.width, plan.blocks)
    if start is not None:
        net.load_state_dict(start)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=plan.steps + 1, pct_start=0.1)
    average = {name: value.clone() for name, value in net.state_dict().items()}
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        average, first = saved["average"], saved["step"]
    pool = _Pool(takes, plan, plan.seed + 7919 * first)
    for _ in range(max(1, 12 * plan.batch // plan.fresh)):
        pool.refill()
    begun = time.monotonic()
    for step in range(first, plan.steps):
        pool.refill()
        batch = pool.draw(plan.batch)
        loss = loss_of(net(batch), batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        keep = min(0.999, 1.0 - 1.0 / (step + 2))
        for name, value in net.state_dict().items():
            average[name].lerp_(value, 1.0 - keep)
        watch(step, loss.item(), net)
        done = step + 1 == plan.steps or time.monotonic() - begun > seconds
        if done or (step + 1) % save_every == 0:
            _save(checkpoint, net, optimiser, schedule, average, step + 1, plan)
        if done:
            break
    net.load_state_dict(average)
    return net


def _save(
    path: Path,
    net: MatchNet,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    average: dict[str, Tensor],
    step: int,
    plan: Plan,
) -> None:
    unfinished = path.with_suffix(".part")
    torch.save(
        {
            "net": net.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "average": average,
            "step": step,
            "plan": asdict(plan),
        },
        unfinished,
    )
    unfinished.replace(path)
