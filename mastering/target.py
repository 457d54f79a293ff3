"""What is delivered: loudness, ceiling, rate, bit depth and container.

`DeliverySpec` is a value. The dated platform targets (Spotify, EBU R 128, ...) live as
data in presets/targets and are loaded by `mastering.library`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from mastering.chain import MasteringChain, StemChains
from mastering.units import Range, check_ranges

__all__ = ["CONTAINERS", "Container", "DeliverySpec", "Recipe"]

Container: TypeAlias = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff"]
CONTAINERS: tuple[Container, ...] = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff")
BitDepth: TypeAlias = Literal[16, 24, 32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySpec:
    """What the written file must be.

    Args:
        integrated_lufs: wanted integrated loudness; None leaves it to the reference or style.
        tolerance_lu: how far off still passes the report's check.
        ceiling_dbtp: highest true peak allowed in the written file.
        sample_rate: Hz; None keeps the input's.
        bit_depth: 16 and 24 are dithered PCM, 32 is float.
        container: file format; 32 bit needs wav or aiff.
        dither_seed: seed of the TPDF dither, so that two runs write identical files; None is no dither.
    """

    integrated_lufs: Annotated[float, Range(-40.0, -3.0, "LUFS")] | None = None
    tolerance_lu: Annotated[float, Range(0.05, 5.0, "LU")] = 0.2
    ceiling_dbtp: Annotated[float, Range(-24.0, 0.0, "dBTP")] = -1.0
    sample_rate: Annotated[int, Range(8_000, 384_000, "Hz")] | None = None
    bit_depth: BitDepth = 24
    container: Container = "wav"
    dither_seed: int | None = 0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A chain and how it was delivered: `tonmeister apply` needs nothing else to repeat a master.

    Args:
        chain: what is done to the mix.
        delivery: what is written.
        stems: what is done to its stems before that; None where the mix was never taken apart.

    Attributes:
        schema: of the document: 2 with stems, 1 without, so that older versions read what they can.
    """

    schema: int = field(default=1, init=False)
    chain: MasteringChain
    delivery: DeliverySpec
    stems: StemChains | None = field(default=None, metadata={"since": 2})

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", 1 if self.stems is None else 2)
