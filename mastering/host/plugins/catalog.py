"""The catalog: what scans found, remembered, so that listing and choosing load no plug-in.

It is a file in the user's cache folder, or the one that $TONMEISTER_PLUGIN_CATALOG names. A bundle that
changed since its scan counts as not scanned.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastering.chain import PluginRef
from mastering.codec import to_json
from mastering.errors import PluginError, PluginNotFound
from mastering.host.plugins.bundles import Fingerprint, fingerprint
from mastering.host.plugins.values import PluginInfo, PluginParameter, Scanned
from mastering.io.atomic import write_text_atomic

__all__ = ["FILE_VARIABLE", "SCANNER", "Catalog", "catalog_file", "load_catalog", "save_catalog"]

FILE_VARIABLE = "TONMEISTER_PLUGIN_CATALOG"
SCANNER = 1
"""Version of what a scan finds out; entries of another are scanned again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """What is known of bundles, by path.

    Args:
        bundles: one entry for each.
    """

    bundles: tuple[Scanned, ...] = ()

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every plug-in that works, by name."""
        every = (plugin for bundle in self.bundles for plugin in bundle.plugins)
        return tuple(sorted(every, key=lambda plugin: (plugin.ref.name.casefold(), plugin.path)))

    def bundle(self, path: Path) -> Scanned | None:
        """The entry of a bundle, if it is still what was scanned."""
        text = str(path)
        for entry in self.bundles:
            if entry.path == text and entry.scanner == SCANNER:
                try:
                    now = fingerprint(path)
                except OSError:
                    return None
                return entry if now == Fingerprint(entry.size_bytes, entry.mtime_ns) else None
        return None

    def with_bundles(self, new: Iterable[Scanned]) -> Catalog:
        """New entries in the place of old ones; those whose bundle is gone are left out."""
        entries = {entry.path: entry for entry in self.bundles} | {entry.path: entry for entry in new}
        return Catalog(
            bundles=tuple(entry for _, entry in sorted(entries.items()) if Path(entry.path).exists())
        )

    def find(self, name: str) -> PluginInfo:
        """A plug-in by its name, its identifier, or the path of its bundle; case does not matter.

        Raises:
            PluginNotFound: there is none of that name, or several.
            PluginError: it is there, but its scan found it unusable.
        """
        wanted = name.casefold()
        path = str(Path(name).expanduser().absolute())
        found = [
            p
            for p in self.plugins
            if wanted in (p.ref.name.casefold(), p.ref.id.casefold()) or p.path == path
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise PluginNotFound(
                f"there are {len(found)} plug-ins named '{name}': {', '.join(p.path for p in found)}",
                hint="Give the path of its bundle.",
                code="plugin_ambiguous",
            )
        raise self._missing(name, path)

    def _missing(self, name: str, path: str) -> PluginError:
        for entry in self.bundles:
            if (entry.status != "ok" and path == entry.path) or Path(
                entry.path
            ).stem.casefold() == name.casefold():
                return PluginError(
                    f"the plug-in {name} cannot be used: {entry.reason}",
                    hint="`tonmeister plugins scan --force` tries it again.",
                    code=f"plugin_{entry.status}",
                )
        names = sorted({plugin.ref.name for plugin in self.plugins})
        near = difflib.get_close_matches(name.casefold(), [n.casefold() for n in names], n=1)
        meant = next((n for n in names if near and n.casefold() == near[0]), None)
        if meant is not None:
            return PluginNotFound(
                f"no plug-in named '{name}'; did you mean '{meant}'?",
                hint="`tonmeister plugins list` lists all.",
            )
        return PluginNotFound(
            f"no plug-in named '{name}'",
            hint="`tonmeister plugins list` lists all; `tonmeister plugins scan` looks for new ones.",
        )

    def same(self, ref: PluginRef) -> PluginInfo | None:
        """The plug-in that a recipe names: of the same digest, else of the same identifier, else by name."""
        every = [plugin for plugin in self.plugins if plugin.ref.format == ref.format]
        for alike in (
            lambda p: bool(ref.sha256) and p.ref.sha256 == ref.sha256 and p.ref.name == ref.name,
            lambda p: p.ref.id == ref.id,
            lambda p: (p.ref.name, p.ref.vendor) == (ref.name, ref.vendor),
        ):
            for plugin in every:
                if alike(plugin):
                    return plugin
        return None


def catalog_file() -> Path:
    """Where the catalog is kept; the file need not exist."""
    named = os.environ.get(FILE_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("tonmeister", appauthor=False) / "plugins.json"


def load_catalog() -> Catalog:
    """The catalog; an unreadable one counts as empty, for a scan makes it anew."""
    try:
        plain = json.loads(catalog_file().read_text("utf-8"))
        return Catalog(bundles=tuple(_scanned(entry) for entry in plain["bundles"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Catalog()


def save_catalog(catalog: Catalog) -> None:
    """Keep the catalog.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    file = catalog_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(file, to_json(catalog), force=True)


def _scanned(plain: Mapping[str, Any]) -> Scanned:
    """Built without the codec: a studio's catalog has some hundred thousand numbers."""
    return Scanned(**{**plain, "plugins": tuple(_plugin(entry) for entry in plain["plugins"])})


def _plugin(plain: Mapping[str, Any]) -> PluginInfo:
    return PluginInfo(
        **{
            **plain,
            "ref": PluginRef(**plain["ref"]),
            "channels": tuple(plain["channels"]),
            "notes": tuple(plain["notes"]),
            "parameters": tuple(
                PluginParameter(**{**entry, "choices": tuple(entry["choices"])})
                for entry in plain["parameters"]
            ),
        }
    )
