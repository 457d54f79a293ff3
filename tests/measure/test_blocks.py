"""The fixed grids: whatever the blocks, hops and frames lie where they lie."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastering.errors import ParameterError
from mastering.measure.blocks import Framer, HopGrid, checked_block

SIZES = st.lists(st.integers(0, 300), min_size=1, max_size=12)


@given(sizes=SIZES, hop=st.fractions(Fraction(1), Fraction(90), max_denominator=12))
def test_hops_lie_on_one_grid(sizes: list[int], hop: Fraction) -> None:
    grid, position, edges = HopGrid(hop), 0, [0]
    for size in sizes:
        found = grid.advance(size) + position
        assert found[0] == edges[-1]
        edges += found[1:].tolist()
        position += size
    assert edges == [int(i * hop) for i in range(len(edges))]
    assert int(len(edges) * hop) > position


@settings(max_examples=60)
@given(sizes=SIZES, frame=st.integers(1, 120), share=st.floats(0.0, 1.0))
def test_frames_lie_on_one_grid_and_the_rest_ends_the_stream(
    sizes: list[int], frame: int, share: float
) -> None:
    hop = max(1, round(share * frame))
    stream = np.arange(2 * sum(sizes), dtype=np.float32).reshape(2, -1)
    framer, position, frames = Framer(2, frame, hop), 0, []
    for size in sizes:
        stretch = framer.push(stream[:, position : position + size])
        frames += [stretch[:, i : i + frame] for i in range(0, stretch.shape[1] - frame + 1, hop)]
        position += size
    expected = [stream[:, i : i + frame] for i in range(0, position - frame + 1, hop)]
    assert len(frames) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(frames, expected, strict=True))
    ends = bool(frames) and (position - frame) % hop == 0
    rest = framer.rest()
    assert np.array_equal(rest, stream[:, :0] if ends else stream[:, -frame:] if position else stream)


def test_blocks_get_one_layout() -> None:
    wide = np.ones((2, 10), np.float32)
    assert checked_block(wide, 2) is wide
    frozen = wide.view()
    frozen.flags.writeable = False
    for odd in (frozen, wide[:, ::2], np.asfortranarray(wide)):
        block = checked_block(odd, 2)
        assert block.flags.c_contiguous
        assert block.flags.writeable
        assert np.array_equal(block, odd)


@pytest.mark.parametrize("block", [np.ones(4, np.float32), np.ones((1, 4), np.float32), np.ones((2, 4))])
def test_other_blocks_are_refused(block: np.ndarray) -> None:
    with pytest.raises(ParameterError, match="allowed float32 \\[2, frames\\]"):
        checked_block(block, 2)
