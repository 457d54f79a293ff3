"""Features to match with: made from numbers, so that each test says what differs."""

from __future__ import annotations

import numpy as np
import pytest

from mastering.measure.features import THIRD_OCTAVES_HZ, Features

CENTRES = np.array(THIRD_OCTAVES_HZ)


def make_features(**changes: object) -> Features:
    """Plain pop at -18 LUFS: third octaves falling 3 dB per octave, side 10 dB under mid."""
    mid = -30.0 - 3.0 * np.log2(CENTRES / 100.0)
    values: dict[str, object] = {
        "integrated_lufs": -18.0,
        "max_momentary_lufs": -14.0,
        "max_short_term_lufs": -16.0,
        "loudness_range_lu": 6.0,
        "true_peak_dbtp": -4.0,
        "sample_peak_dbfs": -4.2,
        "plr_db": 14.0,
        "psr_db": 10.0,
        "crest_db": (8.0, 7.0, 8.0, 9.0),
        "level_percentiles_db": ((-34.0, -26.0, -22.0, -19.0, -15.0),) * 4,
        "band_levels_mid_db": tuple(mid.tolist()),
        "band_levels_side_db": tuple((mid - 10.0).tolist()),
        "tilt_db_per_octave": -3.0,
        "side_to_mid_db": (-10.0,) * 31,
        "correlation": 0.8,
        "band_correlation": (0.9, 0.8, 0.8, 0.7),
        "clipped_frames": 0,
        "clipped_runs": 0,
        "dc_offset": 0.0,
        "bandwidth_hz": 22_050.0,
        "noise_floor_dbfs": -90.0,
        "duration_s": 180.0,
        "sample_rate": 44_100,
        "channels": 2,
        "short_term_lufs": (-18.0,) * 180,
    }
    return Features(**(values | changes))  # type: ignore[arg-type]


def tilted(db_per_octave: float, **changes: object) -> Features:
    """The same piece, tilted around 1 kHz."""
    base = make_features()
    tilt = db_per_octave * np.log2(CENTRES / 1_000.0)
    return make_features(
        band_levels_mid_db=tuple((np.array(base.band_levels_mid_db) + tilt).tolist()),
        band_levels_side_db=tuple((np.array(base.band_levels_side_db) + tilt).tolist()),
        **changes,
    )


@pytest.fixture
def features() -> Features:
    return make_features()
