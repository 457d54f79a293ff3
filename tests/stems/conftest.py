"""Tiny models: real networks of demucs with random weights, and one whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mastering.audio import Audio, AudioSource, Samples
from stems.cache import StemCache
from stems.separate import Separator

SOURCES = ("drums", "bass", "other", "vocals")
RATE_HZ = 8_000


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Networks this small are slower with more threads, many times so on a busy machine."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def network() -> Callable[..., Any]:
    """A tiny HDemucs ("hybrid"), HTDemucs ("transformer") or Demucs ("waveform"), seeded."""
    torch = pytest.importorskip("torch")
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    small: dict[str, tuple[Any, dict[str, Any]]] = {
        "hybrid": (HDemucs, {"channels": 4}),
        "transformer": (
            HTDemucs,
            {"channels": 8, "t_layers": 1, "bottom_channels": 16, "t_heads": 2},
        ),
        "waveform": (Demucs, {"channels": 4, "depth": 3}),
    }

    def make(kind: str, *, segment: float = 1.0, seed: int = 0, **settings: Any) -> Any:
        torch.manual_seed(seed)
        network, fixed = small[kind]
        settings = {"samplerate": RATE_HZ, **fixed, **settings}
        return network(list(SOURCES), segment=segment, **settings).eval()

    return make


@pytest.fixture
def model_file(network: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """Write a tiny model as demucs publishes its own; the arguments are those of `network`."""
    from safetensors.torch import save_file

    def write(kind: str = "hybrid", *, name: str = "tiny", **settings: Any) -> Path:
        module = network(kind, **settings)
        args, kwargs = module._init_args_kwargs
        path = tmp_path / f"{name}.safetensors"
        metadata = {
            "klass": f"{type(module).__module__}.{type(module).__name__}",
            "args": json.dumps(args),
            "kwargs": json.dumps(kwargs),
        }
        save_file({key: tensor.contiguous() for key, tensor in module.state_dict().items()}, path, metadata)
        return path

    return write


@pytest.fixture
def cache(tmp_path: Path) -> StemCache:
    """An empty cache."""
    return StemCache(tmp_path / "cache")


@pytest.fixture
def known(tmp_path: Path, cache: StemCache) -> Callable[..., Separator]:
    """A separator whose stems are known: 0.1, 0.2, 0.3 and 0.3 times what the model hears.

    The settings are Separator's; `answer` replaces the network's function, `rate_hz` its rate.
    """
    torch = pytest.importorskip("torch")
    from stems.models import LoadedModel

    class Shares(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, answer: Callable[[Any], Any] | None, rate_hz: int, segment: float) -> None:
            super().__init__()
            self.segment, self.samplerate, self.calls, self._answer = segment, rate_hz, 0, answer

        def forward(self, mix: Any) -> Any:
            self.calls += 1
            if self._answer is not None:
                return self._answer(mix)
            return torch.stack([share * mix for share in (0.1, 0.2, 0.3, 0.3)], dim=1)

    def make(
        *,
        answer: Callable[[Any], Any] | None = None,
        rate_hz: int = RATE_HZ,
        segment: float = 1.0,
        **settings: Any,
    ) -> Separator:
        path = tmp_path / "known.safetensors"
        path.write_bytes(b"known")
        separator = Separator(path, **{"cache": cache, "engine": "torch", **settings})
        separator._model = LoadedModel(
            name="known",
            label="custom",
            models=[Shares(answer, rate_hz, segment)],
            weights=[[1.0] * 4],
            sources=SOURCES,
            sample_rate=rate_hz,
            audio_channels=2,
            segment_s=segment,
            sha256=("0" * 64,),
            licence="",
        )
        return separator

    return make


@pytest.fixture
def music() -> Callable[..., Audio]:
    """Noise with a slow swell, so that no two places are alike."""

    def make(
        frames: int, *, channels: int = 2, rate_hz: int = RATE_HZ, seed: int = 0, dc: float = 0.0
    ) -> Audio:
        rng = np.random.default_rng(seed)
        swell = 0.2 + 0.1 * np.sin(np.arange(frames) / 3_000)
        samples = (swell * rng.standard_normal((channels, frames)) * 0.3 + dc).astype(np.float32)
        return Audio(samples=samples, sample_rate=rate_hz)

    return make


@pytest.fixture
def whole() -> Callable[[AudioSource], Samples]:
    """All samples of a source, after a check that its blocks are cut as a source's must be."""
    from mastering.audio import BLOCK_FRAMES

    def read(source: AudioSource) -> Samples:
        blocks = list(source.blocks())
        assert all(block.shape[1] == BLOCK_FRAMES for block in blocks[:-1])
        assert all(block.dtype == np.float32 for block in blocks)
        samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((source.channels, 0), np.float32)
        assert samples.shape == (source.channels, source.frames)
        return samples

    return read
