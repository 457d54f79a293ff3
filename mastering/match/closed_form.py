"""The closed-form matcher: every parameter follows from measurements by a formula that can be read.

tone      third-octave difference of mid to the reference or style, whole (amount 100) or shrunk to
          what is likely mastering (auto), within caps and the input's bandwidth and noise floor
width     difference of side-to-mid per third octave, the same way
dynamics  band by band towards the reference's crest, then overall towards its peak to loudness
          ratio; never less dense than the input already is
level     integrated loudness of the target, reference or style
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

import numpy as np

from mastering.chain import (
    EqBand,
    Equalizer,
    Limiter,
    LinearPhaseEq,
    MasteringChain,
    Origin,
    Saturation,
    Step,
    Width,
)
from mastering.match import dynamics
from mastering.match.refine import refine
from mastering.match.tone import (
    CENTRES_HZ,
    JUDGED,
    TONE,
    WIDTH,
    Curve,
    Prior,
    Spectrum,
    allowed_boost_db,
    mean_spectrum,
    shrink,
    side_headroom_db,
    within_bandwidth,
)
from mastering.notice import Notice
from mastering.ports import Aspect, MatchRequest, MatchResult

__all__ = ["ClosedFormMatcher", "Judgement", "match_by_formulas"]

AUTO_CURVE_DB = 6.0
"""Most that `auto` boosts or cuts a band: beyond it a mix wants mixing, not mastering."""

AUTO_MONO_BELOW_HZ = 120.0
"""`auto` never widens the bass."""

AUTO_LIMITER_DB = 8.0
"""Most limiting (99th percentile) that `auto` spends on reaching a reference's loudness."""

MONO_DB = -60.0


class ClosedFormMatcher:
    """`Matcher` by formulas; see the module's text."""

    name = "closed-form"

    def match(self, request: MatchRequest) -> MatchResult:
        """A chain for the request; level and ceiling are closed in on by the pipeline."""
        return refine(match_by_formulas(request), request)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What of the differences is mastering, judged by something better than the priors of `tone`.

    Attributes:
        matcher: who judged.
        mid_db, width_db: gains of mid and extra gains of side (31) that mastering would make.
        error_mid_db, error_width_db: expected absolute errors of these (31).
        compressors: of the wide bands, places of their numbers [4, 4] (`mastering.match.bandwise`); where
            none is worth its ratio, the formulas decide.
        plr_db: change of the peak to loudness ratio; only less is acted on.
    """

    matcher: str
    mid_db: Curve
    width_db: Curve
    error_mid_db: Curve
    error_width_db: Curve
    compressors: Curve
    plr_db: float


def match_by_formulas(request: MatchRequest, judgement: Judgement | None = None) -> MatchResult:
    """The closed-form match; with a judgement, `auto` keeps what that says, within the same caps."""
    return _Match(request, judgement).result()


class _Match:
    """One request being worked on: the parts share the tone curve and the notices."""

    def __init__(self, request: MatchRequest, judgement: Judgement | None) -> None:
        self.request = request
        self.judgement = judgement
        self.features = request.features
        self.limits = request.limits
        self.own = mean_spectrum((request.features,))
        self.goal = self._goal()
        self.share = 1.0 if request.amount_percent is None else request.amount_percent / 100.0
        self.auto = request.amount_percent is None
        self.notices: list[Notice] = []

    def result(self) -> MatchResult:
        wanted_mid, mid = self._tone()
        wanted_width, width = self._width()
        lufs = self._loudness()
        judged = self.judgement
        plr_db = dynamics.plr_goal_db(self.request, judged.plr_db if judged else None)
        steps = (
            *self._style_filters(),
            *self._curves(mid, width),
            *self._dynamics(mid, plr_db),
            *self._colour(),
        )
        style = self.request.style
        times = (
            {"lookahead_ms": style.limiter_lookahead_ms, "release_ms": style.limiter_release_ms}
            if style
            else {}
        )
        chain = MasteringChain(
            name=style.name if style and not self.request.references else "reference match",
            steps=steps,
            limiter=Limiter(ceiling_dbtp=self.request.delivery.ceiling_dbtp, **times),
            origin=Origin(
                matcher=judged.matcher if judged else ClosedFormMatcher.name,
                version=importlib.metadata.version("tonmeister"),
            ),
        )
        return MatchResult(
            chain=chain,
            integrated_lufs=lufs,
            plr_db=plr_db,
            max_limiter_reduction_db=self._limiter_cap(),
            wanted_mid_db=tuple(wanted_mid.tolist()),
            wanted_side_db=tuple((wanted_mid + wanted_width).tolist()),
            kept_mid_db=tuple(mid.tolist()),
            kept_side_db=tuple((mid + width).tolist()),
            expected_error_mid_db=self._expected("tone"),
            expected_error_side_db=self._expected("width"),
            amount_percent=self.request.amount_percent,
            notices=tuple(self.notices),
        )

    def _expected(self, aspect: Aspect) -> tuple[float, ...]:
        """Expected errors (31) of tone or width; empty where nobody judged or nothing may change."""
        if self.judgement is None or aspect not in self.request.only:
            return ()
        curve = self.judgement.error_mid_db if aspect == "tone" else self.judgement.error_width_db
        return tuple(curve.tolist())

    def _goal(self) -> Spectrum | None:
        """The spectrum to come close to: the references' mean, else the style's curve."""
        style = self.request.style
        if self.request.references:
            return mean_spectrum(self.request.references)
        if style is None:
            return None
        mid = np.asarray(style.band_levels_db)
        return Spectrum(mid_db=mid - mid[JUDGED].mean(), side_to_mid_db=np.asarray(style.side_to_mid_db))

    def _tone(self) -> tuple[Curve, Curve]:
        """Wanted and kept gain of mid (31), their level removed."""
        zero = np.zeros(len(CENTRES_HZ))
        if self.goal is None or self.features.integrated_lufs == -np.inf:
            return zero, zero
        trusted = self._trusted()
        wanted = np.where(trusted, self.goal.mid_db - self.own.mid_db, 0.0)
        weights = np.where(trusted, self._level_weights(), 0.0)[JUDGED]
        if not weights.any():
            return zero, zero
        wanted = _levelled(wanted, weights)
        wanted = self._beyond_tolerance(wanted, "tone_tolerance_db")
        wanted = _hold_outside(wanted, trusted)
        if "tone" not in self.request.only:
            return wanted, zero
        voicing = self._voicing()
        if self.judgement is not None:
            kept = _levelled(self.judgement.mid_db, weights)
        else:
            kept = self._kept(wanted, trusted, TONE) + self.share * voicing
        wanted = wanted + voicing
        boost = allowed_boost_db(self.features, self.limits.max_boost_db)
        capped = np.clip(kept, -self.limits.max_cut_db, boost)
        self._tell_caps(kept, capped, boost)
        return wanted, capped

    def _voicing(self) -> Curve:
        """What the style adds to every mix (31); nothing where a reference says what to come close to."""
        if self.request.references or self.request.style is None:
            return np.zeros(len(CENTRES_HZ))
        voicing = np.asarray(self.request.style.voicing_db)
        return np.asarray(voicing - voicing[JUDGED].mean())

    def _level_weights(self) -> Curve:
        """Weight of each band (31) in the level of the tone difference: little where tolerances are wide."""
        if self.request.references or self.request.style is None:
            return np.ones(len(CENTRES_HZ))
        return np.asarray(1.0 / (1.0 + np.square(self.request.style.tone_tolerance_db)))

    def _width(self) -> tuple[Curve, Curve]:
        """Wanted and kept extra gain of the side (31)."""
        zero = np.zeros(len(CENTRES_HZ))
        if self.goal is None or self.features.channels == 1:
            return zero, zero
        own = self.own.side_to_mid_db
        if own[JUDGED].max() <= -40.0:
            self._tell("input_mono", "The input is mono in stereo; its width was left alone.")
            return zero, zero
        wanted = self._beyond_tolerance(self.goal.side_to_mid_db - own, "side_tolerance_db")
        trusted = self._trusted() & (own > -50.0)
        wanted = _hold_outside(np.where(trusted, wanted, 0.0), trusted)
        if "width" not in self.request.only:
            return wanted, zero
        cap = self.limits.max_width_change_db
        boost = np.minimum(side_headroom_db(own, min(cap, self.limits.max_side_boost_db)), cap)
        if self.auto:
            boost[CENTRES_HZ < AUTO_MONO_BELOW_HZ] = 0.0
        kept = self.judgement.width_db if self.judgement is not None else self._kept(wanted, trusted, WIDTH)
        return wanted, np.clip(kept, -cap, boost)

    def _trusted(self) -> np.typing.NDArray[np.bool_]:
        """Bands in which both sides have content to compare."""
        levels = np.asarray(self.own.mid_db)
        trusted = levels > levels[JUDGED].max() - 80.0
        for piece in (self.features, *self.request.references):
            trusted &= within_bandwidth(piece)
        return np.asarray(trusted)

    def _beyond_tolerance(self, wanted: Curve, name: str) -> Curve:
        """For a style: only what lies outside its corridor."""
        if self.request.references or self.request.style is None:
            return wanted
        tolerance = np.asarray(getattr(self.request.style, name))
        return np.asarray(np.sign(wanted) * np.maximum(0.0, np.abs(wanted) - tolerance))

    def _kept(self, wanted: Curve, trusted: np.typing.NDArray[np.bool_], prior: Prior) -> Curve:
        if self.auto:
            likely = shrink(wanted, trusted, len(self.request.references), prior)
            return np.clip(likely, -AUTO_CURVE_DB, AUTO_CURVE_DB)
        return self.share * wanted

    def _curves(self, mid: Curve, width: Curve) -> list[Step]:
        """Tone and width as a linear-phase curve or as parametric bands."""
        points = tuple(round(float(f), 2) for f in CENTRES_HZ)
        steps: list[Step] = []
        if self.request.eq == "parametric":
            from mastering.match.parametric import fit_bands

            rate = self.features.sample_rate
            bands = Equalizer(mid=fit_bands(mid, rate), side=fit_bands(mid + width, rate))
            steps = [bands] if bands.mid or bands.side else []
            width = self._mono_below(np.zeros_like(width))
            mid = np.zeros_like(mid)
        else:
            width = self._mono_below(width)
        if np.abs(mid).max() > 0.05:
            steps.append(
                LinearPhaseEq(frequencies_hz=points, mid_gain_db=_rounded(mid), side_gain_db=_rounded(mid))
            )
        if np.abs(width).max() > 0.05 and self.features.channels == 2:
            steps.append(Width(frequencies_hz=points, side_gain_db=_rounded(width)))
        return steps

    def _mono_below(self, width: Curve) -> Curve:
        style = self.request.style
        if style is None or style.mono_below_hz is None or "width" not in self.request.only:
            return width
        octaves = np.log2(CENTRES_HZ / style.mono_below_hz)
        return np.asarray(
            np.maximum(width + self.share * MONO_DB * np.clip(-3.0 * octaves, 0.0, 1.0), MONO_DB)
        )

    def _style_filters(self) -> list[Step]:
        style = self.request.style
        if style is None or "tone" not in self.request.only or self.share == 0.0:
            return []
        bands = []
        if style.high_pass_hz is not None:
            bands.append(EqBand(shape="high_pass", frequency_hz=style.high_pass_hz))
        if style.low_pass_hz is not None and style.low_pass_hz < 0.49 * self.features.sample_rate:
            bands.append(EqBand(shape="low_pass", frequency_hz=style.low_pass_hz))
        return [Equalizer(mid=tuple(bands), side=tuple(bands))] if bands else []

    def _dynamics(self, tone: Curve, plr_db: float | None) -> list[Step]:
        """Compressors towards the reference's or style's density; a denser input is left alone."""
        if "dynamics" not in self.request.only or self.request.amount_percent == 0.0:
            return []
        if dynamics.denser_already(self.request):
            goal = float(np.mean([r.plr_db for r in self.request.references]))
            self._tell(
                "denser_already",
                f"The input is already denser than the reference (PLR {self.features.plr_db:.1f} against "
                f"{goal:.1f} dB); it was not compressed.",
            )
            return []
        after_tone_db = self.own.mid_db + tone
        judged: list[Step] = []
        if self.judgement is not None:
            judged = dynamics.judged_compressors(
                self.request, after_tone_db, tone, self.judgement.compressors
            )
        return judged or dynamics.compressors(self.request, after_tone_db, tone, plr_db)

    def _colour(self) -> list[Step]:
        style = self.request.style
        if style is None or style.saturation_mix_percent == 0.0 or "tone" not in self.request.only:
            return []
        if self.share == 0.0 or style.saturation_drive_db == 0.0:
            return []
        mix_percent = self.share * style.saturation_mix_percent
        return [Saturation(drive_db=style.saturation_drive_db, mix_percent=mix_percent)]

    def _loudness(self) -> float | None:
        """Integrated loudness to reach."""
        request = self.request
        if request.delivery.integrated_lufs is not None:
            return request.delivery.integrated_lufs
        if "level" not in request.only:
            own = self.features.integrated_lufs
            return own if np.isfinite(own) else None
        if request.references:
            return float(np.mean([r.integrated_lufs for r in request.references]))
        return request.style.integrated_lufs if request.style is not None else None

    def _limiter_cap(self) -> float:
        cap = self.limits.max_limiter_reduction_db
        return min(cap, AUTO_LIMITER_DB) if self.auto and self.request.references else cap

    def _tell_caps(self, kept: Curve, capped: Curve, boost: Curve) -> None:
        lost = kept - capped
        for i in (int(np.argmax(lost[JUDGED])) + 2, int(np.argmin(lost[JUDGED])) + 2):
            if abs(lost[i]) < 1.0:
                continue
            why = (
                "the input has nothing there that could be boosted"
                if lost[i] > 0 and boost[i] < self.limits.max_boost_db
                else "that is the cap"
            )
            self._tell(
                "tone_capped",
                f"At {_nominal(CENTRES_HZ[i])} {kept[i]:+.1f} dB was asked for "
                f"and {capped[i]:+.1f} dB given: {why}.",
            )

    def _tell(self, code: str, message: str) -> None:
        self.notices.append(Notice(code=code, message=message))


def _levelled(curve: Curve, weights: Curve) -> Curve:
    """Without its mean over the judged bands, weighted (28)."""
    return np.asarray(curve - np.average(curve[JUDGED], weights=weights))


def _hold_outside(curve: Curve, trusted: np.typing.NDArray[np.bool_]) -> Curve:
    """Bands without trust take the value of the nearest trusted one, towards zero with distance."""
    seen = np.flatnonzero(trusted)
    if len(seen) == 0:
        return np.zeros_like(curve)
    band = np.arange(len(curve))
    nearest = seen[np.abs(band[:, None] - seen[None, :]).argmin(axis=1)]
    return np.asarray(curve[nearest] * 0.7 ** np.abs(band - nearest))


def _rounded(curve: Curve) -> tuple[float, ...]:
    return tuple(round(float(gain_db), 3) for gain_db in curve)


def _nominal(frequency_hz: float) -> str:
    return f"{frequency_hz:.3g} Hz" if frequency_hz < 999.5 else f"{frequency_hz / 1000.0:.2g} kHz"
