"""Sentences about the sound: tone, dynamics and width; level and checks are in `summary`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from mastering.chain import (
    Compressor,
    EqBand,
    Equalizer,
    External,
    MultibandCompressor,
    Saturation,
    Step,
    Width,
)
from mastering.measure.features import THIRD_OCTAVES_HZ, Features
from mastering.report.aims import goal
from mastering.report.compare import spectrum_distance_db
from mastering.report.model import Report, is_reducing
from mastering.report.response import chain_response_db, shapes_tone, shapes_width
from mastering.report.rows import side_to_mid_total_db
from mastering.report.shares import AUDIBLE_DB
from mastering.report.steps import band_spans, shown_value
from mastering.report.tone import find_regions, phrase
from mastering.report.wording import clean, frequency, join, moved, number, quantity

__all__ = ["dynamics_sentences", "plugin_sentences", "tone_sentences", "width_sentences"]

_MONO_DB = -40.0
_OPPOSITE = -0.5


def tone_sentences(report: Report) -> Iterator[str]:
    mid = _applied(report)[0]
    regions = find_regions(mid, threshold_db=AUDIBLE_DB)[:4]
    if regions:
        text = "; ".join(phrase(region) for region in regions)
        yield f"{text[0].upper()}{text[1:]}; {goal(report)}."
    else:
        yield "The tone was left as it is."
    yield from _passes(report)
    yield from _tone_reached(report)


def _applied(report: Report) -> tuple[Sequence[float], Sequence[float]]:
    """Third-octave gains (31) on mid and side: what the matcher kept, or what the chain's filters do."""
    if report.match is not None and report.match.kept_mid_db:
        return report.match.kept_mid_db, report.match.kept_side_db
    if not shapes_tone(report.recipe.chain):
        flat = (0.0,) * len(THIRD_OCTAVES_HZ)
        return flat, flat
    centres = np.asarray(THIRD_OCTAVES_HZ)
    mid, side = chain_response_db(report.recipe.chain, centres, report.before.sample_rate, passes=False)
    return mid.tolist(), side.tolist()


def _passes(report: Report) -> Iterator[str]:
    bands: list[EqBand] = []
    for step in report.recipe.chain.steps:
        if isinstance(step, Equalizer):
            bands += [band for band in (*step.mid, *step.side) if band.shape.endswith("_pass")]
    for shape, does in (
        ("high_pass", "takes away what lies below"),
        ("low_pass", "takes away what lies above"),
    ):
        corners = sorted({band.frequency_hz for band in bands if band.shape == shape})
        if corners:
            where = join([frequency(corner) for corner in corners])
            yield f"A {shape.replace('_', '-')} filter {does} {where}."


def _tone_reached(report: Report) -> Iterator[str]:
    if len(report.references) != 1:
        return
    before = spectrum_distance_db(report.before, report.references[0])
    after = spectrum_distance_db(report.after, report.references[0])
    if math.isfinite(before) and math.isfinite(after):
        yield (
            f"The distance to the reference's spectrum {moved(before, after, 'dB')} "
            "(mean of the third octaves from 31.5 Hz to 16 kHz)."
        )


def plugin_sentences(report: Report) -> Iterator[str]:
    """What external plug-ins did, as far as they can be asked."""
    for step in report.recipe.chain.steps:
        if isinstance(step, External) and not step.bypass:
            where = {"whole": "", "mid": " on the mid", "side": " on the side"}[step.part]
            mixed = f", {number(step.mix_percent, decimals=0)} % mixed in" if step.mix_percent < 100.0 else ""
            moved_by = ", ".join(f"{name} {shown_value(value)}" for name, value in step.parameters.items())
            settings = f" ({clean(moved_by)})" if moved_by else ""
            yield f"The plug-in {clean(step.plugin.name)}{where}{settings}{mixed}."


def dynamics_sentences(report: Report) -> Iterator[str]:
    for step in report.recipe.chain.steps:
        if isinstance(step, Compressor):
            if step.ratio > 1.0 and _worked(report, "all bands"):
                yield f"Compression of the whole: {_compressor(step, '')}."
        elif isinstance(step, MultibandCompressor):
            spans = zip(step.bands, band_spans(step.crossovers_hz), strict=True)
            working = [(band, span) for band, span in spans if band.ratio > 1.0 and _worked(report, span)]
            if working:
                yield f"Compression: {', '.join(_compressor(*band) for band in working)}."
        elif isinstance(step, Saturation) and step.mix_percent > 0.0 and step.drive_db > 0.0:
            yield (
                f"Saturation adds harmonics: {number(step.drive_db)} dB of drive, "
                f"{number(step.mix_percent, decimals=0)} % mixed in."
            )
    yield from _compression_depth(report)
    yield _dynamics_result(report)


def _compressor(step: Compressor, span: str) -> str:
    where = f" {span}" if span else ""
    return f"{quantity(step.ratio, ':1')}{where} (threshold {quantity(step.threshold_dbfs, 'dBFS')})"


def _worked(report: Report, band: str) -> bool:
    """False where the curve of a band is known and reduces nothing; a second step's is called "NAME (2)"."""
    curves = report.curves.compressor_reduction_db
    known = [name for name in curves if name == band or name.startswith(f"{band} (")]
    return not known or any(is_reducing(curves[name]) for name in known)


def _compression_depth(report: Report) -> Iterator[str]:
    curves = report.curves.compressor_reduction_db
    parts = [
        f"{number(-min(curve))} dB ({clean(name)})" for name, curve in curves.items() if is_reducing(curve)
    ]
    if parts:
        yield f"The compressors took at most {join(parts)}."
    elif curves and any(_compresses(step) for step in report.recipe.chain.steps):
        yield "The compressors had nothing to do."


def _compresses(step: Step) -> bool:
    bands = step.bands if isinstance(step, MultibandCompressor) else (step,)
    return any(isinstance(band, Compressor) and band.ratio > 1.0 for band in bands)


def _dynamics_result(report: Report) -> str:
    before, after = report.before, report.after
    text = (
        f"The peak to loudness ratio (PLR) {moved(before.plr_db, after.plr_db, 'dB')}, "
        f"the loudness range {moved(before.loudness_range_lu, after.loudness_range_lu, 'LU')}"
    )
    if len(report.references) == 1 and math.isfinite(report.references[0].plr_db):
        reference = report.references[0]
        text += (
            f"; the reference has {quantity(reference.plr_db, 'dB')} "
            f"and {quantity(reference.loudness_range_lu, 'LU')}"
        )
    return f"{text}."


def width_sentences(report: Report) -> Iterator[str]:
    before, after = side_to_mid_total_db(report.before), side_to_mid_total_db(report.after)
    if not math.isfinite(before):
        yield "The music is mono: there is no stereo width to change."
        return
    if report.before.correlation < _OPPOSITE:
        yield (
            f"Left and right of the input are in opposite phase (correlation "
            f"{number(report.before.correlation, decimals=2)}): it vanishes when played in mono."
        )
    if not math.isfinite(after):
        yield f"Folded to mono: the side lay {_below(before)} and is now gone."
        return
    yield from _mono_bass(report)
    if not shapes_width(report.recipe.chain):
        return  # what compression and limiting do to the side is no decision about width
    change = after - before
    if abs(change) < AUDIBLE_DB:
        yield f"The stereo width was kept: the side lies {_below(after)}."
    else:
        word = "Widened" if change > 0.0 else "Narrowed"
        yield (
            f"{word} the stereo image by {number(abs(change))} dB: the side was {_below(before)}, "
            f"it is {_below(after)}{_reference_width(report.references)}."
        )


def _below(side_to_mid_db: float) -> str:
    return f"{number(abs(side_to_mid_db))} dB {'below' if side_to_mid_db <= 0.0 else 'above'} the mid"


def _reference_width(references: Sequence[Features]) -> str:
    if len(references) != 1:
        return ""
    width = side_to_mid_total_db(references[0])
    return f" (in the reference {_below(width)})" if math.isfinite(width) else ""


def _mono_bass(report: Report) -> Iterator[str]:
    for step in report.recipe.chain.steps:
        if isinstance(step, Width):
            mono = [
                f for f, gain in zip(step.frequencies_hz, step.side_gain_db, strict=True) if gain <= _MONO_DB
            ]
            if mono and mono[0] == step.frequencies_hz[0] and len(mono) < len(step.frequencies_hz):
                yield f"Made the bass mono up to {frequency(mono[-1])}."
