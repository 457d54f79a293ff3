"""Every shipped style on real stems of ours: it runs, it says what it does, and amount 0 is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from generation.piece import render_piece
from mastering.audio import Audio
from mastering.chain import Width
from mastering.dsp.fir import curve_at
from mastering.host.render import render
from mastering.library import load_style, names
from mastering.match.closed_form import ClosedFormMatcher
from mastering.measure.features import Features, analyse
from mastering.ports import MatchRequest, MatchResult
from mastering.target import DeliverySpec

from .conftest import CENTRES


@pytest.fixture(scope="module", params=["wide bass", "mono bass"])
def mix(request: pytest.FixtureRequest) -> Audio:
    stems = render_piece(seed=4, duration_s=8.0)
    mixed = stems.mix()
    if request.param == "mono bass":
        return mixed
    bass = stems.parts["bass"].samples * np.array([[1.0], [-0.4]], np.float32)
    return Audio(samples=(mixed.samples + bass).astype(np.float32), sample_rate=mixed.sample_rate)


@pytest.fixture(scope="module")
def features(mix: Audio) -> Features:
    return analyse(mix)


def match(features: Features, style_name: str, **changes: object) -> MatchResult:
    style = load_style(style_name)
    return ClosedFormMatcher().match(
        MatchRequest(features=features, style=style, limits=style.limits, **changes)  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", names("styles"))
@pytest.mark.parametrize("amount", [None, 50.0, 100.0])
@pytest.mark.parametrize("eq", ["linear", "parametric"])
def test_it_renders_within_its_caps(
    mix: Audio, features: Features, name: str, amount: float | None, eq: str
) -> None:
    result = match(features, name, amount_percent=amount, eq=eq)
    limits = load_style(name).limits
    assert max(result.kept_mid_db) <= limits.max_boost_db + 1e-6
    assert min(result.kept_mid_db) >= -limits.max_cut_db - 1e-6
    out = render(mix, result.chain.steps)
    assert np.isfinite(out.samples).all()
    change = analyse(out).integrated_lufs - features.integrated_lufs
    assert -6.0 < change < 6.0


@pytest.mark.parametrize("name", names("styles"))
def test_amount_0_is_level_only(features: Features, name: str) -> None:
    assert match(features, name, amount_percent=0.0).chain.steps == ()


@pytest.mark.parametrize("name", names("styles"))
def test_a_little_amount_changes_little(mix: Audio, features: Features, name: str) -> None:
    steps = match(features, name, amount_percent=2.0).chain.steps
    # A high pass turns the phase, whatever its share.
    heard = [step for step in steps if step.kind != "equalizer"]
    out = render(mix, tuple(heard)).samples
    gain = np.sum(out * mix.samples) / np.sum(mix.samples**2)
    rest = out / gain - mix.samples
    assert 10 * np.log10(np.mean(rest**2) / np.mean(mix.samples**2) + 1e-12) < -35.0


@pytest.mark.parametrize(
    ("name", "up_hz", "down_hz"),
    [
        ("warm", (125, 315), (6_300, 16_000)),
        ("bright", (8_000, 16_000), (125, 400)),
        ("punchy", (50, 80), (250, 400)),
    ],
)
def test_a_style_does_what_its_name_says(
    features: Features, name: str, up_hz: tuple[int, int], down_hz: tuple[int, int]
) -> None:
    plain = np.array(match(features, "balanced").kept_mid_db)
    voiced = np.array(match(features, name).kept_mid_db) - plain

    def mean(span: tuple[int, int]) -> float:
        return float(voiced[(span[0] * 0.95 < CENTRES) & (span[1] * 1.05 > CENTRES)].mean())

    assert mean(up_hz) - mean(down_hz) > 2.0
    assert mean(up_hz) > 0.5


def test_vinyl_bass_is_mono(features: Features) -> None:
    steps = match(features, "vinyl-premaster").chain.steps
    width = next(step for step in steps if isinstance(step, Width))
    assert curve_at([40.0, 80.0], width.frequencies_hz, width.side_gain_db).max() < -40.0


def test_named_loudness_counts_even_where_level_may_not_change(features: Features) -> None:
    result = match(features, "warm", only=("tone",), delivery=DeliverySpec(integrated_lufs=-20.0))
    assert result.integrated_lufs == -20.0
    assert match(features, "warm", only=("tone",)).integrated_lufs == features.integrated_lufs
