"""The training loop: Adam, an exponential mean of the weights, checkpoints.

The model is HDemucs's frequency branch on magnitudes with the mixture's phase. For such a model the best
magnitude in every cell is known in closed form, the part of the source in phase with the mixture
(Erdogan et al. 2015), so the loss is taken on the spectrogram: by Parseval what the waveform's would be,
without an inverse transform, at half the cost of a step. It is L1 on cells and on their means over squares
of 4 and 16: three resolutions, the wide ones keep quiet parts from being given up as zero.

The learning rate warms up, stays, and falls to zero over the last steps when the end is named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from demucs.spec import spectro
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from separator.mixtures import Song, draw
from separator.songs import SOURCES
from stems.models.masked import MaskedHDemucs

__all__ = ["SHAPE", "Plan", "Run", "build", "si_sdr_db"]

SEED = 20261122
FRAMES = 131_072
"""2.97 s: 128 columns of the model's spectrogram."""
SQUARES = (4, 16)
REMIXES = 2
"""Batches made of each batch of drawn sources."""
SHAPE: dict[str, Any] = {
    "channels": 16,
    "depth": 5,
    "hybrid": False,
    "cac": False,
    "dconv_init": 0.1,
    "norm_starts": 0,
    "segment": 8,
}
"""Demucs starts its residual branches at 1e-4; a short training needs them at work from the first step."""


class Spectral(MaskedHDemucs):
    """The same network from the mixture's magnitudes to the sources', without the transforms at both ends."""

    def _spec(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def _ispec(self, z: torch.Tensor, length: int | None = None, scale: int = 0) -> torch.Tensor:
        return z


def build(kind: type[MaskedHDemucs] = MaskedHDemucs) -> MaskedHDemucs:
    """The model with seeded first weights."""
    torch.manual_seed(SEED)
    return kind(list(SOURCES), **SHAPE)


@dataclass(frozen=True)
class Plan:
    """What one call of training does.

    Args:
        batch: mixtures a step.
        rate: Adam's learning rate after the warm-up.
        until: step to stop at.
        decay_from: step from which the rate falls to zero at `until`.
        minutes: stop (and save) after this long, whatever the step.
    """

    batch: int = 6
    rate: float = 1.5e-3
    until: int = 100_000
    decay_from: int = 100_000
    minutes: float = 1e9
    warm_up: int = 100
    ema: float = 0.998
    device: str = "cpu"
    workers: int = 1

    def rate_at(self, step: int) -> float:
        left = (self.until - step) / max(1, self.until - self.decay_from)
        return self.rate * min(1.0, (step + 1) / self.warm_up, max(left, 0.0))


class _Batches(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Inputs [batch, channels, 2048, columns] and targets [batch, 4, channels, 2048, columns]."""

    def __init__(self, songs: list[Song], first: int, plan: Plan) -> None:
        self.songs, self.first, self.plan = songs, first, plan

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        info = torch.utils.data.get_worker_info()
        offset, stride = (info.id, info.num_workers) if info else (0, 1)
        for step in range(self.first + offset * REMIXES, 10**9, stride * REMIXES):
            rng = np.random.default_rng([SEED, step])
            sources = np.stack([draw(self.songs, FRAMES, rng) for _ in range(self.plan.batch)])
            parts = spectro(torch.from_numpy(sources), 4096, 1024)[..., :-1, :]
            yield spectra(parts)
            for _ in range(REMIXES - 1):
                yield spectra(_remixed(parts, rng))


def _remixed(parts: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The same sources dealt anew to the mixtures of a batch, at other gains: spectra add up as sounds do."""
    dealt = torch.empty_like(parts)
    for source in range(parts.shape[1]):
        gains = torch.from_numpy(10 ** (rng.normal(0.0, 3.0, len(parts)) / 20)).float()
        dealt[:, source] = parts[rng.permutation(len(parts)), source] * gains[:, None, None, None]
    return dealt


def spectra(parts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Magnitudes of the mixture, and of each source what is in phase with it.

    Args:
        parts: spectra of the sources, complex [batch, 4, 2, 2048, columns].
    """
    mix = parts.sum(dim=1)
    level = mix.abs()
    phase = mix / (level + 1e-8)
    return level, (parts * phase.conj()[:, None]).real.contiguous()


@dataclass
class Run:
    """A training that can stop at any time and go on."""

    plan: Plan
    path: Path
    step: int = 0
    log: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = build(Spectral).to(self.plan.device)
        self.mean = build().to(self.plan.device).eval()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.plan.rate, betas=(0.9, 0.99), weight_decay=0.02
        )
        if self.path.exists():
            state = torch.load(self.path, map_location=self.plan.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.mean.load_state_dict(state["mean"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.log = state["step"], state["log"]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "log": self.log,
        }
        unfinished = self.path.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.rename(self.path)

    def train(self, songs: list[Song], validation: torch.Tensor | None = None) -> None:
        started = saved_at = time.monotonic()
        losses: list[float] = []
        for have, want in self._batches(songs):
            losses.append(self._one(have.to(self.plan.device), want.to(self.plan.device)))
            if self.step % 50 == 0:
                print(
                    f"{self.step} loss {np.mean(losses[-50:]):.4f} {time.monotonic() - started:.0f} s",
                    flush=True,
                )
            ended = self.step >= self.plan.until or time.monotonic() > started + 60 * self.plan.minutes
            if validation is not None and (self.step % 500 == 0 or ended):
                self.log.append(
                    {"step": self.step, "loss": float(np.mean(losses[-500:]))} | self.judge(validation)
                )
                print(json.dumps(self.log[-1]), flush=True)
            if ended or time.monotonic() > saved_at + 120:
                self.save()
                saved_at = time.monotonic()
            if ended:
                return

    def _batches(self, songs: list[Song]) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
        return DataLoader(
            _Batches(songs, self.step, self.plan),
            batch_size=None,
            num_workers=self.plan.workers,
            prefetch_factor=4 if self.plan.workers else None,
        )

    def _one(self, have: torch.Tensor, want: torch.Tensor) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate_at(self.step)
        self.model.train()
        with torch.autocast(self.plan.device, dtype=torch.bfloat16):
            estimates = self.model(have)
        loss = _loss(estimates.float(), want)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        share = min(self.plan.ema, self.step / (self.step + 10))
        with torch.no_grad():
            for kept, new in zip(self.mean.parameters(), self.model.parameters(), strict=True):
                kept.lerp_(new, 1 - share)
        return float(loss.detach())

    @torch.no_grad()
    def judge(self, validation: torch.Tensor) -> dict[str, float]:
        """Median SI-SDR in dB of the averaged weights per source, where the source is audible."""
        estimates = torch.cat([self.mean(part.sum(dim=1)) for part in validation.split(4)])
        scores = si_sdr_db(estimates, validation)
        powers = validation.square().mean(dim=(-1, -2))
        audible = powers > 0.02 * validation.sum(dim=1).square().mean(dim=(-1, -2))[:, None]
        return {
            source: float(scores[:, i][audible[:, i]].median()) if audible[:, i].any() else float("nan")
            for i, source in enumerate(SOURCES)
        }


def _loss(estimates: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """L1 of cells and of means over squares of them, in units of the mixture's mean magnitude."""
    error = estimates - targets
    flat = error.flatten(0, 2)[:, None]
    total = error.abs().mean()
    for size in SQUARES:
        total = total + functional.avg_pool2d(flat, size).abs().mean()
    return total / targets.sum(dim=1).abs().mean()


def si_sdr_db(estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Scale-invariant SDR over the last two axes (Le Roux et al. 2019), dB."""
    estimate, target = estimate.flatten(-2), target.flatten(-2)
    scale = (estimate * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + 1e-9)
    wanted = scale * target
    return 10 * torch.log10((wanted.square().sum(-1) + 1e-9) / ((estimate - wanted).square().sum(-1) + 1e-9))
