"""Presets and states: what a plug-in can be set to in one go.

A .vstpreset file is Steinberg's exchange format; a state is the plug-in's own bytes, as a recipe holds them.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mastering.chain import External
from mastering.errors import AudioFileError, PluginError
from mastering.host.plugins.host import PluginHost, configure
from mastering.host.plugins.values import PluginInfo

__all__ = ["preset_data", "preset_files", "read_preset", "read_state", "state_data"]

_LARGEST_BYTES = 256 * 2**20


def preset_files(info: PluginInfo) -> list[Path]:
    """The .vstpreset files of a plug-in where systems keep them: PRESETS/VENDOR/NAME/*.vstpreset."""
    parts = (info.ref.vendor, info.ref.name)
    if any(part in ("", ".", "..") or Path(part).name != part for part in parts):
        return []  # a stranger's name must not lead out of the folders
    found = []
    for folder in _folders():
        own = folder.joinpath(*parts)
        found += sorted(own.rglob("*.vstpreset")) if own.is_dir() else []
    return found


def _folders() -> Iterator[Path]:
    """Steinberg's "Preset Locations"."""
    if sys.platform == "darwin":
        yield Path("~/Library/Audio/Presets").expanduser()
        yield Path("/Library/Audio/Presets")
    elif sys.platform == "win32":
        yield Path.home() / "Documents" / "VST3 Presets"
        yield Path(os.environ.get("APPDATA", "")) / "VST3 Presets"
        yield Path(os.environ.get("PROGRAMDATA", "")) / "VST3 Presets"
    else:
        yield Path("~/.vst3/presets").expanduser()
        yield Path("/usr/local/share/vst3/presets")
        yield Path("/usr/share/vst3/presets")


def read_preset(host: PluginHost, info: PluginInfo, path: Path) -> str:
    """The state that a .vstpreset file means, as a recipe holds it (base64).

    Raises:
        AudioFileError: the file cannot be read.
        PluginError: it is not of this plug-in.
    """
    data = _read(path)
    if data[:4] != b"VST3":
        raise AudioFileError(
            f"{path}: it is no .vstpreset file", hint="A saved state goes by --state.", code="plugin_preset"
        )
    with host.lease(info) as process:
        before = process.call("get_state")
        try:
            process.call("load_preset", path=str(path.absolute()))
        except PluginError as error:
            raise PluginError(
                f"{path}: {info.ref.name} does not take this preset", hint="It may be another plug-in's."
            ) from error
        state: bytes = process.call("get_state")
        process.call("set_state", blob=before)
    return base64.b64encode(state).decode()


def read_state(path: Path) -> str:
    """A state saved by `save-state`, as a recipe holds it (base64).

    Raises:
        AudioFileError: the file cannot be read, or is empty.
    """
    return base64.b64encode(_read(path)).decode()


def state_data(host: PluginHost, info: PluginInfo, step: External) -> bytes:
    """The plug-in's own state once a step's settings are made.

    Raises:
        ParameterError, PluginError: it does not take them.
    """
    with host.lease(info) as process:
        configure(process, info, step)
        state: bytes = process.call("get_state")
    return state


def preset_data(host: PluginHost, info: PluginInfo, step: External) -> bytes:
    """The same as the bytes of a .vstpreset file."""
    with host.lease(info) as process:
        configure(process, info, step)
        data: bytes = process.call("get_preset")
    return data


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise AudioFileError(f"{path}: too large for a preset", code="plugin_preset")
        data = path.read_bytes()
    except OSError as error:
        raise AudioFileError(
            f"{path}: it cannot be read: {str(error.strerror).lower()}", code="plugin_preset"
        ) from error
    if not data:
        raise AudioFileError(f"{path}: it is empty", hint="Save it again.", code="plugin_preset")
    return data
