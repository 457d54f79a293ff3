"""Bodies and headers of requests, by what they ask for."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "ADJUST",
    "CHECKSUM",
    "DIFF",
    "JOB",
    "JOBS",
    "LAST_EVENT",
    "LENGTH",
    "METADATA",
    "OFFSET",
    "PREVIEWS",
    "RECORD",
    "SESSION",
    "SHARE",
    "SONG",
    "SONG_2",
    "VALIDATE",
]

SONG: Final = "0f1e2d3c4b5a69788796a5b4"
SONG_2: Final = "1e2d3c4b5a69788796a5b4c3"
RECORD: Final = "aa1e2d3c4b5a69788796a5b4"
JOB: Final = "5f0c1d2e3b4a59687786a5b4"

_CHAIN: dict[str, Any] = {
    "name": "mine",
    "steps": [
        {"kind": "equalizer", "mid": [{"frequency_hz": 90.0, "gain_db": 1.5}]},
        {"kind": "compressor", "threshold_dbfs": -20.0, "ratio": 2.0},
    ],
    "limiter": {"input_gain_db": 3.0, "ceiling_dbtp": -1.0},
}
_RECIPE: dict[str, Any] = {"chain": _CHAIN, "delivery": {"container": "flac", "bit_depth": 24}}
_QUIETER: dict[str, Any] = {**_CHAIN, "limiter": {"input_gain_db": 1.0, "ceiling_dbtp": -1.0}}


def _named(**bodies: tuple[str, Any]) -> dict[str, Any]:
    """Examples as OpenAPI has them: a summary and a value each."""
    return {name: {"summary": summary, "value": value} for name, (summary, value) in bodies.items()}


def _master(**body: Any) -> dict[str, Any]:
    return {"kind": "master", "song": SONG, **body}


JOBS = _named(
    style=("Master to a style", _master(style="balanced")),
    target=("Master for a place, as CD files", _master(style="warm", target="cd")),
    reference=(
        "Master to a reference, 70 % of the way, as flac",
        _master(references=[RECORD], options={"amount_percent": 70.0, "container": "flac"}),
    ),
    only_tone=(
        "Change the tone only, and be exact about it",
        _master(references=[RECORD], options={"only": ["tone"], "eq": "linear", "refine_steps": 20}),
    ),
    delivery=(
        "Say what is written",
        _master(
            options={
                "integrated_lufs": -16.0,
                "ceiling_dbtp": -1.5,
                "sample_rate_hz": 48_000,
                "bit_depth": 24,
                "container": "wav",
                "downmix": True,
            }
        ),
    ),
    stem_by_stem=(
        "Master to a reference stem by stem",
        _master(references=[RECORD], options={"stems": {"model": "draft"}}),
    ),
    inserts=(
        "With a plug-in, which an admin must have allowed",
        _master(
            options={
                "inserts": [
                    {
                        "plugin": "ZaMaximX2",
                        "parameters": {"threshold": -6.0},
                        "mix_percent": 50.0,
                        "at": "post",
                    }
                ]
            }
        ),
    ),
    webhook=(
        "Be told when it has ended, where the service sends webhooks",
        _master(style="balanced", webhook="https://studio.example.org/hooks/tonmeister"),
    ),
    album=(
        "Master an album: one decision for all songs",
        {"kind": "album", "songs": [SONG, SONG_2], "style": "warm", "options": {"container": "flac"}},
    ),
    batch=(
        "Master songs each by itself",
        {"kind": "batch", "songs": [SONG, SONG_2], "target": "spotify"},
    ),
    apply=(
        "Run a recipe, and write another format than it says",
        {"kind": "apply", "song": SONG, "recipe": _RECIPE, "delivery": {"container": "mp3"}},
    ),
    stems=("Separate", {"kind": "stems", "song": SONG, "container": "flac"}),
    karaoke=(
        "The voice, and everything else",
        {"kind": "stems", "song": SONG, "model": "draft", "two_stems": "vocals"},
    ),
    remix=(
        "Less voice, drums to the left, as loud as before",
        {
            "kind": "remix",
            "song": SONG,
            "stems": {"vocals": {"gain_db": -6.0}, "drums": {"pan": -30.0}},
            "keep_loudness": True,
        },
    ),
)

SESSION = _named(key=("A key", {"key": "tm_0123456789abcdef0123456789abcdef"}))
SHARE = _named(job=("A job that is done", {"job": JOB}))
VALIDATE = _named(
    chain=("A chain", {"recipe": _CHAIN}),
    recipe=("A recipe: a chain, and what is written", {"recipe": _RECIPE}),
)
DIFF = _named(chains=("The same chain, 2 dB less into the limiter", {"a": _CHAIN, "b": _QUIETER}))
ADJUST = _named(
    job=("Half of what a job did", {"job": JOB, "adjust": {"amount_percent": 50.0}}),
    loudness=(
        "A recipe, brought to a loudness for a song",
        {"recipe": _RECIPE, "song": SONG, "adjust": {"integrated_lufs": -16.0, "ceiling_dbtp": -1.5}},
    ),
    knobs=(
        "More bass, less compression, a little wider",
        {
            "recipe": _CHAIN,
            "adjust": {
                "tone": [{"frequency_hz": 80.0, "gain_db": 2.0, "shape": "low_shelf"}],
                "compression_percent": 60.0,
                "width_percent": 120.0,
            },
        },
    ),
)
PREVIEWS = _named(
    job=("Eight seconds of a job's master", {"job": JOB, "start_s": 0.5, "duration_s": 8.0}),
    adjusted=(
        "The same, adjusted",
        {"job": JOB, "adjust": {"amount_percent": 50.0}, "start_s": 0.5, "duration_s": 8.0},
    ),
    recipe=("A recipe on a song", {"recipe": _RECIPE, "song": SONG, "start_s": 0.0, "duration_s": 5.0}),
)

LENGTH = {"size": {"summary": "Five minutes of CD", "value": 52_920_044}}
OFFSET = {
    "beginning": {"summary": "Nothing has arrived", "value": 0},
    "half": {"summary": "As HEAD has told", "value": 26_460_022},
}
METADATA = {
    "filename": {"summary": "Names and values in base64: filename song.wav", "value": "filename c29uZy53YXY="}
}
CHECKSUM = {
    "sha256": {
        "summary": "A hash and its value in base64: of nothing",
        "value": "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    }
}
LAST_EVENT = {"last": {"summary": "The `id` of the last event that arrived", "value": "1042"}}
