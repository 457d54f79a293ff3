"""What `tonmeister stems remix` is asked for: values of options, and the Remix they spell out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.errors import ParameterError

if TYPE_CHECKING:
    from stems.remix.values import Remix

__all__ = ["LEVELS", "spelled_out"]

LEVELS = ("vocals", "drums", "bass", "other", "guitar", "piano")
"""Stems with an option of their own; the last two are those of models with six stems."""

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+))"


def spelled_out(options: dict[str, Any]) -> Remix:
    """The Remix of a command's options, on top of the one in --spec.

    Raises:
        click.UsageError: a value that cannot be read, or one stem named twice.
        TonmeisterError: a file that cannot be read, a number outside its range.
    """
    from stems.remix.documents import load_remix
    from stems.remix.values import Remix

    spec = load_remix(options["spec"]) if options["spec"] is not None else Remix()
    stems = dict(spec.stems)
    for name, given in _given(options).items():
        try:
            stems[name] = replace(spec.of(name), **given)
        except ParameterError as error:
            raise ParameterError(f"stem '{name}': {error.message}", hint=error.hint) from error
    whole: dict[str, Any] = {"stems": stems}
    if options["tempo"] is not None:
        whole["tempo_percent"] = _number("--tempo", options["tempo"], "%", "a tempo in percent such as 95%")
    if options["key"] is not None:
        whole["semitones"] = _number("--key", options["key"], "st", "semitones such as +2")
    if options["keep_loudness"]:
        whole["keep_loudness"] = True
    return replace(spec, **whole)


def _given(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of StemRemix that were typed, for each stem."""
    from stems.remix.documents import load_automation

    found: dict[str, dict[str, Any]] = defaultdict(dict)

    def note(option: str, name: str, fields: dict[str, Any]) -> None:
        if found[name].keys() & fields.keys():
            raise click.UsageError(f"{option} {name}: given twice; name each stem once.")
        found[name].update(fields)

    for name in LEVELS:
        if options[name] is not None:
            note(f"--{name}", name, _level(f"--{name}", options[name]))
    for name, value in _pairs("--stem", options["stem"], "guitar=-3"):
        note("--stem", name, _level(f"--stem {name}", value))
    for name, value in _pairs("--pan", options["pan"], "bass=L20"):
        note("--pan", name, {"pan": _pan(name, value)})
    for option, key, unit, field, example in (
        ("--width", "width", "%", "width_percent", "other=120"),
        ("--delay", "delay", "ms", "delay_ms", "vocals=12"),
        ("--stem-tempo", "stem_tempo", "%", "tempo_percent", "drums=95"),
        ("--stem-key", "stem_key", "st", "semitones", "vocals=+2"),
    ):
        for name, value in _pairs(option, options[key], example):
            number = _number(f"{option} {name}", value, unit, f"a number such as {option} {example}")
            note(option, name, {field: number})
    for name, value in _pairs("--fx", options["fx"], "vocals=CHAIN.json"):
        note("--fx", name, {"chain": _chain(value)})
    if options["automation"] is not None:
        for name, automation in load_automation(options["automation"]).items():
            note("--automation", name, {"automation": automation})
    return found


def _pairs(option: str, given: Iterable[str], example: str) -> Iterable[tuple[str, str]]:
    for text in given:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise click.UsageError(f"{option} {text}: allowed STEM=VALUE, such as {option} {example}.")
        yield name.strip(), value.strip()


def _level(option: str, text: str) -> dict[str, Any]:
    """Gain, mute and solo: what is typed replaces all three."""
    word = text.strip().lower()
    if word in ("mute", "solo"):
        return {"gain_db": 0.0, "mute": word == "mute", "solo": word == "solo"}
    gain_db = _number(option, text, "db", "a gain in dB such as -3, mute or solo")
    return {"gain_db": gain_db, "mute": False, "solo": False}


def _pan(name: str, text: str) -> float:
    """L20 is -20, R100 is 100, C is 0; plain numbers from -100 to 100 are taken too."""
    found = re.fullmatch(r"([LlRr])\s*(\d+\.?\d*|\.\d+)\s*%?", text)
    if found:
        return float(found[2]) * (-1.0 if found[1] in "Ll" else 1.0)
    if text in ("C", "c"):
        return 0.0
    return _number(f"--pan {name}", text, "%", "L0..L100, C or R0..R100, such as L20")


def _number(option: str, text: str, unit: str, allowed: str) -> float:
    found = re.fullmatch(rf"{_NUMBER}\s*(?:{unit})?", text.strip(), re.IGNORECASE)
    if not found:
        raise click.UsageError(f"{option}: '{text}' is not readable; allowed {allowed}.")
    return float(found[1])


def _chain(name_or_path: str) -> Any:
    from mastering.jobspec import load_recipe

    return load_recipe(Path(name_or_path) if name_or_path.endswith(".json") else name_or_path).chain
