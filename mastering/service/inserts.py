"""Plug-ins of a chain as bodies name them: found among those that are allowed, set, and put in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mastering.chain import External
from mastering.errors import ParameterError
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import Insert, placed
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.values import PluginInfo
from mastering.service.models import DeskInsert, InsertBody
from mastering.service.plugins import forbidden
from mastering.target import Recipe

__all__ = ["insert_of", "with_inserts"]


def insert_of(body: InsertBody, policy: Policy) -> Insert:
    """An insert that a body asks for.

    Raises:
        PluginForbidden: it is not allowed, or there is none of that name.
        ParameterError: a setting or a place that it does not take.
    """
    info = next((info for info in _allowed(policy) if _named(info.ref.name, body)), None)
    if info is None:
        raise forbidden(body.plugin)
    return Insert(step=_set(External(plugin=info.ref), info, body), at=body.at)


def with_inserts(recipe: Recipe, bodies: Sequence[DeskInsert], policy: Policy) -> Recipe:
    """A recipe with these plug-ins in place of its own.

    Raises:
        PluginForbidden, ParameterError: as `insert_of`, and a place or an own plug-in that the chain has not.
    """
    own = [step for step in recipe.chain.steps if isinstance(step, External)]
    rest = [step for step in recipe.chain.steps if not isinstance(step, External)]
    inserts = [_desk_insert(body, own, policy) for body in bodies]
    host = PluginHost(policy=policy)  # is told what has no place; nothing is loaded
    steps = placed(rest, inserts, host)
    if host.notices:
        raise ParameterError(
            host.notices[0].message, hint="Choose a place that the chain has.", code="plugin_place"
        )
    first = tuple(insert.step for insert in inserts if insert.at == "pre")
    return replace(recipe, chain=replace(recipe.chain, steps=(*first, *steps)))


def _desk_insert(body: DeskInsert, own: Sequence[External], policy: Policy) -> Insert:
    if body.own is None:
        insert = insert_of(body, policy)
    else:
        step = own[body.own] if body.own < len(own) else None
        if step is None or not _named(step.plugin.name, body):
            raise ParameterError(
                f"plug-in {body.own} of the recipe is not '{body.plugin}'",
                hint="Count the recipe's own plug-ins from 0.",
                code="plugin_not_in_chain",
            )
        info = next((i for i in _allowed(policy) if i.ref == step.plugin), None)
        if info is None:
            raise forbidden(body.plugin)
        insert = Insert(step=_set(step, info, body), at=body.at)
    if body.bypass is None:
        return insert
    return replace(insert, step=replace(insert.step, bypass=body.bypass))


def _named(name: str, body: InsertBody) -> bool:
    return name.casefold() == body.plugin.casefold()


def _set(step: External, info: PluginInfo, body: InsertBody) -> External:
    from mastering.host.plugins.setting import with_settings

    step = with_settings(step, info, [f"{name}={_text(value)}" for name, value in body.parameters.items()])
    if body.mix_percent is not None:
        step = replace(step, mix_percent=body.mix_percent)
    return step if body.part is None else replace(step, part=body.part)


def _allowed(policy: Policy) -> Iterator[PluginInfo]:
    """Effects of the catalogue that may be used."""
    from mastering.host.plugins.catalog import load_catalog

    allowed = {word.sha256 for word in policy.allowed}
    for bundle in load_catalog().bundles if allowed else ():
        if bundle.sha256 in allowed:
            yield from (info for info in bundle.plugins if not info.instrument)


def _text(value: float | bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
