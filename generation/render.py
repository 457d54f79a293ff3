"""Score to stems: every note through its voice, then each stem's place in the mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from generation.level import loudness_db
from generation.score import Score, pitch_hz
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
from mastering.audio import Audio, Stems
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
    pad = _play(score, "pad", sounds.pad, frames, sample_rate)
    pluck = _play(score, "pluck", sounds.pluck, frames, sample_rate)
    lead = _play(score, "lead", sounds.lead, frames, sample_rate)
    stems = {
        "drums": _play_drums(score, sounds.kit, room, rng, frames, sample_rate),
        "bass": _play(score, "bass", sounds.bass, frames, sample_rate),
        "chords": add_space(
            chorus(pad, sample_rate, rate_hz=0.45, depth_ms=2.5, mix=0.3) + add_space(pluck, echo, 0.5),
            room,
            0.3,
        ),
        "lead": add_space(add_space(lead, echo, 0.35), room, 0.3),
    }
    return _mix(stems, sounds, frames, sample_rate)


def _play(score: Score, name: str, voice: Voice, frames: int, sample_rate: int) -> Stereo:
    out = np.zeros((2, frames))
    for note in score.part(name).notes:
        sound = voice(pitch_hz(note.pitch), score.seconds(note.length_beats), note.velocity, sample_rate)
        _add(out, sound, round(score.seconds(note.start_beats) * sample_rate))
    return out


def _play_drums(
    score: Score, kit: Kit, room: Stereo, rng: np.random.Generator, frames: int, sample_rate: int
) -> Stereo:
    sounds = hits(kit, rng, sample_rate)
    dry, ambient = np.zeros((2, frames)), np.zeros((2, frames))
    for name in STEMS["drums"]:
        out = dry if name == "kick" else ambient
        for i, note in enumerate(score.part(name).notes):
            variants = sounds[name]
            gain = DRUM_GAINS[name] * note.velocity**1.5
            _add(
                out, gain * variants[i % len(variants)], round(score.seconds(note.start_beats) * sample_rate)
            )
    return dry + add_space(ambient, room, 0.12)


def _add(out: Stereo, sound: Stereo, start: int) -> None:
    length = min(sound.shape[-1], out.shape[-1] - start)
    if length > 0:
        out[:, start : start + length] += sound[:, :length]


def _mix(stems: dict[str, Stereo], sounds: Sounds, frames: int, sample_rate: int) -> Stems:
    """Set the faders by loudness, the whole by loudness and peak, and end in silence."""
    balanced = {
        name: samples * db_to_gain(sounds.faders_db[name] - loudness_db(samples, sample_rate))
        for name, samples in stems.items()
    }
    fade = np.minimum(1.0, np.arange(frames, 0, -1) / min(FADE_S * sample_rate, 0.1 * frames))
    mix = np.sum(list(balanced.values()), axis=0)
    gain = min(
        db_to_gain(MIX_DB - loudness_db(mix, sample_rate)),
        db_to_gain(PEAK_DB) / float(np.max(np.abs(mix))),
    )
    parts = {
        name: Audio(samples=np.asarray(samples * (gain * fade), np.float32), sample_rate=sample_rate)
        for name, samples in balanced.items()
    }
    return Stems(parts=parts)
