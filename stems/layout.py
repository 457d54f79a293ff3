"""Channels: what a model of two channels hears of a recording of one to eight.

Left and right, and the surround channels of one row, are pairs; centre and LFE (and a mono recording)
stand alone and are heard on both channels of the model, of which the mean is kept. Channels of three
and more are taken in the order of WAV files (FL FR FC LFE BL BR SL SR).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from mastering.audio import Samples

__all__ = ["Group", "groups_of", "heard", "kept"]

Group: TypeAlias = tuple[int, ...]
"""Channels that are separated together: one, or two neighbours."""

_GROUPS: dict[int, tuple[Group, ...]] = {
    1: ((0,),),
    2: ((0, 1),),
    3: ((0, 1), (2,)),
    4: ((0, 1), (2, 3)),
    5: ((0, 1), (2,), (3, 4)),
    6: ((0, 1), (2,), (3,), (4, 5)),
    7: ((0, 1), (2,), (3,), (4,), (5, 6)),
    8: ((0, 1), (2,), (3,), (4, 5), (6, 7)),
}


def groups_of(channels: int, model_channels: int = 2) -> tuple[Group, ...]:
    """Groups of a recording's channels; all of one where the model is mono.

    >>> groups_of(6)
    ((0, 1), (2,), (3,), (4, 5))
    """
    return _GROUPS[channels] if model_channels == 2 else tuple((channel,) for channel in range(channels))


def heard(samples: Samples, group: Group, model_channels: int = 2) -> Samples:
    """What the model hears of a group: [model_channels, frames]."""
    part = samples[list(group)]
    return part if len(part) == model_channels else np.repeat(part, model_channels, axis=0)


def kept(estimate: Samples, group: Group) -> Samples:
    """What is kept of the model's [sources, model_channels, frames]: [sources, len(group), frames]."""
    return estimate if estimate.shape[1] == len(group) else estimate.mean(axis=1, keepdims=True)
