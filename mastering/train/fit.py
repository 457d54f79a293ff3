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

__all__ = [
    "Draw",
    "Plan",
    "baseline",
    "batch_of",
    "choose_device",
    "evaluate",
    "loss_of",
    "restore",
    "train",
]

Draw = Callable[[Sequence[Take], np.random.Generator], Case]
"""Cuts a case out of songs, as `pairs.draw_case` does."""

_EVIDENCE = tuple(field.name for field in fields(Evidence))
KNEE_DB = 2.0

FAMILY_SHARES = {"midi": 1.5, "multitrack": 0.4, "music": 2.5}
"""How often a family of takes is drawn, relative to 1: there are far more MIDI songs than others, and
remixes of three songs differ more within themselves than records do."""

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
    steps: int = 10_000
    batch: int = 64
    rate: float = 1.5e-3
    pool: int = 12_000
    fresh: int = 16
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
    """Per case, in dB: mean |error| of mid (mean removed) and of side to mid; both if nothing were done."""
    trusted = batch["trusted"][..., JUDGED]
    truth = batch["truth"][..., JUDGED]
    mid, side = _errors(answer, batch)
    nothing = _levelled(truth[:, 0], trusted[:, 0])
    return (
        _mean(mid.abs(), trusted[:, 0]),
        _mean(side.abs(), trusted[:, 1]),
        _mean(nothing.abs(), trusted[:, 0]),
        _mean(truth[:, 1].abs(), trusted[:, 1]),
    )


def _errors(answer: Answer, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Errors of mid (its mean removed) and of side to mid in the judged bands [B, 28] each."""
    truth = batch["truth"][..., JUDGED]
    mid = _levelled(answer["mid"][..., JUDGED] - truth[:, 0], batch["trusted"][:, 0, JUDGED])
    return mid, answer["side"][..., JUDGED] - truth[:, 1]


def _levelled(curve: Tensor, weights: Tensor) -> Tensor:
    return curve - _mean(curve, weights)[:, None]


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1.0)


def loss_of(answer: Answer, batch: dict[str, Tensor]) -> Tensor:
    """Error of tone, width and dynamics, plus the likelihood of the expected errors (Laplace).

    Errors are squared up to KNEE_DB and absolute beyond, so that doubt ends in a part of the
    difference, as with shrinkage, and not in all or nothing. A case counts less the more input
    and reference differ: what differs by 6 dB in every band is another piece of music.
    """
    mid_error, side_error = _errors(answer, batch)
    trusted = batch["trusted"][..., JUDGED]
    tone = _mean(_softened(mid_error), trusted[:, 0])
    width = _mean(_softened(side_error), trusted[:, 1])
    crest = _softened(answer["crest"] - batch["crest"]).mean(dim=-1)
    plr = _softened(answer["plr"] - batch["plr"])
    weight = 2.0 / (2.0 + _mean(batch["wanted"][:, 0, JUDGED].abs(), trusted[:, 0]))
    surprise = _surprise(answer, batch)
    return (weight * (tone + 0.5 * width + 0.1 * crest + 0.1 * plr + 0.1 * surprise)).mean()


def _softened(error: Tensor) -> Tensor:
    return torch.nn.functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=KNEE_DB)


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

    def __init__(self, takes: Sequence[Take], plan: Plan, seed: int, draw: Draw) -> None:
        self._loader = iter(
            torch.utils.data.DataLoader(
                _Stream(takes, seed, draw),
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
    def __init__(self, takes: Sequence[Take], seed: int, draw: Draw) -> None:
        self._takes, self._seed, self._draw = takes, seed, draw

    def __iter__(self) -> Any:
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self._seed, info.id if info else 0])
        families = sorted({take.family for take in self._takes})
        groups = [[take for take in self._takes if take.family == family] for family in families]
        shares = np.array([FAMILY_SHARES.get(family, 1.0) for family in families])
        while True:
            yield self._draw(groups[int(rng.choice(len(groups), p=shares / shares.sum()))], rng)


def evaluate(net: MatchNet, batch: dict[str, Tensor]) -> dict[str, float]:
    """Medians over a fixed batch of development cases."""
    device = next(net.parameters()).device
    batch = {name: values.to(device) for name, values in batch.items()}
    net.eval()
    with torch.no_grad():
        answer = net(batch)
    net.train()
    return _medians(answer, batch)


def baseline(batch: dict[str, Tensor]) -> dict[str, float]:
    """The same medians for Gaussian-process shrinkage of the tone and nothing else."""
    nothing = torch.zeros_like(batch["wanted"][:, 0])
    shrunk = 5.0 * batch["bands"][..., 1]
    answer = {"mid": shrunk, "side": nothing, "error_mid": nothing, "plr": nothing[:, 0]}
    return _medians(answer, batch)


def _medians(answer: Answer, batch: dict[str, Tensor]) -> dict[str, float]:
    mid, side, mid_before, side_before = distances(answer, batch)
    touched = mid_before > 0.3
    expected = _mean(answer["error_mid"][:, JUDGED], batch["trusted"][:, 0, JUDGED])
    return {
        "mid": _median(mid[touched]),
        "mid_before": _median(mid_before[touched]),
        "left": _median(mid[~touched]),
        "side": _median(side[side_before > 0.2]),
        "side_before": _median(side_before[side_before > 0.2]),
        "side_left": _median(side[side_before <= 0.2]),
        "harmed_percent": 100.0
        * float((mid > mid_before)[touched].float().sum() / max(1, int(touched.sum()))),
        "expected": float(expected.median()),
        "plr": float((answer["plr"] - batch["plr"]).abs().median()),
        "plr_before": float(batch["plr"].abs().median()),
    }


def _median(values: Tensor) -> float:
    return float(values.median()) if len(values) else 0.0


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def restore(checkpoint: Path) -> MatchNet:
    """The averaged network of a checkpoint."""
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
    net = MatchNet(saved["plan"]["width"], saved["plan"]["blocks"])
    net.load_state_dict(saved["average"])
    return net


def train(
    takes: Sequence[Take],
    plan: Plan,
    checkpoint: Path,
    *,
    start: dict[str, Tensor] | None = None,
    draw: Draw = draw_case,
    watch: Callable[[int, float, MatchNet], None] = lambda step, loss, net: None,
    seconds: float = float("inf"),
    save_every: int = 500,
    device: torch.device | None = None,
) -> MatchNet:
    """Train, or go on from `checkpoint`.

    Args:
        takes: the training songs.
        plan: see `Plan`.
        checkpoint: written every `save_every` steps and at the end, whole or not at all.
        start: weights to fine-tune.
        draw: cuts the cases out of the songs of one family.
        watch: called with every step's number, its loss and the network.
        seconds: stop (and save) after this long.
        device: CPU where it is None.
    """
    torch.manual_seed(plan.seed)
    device = device or torch.device("cpu")
    net = MatchNet(plan.width, plan.blocks)
    if start is not None:
        net.load_state_dict(start)
    net.to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.rate, total_steps=plan.steps + 1, pct_start=0.1
    )
    average = {name: value.clone() for name, value in net.state_dict().items()}
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=device)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        average, first = saved["average"], saved["step"]
    pool = _Pool(takes, plan, plan.seed + 7919 * first, draw)
    for _ in range(max(1, 12 * plan.batch // plan.fresh)):
        pool.refill()
    begun = time.monotonic()
    for step in range(first, plan.steps):
        pool.refill()
        batch = {name: values.to(device) for name, values in pool.draw(plan.batch).items()}
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
