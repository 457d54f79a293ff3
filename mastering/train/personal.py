"""`tonmeister train`: the shipped matcher fine-tuned on someone's own masters, as a style of theirs.

Every fifth song is kept back. The others, degraded at random, are compared with an exemplar of one
another (`house`), starting from the shipped weights (`tune`). If the songs kept back are not served
better than before, the personal model is the shipped one with the exemplar of these masters.
"""

from __future__ import annotations

import importlib.metadata
import time
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from mastering import library
from mastering.errors import ModelError
from mastering.io.weights import ModelRef, load_weights
from mastering.jobspec import Progress, ignore_progress
from mastering.match import learned, network
from mastering.match.evidence import joined, piece_of
from mastering.match.exemplar import arrays_of
from mastering.styles import Style
from mastering.train.corridor import style_of, table_of
from mastering.train.export import write_model
from mastering.train.masters import Master, Masters
from mastering.train.places import Places, check_name, check_writable, places_of, publish, staging
from mastering.train.prepare import prepare
from mastering.train.tables import toml_text
from mastering.train.tune import USUAL, Trial, Tuning, Weights, tune

__all__ = ["Order", "Outcome", "load_base", "train_personal"]

HELD_SHARE = 5
"""One song of this many is kept back."""

_PREPARING = 0.5
"""Most of the time that goes into degrading songs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for.

    Args:
        name: of the style.
        seed: of everything random; the same folder and seed give the same weights if time suffices.
        minutes: for everything after measuring, about.
        force: replace a style of that name.
    """

    name: str
    seed: int = 1
    minutes: float = 5.0
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What was made.

    Attributes:
        places: the three files.
        base: the shipped model.
        sha256: of the personal weights.
        trained, held: masters that were learned from and kept back; the others count for style and exemplar.
        trial: whether fine-tuning helped, in numbers.
        seconds: per stage.
    """

    places: Places
    base: ModelRef
    sha256: str
    trained: tuple[Master, ...]
    held: tuple[Master, ...]
    trial: Trial
    seconds: dict[str, float]


def load_base(folder: Traversable | None = None) -> tuple[ModelRef, Weights]:
    """The shipped model, or the one of that name in another folder.

    Raises:
        ModelError: missing, damaged, or made for another version.
    """
    ref, weights = load_weights(folder or learned.shipped_models(), learned.MODEL)
    if not network.fits(weights):
        raise ModelError(
            f"model '{ref.name}' {ref.version} was made for another tonmeister: its layers do not fit",
            hint="Reinstall tonmeister.",
            code="model_version",
        )
    return ref, weights


def train_personal(
    masters: Masters,
    order: Order,
    base: tuple[ModelRef, Weights],
    *,
    presets: Path | None = None,
    tuning: Tuning = USUAL,
    progress: Progress = ignore_progress,
) -> Outcome:
    """Fine-tune, and write the style with its weights: all three files, or none.

    Args:
        masters: what `masters.gather` found.
        order: what is asked for.
        base: what `load_base` gave.
        presets: the user's folder; None is `library.user_folder()`.
        tuning: how to fine-tune.
        progress: called with "prepare" and "train", and 0..1.

    Raises:
        ParameterError: a bad name, or one that is taken.
        AudioFileError: a master cannot be read any more.
        EnvironmentProblem: the presets cannot be written.
    """
    presets = library.user_folder() if presets is None else presets
    check_name(order.name, presets, force=order.force)
    check_writable(presets)
    limits = library.reference_limits()
    clock = _Clock(60.0 * order.minutes)
    takes = prepare(
        masters.used,
        seed=order.seed,
        versions=tuning.versions,
        seconds=_PREPARING * clock.left_s(),
        progress=lambda share: progress("prepare", share),
    )
    progress("prepare", 1.0)
    clock.note("prepare")
    count = max(1, len(takes) // HELD_SHARE)
    held, heard = list(takes)[:count], list(takes)[count:]
    trial = tune(
        base[1],
        [takes[index] for index in heard],
        [takes[index] for index in held],
        tuning,
        seed=order.seed,
        seconds=clock.left_s(),
        progress=progress,
    )
    clock.note("train")
    style = style_of(order.name, tuple(master.features for master in masters.used), limits, _version())
    card = _card(masters, order, base[0], trial, trained=len(heard), held=len(held))
    places, sha256 = _written(style, {**trial.weights, **_exemplar(masters)}, card, presets)
    return Outcome(
        places=places,
        base=base[0],
        sha256=sha256,
        trained=tuple(masters.used[index] for index in sorted(heard)),
        held=tuple(masters.used[index] for index in sorted(held)),
        trial=trial,
        seconds=clock.seconds,
    )


class _Clock:
    """How long each stage took, and how much of the budget is left."""

    def __init__(self, budget_s: float) -> None:
        self._last = time.monotonic()
        self._end = self._last + budget_s
        self.seconds: dict[str, float] = {}

    def left_s(self) -> float:
        return self._end - time.monotonic()

    def note(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = round(now - self._last, 1)
        self._last = now


def _exemplar(masters: Masters) -> Weights:
    return arrays_of(joined([piece_of(master.features) for master in masters.used]))


def _written(style: Style, arrays: Weights, card: dict[str, Any], presets: Path) -> tuple[Places, str]:
    """Make the three files beside the presets, and give them their names at once."""
    with staging(presets) as folder:
        made = places_of(style.name, folder)
        sha256 = write_model(made.weights.parent, style.name, arrays, toml_text(card))
        made.style.parent.mkdir()
        made.style.write_text(toml_text(table_of(style)), "utf-8")
        return publish(folder, presets, style.name), sha256


def _card(
    masters: Masters, order: Order, base: ModelRef, trial: Trial, *, trained: int, held: int
) -> dict[str, Any]:
    """What the model is, how it came about and how it was judged, as the tables of NAME.toml."""
    return {
        "name": order.name,
        "version": _version(),
        "licence": "the trainer's own",
        "sha256": "",
        "summary": f"Made by `tonmeister train` from {len(masters.used)} of the trainer's own masters.",
        "weights": "fine-tuned" if trial.improved else "the base model's: fine-tuning did not help",
        "songs": len(masters.used),
        "minutes": round(masters.duration_s / 60.0, 1),
        "seed": order.seed,
        "tonmeister": _version(),
        "base": {"name": base.name, "version": base.version, "digest": base.sha256},
        "training": {"songs": trained, "steps": trial.steps, "best_step": trial.best_step},
        "validation": {
            "songs": held,
            "cases": trial.cases,
            "before": _rounded(trial.before),
            "after": _rounded(trial.after),
        },
    }


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in numbers.items()}


def _version() -> str:
    return importlib.metadata.version("tonmeister")
