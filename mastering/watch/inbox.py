"""What lies in the inbox, what of it has come to rest, and what is said about the rest."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import TonmeisterError
from mastering.watch import scan
from mastering.watch.folders import Folders
from mastering.watch.stability import Stability
from mastering.watch.values import Item, Plan, Setup, Tell

__all__ = ["Inbox"]

_HINTED_S = 0.2
_SHARE = 0.2
_HINTED_SHARE = 0.1
"""Most of the time that looking may take: a look at 10,000 files costs 0.1 s and more."""

_LONGEST_HOLD_S = 600.0


@dataclass(slots=True)
class _Hold:
    """What failed for the machine's sake is not taken before `until_s`."""

    until_s: float
    times: int


class Inbox:
    """The inbox as it was at the last look.

    Args:
        setup: what and how.
        folders: settings.
        tell: hears of "waiting" and "passed_over".
        once: nothing more will come.
    """

    def __init__(self, setup: Setup, folders: Folders, *, tell: Tell, once: bool) -> None:
        self._setup, self._folders, self._tell, self._once = setup, folders, tell, once
        self._stability = Stability(setup.interval_s)
        self._look = scan.Look.empty()
        self._items: dict[Path, Item] = {}
        self._said: dict[Path, str] = {}
        self._tried: set[Path] = set()
        self._held: dict[Path, _Hold] = {}
        self._hinted = False
        self._looked_s = self._counted_s = float("-inf")
        self._cost_s = 0.0
        self.looks = 0
        """Looks that were an interval apart."""
        self.count = 0
        """Songs that lie there, worked on or not."""

    def see(self, *, hint: bool) -> bool:
        """Look, if it is time, sooner after a hint; says whether it did.

        Raises:
            OSError: the inbox cannot be read, and nothing more will come.
        """
        self._hinted |= hint
        now_s = time.monotonic()
        if now_s - self._looked_s < self._spacing_s():
            return False
        self._looked_s, self._hinted = now_s, False
        try:
            self._look = scan.look(self._setup.inbox, self._setup.suffixes)
        except OSError as error:
            if self._once:
                raise
            self.say(Path(), "waiting", f"the inbox cannot be read ({error.strerror})")
            return False  # a share that is away comes back
        self._note(now_s)
        self._cost_s = time.monotonic() - now_s
        return True

    def free(self, *taken: Collection[Path]) -> Iterator[Item]:
        """Songs and albums of which no part is in one of these."""
        for path, item in self._items.items():
            parts = [path, *(song.path for song in item.songs)] if item.is_album else [path, path.parent]
            if not any(part in one for one in taken if one for part in parts):
                yield item

    def now(self, items: Collection[Item]) -> dict[Path, Item | None]:
        """What lies where these were."""
        albums = scan.albums_in(self._look, {item.path for item in items if item.is_album})
        found: dict[Path, Item | None] = {}
        for item in items:
            song = self._look.songs.get(item.path)
            found[item.path] = Item(path=item.path, songs=(song,)) if song else albums.get(item.path)
        return found

    def is_ready(self, item: Item) -> bool:
        """It has come to rest, with its settings, and was not tried since the last look."""
        if item.path in self._tried or self._is_held(item.path):
            return False
        return self._is_at_rest(item, self._setup.settle_s)

    def is_settling(self, item: Item) -> bool:
        """An album that has come to rest, but not for long enough yet."""
        return item.is_album and self._is_at_rest(item) and not self._is_at_rest(item, self._setup.settle_s)

    def is_final(self, item: Item) -> bool:
        """It has been the same for so long that it will stay as it is."""
        whole = [found.path for found in item.songs] + [item.path] * item.is_album
        rest_s = min(map(self._stability.same_for_s, whole))
        return (self._once and not item.unfinished) or rest_s >= self._setup.patience_s

    def plan(self, item: Item) -> Plan:
        """Its settings.

        Raises:
            TonmeisterError: they are refused.
        """
        return self._folders.plan(self._look.guides_of(item.path if item.is_album else item.path.parent))

    def tried(self, item: Item) -> None:
        """It is not ready again before the next look."""
        self._tried.add(item.path)

    def hold(self, item: Item) -> None:
        """It is not ready for a while, for longer each time."""
        hold = self._held.setdefault(item.path, _Hold(0.0, 0))
        hold.times += 1
        wait_s = min(_LONGEST_HOLD_S, self._setup.hold_s * 2.0 ** (hold.times - 1))
        hold.until_s = time.monotonic() + wait_s

    def forget(self, item: Item) -> None:
        """It has left."""
        self.count -= len(item.songs)
        for kept in (self._items, self._said, self._held):
            kept.pop(item.path, None)

    def say(self, path: Path, event: str, message: str, hint: str = "") -> None:
        """Say once why something is not taken."""
        if self._said.get(path) != message:
            self._said[path] = message
            self._tell(event, file=str(path), message=message, **({"hint": hint} if hint else {}))

    def unsaid(self, item: Item) -> None:
        """What was said of it is no longer so."""
        self._said.pop(item.path, None)

    def is_said(self, item: Item) -> bool:
        """Something keeps it from being taken."""
        return item.path in self._said

    def _is_held(self, path: Path) -> bool:
        return path in self._held and (self._once or time.monotonic() < self._held[path].until_s)

    def _is_at_rest(self, item: Item, settle_s: float = 0.0) -> bool:
        guides = self._look.guides_of(item.path if item.is_album else item.path.parent)
        if not all(self._stability.is_stable(guide.path) for guide in guides):
            return False
        if not item.is_album:
            return self._stability.is_stable(item.path)
        whole = (item.path, *(found.path for found in (*item.songs, *item.beside)))
        return all(self._stability.is_stable(path, settle_s) for path in whole)

    def _is_there(self, path: Path) -> bool:
        kinds = (self._look.songs, self._look.others, self._look.links, self._items)
        return any(path in kind for kind in kinds)

    def _spacing_s(self) -> float:
        if self._hinted:
            return max(min(self._setup.interval_s, _HINTED_S), self._cost_s / _HINTED_SHARE)
        return max(self._setup.interval_s, self._cost_s / _SHARE)

    def _note(self, now_s: float) -> None:
        if now_s - self._counted_s >= self._setup.interval_s:
            self._counted_s = now_s
            self.looks += 1
        self._stability.see(self._look.all(), now_s)
        self._tried.clear()
        self._folders.forget_refusals()
        self._items = self._grouped()
        self.count = len(self._look.songs)
        self._said = {path: text for path, text in self._said.items() if self._is_there(path)}
        self._held = {path: hold for path, hold in self._held.items() if self._is_there(path)}
        beside = {found.path for item in self._items.values() for found in item.beside}
        for path in sorted(({*self._look.others} | self._look.links) - beside - self._said.keys()):
            self.say(path, "passed_over", "neither links nor files that are no audio are taken")

    def _grouped(self) -> dict[Path, Item]:
        """Songs and albums, in the order of a look."""
        songs = self._look.songs
        folders = {path.parent for path in songs}
        albums = scan.albums_in(self._look, {folder for folder in folders if self._is_album(folder)})
        if not albums:
            return {path: Item(path=path, songs=(found,)) for path, found in songs.items()}
        items: dict[Path, Item] = {}
        for path, found in songs.items():
            album = albums.get(path.parent)
            if album is None:
                items[path] = Item(path=path, songs=(found,))
            else:
                items[album.path] = album
        return items

    def _is_album(self, folder: Path) -> bool:
        """Whether the songs of a folder are an album; those that lie in the inbox itself never are."""
        guides = self._look.guides_of(folder)
        if folder == Path() or not all(self._stability.is_stable(guide.path) for guide in guides):
            return False
        try:
            return self._folders.plan(guides).album
        except TonmeisterError:
            return False
