"""EBU Tech 3342 (2023), table 1: loudness range of stepped tones, +-1 LU.

Cases 5 and 6 are real programmes the EBU distributes.
"""

from __future__ import annotations

import numpy as np
import pytest

from mastering.measure.loudness import LoudnessMeter

CASES = {
    1: ((-20.0, -30.0), 10.0),
    2: ((-20.0, -15.0), 5.0),
    3: ((-40.0, -20.0), 20.0),
    4: ((-50.0, -35.0, -20.0, -35.0, -50.0), 15.0),
}


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
@pytest.mark.parametrize("case", CASES)
def test_loudness_range(sample_rate: int, case: int) -> None:
    levels, expected_lu = CASES[case]
    gain = np.repeat(10.0 ** (np.array(levels) / 20.0), 20 * sample_rate)
    tone = gain * np.sin(2.0 * np.pi * 1_000.0 * np.arange(len(gain)) / sample_rate)
    meter = LoudnessMeter(sample_rate, 2)
    meter.push(np.stack((tone, tone)).astype(np.float32))
    assert meter.result().loudness_range_lu == pytest.approx(expected_lu, abs=1.0)
