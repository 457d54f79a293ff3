"""The training loop: it learns, it resumes where it was, its loss is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from generation.piece import render_piece
from mastering.train import fit, takes
from mastering.train.model import MatchNet
from mastering.train.pairs import draw_case

PLAN = fit.Plan(seed=3, steps=6, batch=8, rate=1e-3, pool=64, fresh=8, width=16, blocks=1, workers=0)


@pytest.fixture(scope="module")
def songs() -> list[takes.Take]:
    return [
        takes.measure([render_piece(seed=seed, duration_s=20.0, sample_rate=44_100).mix()], "band")
        for seed in (1, 2)
    ]


@pytest.fixture(autouse=True)
def _one_thread():  # type: ignore[no-untyped-def]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_right_answer_has_no_error_and_a_wrong_level_is_none(songs: list[takes.Take]) -> None:
    rng = np.random.default_rng(0)
    batch = fit.batch_of([draw_case(songs, rng, "undo") for _ in range(4)])
    right = {"mid": batch["truth"][:, 0] + 3.0, "side": batch["truth"][:, 1]}
    mid, side, mid_before, _ = fit.distances(right, batch)
    assert float(mid.max()) < 1e-4  # the level of a curve does not count
    assert float(side.max()) < 1e-4
    assert float(mid_before.max()) > 0.5


def test_training_lowers_the_loss(songs: list[takes.Take], tmp_path: Path) -> None:
    from dataclasses import replace

    losses: list[float] = []
    plan = replace(PLAN, steps=60, rate=5e-3)
    fit.train(songs, plan, tmp_path / "a.ckpt", watch=lambda step, loss, net: losses.append(loss))
    assert np.mean(losses[-15:]) < 0.85 * np.mean(losses[:15])


def test_an_interrupted_run_goes_on_where_it_was(songs: list[takes.Take], tmp_path: Path) -> None:
    checkpoint = tmp_path / "b.ckpt"
    seen: list[int] = []
    fit.train(songs, PLAN, checkpoint, watch=lambda step, loss, net: seen.append(step), seconds=0.0)
    assert seen == [0]
    fit.train(songs, PLAN, checkpoint, watch=lambda step, loss, net: seen.append(step))
    assert seen == [0, 1, 2, 3, 4, 5]
    assert fit.restore(checkpoint).place.shape == (31, 16)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.ckpt"]


def test_the_same_seed_gives_the_same_weights(songs: list[takes.Take], tmp_path: Path) -> None:
    nets = [fit.train(songs, PLAN, tmp_path / f"{i}.ckpt") for i in range(2)]
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_baseline_is_shrinkage(songs: list[takes.Take]) -> None:
    from mastering.match.tone import TONE, shrink

    case = draw_case(songs, np.random.default_rng(1), "undo")
    expected = shrink(case.evidence.wanted[0].astype(float), case.evidence.trusted[0] > 0, 1, TONE)
    assert 5.0 * case.evidence.bands[:, 1] == pytest.approx(expected, abs=1e-4)


def test_evaluation_puts_the_network_back_to_training(songs: list[takes.Take]) -> None:
    net = MatchNet(16, 1)
    net.train()
    batch = fit.batch_of([draw_case(songs, np.random.default_rng(2), "undo") for _ in range(3)])
    numbers = fit.evaluate(net, batch)
    assert net.training
    assert numbers["mid_before"] > 0.0
