"""Settings of a folder: its tonmeister.toml and its reference.*, over those of the folders above it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from mastering.errors import PresetError, TonmeisterError
from mastering.watch.values import SETTINGS_NAME, Found, Plan, Setting

__all__ = ["Folders"]


class Folders:
    """Plans of folders, made anew when one of the files that say something about them changes.

    Args:
        inbox: the folder of all.
        plan: makes a plan of settings; raises TonmeisterError for a key or a value that it refuses.
    """

    def __init__(self, inbox: Path, plan: Callable[[Mapping[str, Setting]], Plan]) -> None:
        self._inbox = inbox
        self._plan = plan
        self._known: dict[tuple[Found, ...], Plan] = {}
        self._refused: dict[tuple[Found, ...], TonmeisterError] = {}

    def plan(self, guides: tuple[Found, ...]) -> Plan:
        """The plan of a folder that these files say something about, the inbox's own first.

        Raises:
            PresetError: a file that cannot be read.
            TonmeisterError: a key or a value that is refused.
        """
        if guides in self._refused:
            raise self._refused[guides]
        if guides not in self._known:
            try:
                self._known[guides] = self._plan(self._merged(guides))
            except TonmeisterError as error:
                self._refused[guides] = error
                raise
        return self._known[guides]

    def forget_refusals(self) -> None:
        """What was refused may be right by now: a reference may have come."""
        self._refused.clear()

    def _merged(self, guides: tuple[Found, ...]) -> dict[str, Setting]:
        merged: dict[str, Setting] = {}
        for folder in dict.fromkeys(guide.path.parent for guide in guides):
            own = [self._inbox / guide.path for guide in guides if guide.path.parent == folder]
            references = [path for path in own if path.name != SETTINGS_NAME]
            if references:
                merged["reference"] = Setting(value=[str(path) for path in references], origin=references[0])
            for path in own:
                if path.name == SETTINGS_NAME:
                    merged |= _read(path)
        return merged


def _read(path: Path) -> dict[str, Setting]:
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise _unreadable(path, str(error.strerror).lower()) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "not a text file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"no TOML: {error}") from error
    return {name: Setting(value=value, origin=path) for name, value in document.items()}


def _unreadable(path: Path, reason: str) -> PresetError:
    return PresetError(
        f"{path}: the settings cannot be read ({reason})", hint="Mend the file.", code="settings"
    )
