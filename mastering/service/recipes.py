"""Recipes as the API takes them: read, put into sentences, compared, adjusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mastering.chain import MasteringChain
from mastering.codec import from_plain, to_plain
from mastering.errors import PresetError
from mastering.target import DeliverySpec, Recipe

if TYPE_CHECKING:
    from mastering.report.steps import StepText

__all__ = ["changes", "recipe_of", "sentences"]

_DEEPEST = 40
_MOST_ROWS = 8
_UNITS = ("_dbfs", "_dbtp", "_lufs", "_db", "_lu", "_hz", "_ms", "_percent", "_s")
_SPELLED = {
    "_dbfs": "dBFS",
    "_dbtp": "dBTP",
    "_lufs": "LUFS",
    "_db": "dB",
    "_lu": "LU",
    "_hz": "Hz",
    "_ms": "ms",
    "_percent": "%",
    "_s": "s",
}


def recipe_of(plain: Mapping[str, Any]) -> Recipe:
    """A recipe, or a chain with the default delivery, of a document.

    Raises:
        PresetError: it is neither, or nested too deeply.
        ParameterError: a number outside its range.
    """
    _check_depth(plain)
    if plain.keys().isdisjoint({"chain", "delivery"}):
        return Recipe(chain=from_plain(MasteringChain, plain, "recipe"), delivery=DeliverySpec())
    return from_plain(Recipe, plain, "recipe")


def sentences(recipe: Recipe) -> list[str]:
    """What a recipe does: a line for each step, the limiter, and what is written."""
    from mastering.report.steps import chain_steps, stem_steps

    chains = recipe.stems.chains if recipe.stems is not None else ()
    stems = [f"{chain.stem}: {_line(step)}" for chain in chains for step in stem_steps(chain)]
    spec = recipe.delivery
    rate = f"{spec.sample_rate} Hz" if spec.sample_rate else "the song's rate"
    written = f"Written as {spec.container}, {spec.bit_depth} bit, {rate}, ceiling {spec.ceiling_dbtp:g} dBTP"
    return [*stems, *map(_line, chain_steps(recipe.chain)), written]


def _line(step: StepText) -> str:
    """A step's table as one line; of a long one its first and last row."""
    rows = [
        ", ".join(f"{h} {c}".strip() for h, c in zip(step.header, row, strict=False)) for row in step.rows
    ]
    if len(rows) > _MOST_ROWS:
        rows = [f"{len(rows)} points from {rows[0]} to {rows[-1]}"]
    return f"{step.title}: {'; '.join(rows)}" if rows else step.title


def changes(before: Recipe, after: Recipe) -> list[dict[str, Any]]:
    """What differs, value by value."""
    return list(_changes("", to_plain(before), to_plain(after)))


def _changes(path: str, before: Any, after: Any) -> Iterator[dict[str, Any]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _changes(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _changes(f"{path}[{number}]", *pair)
    else:
        yield {"path": path, "before": before, "after": after, "unit": _unit(path)}


def _unit(path: str) -> str:
    name = path.rpartition(".")[2].partition("[")[0]
    return next((_SPELLED[unit] for unit in _UNITS if name.endswith(unit)), "")


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise PresetError("the recipe is nested too deeply", hint="Save it again.", code="preset")
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        _check_depth(item, depth + 1)
