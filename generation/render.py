"""Score to stems: every note through its voice, then each stem's place in the mix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from generation.level import loudness_db
from generation.score import Note, Score, pitch_hz
from generation.synth.drums import Kit, Stereo, draw_kit, hits
from generation.synth.effects import add_space, chorus, ping_pong, reverb
from generation.synth.voices import (
    Bass,
    Lead,
    Pad,
    Pluck,
    draw_bass,
    draw_lead,
    draw_pad,
    draw_pluck,
)
from mastering.audio import Audio, Samples, Stems
from mastering.units import db_to_gain

__all__ = ["STEMS", "Sounds", "draw_sounds", "render_score"]

Voice: TypeAlias = Callable[[float, float, float, int], Stereo]

STEMS = {
    "drums": ("kick", "snare", "clap", "hat", "open_hat", "crash"),
    "bass": ("bass",),
    "chords": ("pad", "pluck"),
    "lead": ("lead",),
}

DRUM_GAINS = {"kick": 1.0, "snare": 0.6, "clap": 0.3, "hat": 0.28, "open_hat": 0.2, "crash": 0.32}

LEVELS_DB = {"drums": 0.0, "bass": -2.0, "chords": -2.5, "lead": -2.5}
"""Loudness of the stems against the drums, before a small draw of the seed."""

MIX_DB, PEAK_DB = -20.0, -3.5
"""An unmastered mix: about -20 LUFS, but never a peak above -3.5 dBFS."""

FADE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounds:
    """The timbres, effects and faders of one piece."""

    kit: Kit
    bass: Bass
    pad: Pad
    pluck: Pluck
    lead: Lead
    room_s: float
    echo_beats: float
    faders_db: dict[str, float]


def draw_sounds(rng: np.random.Generator) -> Sounds:
    """Everything about the sound that differs between seeds."""
    return Sounds(
        kit=draw_kit(rng),
        bass=draw_bass(rng),
        pad=draw_pad(rng),
        pluck=draw_pluck(rng),
        lead=draw_lead(rng),
        room_s=float(rng.uniform(0.8, 1.8)),
        echo_beats=float(rng.choice((0.5, 0.75))),
        faders_db={name: level + float(rng.uniform(-1.0, 1.0)) for name, level in LEVELS_DB.items()},
    )


def render_score(
    score: Score, sounds: Sounds, rng: np.random.Generator, *, duration_s: float, sample_rate: int
) -> Stems:
    """Play a score.

    Args:
        score: what to play.
        sounds: what it is played with.
        rng: the noise of drums and rooms.
        duration_s: exact length; what still rings fades out over the last half second.
        sample_rate: in Hz.

    Returns:
        Stems "drums", "bass", "chords", "lead", stereo; their plain sum is the mix.
    """
    frames = round(duration_s * sample_rate)
    room = reverb(rng, sample_rate, decay_s=sounds.room_s)
    echo = ping_pong(sample_rate, delay_s=score.seconds(sounds.echo_beats), feedback=0.55)
    stage = _Stage(score=score, frames=frames, sample_rate=sample_rate)
    pad = chorus(stage.play("pad", sounds.pad), sample_rate, rate_hz=0.45, depth_ms=2.5, mix=0.3)
    pad += add_space(stage.play("pluck", sounds.pluck), echo, 0.5)
    lead = add_space(stage.play("lead", sounds.lead), echo, 0.35)
    stems = {
        "drums": stage.drums(hits(sounds.kit, rng, sample_rate), room),
        "bass": stage.play("bass", sounds.bass),
        "chords": add_space(pad, room, 0.3),
        "lead": add_space(lead, room, 0.3),
    }
    return _mix(stems, sounds, sample_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A score and the frames to play it on."""

    score: Score
    frames: int
    sample_rate: int

    def play(self, name: str, voice: Voice) -> Samples:
        """One tuned part, dry."""
        out = self._silence()
        for note in self.score.part(name).notes:
            gate_s = self.score.seconds(note.length_beats)
            self._add(out, voice(pitch_hz(note.pitch), gate_s, note.velocity, self.sample_rate), note)
        return out

    def drums(self, sounds: Mapping[str, Sequence[Stereo]], room: Stereo) -> Samples:
        """The kit; all of it but the kick stands in the room."""
        dry, ambient = self._silence(), self._silence()
        for name in STEMS["drums"]:
            for i, note in enumerate(self.score.part(name).notes):
                hit = sounds[name][i % len(sounds[name])]
                self._add(
                    dry if name == "kick" else ambient, DRUM_GAINS[name] * note.velocity**1.5 * hit, note
                )
        return dry + add_space(ambient, room, 0.12)

    def _silence(self) -> Samples:
        return np.zeros((2, self.frames), np.float32)

    def _add(self, out: Samples, sound: Stereo, note: Note) -> None:
        start = round(self.score.seconds(note.start_beats) * self.sample_rate)
        length = min(sound.shape[-1], self.frames - start)
        if length > 0:
            out[:, start : start + length] += sound[:, :length]


def _mix(stems: dict[str, Samples], sounds: Sounds, sample_rate: int) -> Stems:
    """Set the faders by loudness, the whole by loudness and peak, and end in silence."""
    for name, samples in stems.items():
        samples *= db_to_gain(sounds.faders_db[name] - loudness_db(samples, sample_rate))
    mix = np.sum(list(stems.values()), axis=0)
    gain = min(
        db_to_gain(MIX_DB - loudness_db(mix, sample_rate)),
        db_to_gain(PEAK_DB) / float(np.max(np.abs(mix))),
    )
    frames = mix.shape[-1]
    fade = np.minimum(1.0, np.arange(frames, 0, -1) / min(FADE_S * sample_rate, 0.1 * frames))
    for samples in stems.values():
        samples *= (gain * fade).astype(np.float32)
    return Stems(parts={name: Audio(samples=x, sample_rate=sample_rate) for name, x in stems.items()})
