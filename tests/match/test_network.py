"""The network in numpy is the network in torch; untrained it is the closed form at low trust."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mastering.match.evidence import Evidence, piece_of, weigh
from mastering.match.network import Answer, answer, fits
from mastering.train.model import MatchNet
from tests.match.conftest import make_features, tilted


@pytest.fixture(scope="module")
def case() -> Evidence:
    rng = np.random.default_rng(0)
    return weigh(piece_of(_lively(rng, make_features())), [piece_of(_lively(rng, tilted(1.0)))])


def _lively(rng: np.random.Generator, features):  # type: ignore[no-untyped-def]
    """The piece with chunks that differ from each other."""
    from dataclasses import replace

    from mastering.measure.features import Chunks

    def rows(levels: tuple[float, ...], count: int) -> tuple[tuple[float, ...], ...]:
        return tuple(
            tuple(row) for row in (np.array(levels) + rng.normal(0.0, 3.0, (count, len(levels)))).tolist()
        )

    mid, side = features.band_levels_mid_db, features.band_levels_side_db
    chunks = Chunks(
        mid_db=rows(mid, 17),
        side_db=rows(side, 17),
        crest_db=rows(features.crest_db, 17),
        mid_percentiles_db=rows(mid, 6),
        side_percentiles_db=rows(side, 6),
    )
    return replace(features, chunks=chunks)


def _weights(net: MatchNet) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in net.state_dict().items()}


def _torch_answer(net: MatchNet, case: Evidence) -> dict[str, np.ndarray]:
    batch = {name: torch.from_numpy(getattr(case, name))[None] for name in Evidence.__slots__}
    net.eval()
    with torch.no_grad():
        return {name: value[0].numpy() for name, value in net(batch).items()}


@pytest.mark.parametrize(("width", "blocks"), [(96, 3), (32, 1)])
def test_numpy_and_torch_agree(case: Evidence, width: int, blocks: int) -> None:
    torch.manual_seed(1)
    net = MatchNet(width, blocks)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    ours, theirs = answer(_weights(net), case), _torch_answer(net, case)
    for name in Answer.__slots__:
        assert np.abs(np.asarray(getattr(ours, name)) - theirs[name]).max() < 1e-4, name


def test_untrained_it_is_the_whole_difference_at_low_trust(case: Evidence) -> None:
    torch.manual_seed(2)
    said = answer(_weights(MatchNet()), case)
    assert said.trust == pytest.approx(0.332, abs=1e-3)
    assert said.mid == pytest.approx(0.332 * case.wanted[0], abs=1e-2)
    assert said.side == pytest.approx(0.332 * case.wanted[1], abs=1e-2)
    assert said.plr == 0.0
    assert np.abs(said.crest).max() == 0.0
    assert said.compressor[:, 1] == pytest.approx(0.018, abs=1e-3)


def test_nothing_is_done_to_bands_without_trust(case: Evidence) -> None:
    torch.manual_seed(3)
    net = MatchNet()
    with torch.no_grad():
        net.head.bias.add_(1.0)
    blind = Evidence(
        **{name: getattr(case, name) for name in Evidence.__slots__ if name not in ("trusted", "wanted")},
        trusted=np.zeros((2, 31), np.float32),
        wanted=np.zeros((2, 31), np.float32),
    )
    said = answer(_weights(net), blind)
    assert np.abs(said.mid).max() == np.abs(said.side).max() == 0.0


def test_it_has_between_two_hundred_thousand_and_two_million_parameters() -> None:
    assert 2e5 < sum(parameter.numel() for parameter in MatchNet().parameters()) < 2e6


def test_weights_of_another_shape_are_told_apart() -> None:
    weights = _weights(MatchNet())
    assert fits(weights)
    assert not fits({**weights, "token.weight": np.zeros((96, 7), np.float32)})
    assert not fits({"mid": np.zeros(3, np.float32)})
