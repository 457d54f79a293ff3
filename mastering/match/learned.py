"""The learned matcher: how much of each difference is mastering, told by a network.

Formulas make the chain, as in `mastering.match.closed_form`; the network judges what they are to
keep where the amount is `auto`: a share of the whole difference per third octave, a bounded
correction to it, changes of width, crest and peak to loudness ratio, and how far it expects to
be off; where it doubts, less is kept, down to nothing.

A typed amount is a user's own judgement: then the difference is copied by that share, as the
closed form does. Loudness is never judged: a reference's loudness is what was asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mastering.errors import ModelError
from mastering.io.weights import load_weights
from mastering.library import user_folder
from mastering.match import network
from mastering.match.closed_form import Judgement, match_by_formulas
from mastering.match.evidence import Evidence, Piece, piece_of, weigh
from mastering.match.exemplar import exemplar_of
from mastering.match.refine import refine
from mastering.match.tone import JUDGED, Curve
from mastering.ports import MatchRequest, MatchResult

__all__ = ["MODEL", "LearnedMatcher", "shipped_models"]

MODEL = "matcher"
"""Name of the shipped weights in presets/models."""

Gains = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.float32]]


class LearnedMatcher:
    """`Matcher` by formulas whose amounts a network judges; see the module's text.

    Args:
        weights: instead of the shipped ones, for evaluation and training.
    """

    name = "learned"

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights

    def match(self, request: MatchRequest) -> MatchResult:
        """A chain for the request; level and ceiling are closed in on by the pipeline."""
        judgement = self._judge(request) if request.amount_percent is None else None
        result = refine(match_by_formulas(request, judgement), request)
        return _named(result) if judgement is None else result

    def _judge(self, request: MatchRequest) -> Judgement | None:
        """The network's judgement; None where there is nothing to compare with."""
        weights = self._weights_for(request)
        references = _references(request, weights)
        features = request.features
        if not references or not np.isfinite(features.integrated_lufs):
            return None
        evidence = weigh(piece_of(features), references)
        said = network.answer(weights, evidence)
        return Judgement(
            matcher=LearnedMatcher.name,
            mid_db=_curve(said.mid) * _sure(_levelled(said.mid, evidence), said.error_mid, evidence, 0),
            width_db=_curve(said.side) * _sure(said.side, said.error_side, evidence, 1),
            error_mid_db=_curve(said.error_mid),
            error_width_db=_curve(said.error_side),
            compressors=_curve(said.compressor),
            plr_db=said.plr,
        )

    def _weights_for(self, request: MatchRequest) -> Weights:
        if self._weights is not None:
            return self._weights
        style = request.style
        if style is not None and style.model and not request.references:
            return _personal(style.model)
        return _shipped()


def shipped_models() -> resources.abc.Traversable:
    """The folder of the weights that come with the program."""
    return resources.files("presets") / "models"


def _references(request: MatchRequest, weights: Weights) -> list[Piece]:
    if request.references:
        heard = [piece for piece in request.references if np.isfinite(piece.integrated_lufs)]
        return [piece_of(piece) for piece in heard]
    exemplar = exemplar_of(weights)
    return [exemplar] if exemplar is not None else []


@functools.cache
def _shipped() -> Weights:
    return _checked(shipped_models(), MODEL)


def _personal(name: str) -> Weights:
    return _checked(user_folder() / "models", name)


def _checked(folder: resources.abc.Traversable | Path, name: str) -> Weights:
    ref, weights = load_weights(folder, name)
    if not network.fits(weights):
        raise ModelError(
            f"model '{ref.name}' {ref.version} was made for another tonmeister: its layers do not fit",
            hint="Train it again: tonmeister train FOLDER --name NAME --force.",
            code="model_version",
        )
    return weights


def _levelled(gains_db: Gains, evidence: Evidence) -> Gains:
    """Gains of mid without their mean over the judged bands: the level of a curve is not tone."""
    judged = gains_db[JUDGED][evidence.trusted[0, JUDGED] > 0.0]
    return gains_db - judged.mean() if len(judged) else gains_db


def _sure(gains_db: Gains, errors_db: Gains, evidence: Evidence, row: int) -> float:
    """Share of the gains (31) that the network is sure enough of to act on.

    All of them while it expects to be less wrong than they are large, on average over the judged
    bands; none where it expects to be twice as wrong; a part in between. Where it cannot tell
    mastering from music, the best that can be done is nothing.
    """
    judged = evidence.trusted[row, JUDGED] > 0.0
    if not judged.any():
        return 1.0
    doubt = errors_db[JUDGED][judged].mean() / (np.abs(gains_db[JUDGED][judged]).mean() + 1e-9)
    return float(np.clip(2.0 - doubt, 0.0, 1.0))


def _named(result: MatchResult) -> MatchResult:
    """What formulas alone decided still came through this matcher."""
    origin = replace(result.chain.origin, matcher=LearnedMatcher.name)
    return replace(result, chain=replace(result.chain, origin=origin))


def _curve(values: npt.NDArray[np.float32]) -> Curve:
    return np.asarray(values, np.float64)
