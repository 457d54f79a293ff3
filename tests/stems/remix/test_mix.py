"""Remixing: what is not touched is exact, what is touched is what was asked for, blocks do not matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mastering.audio import Audio, Samples
from mastering.chain import Compressor, EqBand, Equalizer, Limiter, LinearPhaseEq, MasteringChain
from mastering.errors import ParameterError
from mastering.host.render import render
from mastering.measure.features import analyse
from mastering.units import db_to_gain
from stems.remix.mix import LOUDNESS_GAIN_DB, Remixed, remix
from stems.remix.values import Automation, Remix, StemRemix

NAMES = ("drums", "bass", "other", "vocals")
RATE = 44_100
FRAMES = 70_001
RNG = np.random.default_rng(11)


def _stems(channels: int = 2, frames: int = FRAMES) -> dict[str, Audio]:
    noise = np.random.default_rng(5).standard_normal((len(NAMES), channels, frames))
    return {
        name: Audio(samples=(0.1 * part).astype(np.float32), sample_rate=RATE)
        for name, part in zip(NAMES, noise, strict=True)
    }


def _original(stems: Mapping[str, Audio]) -> Audio:
    """What a separator starts from: its stems sum to it only to rounding."""
    total = sum(stem.samples.astype(np.float64) for stem in stems.values())
    rounding = 1.0 + 2.0**-23 * np.random.default_rng(3).integers(-1, 2, np.shape(total))
    return Audio(samples=np.asarray(total * rounding, dtype=np.float32), sample_rate=RATE)


STEMS = _stems()
ORIGINAL = _original(STEMS)


def _samples(source: Remixed) -> Samples:
    parts = list(source.blocks())
    return np.concatenate(parts, axis=1) if parts else np.empty((source.channels, 0), np.float32)


def _mixed(spec: Remix, stems: Mapping[str, Audio] = STEMS, original: Audio | None = ORIGINAL) -> Samples:
    source = remix(stems, spec, original=original)
    out = _samples(source)
    assert out.shape == (source.channels, source.frames)
    assert out.dtype == np.float32
    return out


def _one(name: str, **changes: object) -> Remix:
    return Remix(stems={name: StemRemix(**changes)})  # type: ignore[arg-type]


@dataclass
class Chopped:
    """A stem that comes in blocks of any size."""

    audio: Audio
    sizes: tuple[int, ...]

    sample_rate = property(lambda self: self.audio.sample_rate)
    channels = property(lambda self: self.audio.channels)
    frames = property(lambda self: self.audio.frames)

    def blocks(self) -> Iterator[Samples]:
        yield from np.split(self.audio.samples, np.cumsum(self.sizes), axis=1)


CHAIN = MasteringChain(
    steps=(
        Equalizer(mid=(EqBand(frequency_hz=300.0, gain_db=-3.0),)),
        LinearPhaseEq(frequencies_hz=(100.0, 5_000.0), mid_gain_db=(2.0, -2.0), side_gain_db=(0.0, 1.0)),
        Compressor(threshold_dbfs=-25.0),
    ),
    limiter=Limiter(input_gain_db=6.0, ceiling_dbtp=-6.0),
)
BUSY = Remix(
    stems={
        "vocals": StemRemix(
            gain_db=-2.0,
            chain=CHAIN,
            delay_ms=13.0,
            automation=Automation(gain_db=((0.1, -20.0), (1.2, 3.0)), pan=((0.0, -80.0), (1.5, 40.0))),
        ),
        "bass": StemRemix(pan=-20.0, width_percent=30.0, delay_ms=-700.0),
        "drums": StemRemix(automation=Automation(width_percent=((0.2, 0.0), (0.9, 200.0)))),
    }
)


@pytest.mark.parametrize("spec", [Remix(), _one("vocals", automation=Automation(gain_db=((1.0, 0.0),)))])
def test_unity_is_the_original_bit_for_bit(spec: Remix) -> None:
    out = _mixed(spec)
    assert out.tobytes() == ORIGINAL.samples.tobytes()
    assert ORIGINAL.samples.tobytes() != _mixed(spec, original=None).tobytes()


def test_without_an_original_unity_is_the_sum() -> None:
    total = sum(stem.samples.astype(np.float64) for stem in STEMS.values())
    assert np.array_equal(_mixed(Remix(), original=None), np.asarray(total, np.float32))


def test_untouched_time_and_stems_stay_to_the_bit() -> None:
    """A stem that is faded in from second 1 leaves everything before it exactly as it was."""
    fade = _one("bass", automation=Automation(gain_db=((1.0, 0.0), (1.2, -20.0))))
    out = _mixed(fade)
    assert np.array_equal(out[:, : RATE - 500], ORIGINAL.samples[:, : RATE - 500])
    assert not np.array_equal(out[:, RATE + 5_000 :], ORIGINAL.samples[:, RATE + 5_000 :])


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(NAMES), st.floats(-60.0, 24.0))
def test_gains_are_linear(name: str, gain_db: float) -> None:
    wanted = ORIGINAL.samples + (db_to_gain(gain_db) - 1.0) * STEMS[name].samples.astype(np.float64)
    assert np.abs(_mixed(_one(name, gain_db=gain_db)) - wanted).max() < 2e-6


@settings(deadline=None, max_examples=15)
@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_mute_and_the_other_solo_sum_to_the_input(names: set[str]) -> None:
    muted = _mixed(Remix(stems={name: StemRemix(mute=True) for name in names}))
    soloed = _mixed(Remix(stems={name: StemRemix(solo=True) for name in names}))
    assert np.abs(muted + soloed - ORIGINAL.samples).max() < 1e-6


def test_solo_is_the_stem_itself() -> None:
    assert np.array_equal(_mixed(_one("vocals", solo=True)), STEMS["vocals"].samples)


def test_nothing_left_is_silence() -> None:
    out = _mixed(Remix(stems={name: StemRemix(mute=True) for name in NAMES}))
    assert not out.any()


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 50_000), max_size=6).map(tuple))
def test_blocks_do_not_matter(sizes: tuple[int, ...]) -> None:
    chopped = {name: Chopped(audio, sizes) for name, audio in STEMS.items()}
    got = _samples(remix(chopped, BUSY, original=Chopped(ORIGINAL, sizes[::-1])))
    assert got.tobytes() == _busy().tobytes()


_BUSY_MIX: list[Samples] = []


def _busy() -> Samples:
    if not _BUSY_MIX:
        _BUSY_MIX.append(_mixed(BUSY))
    return _BUSY_MIX[0]


def test_a_second_pass_gives_the_same_samples() -> None:
    source = remix(STEMS, BUSY, original=ORIGINAL)
    assert np.array_equal(_samples(source), _samples(source))


STEM_REMIXES = st.builds(
    StemRemix,
    gain_db=st.floats(-120.0, 24.0),
    mute=st.booleans(),
    solo=st.booleans(),
    pan=st.floats(-100.0, 100.0),
    width_percent=st.floats(0.0, 200.0),
    delay_ms=st.floats(-2_000.0, 2_000.0),
    automation=st.builds(
        Automation,
        gain_db=st.just(()) | st.just(((0.0, -120.0), (0.001, 24.0))),
        pan=st.just(()) | st.just(((0.01, 100.0), (0.02, -100.0))),
    ),
)


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from(NAMES), STEM_REMIXES), st.integers(0, 3_000))
def test_any_settings_give_finite_samples_of_the_same_length(
    settings_of: dict[str, StemRemix], frames: int
) -> None:
    stems = {
        name: Audio(samples=audio.samples[:, :frames], sample_rate=RATE) for name, audio in STEMS.items()
    }
    out = _mixed(
        Remix(stems=settings_of), stems, Audio(samples=ORIGINAL.samples[:, :frames], sample_rate=RATE)
    )
    assert out.shape == (2, frames)
    assert np.isfinite(out).all()


def test_delay_moves_by_whole_frames() -> None:
    for delay_ms, frames in ((10.0, 441), (-10.0, -441), (0.02, 1)):
        out = _mixed(_one("vocals", solo=True, delay_ms=delay_ms))
        stem = STEMS["vocals"].samples
        wanted = np.zeros_like(stem)
        if frames > 0:
            wanted[:, frames:] = stem[:, :-frames]
        else:
            wanted[:, :frames] = stem[:, -frames:]
        assert np.array_equal(out, wanted)


def test_pan_and_width_do_what_their_law_says() -> None:
    stem = STEMS["bass"].samples.astype(np.float64)
    left = _mixed(_one("bass", solo=True, pan=-100.0))
    assert not left[1].any()
    assert left[0] == pytest.approx(np.sqrt(2.0) * stem[0], abs=1e-6)
    mono = _mixed(_one("bass", solo=True, width_percent=0.0))
    assert mono[0] == pytest.approx(stem.mean(axis=0), abs=1e-7)
    assert np.array_equal(mono[0], mono[1])


def test_the_chain_is_rendered_on_the_stem_alone() -> None:
    steps = CHAIN.steps
    out = _mixed(_one("other", solo=True, chain=MasteringChain(steps=steps)))
    assert np.array_equal(out, render(STEMS["other"], steps).samples)
    limited = _mixed(_one("other", solo=True, chain=CHAIN))
    assert np.abs(limited).max() <= db_to_gain(-6.0) + 1e-6
    assert limited.shape == out.shape


def test_panned_mono_becomes_stereo_and_width_is_refused() -> None:
    stems = _stems(channels=1)
    original = _original(stems)
    assert _mixed(Remix(), stems, original).shape[0] == 1
    out = _mixed(_one("vocals", pan=50.0), stems, original)
    rest = ORIGINAL_MONO = original.samples[0] - stems["vocals"].samples[0]
    left, right = (np.sqrt(2.0) * np.sin((1.0 + side * 0.5) * np.pi / 4.0) for side in (-1, 1))
    assert out[0] == pytest.approx(rest + left * stems["vocals"].samples[0], abs=2e-6)
    assert out[1] == pytest.approx(ORIGINAL_MONO + right * stems["vocals"].samples[0], abs=2e-6)
    with pytest.raises(ParameterError, match="width of 'bass': the input is mono"):
        remix(stems, _one("bass", width_percent=50.0), original=original)


def test_loudness_is_kept_on_request() -> None:
    source = remix(
        STEMS,
        Remix(stems={"drums": StemRemix(mute=True), "bass": StemRemix(gain_db=-30.0)}, keep_loudness=True),
        original=ORIGINAL,
    )
    after = Audio(samples=_samples(source), sample_rate=RATE)
    assert 2.0 < source.loudness_gain_db < 4.0
    assert analyse(after).integrated_lufs == pytest.approx(analyse(ORIGINAL).integrated_lufs, abs=0.01)


def test_silence_is_not_amplified_for_loudness() -> None:
    silent = Remix(stems={name: StemRemix(mute=True) for name in NAMES}, keep_loudness=True)
    assert remix(STEMS, silent, original=ORIGINAL).loudness_gain_db == 0.0
    faint = Remix(stems={name: StemRemix(gain_db=-55.0) for name in NAMES}, keep_loudness=True)
    assert remix(STEMS, faint, original=None).loudness_gain_db in (0.0, LOUDNESS_GAIN_DB.high)


def test_tempo_of_the_whole_changes_the_length() -> None:
    source = remix(STEMS, Remix(tempo_percent=80.0), original=ORIGINAL)
    assert source.frames == round(FRAMES * 1.25)
    assert _samples(source).shape == (2, source.frames)


def test_a_stem_in_another_key_keeps_its_length_and_leaves_the_others_alone() -> None:
    source = remix(STEMS, Remix(stems={"bass": StemRemix(semitones=3.0, tempo_percent=120.0)}))
    out = _samples(source)
    assert source.frames == FRAMES
    rest = sum(stem.samples.astype(np.float64) for name, stem in STEMS.items() if name != "bass")
    assert out[:, round(FRAMES / 1.2) + 1 :] == pytest.approx(rest[:, round(FRAMES / 1.2) + 1 :], abs=1e-6)


def test_stems_that_do_not_line_up_are_refused() -> None:
    short = STEMS | {"bass": Audio(samples=STEMS["bass"].samples[:, :100], sample_rate=RATE)}
    with pytest.raises(ParameterError, match="do not line up") as caught:
        remix(short, Remix())
    assert caught.value.code == "stems_differ"
    with pytest.raises(ParameterError, match="do not line up"):
        remix({}, Remix())
    with pytest.raises(ParameterError, match="no stem is called 'choir'"):
        remix(STEMS, _one("choir", gain_db=1.0))
    wide = Audio(samples=np.zeros((4, 10), np.float32), sample_rate=RATE)
    with pytest.raises(ParameterError, match="4 channels: allowed 1 or 2"):
        remix({"other": wide}, Remix())
