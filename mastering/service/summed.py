"""A song whose stems a recipe changes, summed again: what its chain then masters.

The sum depends on nothing that is adjusted, so it is made once, as a file, and then previewed as any song.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.codec import to_plain
from mastering.service.listening import host_of

if TYPE_CHECKING:
    from mastering.chain import StemChains
    from mastering.service.ports import Separators

__all__ = ["SUMMED", "summed_name", "write_summed"]

SUMMED = ".summed.wav"
"""What the names of sums end with."""
_KEPT = 3
"""Sums of a song, each as large as it is in 32-bit float."""


def summed_name(stems: StemChains) -> str:
    """Name of the file of a sum: another one for other chains, models and settings."""
    text = json.dumps(to_plain(stems), sort_keys=True)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}{SUMMED}"


def write_summed(
    output: Path,
    source: Path,
    recipe: Mapping[str, Any],
    policy: Mapping[str, Any],
    separators: Separators,
) -> None:
    """The recording plus what a recipe changes of its stems, which are separated if that is not done yet.

    Args:
        output: a file; of the sums beside it those go that were not used for longest.
        source: the song.
        recipe: with stems.
        policy: of plug-ins.
        separators: makes the separator.

    Raises:
        ModelError: the model is missing, or another one than the recipe's.
    """
    from mastering.io.files import open_source
    from mastering.service.recipes import recipe_of
    from mastering.service.wave import write_float_wav
    from mastering.stemwise.provenance import check_same
    from mastering.stemwise.resum import Resummed

    stems = recipe_of(recipe).stems
    assert stems is not None, "asked by the caller"
    separator = separators.separator(stems.separator)
    list(check_same(stems.separator, separator.info))
    with host_of(policy) as host, open_source(source, downmix=True) as song:
        separated = separator.separate(song)
        write_float_wav(output, Resummed(song, separated.parts, stems.chains, host))
    _forget_older(output.parent)


def _forget_older(folder: Path) -> None:
    known = sorted(folder.glob(f"*{SUMMED}"), key=lambda path: path.stat().st_atime_ns, reverse=True)
    for path in known[_KEPT:]:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
