"""What a machine must have to do a job of each kind.

Measured as the largest resident memory of the command on Linux, then rounded up: a master of 4 minutes with
its report 490 MB, of 60 minutes without one 300 MB (it streams); separation of official size 1.9 GB.
"""

from __future__ import annotations

from mastering.cli.tasks import StemsOrder
from mastering.jobs.model import GpuUse, Needs

__all__ = ["PLAIN", "of_order", "separation"]

PLAIN = Needs(memory_mb=600)
"""Mastering, recipes and plug-ins: what is processed is streamed."""

_DRAFT = ("draft", None)
_DRAFT_MB = 1_000
_OFFICIAL_MB = 2_000
_GPU: dict[str, GpuUse] = {"cuda": "required", "mps": "required", "auto": "if_there"}


def of_order(stems: StemsOrder | None) -> Needs:
    """Of a master, which may go by way of stems."""
    return PLAIN if stems is None else separation(stems.model, stems.device)


def separation(model: str | None, device: str) -> Needs:
    """Of a separation.

    Args:
        model: its name or file; None is the default, which is small.
        device: where it runs: "cpu", "cuda", "mps" or "auto".
    """
    return Needs(memory_mb=_DRAFT_MB if model in _DRAFT else _OFFICIAL_MB, gpu=_GPU.get(device, "none"))
