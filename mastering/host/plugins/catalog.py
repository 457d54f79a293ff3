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
from mastering.errors import PluginError, PluginForbidden, PluginNotFound
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
        path = Path(name).expanduser().absolute()
        found = [p for p in self.plugins if wanted in (p.ref.name.casefold(), p.ref.id.casefold())]
        by_path = [p for p in self.plugins if p.path == str(path)]
        alone = [b.plugins[0] for b in self.bundles if len(b.plugins) == 1 and _stem(b) == wanted]
        found = found or by_path or alone
        if len(found) == 1:
            return found[0]
        if found:
            each = ", ".join(f"{plugin.ref.id} in {plugin.path}" for plugin in found)
            raise PluginNotFound(
                f"'{name}' may be {len(found)} plug-ins: {each}",
                hint="Give the identifier, such as the first of these, or the path of a bundle with one.",
                code="plugin_ambiguous",
            )
        raise self._missing(name, path)

    def _missing(self, name: str, path: Path) -> PluginError:
        for entry in self.bundles:
            if entry.status != "ok" and (entry.path == str(path) or _stem(entry) == name.casefold()):
                kind = PluginForbidden if entry.status == "not_allowed" else PluginError
                return kind(
                    f"the plug-in {name} cannot be used: {entry.reason}",
                    hint="`tonmeister plugins scan --force` tries it again.",
                    code="plugin_forbidden" if kind is PluginForbidden else f"plugin_{entry.status}",
                )
        names = sorted({plugin.ref.name for plugin in self.plugins})
        near = difflib.get_close_matches(name.casefold(), [n.casefold() for n in names], n=1)
        meant = next((f"; did you mean '{n}'?" for n in names if near and n.casefold() == near[0]), "")
        return PluginNotFound(
            f"no plug-in named '{name}'{meant}",
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


def _stem(entry: Scanned) -> str:
    """A bundle's name without its suffix, for comparing."""
    return Path(entry.path).stem.casefold()


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
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
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
