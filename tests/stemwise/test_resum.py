"""Re-summing: unity is the recording to the bit, a change is what its chain does to the stem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from mastering.audio import Audio, AudioSource, Samples
from mastering.chain import Compressor, EqBand, Equalizer, LinearPhaseEq, StemChain
from mastering.host.render import render
from mastering.stemwise.resum import Resummed

Mix = Callable[[Mapping[str, Audio]], Audio]

CURVE = LinearPhaseEq(
    frequencies_hz=(100.0, 1_000.0, 8_000.0), mid_gain_db=(0.0, 3.0, -4.0), side_gain_db=(0.0, 3.0, -4.0)
)
NOTHING = StemChain(stem="drums")


def samples(source: AudioSource) -> Samples:
    return np.concatenate(list(source.blocks()), axis=1)


class Forbidden:
    """A stem that must not be read."""

    sample_rate, channels, frames = 44_100, 2, 0

    def blocks(self) -> Iterator[Samples]:
        raise AssertionError("an unchanged stem was read")


@pytest.mark.parametrize("chains", [(), (NOTHING,)])
def test_unity_gives_the_recording_to_the_bit_and_reads_no_stem(
    song: dict[str, Audio], mix: Mix, chains: tuple[StemChain, ...]
) -> None:
    whole = mix(song)
    assert np.array_equal(samples(Resummed(whole, {"drums": Forbidden()}, chains)), whole.samples)


def test_a_gain_moves_one_stem_and_no_other(song: dict[str, Audio], mix: Mix) -> None:
    out = samples(Resummed(mix(song), song, (StemChain(stem="vocals", gain_db=-6.0),)))
    wanted = mix(song).samples + (10.0 ** (-6.0 / 20.0) - 1.0) * song["vocals"].samples
    assert np.abs(out - wanted).max() < 1e-6


def test_a_chain_on_every_stem_is_the_sum_of_the_rendered_stems(song: dict[str, Audio], mix: Mix) -> None:
    steps = (CURVE, Compressor(threshold_dbfs=-30.0, ratio=2.0))
    chains = tuple(StemChain(stem=name, steps=steps, gain_db=1.0) for name in song)
    wanted = sum(render(part, steps).samples for part in song.values()) * 10.0 ** (1.0 / 20.0)
    assert np.abs(samples(Resummed(mix(song), song, chains)) - wanted).max() < 1e-5


def test_linear_steps_on_all_stems_equal_the_same_steps_on_the_mix(song: dict[str, Audio], mix: Mix) -> None:
    bands = Equalizer(
        mid=(EqBand(frequency_hz=900.0, gain_db=4.0),), side=(EqBand(frequency_hz=900.0, gain_db=4.0),)
    )
    chains = tuple(StemChain(stem=name, steps=(CURVE, bands)) for name in song)
    whole = mix(song)
    wanted = render(whole, (CURVE, bands)).samples
    assert np.abs(samples(Resummed(whole, song, chains)) - wanted).max() < 2e-5


def test_it_can_be_read_again_and_gives_whole_blocks(song: dict[str, Audio], mix: Mix) -> None:
    source = Resummed(mix(song), song, (StemChain(stem="bass", steps=(CURVE,)),))
    first, again = list(source.blocks()), list(source.blocks())
    assert [block.shape for block in first] == [block.shape for block in mix(song).blocks()]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_stem_that_the_separation_has_not_is_left_out(song: dict[str, Audio], mix: Mix) -> None:
    whole = mix(song)
    out = samples(Resummed(whole, song, (StemChain(stem="piano", gain_db=6.0),)))
    assert np.array_equal(out, whole.samples)


def test_mono_stays_mono(song: dict[str, Audio], mix: Mix) -> None:
    mono = {
        name: Audio(samples=part.samples[:1].copy(), sample_rate=part.sample_rate)
        for name, part in song.items()
    }
    out = samples(Resummed(mix(mono), mono, (StemChain(stem="vocals", steps=(CURVE,), gain_db=2.0),)))
    assert out.shape == mix(mono).samples.shape
    assert not np.array_equal(out, mix(mono).samples)
