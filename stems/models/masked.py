"""The embedded separator's network: Demucs's frequency branch with levels in and masks out.

`demucs.hdemucs.HDemucs` takes magnitudes as they are and gives magnitudes. Their range of 100 dB makes such a
network slow to learn: after a short training it is blind to all but the loudest cells. Here it sees
logarithmic levels, and its outputs are shares of the mixture in every cell (a softmax over the
sources), so the stems of a segment sum to the mixture by construction. Everything else is HDemucs,
and `demucs.hf.load_safetensors_model` loads it where this package is installed.
"""

from __future__ import annotations

import torch
from demucs.hdemucs import HDemucs

__all__ = ["MaskedHDemucs"]

_RANGE = 100.0
"""Cells at a hundredth of the mean level are where the logarithm begins to flatten: -40 dB."""


class MaskedHDemucs(HDemucs):
    """HDemucs(cac=False, hybrid=False) on log levels; its outputs are shares of the mixture's spectrum."""

    def valid_length(self, length: int) -> int:
        """Frames to show for a segment of `length`: its spectrogram mirrors half a window at both ends."""
        return max(length, int(self.nfft))

    def _magnitude(self, z: torch.Tensor) -> torch.Tensor:
        """Levels [batch, channels, bins, columns] of a spectrum of that shape, free of its gain."""
        levels = z.abs()
        mean = levels.mean(dim=(1, 2, 3), keepdim=True)
        return torch.log1p(_RANGE * levels / (mean + 1e-8))

    def _mask(self, z: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        """Spectra [batch, sources, channels, bins, columns] that sum to `z`."""
        return z[:, None] * torch.softmax(m.float(), dim=1)
