"""Which forward pass a module gets: the fast one where every option is known, else its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mastering.errors import ParameterError
from stems.engine import ENGINES
from stems.engine.hybrid import Hybrid
from stems.engine.support import fast_layers

__all__ = ["select_forward"]


def select_forward(module: nn.Module, engine: str) -> Callable[[Tensor], Tensor]:
    """See `stems.engine.forward_for`."""
    if engine not in ENGINES:
        raise ParameterError(
            f"There is no separation engine '{engine}'.", hint=f"Choose one of {', '.join(ENGINES)}."
        )
    known = _is_plain(module) and fast_layers(module) > 0
    if engine == "fast" and not known:
        raise ParameterError(
            f"The fast engine cannot run this {type(module).__name__} model.",
            hint="Use engine 'auto', which runs such a model by demucs's own code.",
        )
    own = _own_forward(module)
    if engine == "torch" or not known:
        return own
    fast = Hybrid(module)

    def forward(mix: Tensor) -> Tensor:
        if mix.device.type != "cpu" or mix.dtype != torch.float32 or not _is_plain(module):
            return own(mix)
        return fast(mix)

    return forward


def _own_forward(module: nn.Module) -> Callable[[Tensor], Tensor]:
    def forward(mix: Tensor) -> Tensor:
        with torch.no_grad():
            result: Tensor = module(mix)
        return result

    return forward


def _is_plain(module: nn.Module) -> bool:
    return not module.training and all(
        p.device.type == "cpu" and p.dtype == torch.float32 for p in module.parameters()
    )
