"""The embedded separator's network: shares of the mixture, whatever its level and length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from demucs.apply import apply_model

from stems.models.masked import MaskedHDemucs


@pytest.fixture(scope="module")
def network() -> MaskedHDemucs:
    torch.manual_seed(3)
    options = {"channels": 4, "depth": 5, "hybrid": False, "cac": False, "norm_starts": 0, "segment": 1}
    return MaskedHDemucs(["drums", "bass", "other", "vocals"], **options).eval()


def noise(frames: int) -> torch.Tensor:
    """Noise without the highest bin, which Demucs's spectrograms leave out."""
    rough = np.random.default_rng(1).standard_normal((1, 2, frames + 8)).astype(np.float32) * 0.1
    for _ in range(4):
        rough = 0.5 * (rough[..., 1:] + rough[..., :-1])
    return torch.from_numpy(np.ascontiguousarray(rough[..., :frames]))


def test_stems_of_a_segment_sum_to_the_mixture(network: MaskedHDemucs) -> None:
    mix = noise(44_100)
    with torch.no_grad():
        stems = network(mix)
    assert stems.shape == (1, 4, 2, 44_100)
    assert (stems.sum(dim=1) - mix).abs().max() < 1e-5
    assert stems.std() > 0.01


def test_stems_follow_the_gain_of_the_mixture(network: MaskedHDemucs) -> None:
    mix = noise(44_100)
    with torch.no_grad():
        quiet, loud = network(0.01 * mix), network(mix)
    assert torch.allclose(100 * quiet, loud, atol=1e-3)


def test_silence_stays_silence(network: MaskedHDemucs) -> None:
    with torch.no_grad():
        stems = network(torch.zeros(1, 2, 44_100))
    assert torch.equal(stems, torch.zeros_like(stems))


@pytest.mark.parametrize("rest", [1, 229, 2048, 2049])
def test_last_segment_may_be_shorter_than_half_a_window(network: MaskedHDemucs, rest: int) -> None:
    frames = 33_075 + rest
    stems = apply_model(network, noise(frames), shifts=0)
    assert stems.shape[-1] == frames
    assert torch.isfinite(stems).all()
