"""Exemplars: what someone's own masters measure as, kept beside the weights trained on them.

A personal style has no reference file; its exemplar stands for one. It is a `Piece` stored as
arrays named "exemplar.FIELD" in the same safetensors file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from mastering.match.evidence import Piece

__all__ = ["arrays_of", "exemplar_of"]

_PREFIX = "exemplar."


def arrays_of(piece: Piece) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays that `exemplar_of` reads back."""
    return {
        _PREFIX + field.name: np.atleast_1d(np.asarray(getattr(piece, field.name), np.float32))
        for field in fields(Piece)
    }


def exemplar_of(weights: Mapping[str, npt.NDArray[np.float32]]) -> Piece | None:
    """The exemplar among a model's arrays; None where there is none."""
    if _PREFIX + "mid" not in weights:
        return None
    values: dict[str, object] = {}
    for field in fields(Piece):
        array = weights[_PREFIX + field.name].astype(np.float64)
        if field.name == "sounding":
            values[field.name] = array > 0.5
        else:
            values[field.name] = float(array[0]) if field.type == "float" else array
    return Piece(**values)  # type: ignore[arg-type]  # the fields themselves
