"""Someone's finished masters: a folder's files measured, and what cannot be learned from left out.

A file that is no usable master never stops the others; too few usable ones do, with what was
found and what is needed. No torch here: what `--dry-run` says costs measuring alone.

Codes of what is left out: those of `io.files.open_source`, and damaged, too_short, silent, same_music.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mastering.assess import refuse_unmeasurable
from mastering.errors import AudioFileError
from mastering.io.files import FileSource, open_source
from mastering.measure.envelope import Envelope
from mastering.measure.features import Features, analyse
from mastering.report.wording import duration
from mastering.train.alike import same_music

__all__ = [
    "MIN_MASTERS",
    "MIN_MASTER_S",
    "MIN_TOTAL_S",
    "NEEDED",
    "LeftOut",
    "Master",
    "Masters",
    "gather",
    "part_of",
]

MIN_MASTERS = 3
MIN_MASTER_S = 20.0
MIN_TOTAL_S = 120.0

NEEDED = (
    f"at least {MIN_MASTERS} different masters of {MIN_MASTER_S:.0f} s or more, "
    f"{duration(MIN_TOTAL_S)} in all, are needed"
)

_NAMED = 3
"""Files that a sentence names before it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """One usable file."""

    path: Path
    features: Features


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """One file that is not learned from.

    Attributes:
        path: the file.
        code: stable identifier for machines.
        reason: for people: "it is silent".
    """

    path: Path
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Masters:
    """What a folder holds."""

    folder: Path
    used: tuple[Master, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def duration_s(self) -> float:
        """Of all usable masters together."""
        return sum(master.features.duration_s for master in self.used)


def gather(
    folder: Path, files: Sequence[Path], progress: Callable[[float], None] = lambda share: None
) -> Masters:
    """Measure a folder's audio files and keep those that can be learned from.

    Args:
        folder: how messages call it.
        files: its audio files, in the order in which the first of two alike is kept.
        progress: called with the share that is measured.

    Raises:
        AudioFileError: too little is left ("too_little").
    """
    used: list[Master] = []
    left_out: list[LeftOut] = []
    for done, path in enumerate(files):
        try:
            master = _measured(path, part_of(progress, done, len(files)))
        except AudioFileError as error:
            left_out.append(LeftOut(path=path, code=error.code, reason=_reason(error, path)))
            continue
        twin = next((m for m in used if same_music(m.features, master.features)), None)
        if twin is None:
            used.append(master)
        else:
            reason = f"it is the same music as {twin.path.name}"
            left_out.append(LeftOut(path=path, code="same_music", reason=reason))
    masters = Masters(folder=folder, used=tuple(used), left_out=tuple(left_out))
    if len(used) < MIN_MASTERS or masters.duration_s < MIN_TOTAL_S:
        raise _too_little(masters)
    return masters


def part_of(progress: Callable[[float], None], done: int, count: int) -> Callable[[float], None]:
    """The progress of one piece of work out of `count`, `done` of which are done."""
    return lambda share: progress((done + share) / count)


def _measured(path: Path, progress: Callable[[float], None]) -> Master:
    with open_source(path) as source:
        _refuse_unfit(source)
        heard = 0

        def count(frames: int) -> None:
            nonlocal heard
            heard += frames
            progress(heard / source.frames)

        features = analyse(Envelope(source, count), threads=2)
    refuse_unmeasurable(path, features, "it")
    return Master(path=path, features=features)


def _refuse_unfit(source: FileSource) -> None:
    if any(notice.code == "damaged" for notice in source.notices):
        raise AudioFileError("parts of it cannot be decoded", code="damaged")
    if source.duration_s < MIN_MASTER_S:
        raise AudioFileError(f"it is only {duration(source.duration_s)} long", code="too_short")


def _reason(error: AudioFileError, path: Path) -> str:
    """The error's sentence without the path that it begins with."""
    return error.message.removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")


def _too_little(masters: Masters) -> AudioFileError:
    count = len(masters.used)
    found = f"{count or 'no'} usable master{'' if count == 1 else 's'}"
    if count:
        found += f" ({duration(masters.duration_s)} in all)"
    named = [f"{left.path.name}: {left.reason}" for left in masters.left_out[:_NAMED]]
    if len(masters.left_out) > _NAMED:
        named.append(f"and {len(masters.left_out) - _NAMED} more")
    left_out = f" (left out: {'; '.join(named)})" if named else ""
    return AudioFileError(
        f"{masters.folder}: {found} found, {NEEDED}{left_out}",
        hint="Put more of your own finished masters into the folder: ten songs teach well.",
        code="too_little",
    )
