"""Trust: all of a loud stem, nothing of one as low as what leaks into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.measure.features import analyse
from mastering.stemwise.hearing import HeardStems, hear
from mastering.stemwise.trust import band_trust, leak_share, stem_trust

Mix = Callable[[Mapping[str, Audio]], Audio]


@pytest.fixture(scope="module")
def levels() -> Mapping[str, float]:
    return {"drums": -3.0, "bass": -10.0, "other": -18.0, "vocals": float("-inf")}


@pytest.fixture
def heard(song: dict[str, Audio], separators: Callable[..., Any], mix: Mix) -> HeardStems:
    whole = mix(song)
    return hear(separators(song).separate(whole), analyse(whole))


def at(heard: HeardStems, levels: Mapping[str, float]) -> HeardStems:
    """The same stems at other loudnesses against the mix."""
    stems = {
        name: replace(heard.stems[name], integrated_lufs=heard.mix.integrated_lufs + level)
        for name, level in levels.items()
    }
    return replace(heard, stems=stems)


def test_trust_falls_with_the_level(heard: HeardStems, levels: Mapping[str, float]) -> None:
    moved = at(heard, levels)
    trusts = [stem_trust(moved, name) for name in levels]
    assert trusts == sorted(trusts, reverse=True)
    assert trusts[0] > 0.95
    assert trusts[-1] == 0.0
    # -18 dB is what an official model leaks: a stem down there is its neighbours.
    assert trusts[2] < 0.05


def test_a_draft_is_trusted_less(heard: HeardStems, levels: Mapping[str, float]) -> None:
    official, draft = at(heard, levels), at(heard, levels)
    draft = replace(draft, info=replace(draft.info, label="draft"))
    assert stem_trust(draft, "bass") < stem_trust(official, "bass")
    assert (band_trust(draft, "bass") <= band_trust(official, "bass")).all()


def test_what_a_model_leaves_out_counts_as_leak(heard: HeardStems, levels: Mapping[str, float]) -> None:
    careless = replace(at(heard, levels), residual_share=0.3)
    assert leak_share(careless) == pytest.approx(0.3)
    assert stem_trust(careless, "bass") == 0.0


def test_bands_in_which_a_stem_has_nothing_are_not_trusted(heard: HeardStems) -> None:
    bands = band_trust(heard, "bass")
    assert bands.shape == (31,)
    assert np.all((bands >= 0.0) & (bands <= 1.0))
    assert bands[5] > 0.8, "63 Hz is the bass's"
    assert bands[28] < 0.2, "12.5 kHz is not"
