"""The fast forward pass of Demucs on CPU: the same float32 arithmetic in another order.

A hybrid Demucs spends its time on matrix products that run at half of what the processor can do
(MKL takes its AVX2 path on AMD), on copies between memory layouts, and on maps of 30 to 60 MB
that go to main memory and back for every small step. Here

- every map is channels-last, so that convolution, linear layer and attention are one oneDNN call
  without a copy on either side (`ops`),
- a layer runs piece by piece: a few frequency rows, or some thousand samples, go through all of
  its steps while they are in the cache (`frequency`, `waveform`, `transformer`),
- two or more one-thread workers take the pieces in turn (`workers`), and
- normalisation, GLU, layer scale and residual are one pass each (`kernels`).

`select` decides what may run so; `hybrid` is the model's forward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["ENGINES", "forward_for"]

ENGINES = ("auto", "torch", "fast")


def forward_for(module: torch.nn.Module, *, engine: str = "auto") -> Callable[[torch.Tensor], torch.Tensor]:
    """Make the forward pass of a separation model, prepared once and called per segment.

    The result maps (batch, channels, frames) to (batch, sources, channels, frames) without
    gradients, gives the same samples on every call, may be called from several threads, and never
    changes the module or its input. It reads the weights now: make a new one after changing them.

    Args:
        module: any model of demucs (or any other module, which is then called as it is).
        engine: "auto" runs what it knows fast (HTDemucs and HDemucs in eval mode, float32, on the CPU)
            and everything else by the module itself; "torch" always calls the module; "fast"
            refuses a module that it cannot run fast.

    Raises:
        ParameterError: unknown engine, or "fast" for a module it does not know.
    """
    from stems.engine.select import select_forward

    return select_forward(module, engine)
