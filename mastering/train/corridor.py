"""A style from someone's masters: their mean, and around it the corridor that they themselves fill.

The corridor serves the closed form, plots and people; what the learned matcher does with the
style comes from its personal weights. Few songs say little about a spread, so that it is drawn
towards a usual one, as if PRIOR_SONGS more songs had been heard.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from mastering.codec import to_plain
from mastering.match.tone import mean_spectrum
from mastering.measure.features import Features
from mastering.report.wording import duration
from mastering.styles import Limits, Style

__all__ = ["CEILING_DBTP", "style_of", "table_of"]

Array = npt.NDArray[np.float64]

CEILING_DBTP = -1.0

PRIOR_SONGS = 3.0
_TONE_DB, _SIDE_DB, _DYNAMICS_DB = 2.0, 4.0, 1.5
"""Usual spreads of third octaves, side to mid, and crest and peak to loudness ratio: as in balanced.toml."""

_NOTHING_DB = -60.0
"""Mean levels this far below the curve's own mean are no tone to hold a mix to."""


def style_of(name: str, masters: tuple[Features, ...], limits: Limits, version: str) -> Style:
    """The personal style.

    Args:
        name: of the style and of the weights it asks for.
        masters: what the finished songs measure as; none silent.
        limits: how far it may go.
        version: of the program, for the style's source.
    """
    curve = mean_spectrum(masters)
    each = [mean_spectrum((piece,)) for piece in masters]
    tone_db = _spread(np.array([piece.mid_db for piece in each]), _TONE_DB)
    side_db = _spread(np.array([piece.side_to_mid_db for piece in each]), _SIDE_DB)
    plr = _range(np.array([[piece.plr_db] for piece in masters]))
    crest = _range(np.array([piece.crest_db for piece in masters]))
    lufs = float(np.mean([piece.integrated_lufs for piece in masters]))
    length = duration(sum(piece.duration_s for piece in masters))
    return Style(
        name=name,
        title=name,
        summary=f"Your own sound, learned from {len(masters)} masters ({length}).",
        source=f"Mean and spread of {len(masters)} masters, measured by tonmeister {version} train.",
        band_levels_db=_numbers(np.clip(curve.mid_db, -80.0, 40.0)),
        tone_tolerance_db=_numbers(np.where(curve.mid_db < _NOTHING_DB, 40.0, np.minimum(tone_db, 40.0))),
        side_to_mid_db=_numbers(np.clip(curve.side_to_mid_db, -80.0, 40.0)),
        side_tolerance_db=_numbers(np.minimum(side_db, 40.0)),
        plr_low_db=plr[0][0],
        plr_high_db=plr[1][0],
        crest_low_db=crest[0],
        crest_high_db=crest[1],
        integrated_lufs=round(float(np.clip(lufs, -40.0, -3.0)), 2),
        ceiling_dbtp=CEILING_DBTP,
        limits=limits,
        model=name,
    )


def table_of(style: Style) -> dict[str, Any]:
    """The style as the table of its file: what differs from the defaults, and the schema."""
    usual = {field.name: field.default for field in fields(Style)}
    kept = [name for name, value in usual.items() if name == "schema" or getattr(style, name) != value]
    return {name: to_plain(getattr(style, name)) for name in kept}


def _spread(values: Array, usual_db: float) -> Array:
    """Standard deviation over songs [songs, n] -> [n], drawn towards the usual one."""
    songs = len(values)
    return np.asarray(
        np.sqrt((songs * values.var(axis=0) + PRIOR_SONGS * usual_db**2) / (songs + PRIOR_SONGS))
    )


def _range(values: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Lowest and highest that is right, per column [songs, n]; silence counts as 0 dB."""
    heard = np.clip(np.nan_to_num(values, neginf=0.0), 0.0, 40.0)
    mean, spread = heard.mean(axis=0), _spread(heard, _DYNAMICS_DB)
    return _numbers(np.clip(mean - spread, 0.0, 40.0)), _numbers(np.clip(mean + spread, 0.0, 40.0))


def _numbers(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), 2) for value in values)
