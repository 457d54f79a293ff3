"""What requests take besides what they are about, as dictionaries of which a type checker knows every key.

Nothing has to be given. Their defaults are the service's, and so are the limits: GET /api/v1/openapi.json has
both, and a test holds these types and that document together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypedDict

__all__ = [
    "Adjust",
    "Aspect",
    "BitDepth",
    "Container",
    "DeliveryOptions",
    "DeskInsert",
    "Insert",
    "MasterOptions",
    "RemixOptions",
    "StemChange",
    "StemsOption",
    "StemsOptions",
    "ToneBand",
]

Container: TypeAlias = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff"]
BitDepth: TypeAlias = Literal[16, 24, 32]
Aspect: TypeAlias = Literal["tone", "dynamics", "width", "level"]


class DeliveryOptions(TypedDict, total=False):
    """What is written; what is not given is the style's, the target's, the recipe's, or built in."""

    integrated_lufs: float | None
    ceiling_dbtp: float | None
    sample_rate_hz: int | None
    bit_depth: BitDepth | None
    container: Container | None


class StemsOption(TypedDict, total=False):
    """How a master separates the song; `model` is a name of `about()["stem_models"]`."""

    model: str | None


class _Insert(TypedDict):
    plugin: str


class Insert(_Insert, total=False):
    """A plug-in in the chain, which the service must allow.

    `parameters` are by the keys that `Tonmeister.plugin` tells; `at` is a place of the chain, such as "post".
    """

    parameters: Mapping[str, float | bool | str]
    mix_percent: float | None
    part: Literal["whole", "mid", "side"] | None
    at: str


class MasterOptions(DeliveryOptions, total=False):
    """How to master; `amount_percent` of None is as much as the song needs."""

    amount_percent: float | None
    only: Sequence[Aspect]
    eq: Literal["linear", "parametric"] | None
    refine_steps: int | None
    downmix: bool
    stems: StemsOption | None
    inserts: Sequence[Insert]


class StemsOptions(TypedDict, total=False):
    """How to separate, and what is written; `two_stems` is one stem, against everything else."""

    model: str | None
    two_stems: str | None
    container: Container
    bit_depth: BitDepth
    residual: bool


class StemChange(TypedDict, total=False):
    """What a remix does to a stem; `pan` is -100 (left) to 100."""

    gain_db: float
    mute: bool
    solo: bool
    pan: float


class RemixOptions(TypedDict, total=False):
    """How a remix separates, and what is written."""

    model: str | None
    keep_loudness: bool
    container: Container
    bit_depth: BitDepth


class _ToneBand(TypedDict):
    frequency_hz: float
    gain_db: float


class ToneBand(_ToneBand, total=False):
    """One parametric band on mid and side."""

    q: float
    shape: Literal["peak", "low_shelf", "high_shelf"]


class DeskInsert(Insert, total=False):
    """A plug-in as the desk has it.

    `own`: this is the recipe's own plug-in of this number, from 0, and settings that are not given stay; its
    place is `at`. With `bypass` it stays in the chain and does nothing.
    """

    own: int | None
    bypass: bool | None


class Adjust(TypedDict, total=False):
    """What is changed of a recipe: 100 % is the recipe as it was made, and what is not given stays."""

    amount_percent: float | None
    tone: Sequence[ToneBand]
    compression_percent: float | None
    width_percent: float | None
    ceiling_dbtp: float | None
    integrated_lufs: float | None
    inserts: Sequence[DeskInsert] | None
