"""Plug-ins of a service: what the machine has, and what an admin has allowed. Nothing is, to begin with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from mastering.chain import External
from mastering.errors import PluginForbidden
from mastering.host.plugins.policy import Policy, Word
from mastering.service.problems import Problem
from mastering.service.records import Records
from mastering.target import Recipe

__all__ = ["AllowedPlugins", "check_plugins", "forbidden"]


class AllowedPlugins:
    """The list of allowed plug-ins, by the digest of their bundle: another build is not allowed.

    Args:
        records: where it is.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def policy(self) -> Policy:
        """What may be loaded: what is on the list, wherever it lies, and nothing else."""
        rows = self._records.all("SELECT sha256, name FROM plugins ORDER BY name, sha256")
        return Policy(allowed=tuple(Word(sha256=row["sha256"], name=row["name"]) for row in rows))

    def check(self, recipe: Recipe) -> None:
        """Refuse a recipe with a plug-in that is not allowed.

        Raises:
            PluginForbidden: it has one.
        """
        check_plugins(recipe, self.policy())

    def items(self) -> list[dict[str, Any]]:
        """Every plug-in that the machine's last scan found to work."""
        return [item for item, _ in self._found()]

    def find(self, name: str) -> dict[str, Any]:
        """A plug-in by its name, with its parameters.

        Raises:
            Problem: there is none.
        """
        for item, info in self._found():
            if item["name"].casefold() == name.casefold():
                return {**item, "latency_frames": info.latency_frames, "parameters": _parameters(info)}
        raise Problem(
            404,
            "plugin_not_found",
            f"there is no plug-in '{name[:80]}'",
            hint="GET /api/v1/plugins lists what there is; `tonmeister plugins scan` looks for more.",
        )

    def allow(self, name: str) -> None:
        """Put a plug-in on the list, with whatever else is in its bundle: what is loaded is the bundle."""
        item = self.find(name)
        with self._records.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO plugins VALUES (?, ?, ?)", (item["sha256"], item["name"], time.time())
            )

    def forbid(self, name: str) -> None:
        """Take a plug-in off the list, every build of it, and whatever else is in its bundle."""
        wanted = name.casefold()
        gone = {item["sha256"] for item, _ in self._found() if item["name"].casefold() == wanted}
        for word in self.policy().allowed:
            if word.sha256 in gone or word.name.casefold() == wanted:
                with self._records.write() as connection:
                    connection.execute("DELETE FROM plugins WHERE sha256 = ?", (word.sha256,))

    def check_task(self, task: Any) -> None:
        """Refuse a task, as plain values, with a plug-in that is not allowed any more.

        Raises:
            PluginForbidden: it has one.
        """
        used = dict(_used(task))
        allowed = {word.sha256 for word in self.policy().allowed} if used else set()
        for sha256, name in used.items():
            if sha256 not in allowed:
                raise forbidden(name)

    def _found(self) -> Iterator[tuple[dict[str, Any], Any]]:
        from mastering.host.plugins.catalog import load_catalog

        allowed = {word.sha256 for word in self.policy().allowed}
        for bundle in load_catalog().bundles:
            for info in bundle.plugins if bundle.status == "ok" else ():
                ref = info.ref
                item = {
                    "name": ref.name,
                    "vendor": ref.vendor,
                    "version": ref.version,
                    "format": ref.format,
                    "category": info.category,
                    "instrument": info.instrument,
                    "sha256": bundle.sha256,
                    "allowed": bundle.sha256 in allowed,
                }
                yield item, info


def check_plugins(recipe: Recipe, policy: Policy) -> None:
    """Refuse a recipe with a plug-in that is not allowed.

    Raises:
        PluginForbidden: it has one.
    """
    stems = recipe.stems.chains if recipe.stems is not None else ()
    steps = (*recipe.chain.steps, *(step for chain in stems for step in chain.steps))
    allowed = {word.sha256 for word in policy.allowed}
    for step in steps:
        if isinstance(step, External) and step.plugin.sha256 not in allowed:
            raise forbidden(step.plugin.name)


def _used(plain: Any) -> Iterator[tuple[str, str]]:
    """Digest and name of each plug-in among a task's steps, wherever they are."""
    if isinstance(plain, dict):
        if plain.get("kind") == "external":
            yield plain["plugin"]["sha256"], plain["plugin"]["name"]
        for value in plain.values():
            yield from _used(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _used(value)


def forbidden(name: str) -> PluginForbidden:
    """The error of a plug-in that is not allowed."""
    return PluginForbidden(
        f"the plug-in '{name[:80]}' is not allowed on this service",
        hint="GET /api/v1/plugins lists those that are; an admin can allow more.",
    )


def _parameters(info: Any) -> list[dict[str, Any]]:
    return [
        {
            "key": p.key,
            "name": p.name,
            "unit": p.unit,
            "low": p.low,
            "high": p.high,
            "choices": list(p.choices),
            "boolean": p.boolean,
            "steps": p.steps,
            "default": p.default_text,
            "value": _default(p),
        }
        for p in info.parameters
        if p.automatable
    ]


def _default(parameter: Any) -> float | bool | str | None:
    """What a parameter is before anything is set, as a body would set it; None where it shows no value."""
    if parameter.boolean:
        return bool(parameter.default_raw >= 0.5)
    if parameter.choices:
        return str(parameter.default_text)
    try:
        return float(parameter.default_text)
    except ValueError:
        return None
