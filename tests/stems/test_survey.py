"""The first pass: what identifies a recording, and the level at which a model hears it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mastering.audio import Audio, Samples
from stems.layout import groups_of, heard, kept
from stems.survey import survey

Music = Callable[..., Audio]


class Cut:
    """A source whose blocks are cut anywhere."""

    def __init__(self, audio: Audio, frames: int) -> None:
        self._audio, self._cut = audio, frames
        self.sample_rate, self.channels, self.frames = audio.sample_rate, audio.channels, audio.frames

    def blocks(self) -> Iterator[Samples]:
        for start in range(0, self.frames, self._cut):
            yield self._audio.samples[:, start : start + self._cut]


def test_level_is_that_of_demucs(music: Music) -> None:
    torch = pytest.importorskip("torch")
    audio = music(90_000, dc=0.03)
    reference = torch.from_numpy(audio.samples.copy()).mean(0)  # demucs.api.Separator.separate_tensor
    level = survey(audio).level((0, 1))
    assert level.mean == pytest.approx(float(reference.mean()), rel=1e-5)
    assert level.scale == pytest.approx(float(reference.std()) + 1e-8, rel=1e-6)


def test_digest_knows_samples_rate_and_channels_only(music: Music) -> None:
    audio = music(70_000)
    same = survey(audio).sha256
    assert survey(Cut(audio, 777)).sha256 == same
    assert survey(Audio(samples=audio.samples, sample_rate=8_001)).sha256 != same
    assert survey(Audio(samples=audio.samples[:, 1:], sample_rate=8_000)).sha256 != same
    flat = audio.samples.T.reshape(1, -1)
    assert survey(Audio(samples=np.ascontiguousarray(flat), sample_rate=8_000)).sha256 != same


def test_channels_that_cancel_still_have_a_level(music: Music) -> None:
    mono = music(9_000, channels=1).samples
    about = survey(Audio(samples=np.concatenate([mono, -mono]), sample_rate=8_000))
    assert about.level((0, 1)).scale == pytest.approx(float(mono.std()), rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_what_never_moves_is_silent(value: float) -> None:
    about = survey(Audio(samples=np.full((2, 9_000), value, np.float32), sample_rate=8_000))
    assert about.level((0, 1)).scale == 0.0


def test_one_frame_is_silent() -> None:
    about = survey(Audio(samples=np.ones((2, 1), np.float32), sample_rate=8_000))
    assert about.level((0, 1)).scale == 0.0


@pytest.mark.parametrize("channels", range(1, 9))
def test_every_channel_is_in_one_group(channels: int) -> None:
    for width in (1, 2):
        groups = groups_of(channels, width)
        assert [channel for group in groups for channel in group] == list(range(channels))
        assert max(map(len, groups)) <= width


def test_a_channel_alone_is_heard_twice_and_kept_once() -> None:
    samples = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert heard(samples, (1,)).tolist() == [[3, 4, 5], [3, 4, 5]]
    estimate = np.stack([samples, samples + 1])
    assert kept(estimate, (1,)).shape == (2, 1, 3)
    assert kept(estimate, (0, 1)) is estimate
