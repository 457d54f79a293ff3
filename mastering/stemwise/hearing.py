"""Stems measured: what one recording's parts are, each and together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mastering.measure.envelope import Envelope
from mastering.measure.features import Features, analyse
from mastering.notice import Notice
from mastering.ports import SeparatedStems, SeparatorInfo

__all__ = ["HeardStems", "TakenApart", "hear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardStems:
    """Measurements of a recording and of its stems.

    Attributes:
        mix: of the whole.
        stems: of each, by name.
        info: who separated them.
        residual_share: energy that the separator left out over the recording's energy, 0..1.
        notices: of the separation.
    """

    mix: Features
    stems: Mapping[str, Features]
    info: SeparatorInfo
    residual_share: float
    notices: tuple[Notice, ...] = ()

    def level_lu(self, stem: str) -> float:
        """Loudness of a stem against the mix; -inf for silence and for a stem that is not there."""
        if stem not in self.stems:
            return float("-inf")
        return self.stems[stem].integrated_lufs - self.mix.integrated_lufs


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenApart:
    """A recording taken apart, and what it and the references measure as.

    Attributes:
        separated: the recording's stems.
        own: measurements of these.
        references: of the references' stems, by the same separator; at least one.
    """

    separated: SeparatedStems
    own: HeardStems
    references: tuple[HeardStems, ...]


def hear(
    separated: SeparatedStems, mix: Features, *, on_progress: Callable[[float], None] = lambda _: None
) -> HeardStems:
    """Measure every stem.

    Args:
        separated: of the recording that measures as `mix`.
        mix: its measurements.
        on_progress: called with the share done.
    """
    total = max(1, sum(part.frames for part in separated.parts.values()))
    done = 0

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        on_progress(min(1.0, done / total))

    stems = {name: analyse(Envelope(part, count), threads=2) for name, part in separated.parts.items()}
    return HeardStems(
        mix=mix,
        stems=stems,
        info=separated.info,
        residual_share=separated.residual_share,
        notices=separated.notices,
    )
