"""What is heard and seen of songs and results: made once by the desk, kept on disk, gone with its owner.

Copies and sums are as large as the music in 32-bit float. They are made where there is room for them, and
where there is too little, those that were not used for longest go first: each can be made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mastering.chain import Limiter, SeparatedBy
from mastering.codec import from_plain, to_plain
from mastering.host.plugins.policy import Policy
from mastering.measure.spectrogram import Spectrogram
from mastering.service import listening
from mastering.service.adjust import adjusted, with_limiter
from mastering.service.desk import Desk
from mastering.service.files import file_gone
from mastering.service.inserts import with_inserts
from mastering.service.models import Adjustment
from mastering.service.ports import Separators
from mastering.service.problems import Problem
from mastering.service.room import Room
from mastering.service.spectrograms import read_spectrogram, write_spectrogram
from mastering.service.summed import SUMMED, summed_name, write_summed
from mastering.service.wave import is_playable
from mastering.target import Recipe

__all__ = ["Audible", "Rooms"]

_DEFAULT_CEILING_DBTP = -1.0
_LISTEN = "listen.wav"
_LARGE = (f".{_LISTEN}", SUMMED)
_IN_USE_S = 600.0
"""What was used as lately stays, whatever it takes."""
_PATIENCE_S = 45.0
"""Less than what a reverse proxy waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audible:
    """A file that can be heard.

    Args:
        path: of it.
        folder: name of the folder of what is kept about it: a song's or a job's id.
        name: of it in that folder.
        tag: changes with its content.
        float_bytes: its size in 32-bit float; 0 where nobody knows.
    """

    path: Path
    folder: str
    name: str
    tag: str
    float_bytes: int = 0


class Rooms:
    """What is kept about songs and results.

    Args:
        desk: makes it.
        folder: of all of it.
        separators: how songs are taken apart, for recipes that change single stems.
        room: for copies and sums.
    """

    def __init__(
        self, desk: Desk, folder: Path, separators: Callable[[SeparatedBy], Separators], room: Room
    ) -> None:
        self._desk, self._folder, self._separators, self._room = desk, folder, separators, room

    async def peaks(self, audible: Audible, points: int) -> dict[str, Any]:
        """Lowest and highest samples of so many steps."""
        path = await self._kept(audible, "peaks", listening.write_peaks)
        return await asyncio.to_thread(listening.read_peaks, path, points)

    async def spectrogram(self, audible: Audible, columns: int) -> Spectrogram:
        """Levels over time and frequency in so many columns."""
        path = await self._kept(audible, "spectrogram", write_spectrogram)
        return await asyncio.to_thread(read_spectrogram, path, columns)

    async def analysis(self, audible: Audible) -> dict[str, Any]:
        """Measurements."""
        return await self._json(await self._kept(audible, "analysis.json", listening.write_analysis))

    async def listen(self, audible: Audible) -> Path:
        """A wav that any browser plays: the file itself where it is one."""
        await asyncio.to_thread(_check_there, audible)
        if await asyncio.to_thread(is_playable, audible.path):
            return audible.path
        path = self._folder / audible.folder / f"{audible.name}.{_LISTEN}"
        if not await asyncio.to_thread(_used, path):
            await asyncio.to_thread(self._room.check_disk, audible.float_bytes)
        return await self._desk.kept(path, listening.write_listen, audible.path)

    async def gain_reduction(
        self, song: Audible, recipe: Recipe, policy: Policy, *, folder: str
    ) -> dict[str, Any]:
        """What a recipe's limiter and compressors do to a song."""
        path = self._folder / folder / f"{song.folder}.reduction.json"
        if not await asyncio.to_thread(path.is_file):
            source, alone = await self._summed(song, recipe, policy)
            await self._desk.kept(
                path, listening.write_gain_reduction, source, to_plain(alone), to_plain(policy)
            )
        return await self._json(path)

    async def adjusted(
        self, song: Audible | None, recipe: Recipe, adjustment: Adjustment, policy: Policy
    ) -> Recipe:
        """A recipe with an adjustment; for its loudness the song is surveyed.

        Raises:
            Problem: a loudness without a song.
            TonmeisterError: a number out of its range, a plug-in that is not allowed or not so to be set.
        """
        wanted_lufs = adjustment.integrated_lufs
        if adjustment.inserts is not None:
            recipe = await asyncio.to_thread(with_inserts, recipe, adjustment.inserts, policy)
        changed = adjusted(recipe, adjustment)
        if wanted_lufs is None:
            return changed
        if song is None:
            raise Problem(
                422, "song_needed", "a loudness can only be set for a song", hint="Name it.", field="song"
            )
        source, alone = await self._summed(song, changed, policy)
        limiter = changed.chain.limiter
        ceiling_dbtp = limiter.ceiling_dbtp if limiter is not None else _DEFAULT_CEILING_DBTP
        plain = await self._desk.do(
            "previews",
            listening.adjusted_limiter,
            *(source, to_plain(alone), to_plain(policy), wanted_lufs, ceiling_dbtp),
        )
        return with_limiter(changed, from_plain(Limiter, plain, "limiter"), wanted_lufs)

    async def preview(
        self, song: Audible, recipe: Recipe, policy: Policy, *, start_s: float, duration_s: float
    ) -> dict[str, Any]:
        """A stretch of a master.

        Raises:
            Problem: the song is still being taken apart.
        """
        source, alone = await self._summed(song, recipe, policy)
        found: dict[str, Any] = await self._desk.do(
            "previews", listening.preview, source, to_plain(alone), to_plain(policy), start_s, duration_s
        )
        return found

    def forget(self, folder: str) -> None:
        """Remove what is kept about a song or a job."""
        shutil.rmtree(self._folder / folder, ignore_errors=True)

    def kept_bytes(self) -> int:
        """Size of all that is kept."""
        return sum(size_bytes for _, size_bytes, _ in self._files())

    def shrink(self, by_bytes: int) -> int:
        """Remove copies and sums, the least used first; gives how many bytes that were."""
        freed, before_s = 0, time.time() - _IN_USE_S
        for used_s, size_bytes, path in sorted(self._files()):
            if freed >= by_bytes or used_s > before_s:
                break
            if path.name.endswith(_LARGE):
                path.unlink(missing_ok=True)
                freed += size_bytes
        return freed

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When it was used (Unix time), size and path of each file that is kept."""
        for folder, _, names in os.walk(self._folder):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield found.st_atime, found.st_size, path

    async def _summed(self, song: Audible, recipe: Recipe, policy: Policy) -> tuple[Path, Recipe]:
        """What a recipe's chain masters, and the recipe of that: without stems.

        Raises:
            Problem: there is no room for it; or it takes longer than anybody should wait, and goes on.
        """
        await asyncio.to_thread(_check_there, song)
        stems, alone = recipe.stems, replace(recipe, stems=None)
        if stems is None or not any(chain.changes for chain in stems.chains):
            return song.path, alone
        path = self._folder / song.folder / summed_name(stems)
        if not await asyncio.to_thread(_used, path):
            await asyncio.to_thread(self._room.check_disk, song.float_bytes)
        given = (song.path, to_plain(recipe), to_plain(policy), self._separators(stems.separator))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._desk.kept(path, write_summed, *given, place="stems"), alone
        except TimeoutError:
            raise Problem(
                503,
                "stems_in_the_making",
                "the song is being taken apart, which the first preview of a recipe with stems waits for",
                hint="Ask again in a moment: it goes on meanwhile.",
                headers={"Retry-After": "10"},
            ) from None

    async def _kept(self, audible: Audible, what: str, work: Any) -> Path:
        await asyncio.to_thread(_check_there, audible)
        path = self._folder / audible.folder / f"{audible.name}.{what}"
        return await self._desk.kept(path, work, audible.path)

    async def _json(self, path: Path) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(await asyncio.to_thread(path.read_text, "utf-8"))
        return document


def _check_there(audible: Audible) -> None:
    """Refuse what somebody has removed from the disk.

    Raises:
        Problem: the file is gone.
    """
    if not audible.path.is_file():
        raise file_gone()


def _used(path: Path) -> bool:
    """Whether a file is there; then it is noted that it is used now. Its content's time stays."""
    try:
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    except FileNotFoundError:
        return False
    return True
