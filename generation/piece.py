"""The door: a seed becomes a piece of music as stems."""

from __future__ import annotations

import numpy as np

from generation.compose import compose
from generation.render import draw_sounds, render_score
from generation.score import Score
from mastering.audio import Stems
from mastering.errors import ParameterError

__all__ = ["compose_piece", "render_piece"]

SHORTEST_S, LONGEST_S = 1.0, 600.0


def compose_piece(seed: int = 1, duration_s: float = 30.0) -> Score:
    """The score that `render_piece` plays for the same seed and duration."""
    composing, _, _ = _generators(seed)
    return compose(composing, duration_s=duration_s)


def render_piece(seed: int = 1, duration_s: float = 30.0, sample_rate: int = 44_100) -> Stems:
    """A piece of music of our own, as an unmastered mix: the same seed gives the same samples.

    Args:
        seed: picks key, tempo, harmony, melody, grooves, timbres and balance; 0 or more.
        duration_s: 1 to 600 s; exact to the nearest frame.
        sample_rate: 8000 to 384000 Hz.

    Returns:
        Stereo stems "drums", "bass", "chords", "lead"; `mix()` is about -20 LUFS, peaks below -3 dBFS.

    Raises:
        ParameterError: a number outside its range.

    >>> piece = render_piece(seed=1, duration_s=4.0)
    >>> list(piece.parts), piece.mix().frames
    (['drums', 'bass', 'chords', 'lead'], 176400)
    """
    if seed < 0:
        raise ParameterError(f"seed={seed}: allowed 0 or more", hint="Choose another seed.")
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise ParameterError(
            f"duration_s={duration_s!r}: allowed {SHORTEST_S:g}..{LONGEST_S:g} s",
            hint="Choose a duration in that range.",
        )
    if not 8_000 <= sample_rate <= 384_000:
        raise ParameterError(
            f"sample_rate={sample_rate!r}: allowed 8000..384000 Hz", hint="44100 and 48000 are usual."
        )
    composing, choosing, playing = _generators(seed)
    score = compose(composing, duration_s=duration_s)
    sounds = draw_sounds(choosing)
    return render_score(score, sounds, playing, duration_s=duration_s, sample_rate=sample_rate)


def _generators(seed: int) -> list[np.random.Generator]:
    """Independent streams for composing, choosing sounds and playing."""
    return np.random.default_rng(seed).spawn(3)
