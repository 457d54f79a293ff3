"""The processor that computes, and telling when its memory is not enough."""

from __future__ import annotations

from typing import Literal, TypeAlias

from mastering.errors import EnvironmentProblem

__all__ = ["DEVICES", "Device", "choose_device", "is_out_of_memory", "out_of_memory"]

Device: TypeAlias = Literal["cpu", "cuda", "mps", "auto"]
DEVICES: tuple[Device, ...] = ("cpu", "cuda", "mps", "auto")

_TEXTS = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory")
_ONEDNN_TEXTS = (
    "could not create a primitive",
    "could not create a memory",
    "could not create a memory object",
)
"""What oneDNN says, and nothing more, where an allocation fails."""


def choose_device(wanted: Device) -> str:
    """The device for PyTorch; "auto" is the first of CUDA, MPS and CPU that is there.

    Raises:
        EnvironmentProblem: the one that was asked for is not there ("device_missing").
    """
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, there in present.items() if there)
    if not present[wanted]:
        kind = "NVIDIA GPU (cuda)" if wanted == "cuda" else "Apple GPU (mps)"
        raise EnvironmentProblem(
            f"there is no {kind} that PyTorch can use",
            hint="Use --device cpu, or --device auto, which takes what is there.",
            code="device_missing",
        )
    return wanted


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was not enough: Python's, CUDA's, or PyTorch's allocator's."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "AcceleratorError"):
        return isinstance(error, MemoryError) or "out of memory" in str(error).lower()
    said = str(error).lower()
    return isinstance(error, RuntimeError) and (
        any(text in said for text in _TEXTS) or said.endswith(_ONEDNN_TEXTS)
    )


def out_of_memory(device: str, segment_s: float) -> EnvironmentProblem:
    """The error of a segment that cannot be made any shorter."""
    where = "this machine" if device == "cpu" else f"the {device} device"
    other = "" if device == "cpu" else " or --device cpu"
    return EnvironmentProblem(
        f"{where} has not enough memory for a segment of {segment_s:.1f} s, the shortest the model takes",
        hint=f"Close other programs, use a smaller --jobs{other}, or the small model: --model draft.",
        code="out_of_memory",
    )
