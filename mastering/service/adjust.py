"""A recipe after somebody has turned its knobs. 100 % is the recipe as it was made."""

from __future__ import annotations

from dataclasses import replace

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    External,
    Limiter,
    LinearPhaseEq,
    MultibandCompressor,
    Saturation,
    Step,
    Width,
)
from mastering.service.models import Adjustment
from mastering.target import Recipe
from mastering.units import gain_to_db

__all__ = ["adjusted", "with_limiter"]

_STEEPEST = 0.95
"""Slope of a compressor of 20:1, which is the highest ratio there is."""
_WHOLE_HZ = (20.0, 20_000.0)
_MONO_DB = -60.0


def adjusted(recipe: Recipe, adjustment: Adjustment) -> Recipe:
    """A recipe with everything of an adjustment but its plug-ins, which come before, and its loudness: for
    that the music has to be looked at.

    amount: every curve's dB, every compressor's slope, every effect's mix.
    tone: bands on mid and side, after the recipe's steps and before its limiter.
    compression: every compressor's slope and make-up.
    width: gain of the side, after the recipe's steps.
    ceiling: of the limiter, and of the delivery.

    Raises:
        ParameterError: a number that leaves its range.
    """
    steps = recipe.chain.steps
    if adjustment.amount_percent is not None:
        steps = tuple(_scaled(step, adjustment.amount_percent / 100.0) for step in steps)
    if adjustment.compression_percent is not None:
        steps = tuple(_compressed(step, adjustment.compression_percent / 100.0) for step in steps)
    if adjustment.tone:
        steps = (*steps, _tone(adjustment))
    if adjustment.width_percent is not None and adjustment.width_percent != 100.0:
        gain_db = max(_MONO_DB, gain_to_db(adjustment.width_percent / 100.0))
        steps = (*steps, Width(frequencies_hz=_WHOLE_HZ, side_gain_db=(gain_db, gain_db)))
    recipe = replace(recipe, chain=replace(recipe.chain, steps=steps))
    if adjustment.ceiling_dbtp is None:
        return recipe
    limiter = replace(recipe.chain.limiter or Limiter(), ceiling_dbtp=adjustment.ceiling_dbtp)
    delivery = replace(recipe.delivery, ceiling_dbtp=adjustment.ceiling_dbtp)
    return replace(recipe, chain=replace(recipe.chain, limiter=limiter), delivery=delivery)


def with_limiter(recipe: Recipe, limiter: Limiter, integrated_lufs: float) -> Recipe:
    """A recipe at a loudness, with the limiter that gives it."""
    delivery = replace(recipe.delivery, integrated_lufs=integrated_lufs)
    return replace(recipe, chain=replace(recipe.chain, limiter=limiter), delivery=delivery)


def _tone(adjustment: Adjustment) -> Equalizer:
    bands = tuple(
        EqBand(shape=band.shape, frequency_hz=band.frequency_hz, gain_db=band.gain_db, q=band.q)
        for band in adjustment.tone
    )
    return Equalizer(mid=bands, side=bands)


def _scaled(step: Step, amount: float) -> Step:
    """A step with so much of its effect."""
    if isinstance(step, LinearPhaseEq):
        mid, side = _times(step.mid_gain_db, amount), _times(step.side_gain_db, amount)
        return replace(step, mid_gain_db=mid, side_gain_db=side)
    if isinstance(step, Width):
        return replace(step, side_gain_db=_times(step.side_gain_db, amount))
    if isinstance(step, Equalizer):
        return replace(step, mid=_bands(step.mid, amount), side=_bands(step.side, amount))
    if isinstance(step, (Saturation, External)):
        return replace(step, mix_percent=min(100.0, step.mix_percent * amount))
    return _compressed(step, amount)


def _compressed(step: Step, amount: float) -> Step:
    """A compressor with so much of its slope; any other step as it is."""
    if isinstance(step, MultibandCompressor):
        return replace(step, bands=tuple(_slope(band, amount) for band in step.bands))
    return _slope(step, amount) if isinstance(step, Compressor) else step


def _slope(step: Compressor, amount: float) -> Compressor:
    slope = min(_STEEPEST, (1.0 - 1.0 / step.ratio) * amount)
    makeup_db = min(24.0, max(-24.0, step.makeup_db * amount))
    return replace(step, ratio=min(20.0, 1.0 / (1.0 - slope)), makeup_db=makeup_db)


def _times(gains_db: tuple[float, ...], amount: float) -> tuple[float, ...]:
    return tuple(min(24.0, max(-60.0, gain_db * amount)) for gain_db in gains_db)


def _bands(bands: tuple[EqBand, ...], amount: float) -> tuple[EqBand, ...]:
    return tuple(replace(b, gain_db=min(24.0, max(-24.0, b.gain_db * amount))) for b in bands)
