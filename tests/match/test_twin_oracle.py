"""The oracle finds a chain that is there to be found."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.chain import Compressor, LinearPhaseEq, MasteringChain, Step
from mastering.errors import ParameterError
from mastering.host.render import render
from mastering.match.twin.oracle import fit_to
from mastering.measure.features import THIRD_OCTAVES_HZ, Features, analyse

from .signals import beats

HIDDEN: tuple[Step, ...] = (
    LinearPhaseEq(
        frequencies_hz=THIRD_OCTAVES_HZ,
        mid_gain_db=tuple(3.0 * np.sin(np.arange(31) / 4.0)),
        side_gain_db=tuple(2.0 * np.cos(np.arange(31) / 5.0)),
    ),
    Compressor(threshold_dbfs=-36.0, ratio=6.0, attack_ms=2.0, release_ms=40.0),
)


def distances_db(found: Features, truth: Features) -> tuple[float, float]:
    mid = (np.asarray(found.band_levels_mid_db) - np.asarray(truth.band_levels_mid_db))[2:30]
    crest = np.asarray(found.crest_db) - np.asarray(truth.crest_db)
    return float(np.abs(mid - mid.mean()).mean()), float(np.abs(crest).mean())


def test_a_hidden_chain_is_found() -> None:
    excerpt = beats(3.0)
    truth = render(excerpt, HIDDEN)
    wanted = analyse(truth)
    start = fit_to(excerpt, truth, MasteringChain(), 0)
    chain = fit_to(excerpt, truth, MasteringChain(), 60)
    tone_before, crest_before = distances_db(analyse(render(excerpt, start.steps)), wanted)
    tone, crest = distances_db(analyse(render(excerpt, chain.steps)), wanted)
    assert tone_before > 0.15
    assert crest_before > 1.0
    assert tone < 0.05
    # Four bands are not one: what a single compressor did is not all within reach.
    assert crest < 0.4 * crest_before


def test_nothing_to_learn_from_silence() -> None:
    silence = Audio(samples=np.zeros((2, 44_100), np.float32), sample_rate=44_100)
    start = MasteringChain(steps=HIDDEN)
    assert fit_to(silence, beats(1.0), start, 3) == start
    assert fit_to(beats(1.0), silence, start, 3) == start
    empty = Audio(samples=np.zeros((2, 0), np.float32), sample_rate=44_100)
    assert fit_to(empty, beats(1.0), start, 3) == start


def test_another_layout_is_refused() -> None:
    mono = Audio(samples=beats(1.0).samples[:1].copy(), sample_rate=44_100)
    with pytest.raises(ParameterError, match="one or two channels, the same in both"):
        fit_to(mono, beats(1.0), MasteringChain(), 3)
