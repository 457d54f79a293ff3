"""The streaming overlap-add against demucs.apply.apply_model, which holds the whole piece."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from demucs.apply import BagOfModels, apply_model  # noqa: E402

from mastering.audio import Samples  # noqa: E402
from stems.overlap import Lane, Voice, Window, segments_of, stream  # noqa: E402

Network = Callable[..., Any]

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.usefixtures("one_thread")]

KINDS: dict[str, dict[str, Any]] = {
    "hybrid": {},
    "transformer": {},
    "waveform": {},
    "transformer of any length": {"use_train_segment": False},
}
LENGTHS = (7, 5_000, 8_000, 8_001, 20_011)
"""Below a segment of 8,000 frames, one segment, one frame more, many."""


def noise(frames: int) -> Samples:
    return np.random.default_rng(frames).standard_normal((2, frames)).astype(np.float32)


def streamed(
    networks: Sequence[Any],
    mix: Samples,
    *,
    overlap: float = 0.25,
    weights: Sequence[Sequence[float]] | None = None,
    shifts: Sequence[Sequence[int]] | None = None,
    start: int = 0,
    segment_s: float | None = None,
    block: int = 1_000,
) -> Any:
    length = mix.shape[1]
    voices = [
        Voice(
            lanes=[
                Lane(
                    network,
                    segments_of(network, overlap=overlap, segment_s=segment_s),
                    rows=slice(0, 2),
                    length=length,
                    shift_frames=shift,
                    start=start,
                )
                for shift in (shifts[place] if shifts else [0])
            ],
            weights=weights[place] if weights else [1.0] * 4,
        )
        for place, network in enumerate(networks)
    ]
    blocks = (mix[:, at : at + block] for at in range(0, length, block))
    window = Window(blocks, 2, length)
    return torch.cat([piece for (piece,) in stream([voices], window, start=start, length=length)], dim=-1)


def applied(model: Any, mix: Samples, **settings: Any) -> Any:
    return apply_model(model, torch.from_numpy(mix)[None], **{"shifts": 0, "overlap": 0.25, **settings})[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_it_is_apply_model(network: Network, kind: str, length: int, overlap: float) -> None:
    model = network(kind.split()[0], **KINDS[kind])
    mix = noise(length)
    if length == 8_001 and overlap == 0.0 and kind != "transformer":
        if kind != "waveform":
            with pytest.raises(ValueError, match="Expected more than 1 value"):
                applied(model, mix, overlap=overlap)  # demucs fails where one frame is left
        assert torch.isfinite(streamed([model], mix, overlap=overlap)).all()
        return
    assert (
        streamed([model], mix, overlap=overlap) - applied(model, mix, overlap=overlap)
    ).abs().max() <= 1e-6


@pytest.mark.parametrize("overlap", [0.1, 0.75, 0.9])
def test_any_overlap(network: Network, overlap: float) -> None:
    model, mix = network("waveform"), noise(17_003)
    assert (
        streamed([model], mix, overlap=overlap) - applied(model, mix, overlap=overlap)
    ).abs().max() <= 1e-6


def test_a_bag_with_weights_and_segments_of_its_own(network: Network) -> None:
    networks = [
        network("hybrid", seed=1),
        network("transformer", seed=2, segment=0.7),
        network("waveform", segment=1.3),
    ]
    weights = [[1.0, 0.0, 0.5, 2.0], [0.0, 1.0, 0.5, 1.0], [1.0, 1.0, 1.0, 0.3]]
    mix = noise(20_011)
    wanted = applied(BagOfModels(networks, weights), mix)
    assert (streamed(networks, mix, weights=weights) - wanted).abs().max() <= 1e-6


def test_shifts_are_those_of_demucs(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def randint(low: int, high: int) -> int:
        drawn.append(random.Random(len(drawn)).randint(low, high))
        return drawn[-1]

    monkeypatch.setattr("demucs.apply.random.randint", randint)
    networks = [network("hybrid", seed=1), network("waveform", seed=2)]
    mix = noise(20_011)
    wanted = applied(BagOfModels(networks), mix, shifts=2)
    most = 4_000  # half a second
    shifts = [[most - offset for offset in drawn[:2]], [most - offset for offset in drawn[2:]]]
    assert (streamed(networks, mix, shifts=shifts) - wanted).abs().max() <= 1e-6


def test_shorter_segments(network: Network) -> None:
    model, mix = network("hybrid", segment=2.0), noise(20_011)
    assert (streamed([model], mix, segment_s=0.5) - applied(model, mix, segment=0.5)).abs().max() <= 1e-6


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.7])
def test_a_later_start_gives_the_same_bits(network: Network, overlap: float) -> None:
    networks = [network("waveform"), network("waveform", segment=0.6, seed=1)]
    shifts, mix = [[0, 1_234], [17, 3_999]], noise(20_011)
    whole = streamed(networks, mix, shifts=shifts, overlap=overlap)
    for start in (1, 5_999, 6_000, 12_345, 20_010):
        later = streamed(networks, mix, shifts=shifts, overlap=overlap, start=start)
        assert torch.equal(later, whole[..., start:]), start


def test_the_blocks_do_not_matter(network: Network) -> None:
    model, mix = network("waveform"), noise(20_011)
    assert torch.equal(streamed([model], mix, block=17), streamed([model], mix, block=30_000))


def test_the_window_holds_no_more_than_is_needed(network: Network) -> None:
    model, length = network("waveform"), 40_000
    mix = noise(length)
    window = Window((mix[:, at : at + 500] for at in range(0, length, 500)), 2, length)
    lane = Lane(model, segments_of(model, overlap=0.25), rows=slice(0, 2), length=length)
    steps = stream([[Voice(lanes=[lane], weights=[1.0] * 4)]], window, start=0, length=length)
    assert max(window._held.shape[1] for _ in steps) <= 2 * 8_000 + 1_500
