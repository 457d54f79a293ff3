"""The tone of one stem: what was wanted, what was kept of it, and what its chain renders."""

from __future__ import annotations

import numpy as np

from mastering.chain import MasteringChain
from mastering.report.plots import process
from mastering.report.plots.axes import frequency_axis
from mastering.report.plots.paper import WIDE_PT, single
from mastering.report.plots.series import Floats
from mastering.report.plots.style import drawing
from mastering.report.plots.themed import figure_svg
from mastering.report.response import chain_response_db
from mastering.report.shares import shares_of_match
from mastering.report.wording import clean, number
from mastering.stemwise.values import StemMatch

__all__ = ["stem_svg"]

_CURVE_HZ: Floats = np.geomspace(20.0, 20_000.0, 181)


def stem_svg(stem: StemMatch) -> str:
    """One plot of a stem that was measured and matched."""
    assert stem.match is not None, "matched"
    assert stem.before is not None, "measured"
    chain = MasteringChain(steps=stem.chain.steps)
    mid, _ = chain_response_db(chain, _CURVE_HZ, stem.before.sample_rate)
    share = shares_of_match(stem.match, stem.before)[0]
    with drawing():
        figure, axes = single(right_pt=WIDE_PT)
        process.equalizer(axes, share, _CURVE_HZ, mid)
        axes.set_ylabel("Mid gain (dB)")
        frequency_axis(axes)
        text = (
            f"Equaliser of the stem {clean(stem.stem)}: wanted, kept, and rendered by its chain, from "
            f"{number(float(mid.min()), signed=True)} to {number(float(mid.max()), signed=True)} dB."
        )
        name = "".join(letter for letter in stem.stem if letter.isascii() and letter.isalnum())
        return figure_svg(figure, f"stem-{name}", text)
