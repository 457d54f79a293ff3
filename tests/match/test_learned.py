"""The learned matcher: judges only at auto, within the caps, with weights that are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mastering.chain import LinearPhaseEq, MultibandCompressor
from mastering.errors import ModelError
from mastering.match.closed_form import ClosedFormMatcher
from mastering.match.learned import LearnedMatcher
from mastering.match.tone import JUDGED
from mastering.ports import MatchRequest, MatchResult, find_matcher
from mastering.styles import Limits
from mastering.target import DeliverySpec
from mastering.train.export import write_model
from mastering.train.model import MatchNet
from tests.match.conftest import make_features, tilted

CARD = 'name = "mine"\nversion = "1"\nlicence = "CC0-1.0"\nsha256 = ""\n'


@pytest.fixture(scope="module")
def untrained() -> dict[str, np.ndarray]:
    torch.manual_seed(0)
    return {name: value.numpy() for name, value in MatchNet(32, 1).state_dict().items()}


def _request(**changes: object) -> MatchRequest:
    values: dict[str, object] = {"features": make_features(), "references": (tilted(1.0),)}
    return MatchRequest(**(values | changes))  # type: ignore[arg-type]


def _biased(weights: dict[str, np.ndarray], layer: str, index: int, value: float) -> dict[str, np.ndarray]:
    bias = weights[f"{layer}.bias"].copy()
    bias[index] = value
    return {**weights, f"{layer}.bias": bias}


def _curve(result: MatchResult) -> np.ndarray:
    (step,) = [step for step in result.chain.steps if isinstance(step, LinearPhaseEq)]
    return np.array(step.mid_gain_db)


def test_untrained_it_keeps_a_third_of_the_difference(untrained: dict[str, np.ndarray]) -> None:
    result = LearnedMatcher(untrained).match(_request())
    assert np.array(result.kept_mid_db)[JUDGED] == pytest.approx(
        0.332 * np.array(result.wanted_mid_db)[JUDGED], abs=0.02
    )
    assert not any(isinstance(step, MultibandCompressor) for step in result.chain.steps)
    assert result.chain.origin.matcher == "learned"
    assert len(result.expected_error_mid_db) == len(result.expected_error_side_db) == 31


def test_the_loudness_is_the_references_whatever_the_network_says(untrained: dict[str, np.ndarray]) -> None:
    result = LearnedMatcher(untrained).match(_request(references=(tilted(1.0, integrated_lufs=-9.5),)))
    assert result.integrated_lufs == -9.5


def test_a_typed_amount_is_the_closed_form(untrained: dict[str, np.ndarray]) -> None:
    request = _request(amount_percent=60.0)
    ours, theirs = LearnedMatcher(untrained).match(request), ClosedFormMatcher().match(request)
    assert ours.chain.steps == theirs.chain.steps
    assert ours.expected_error_mid_db == ()
    assert ours.chain.origin.matcher == "learned"


def test_no_network_can_pass_the_caps(untrained: dict[str, np.ndarray]) -> None:
    wild = _biased(untrained, "head", 2, 50.0)  # the residual of mid at its bound
    wild = {**wild, "head.weight": np.random.default_rng(0).normal(0.0, 5.0, wild["head.weight"].shape)}
    limits = Limits(max_boost_db=2.0, max_cut_db=1.5, max_width_change_db=1.0)
    result = LearnedMatcher(wild).match(_request(limits=limits))
    assert _curve(result).max() <= 2.0
    assert _curve(result).min() >= -1.5
    width = np.array(result.kept_side_db) - np.array(result.kept_mid_db)
    assert np.abs(width).max() <= 1.0 + 1e-9


def test_the_network_sets_compressors_within_the_cap(untrained: dict[str, np.ndarray]) -> None:
    dense = _biased(untrained, "compressor_out", slice(None), 0.5)  # type: ignore[arg-type]
    result = LearnedMatcher(dense).match(_request(limits=Limits(max_compression_db=1.0)))
    (step,) = [step for step in result.chain.steps if isinstance(step, MultibandCompressor)]
    assert len(step.bands) == 4
    assert all(1.15 <= band.ratio <= 4.0 for band in step.bands)
    assert all(2.0 <= band.attack_ms <= 80.0 and 40.0 <= band.release_ms <= 600.0 for band in step.bands)
    without = LearnedMatcher(dense).match(_request(only=("tone", "width", "level")))
    assert not any(isinstance(step, MultibandCompressor) for step in without.chain.steps)


def test_where_the_network_sets_no_compressor_the_formulas_do(untrained: dict[str, np.ndarray]) -> None:
    """With a style's glue, too: the glue alone is no answer of the network."""
    from mastering.library import load_style, names

    dense = make_features(plr_db=6.0, crest_db=(3.0, 3.0, 3.0, 3.0))
    glued = [style for style in map(load_style, names("styles")) if style.glue is not None]
    assert glued
    for style in (None, *glued):
        request = _request(references=(dense,), style=style, only=("dynamics", "level"))
        ours, theirs = LearnedMatcher(untrained).match(request), ClosedFormMatcher().match(request)
        (wanted,) = [step for step in theirs.chain.steps if isinstance(step, MultibandCompressor)]
        assert wanted in ours.chain.steps


@pytest.mark.parametrize(
    "only", [("level",), ("width",), ("tone", "level")], ids=lambda aspects: "+".join(aspects)
)
def test_aspects_that_may_not_change_do_not(untrained: dict[str, np.ndarray], only: tuple[str, ...]) -> None:
    result = LearnedMatcher(untrained).match(_request(only=only))
    mid, side = np.array(result.kept_mid_db), np.array(result.kept_side_db)
    assert ("tone" in only) == bool(np.abs(mid).max() > 0.0)
    if "width" not in only:
        assert np.abs(side - mid).max() == 0.0


def test_a_style_without_a_model_is_the_closed_forms(untrained: dict[str, np.ndarray]) -> None:
    from mastering.library import load_style

    request = MatchRequest(features=make_features(), style=load_style("warm"))
    assert (
        LearnedMatcher(untrained).match(request).chain.steps == ClosedFormMatcher().match(request).chain.steps
    )


@pytest.mark.parametrize(
    "features",
    [
        make_features(integrated_lufs=float("-inf"), plr_db=float("-inf")),
        make_features(
            channels=1, side_to_mid_db=(-float("inf"),) * 31, band_levels_side_db=(-float("inf"),) * 31
        ),
        make_features(bandwidth_hz=3_000.0),
        make_features(duration_s=0.5, short_term_lufs=()),
    ],
    ids=["silence", "mono", "telephone", "short"],
)
def test_odd_inputs_get_a_chain(untrained: dict[str, np.ndarray], features: object) -> None:
    result = LearnedMatcher(untrained).match(_request(features=features))
    assert all(np.isfinite(result.kept_mid_db))
    assert all(np.isfinite(result.kept_side_db))


def test_a_silent_reference_gives_no_judgement(untrained: dict[str, np.ndarray]) -> None:
    silent = make_features(integrated_lufs=float("-inf"), plr_db=float("-inf"))
    result = LearnedMatcher(untrained).match(
        _request(references=(silent,), delivery=DeliverySpec(integrated_lufs=-14.0))
    )
    assert result.expected_error_mid_db == ()


def test_the_shipped_weights_load_and_answer() -> None:
    result = find_matcher("learned").match(_request())
    assert np.isfinite(result.kept_mid_db).all()
    assert len(result.expected_error_mid_db) == 31


def test_a_personal_style_uses_its_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from mastering.library import FOLDER_VARIABLE, load_style
    from mastering.match.evidence import piece_of
    from mastering.match.exemplar import arrays_of

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    torch.manual_seed(1)
    weights = {name: value.numpy() for name, value in MatchNet(32, 1).state_dict().items()}
    write_model(tmp_path / "models", "mine", {**weights, **arrays_of(piece_of(tilted(2.0)))}, CARD)
    style = replace(load_style("balanced"), model="mine")
    result = LearnedMatcher().match(MatchRequest(features=make_features(), style=style))
    assert len(result.expected_error_mid_db) == 31
    rising = np.array(result.kept_mid_db)
    assert rising[25] > rising[15] > rising[6]  # towards the exemplar, which is brighter


@pytest.mark.parametrize("name", ["nobody"])
def test_a_style_whose_weights_are_gone_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from dataclasses import replace

    from mastering.library import FOLDER_VARIABLE, load_style

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    style = replace(load_style("balanced"), model=name)
    with pytest.raises(ModelError, match=r"nobody\.toml"):
        LearnedMatcher().match(MatchRequest(features=make_features(), style=style))


def test_weights_of_another_version_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from mastering.library import FOLDER_VARIABLE, load_style

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    write_model(tmp_path / "models", "old", {"place": np.zeros((31, 4), np.float32)}, CARD)
    style = replace(load_style("balanced"), model="old")
    with pytest.raises(ModelError, match="do not fit"):
        LearnedMatcher().match(MatchRequest(features=make_features(), style=style))


def test_no_torch_is_imported_to_master() -> None:
    """Matching with the shipped weights runs without torch."""
    import subprocess
    import sys

    code = (
        "import sys; from mastering.ports import find_matcher; from mastering.match.learned import _shipped;"
        "find_matcher('learned'); _shipped(); assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_are_expected_only_of_what_may_change(untrained: dict[str, np.ndarray]) -> None:
    result = LearnedMatcher(untrained).match(_request(only=("tone", "level")))
    assert len(result.expected_error_mid_db) == 31
    assert result.expected_error_side_db == ()
