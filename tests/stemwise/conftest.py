"""A song of four stems, and a separator that knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from generation.piece import render_piece
from mastering.audio import Audio, AudioSource
from mastering.ports import SeparatedStems, SeparatorInfo

RATE = 44_100
SOURCES = ("drums", "bass", "other", "vocals")


def mixed(stems: Mapping[str, Audio]) -> Audio:
    """The sum of stems, as float32."""
    total = np.stack([part.samples for part in stems.values()]).sum(axis=0, dtype=np.float32)
    return Audio(samples=total, sample_rate=RATE)


@dataclass
class KnowingSeparator:
    """Finds the stems it was told about by the loudness of their sum; counts what it is asked."""

    label: str = "official"
    sha256: tuple[str, ...] = ("a" * 64,)
    settings: Mapping[str, float | int | str] = field(default_factory=lambda: {"overlap": 0.25, "shifts": 0})
    residual_share: float = 0.001
    known: list[Mapping[str, Audio]] = field(default_factory=list)
    asked: int = 0

    @property
    def info(self) -> SeparatorInfo:
        return SeparatorInfo(
            model="knowing",
            label=self.label,  # type: ignore[arg-type]
            sources=SOURCES,
            sample_rate=RATE,
            sha256=self.sha256,
            settings=self.settings,
        )

    def separate(
        self, source: AudioSource, *, on_progress: Callable[[float], None] | None = None
    ) -> SeparatedStems:
        """The stems whose sum is the source, to the last bit of 24; "other" takes the difference."""
        self.asked += 1
        samples = np.concatenate(list(source.blocks()), axis=1)
        stems = next(
            one
            for one in self.known
            if one["drums"].samples.shape == samples.shape
            and np.abs(mixed(one).samples - samples).max() < 1e-5
        )
        rest = samples - sum(part.samples for name, part in stems.items() if name != "other")
        parts = {**stems, "other": Audio(samples=rest.astype(np.float32), sample_rate=RATE)}
        if on_progress is not None:
            on_progress(1.0)
        return SeparatedStems(info=self.info, parts=parts, residual_share=self.residual_share)


@pytest.fixture(scope="session")
def song() -> dict[str, Audio]:
    """Eight seconds of a piece, by stem; its lead stands for the vocals."""
    parts = render_piece(seed=5, duration_s=8.0).parts
    players = {"drums": "drums", "bass": "bass", "other": "chords", "vocals": "lead"}
    return {stem: scaled(parts[player], 0.6) for stem, player in players.items()}


def scaled(audio: Audio, gain: float) -> Audio:
    return Audio(samples=(audio.samples * np.float32(gain)), sample_rate=audio.sample_rate)


@pytest.fixture(scope="session")
def muffled(song: dict[str, Audio]) -> dict[str, Audio]:
    """The song with its vocals 6 dB too low: what stem-aware mastering is to find."""
    return {**song, "vocals": scaled(song["vocals"], 0.5)}


@pytest.fixture
def separators() -> Callable[..., KnowingSeparator]:
    """Makes separators that know the songs they are given."""

    def make(*known: Mapping[str, Audio], **settings: Any) -> KnowingSeparator:
        return KnowingSeparator(known=list(known), **settings)

    return make


@pytest.fixture
def mix() -> Callable[[Mapping[str, Audio]], Audio]:
    """`mixed`."""
    return mixed
