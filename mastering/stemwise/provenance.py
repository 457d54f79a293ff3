"""Which separator a recipe's stems came from, and whether the one at hand is the same."""

from __future__ import annotations

from collections.abc import Iterator

from mastering.chain import SeparatedBy
from mastering.errors import ModelError
from mastering.notice import Notice
from mastering.ports import SeparatorInfo

__all__ = ["check_same", "separated_by"]


def separated_by(info: SeparatorInfo) -> SeparatedBy:
    """What a recipe keeps of a separator."""
    return SeparatedBy(
        model=info.model, label=info.label, sha256=tuple(info.sha256), settings=dict(info.settings)
    )


def check_same(recipe: SeparatedBy, info: SeparatorInfo) -> Iterator[Notice]:
    """What is to be said about separating with `info` for a recipe.

    Raises:
        ModelError: the weights are not those of the recipe: its chains were made for other stems.
    """
    if tuple(info.sha256) != recipe.sha256:
        raise ModelError(
            f"the recipe's stems were separated by the model '{recipe.model}' ({_short(recipe.sha256)}); "
            f"'{info.model}' here is another one ({_short(tuple(info.sha256))})",
            hint="Install that model, name it by --model, or master again with the one that is here.",
            code="model_changed",
        )
    differ = sorted(
        name
        for name in {*recipe.settings, *info.settings}
        if recipe.settings.get(name) != info.settings.get(name)
    )
    if differ:
        yield Notice(
            code="separation_settings",
            message=f"The stems were separated with another {', '.join(differ)} than the recipe's: "
            "the samples will differ a little.",
        )


def _short(digests: tuple[str, ...]) -> str:
    return ", ".join(f"SHA-256 {digest[:12]}" for digest in digests) or "no digest"
