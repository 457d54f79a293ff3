"""Linear-phase convolution by overlap-save, differentiable in the samples and in the response.

The partition is the host's (`mastering.dsp.fir`): windows of four times the taps, zero phase, so
that the delay is taken out and the output is as long as the input. Responses are real [..., bins].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mastering.dsp.fir import tap_count

__all__ = ["convolved", "split", "window_size"]

Operation: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def window_size(sample_rate: int) -> int:
    """Frames of one window; a response has half as many bins plus one."""
    return 4 * (tap_count(sample_rate) + 1)


def convolved(samples: Tensor, response: Tensor) -> Tensor:
    """Each row through its own zero-phase filter.

    Args:
        samples: [..., frames].
        response: real, [..., bins], expanded to the rows of `samples`.

    Returns:
        [..., frames].
    """
    apply = cast("Operation", _Convolution.apply)
    return apply(samples, response.expand(*samples.shape[:-1], response.shape[-1]))


def split(samples: Tensor, responses: Tensor) -> Tensor:
    """Bands of each row that sum to it; the last band is what the others leave.

    Args:
        samples: [batch, channels, frames].
        responses: real, [bands - 1, bins], constant.

    Returns:
        [batch, bands, channels, frames].
    """
    return cast("Operation", _Split.apply)(samples, responses)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, samples: Tensor, response: Tensor) -> Tensor:
        spectra = _spectra(samples, response.shape[-1])
        ctx.save_for_backward(spectra, response)
        ctx.frames = samples.shape[-1]
        return _joined(spectra * response.unsqueeze(-2), ctx.frames)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        spectra, response = ctx.saved_tensors
        hops = _hop_spectra(gradient, response.shape[-1])
        to_samples = to_response = None
        if ctx.needs_input_grad[0]:
            to_samples = _overlapped(hops * response.unsqueeze(-2), ctx.frames)
        if ctx.needs_input_grad[1]:
            size = 2 * (response.shape[-1] - 1)
            products = spectra.real * hops.real + spectra.imag * hops.imag
            to_response = products.sum(dim=-2) * (2.0 / size)
            to_response[..., 0] *= 0.5
            to_response[..., -1] *= 0.5
        return to_samples, to_response


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, samples: Tensor, responses: Tensor) -> Tensor:
        ctx.save_for_backward(responses)
        bands, frames = len(responses) + 1, samples.shape[-1]
        out = samples.new_empty(samples.shape[0], bands, *samples.shape[1:])
        spectra = _spectra(samples, responses.shape[-1])
        out[:, -1] = samples
        for band, response in enumerate(responses):
            out[:, band] = _joined(spectra * response, frames)
            out[:, -1] -= out[:, band]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        (responses,) = ctx.saved_tensors
        last = gradient[:, -1]
        total = torch.zeros((), dtype=responses.dtype)
        for band, response in enumerate(responses):
            total = total + _hop_spectra(gradient[:, band] - last, responses.shape[-1]) * response
        return _overlapped(total, gradient.shape[-1]) + last, None


def _layout(bins: int) -> tuple[int, int, int]:
    """Size of a window, frames between two, and frames before its valid part."""
    size = 2 * (bins - 1)
    history = size // 4 - 2
    return size, size - history, history // 2


def _spectra(samples: Tensor, bins: int) -> Tensor:
    """Spectra of overlapping windows [..., windows, bins]."""
    size, hop, before = _layout(bins)
    count = -(-samples.shape[-1] // hop)
    after = (count - 1) * hop + size - before - samples.shape[-1]
    padded = torch.nn.functional.pad(samples, (before, after))
    spectra: Tensor = torch.fft.rfft(padded.unfold(-1, size, hop), n=size)
    return spectra


def _joined(spectra: Tensor, frames: int) -> Tensor:
    """The valid parts of filtered windows, one after another."""
    _, hop, before = _layout(spectra.shape[-1])
    valid: Tensor = torch.fft.irfft(spectra)[..., before : before + hop]
    return valid.reshape(*valid.shape[:-2], -1)[..., :frames]


def _hop_spectra(gradient: Tensor, bins: int) -> Tensor:
    """Adjoint of `_joined`: each hop of the gradient at its place in a window of zeros, transformed."""
    size, hop, before = _layout(bins)
    count = -(-gradient.shape[-1] // hop)
    padded = torch.nn.functional.pad(gradient, (0, count * hop - gradient.shape[-1]))
    hops = padded.reshape(*gradient.shape[:-1], count, hop)
    spectra: Tensor = torch.fft.rfft(torch.nn.functional.pad(hops, (before, size - before - hop)))
    return spectra


def _overlapped(spectra: Tensor, frames: int) -> Tensor:
    """Adjoint of `_spectra`: windows added where they came from."""
    size, hop, before = _layout(spectra.shape[-1])
    windows: Tensor = torch.fft.irfft(spectra)
    count = windows.shape[-2]
    out = windows.new_zeros(*windows.shape[:-2], (count + 1) * hop)
    grid = out.reshape(*windows.shape[:-2], count + 1, hop)
    grid[..., :-1, :] += windows[..., :hop]
    grid[..., 1:, : size - hop] += windows[..., hop:]
    return out[..., before : before + frames]
