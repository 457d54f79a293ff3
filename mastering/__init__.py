"""Tonmeister's core: measure, match, master and deliver music.

    import mastering

    features = mastering.analyse("song.wav")
    report = mastering.master("song.wav", "master.wav", reference="reference.flac")

Floors, low to high; each module imports only from floors above it in this list:
`errors`, `units` - `audio`, `chain`, `target` - `dsp` - `measure` - `styles`, `ports`, `codec`,
`library` - `io`, `host` - `match`, `report` - `pipeline`, `delivery` - `api`, `cli`.

Importing this package costs nothing: what is named here is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mastering.api import analyse, apply, master
    from mastering.audio import Audio, Stems
    from mastering.errors import TonmeisterError

__all__ = ["Audio", "Stems", "TonmeisterError", "analyse", "apply", "master"]

_HOMES = {
    "Audio": "mastering.audio",
    "Stems": "mastering.audio",
    "TonmeisterError": "mastering.errors",
    "analyse": "mastering.api",
    "apply": "mastering.api",
    "master": "mastering.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mastering' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
