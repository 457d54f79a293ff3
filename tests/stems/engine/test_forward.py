"""The fast forward pass beside demucs's own, on tiny models with every option."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mastering.errors import ParameterError
from stems.engine import forward_for, ops, support

pytest.importorskip("demucs")

SOURCES = ["drums", "bass", "other", "vocals"]
RATE = 8_000


def awake(module: nn.Module) -> nn.Module:
    """Draw scales and norms so large that every layer, and every channel of it, counts."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.endswith(".scale"):
                weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))
            elif weight.dim() == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return module.eval()


def htdemucs(**options: Any) -> nn.Module:
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(3)
    small = {"channels": 8, "depth": 3, "nfft": 512, "segment": 1, "samplerate": RATE, "dconv_comp": 2}
    return awake(HTDemucs(SOURCES, **{**small, "t_layers": 3, "t_heads": 4, **options}))


def hdemucs(**options: Any) -> nn.Module:
    from demucs.hdemucs import HDemucs

    torch.manual_seed(3)
    small = {"channels": 8, "depth": 5, "segment": 1, "samplerate": RATE, "nfft": 4096}
    return awake(HDemucs(SOURCES, **{**small, **options}))


def noise(*shape: int) -> Tensor:
    return 0.2 * torch.randn(*shape, generator=torch.Generator().manual_seed(11)) + 0.01


def snr_db(reference: Tensor, other: Tensor) -> float:
    error = (reference.double() - other.double()).norm()
    return float(20 * torch.log10(reference.double().norm() / error.clamp_min(1e-300)))


def own(module: nn.Module, mix: Tensor) -> Tensor:
    with torch.no_grad():
        return module(mix)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On tiny maps, threads wait for one another longer than they work."""
    with threads(1):
        yield


KNOWN: list[dict[str, Any]] = [
    {},
    {"bottom_channels": 48},
    {"t_layers": 0},
    {"t_layers": 2, "t_cross_first": True},
    {"t_layer_scale": False, "t_norm_out": False},
    {"t_norm_in": False},
    {"t_weight_pos_embed": 0.5, "t_max_period": 500.0, "t_hidden_scale": 2.0},
    {"rewrite": False},
    {"dconv_mode": 0},
    {"dconv_mode": 2},
    {"dconv_mode": 3, "dconv_depth": 3},
    {"freq_emb": 0},
    {"context": 0},
    {"context": 2},
    {"audio_channels": 1},
    {"kernel_size": 4, "stride": 2},
    {"growth": 3, "emb_smooth": False},
    {"depth": 2, "nfft": 1024},
]
PARTLY_KNOWN: list[dict[str, Any]] = [
    {"t_norm_first": False},
    {"t_gelu": False},
    {"t_group_norm": True},
    {"t_norm_in": False, "t_norm_in_group": True},
    {"t_emb": "cape"},
    {"t_emb": "scaled"},
    {"norm_starts": 1},
    {"norm_starts": 2, "bottom_channels": 48},
]
UNKNOWN: list[dict[str, Any]] = [
    {"cac": False},
    {"cac": False, "wiener_iters": 1, "end_iters": 1},
    {"context_enc": 1},
    {"multi_freqs": [0.5], "multi_freqs_depth": 2},
    {"norm_starts": 0},
]


def label(options: dict[str, Any]) -> str:
    return "-".join(f"{key}={value}" for key, value in options.items()) or "default"


@pytest.mark.parametrize("options", KNOWN, ids=label)
def test_every_known_option_of_htdemucs_gives_its_samples(options: dict[str, Any]) -> None:
    module = htdemucs(**options)
    assert support.fast_layers(module) == len(module.encoder)  # type: ignore[arg-type]
    if options.get("t_layers") != 0:
        assert support.knows_transformer(module.crosstransformer)  # type: ignore[arg-type]
    mix = noise(1, options.get("audio_channels", 2), RATE)
    assert snr_db(own(module, mix), forward_for(module, engine="fast")(mix)) > 95


@pytest.mark.parametrize("options", PARTLY_KNOWN, ids=label)
def test_what_is_known_around_unknown_parts_gives_the_same_samples(options: dict[str, Any]) -> None:
    module = htdemucs(**options)
    assert support.fast_layers(module) > 0
    mix = noise(1, 2, RATE)
    assert snr_db(own(module, mix), forward_for(module, engine="fast")(mix)) > 95


@pytest.mark.parametrize("options", UNKNOWN, ids=label)
def test_unknown_options_fall_through_to_the_module(options: dict[str, Any]) -> None:
    module = htdemucs(**options)
    assert support.fast_layers(module) == 0
    mix = noise(1, 2, RATE)
    assert torch.equal(forward_for(module)(mix), own(module, mix))
    with pytest.raises(ParameterError, match="cannot run"):
        forward_for(module, engine="fast")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"depth": 6, "channels": 4},
        {"hybrid_old": True},
        {"norm_starts": 2, "dconv_lstm": 3, "dconv_attn": 3},
        {"dconv_mode": 3},
        {"freq_emb": 0, "growth": 1, "dconv_comp": 2},
        {"audio_channels": 1},
    ],
    ids=label,
)
def test_every_known_option_of_hdemucs_gives_its_samples(options: dict[str, Any]) -> None:
    module = hdemucs(**options)
    assert support.fast_layers(module) >= 2
    mix = noise(1, options.get("audio_channels", 2), 13_001)
    assert snr_db(own(module, mix), forward_for(module, engine="fast")(mix)) > 95


@pytest.mark.parametrize("options", [{"hybrid": False}, {"cac": False}, {"multi_freqs": [0.5]}], ids=label)
def test_unknown_kinds_of_hdemucs_fall_through(options: dict[str, Any]) -> None:
    module = hdemucs(**options)
    mix = noise(1, 2, 2 * RATE)
    assert torch.equal(forward_for(module)(mix), own(module, mix))


def test_channels_of_its_own_for_the_waveform_run_in_hdemucs() -> None:
    module = hdemucs(channels_time=4)
    mix = noise(1, 2, 9_000)
    assert snr_db(own(module, mix), forward_for(module, engine="fast")(mix)) > 95


@pytest.mark.parametrize("frames", [1, 257, 5_000, 7_999, 8_000])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_segment_shorter_than_the_trained_one_is_padded_as_demucs_does(frames: int, batch: int) -> None:
    module = htdemucs()
    mix = noise(batch, 2, frames)
    result = forward_for(module, engine="fast")(mix)
    assert result.shape == (batch, 4, 2, frames)
    assert snr_db(own(module, mix), result) > 90


@pytest.mark.parametrize("frames", [700, 4_321, 6_144, 20_011])
def test_any_length_runs_where_the_module_takes_any_length(frames: int) -> None:
    mix = noise(2, 2, frames)
    for module in (htdemucs(use_train_segment=False), hdemucs(channels=4)):
        assert snr_db(own(module, mix), forward_for(module, engine="fast")(mix)) > 90


def test_silence_and_a_constant_stay_finite_and_equal() -> None:
    module = htdemucs()
    for mix in (torch.zeros(1, 2, RATE), torch.full((1, 2, RATE), 0.5)):
        expected, result = own(module, mix), forward_for(module)(mix)
        assert torch.isfinite(result).all()
        assert float((result - expected).abs().max()) < 1e-4


def test_neither_module_nor_input_changes_and_the_result_is_free_to_change() -> None:
    module = htdemucs(bottom_channels=48)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    mix = noise(1, 2, RATE)
    kept = mix.clone()
    forward = forward_for(module)
    first = forward(mix)
    assert torch.equal(mix, kept)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    expected = first.clone()
    first.mul_(0)
    assert torch.equal(forward(mix), expected)
    assert not expected.requires_grad


def test_a_view_of_a_longer_recording_is_read_as_it_lies() -> None:
    module = htdemucs()
    long = noise(1, 2, 3 * RATE)
    view = long[..., 101 : 101 + RATE]
    forward = forward_for(module)
    assert torch.equal(forward(view), forward(view.contiguous()))


def test_the_number_of_threads_does_not_change_a_sample() -> None:
    module, mix = htdemucs(), noise(1, 2, RATE)
    forward = forward_for(module)
    results = []
    for count in (1, 2, 3):
        with threads(count):
            results.append(forward(mix))
            assert torch.get_num_threads() == count
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_several_threads_may_call_at_once() -> None:
    module = htdemucs()
    forward = forward_for(module)
    mixes = [noise(1, 2, RATE) * (k + 1) for k in range(4)]
    expected = [forward(mix) for mix in mixes]
    with threads(2), ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert all(torch.equal(a, b) for a, b in zip(pool.map(forward, mixes), expected, strict=True))


def test_an_error_in_a_piece_reaches_the_caller() -> None:
    forward = forward_for(htdemucs())
    for count in (1, 2):
        with threads(count):
            with pytest.raises(RuntimeError):
                forward(noise(1, 3, RATE))
            assert forward(noise(1, 2, RATE)).shape == (1, 4, 2, RATE)


def test_without_onednn_the_public_functions_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "has_onednn", lambda: False)
    module, mix = htdemucs(bottom_channels=48), noise(1, 2, RATE)
    assert snr_db(own(module, mix), forward_for(module, engine="fast")(mix)) > 95


def test_other_modules_are_called_as_they_are() -> None:
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0.5 * x

    mix = noise(1, 2, 100)
    for engine in ("auto", "torch"):
        assert torch.equal(forward_for(Half(), engine=engine)(mix), 0.5 * mix)
    with pytest.raises(ParameterError, match="Half"):
        forward_for(Half(), engine="fast")


def test_training_double_precision_and_the_torch_engine_use_the_module() -> None:
    module, mix = htdemucs(), noise(1, 2, RATE)
    assert torch.equal(forward_for(module, engine="torch")(mix), own(module, mix))
    forward = forward_for(module)
    module.double()
    assert torch.equal(forward(mix.double()), own(module, mix.double()))
    with pytest.raises(ParameterError):
        forward_for(htdemucs().train(), engine="fast")


def test_an_unknown_engine_is_refused_with_the_names_allowed() -> None:
    with pytest.raises(ParameterError, match="warp") as caught:
        forward_for(nn.Identity(), engine="warp")
    assert "fast" in caught.value.hint
