"""What a NAME means: a plug-in of the catalog, or a bundle that is scanned for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import PluginError, PluginForbidden, PluginNotFound, TonmeisterError
from mastering.host.plugins.bundles import SUFFIXES
from mastering.host.plugins.catalog import Catalog, load_catalog, save_catalog
from mastering.host.plugins.policy import Policy, desktop_policy
from mastering.host.plugins.values import PluginInfo, Scanned, WorkerLimits

__all__ = ["Found", "bundle_given", "bundles_named", "find_plugin"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A plug-in, and what it was found by.

    Args:
        info: the plug-in.
        catalog: which holds it.
        policy: which is asked whether it may be loaded.
    """

    info: PluginInfo
    catalog: Catalog
    policy: Policy

    def check(self) -> None:
        """Refuse a plug-in that may not be loaded, before anything is done for it.

        Raises:
            PluginForbidden: it may not.
        """
        self.policy.check(Path(self.info.path), self.info.ref.sha256)


def bundle_given(name: str) -> Path | None:
    """The bundle that a NAME is the path of; None where it is none."""
    path = Path(name).expanduser()
    return path.absolute() if path.suffix.lower() in SUFFIXES and path.exists() else None


def bundles_named(catalog: Catalog, name: str) -> list[Scanned]:
    """The bundles of the catalog that are called so, or hold a plug-in that is, usable or not."""
    wanted = name.casefold()
    return [
        entry
        for entry in catalog.bundles
        if Path(entry.path).stem.casefold() == wanted
        or any(wanted in (plugin.ref.name.casefold(), plugin.ref.id.casefold()) for plugin in entry.plugins)
    ]


def find_plugin(name: str, limits: WorkerLimits = WorkerLimits(), tell: Tell = lambda line: None) -> Found:
    """The plug-in that is meant. A bundle that is not in the catalog, or changed since, is scanned first.

    Args:
        name: name, identifier, or path of a bundle.
        limits: of a scan.
        tell: is told that something is scanned.

    Raises:
        PluginNotFound: there is none of that name, or several.
        PluginForbidden: it would have to be scanned, and may not be loaded.
        PluginError: it cannot be used.
    """
    catalog, policy = load_catalog(), desktop_policy()
    bundle = bundle_given(name)
    for path in [bundle] if bundle is not None else _candidates(catalog, name):
        if _is_stale(catalog, path):
            catalog = _with_scan(catalog, policy, path, limits, tell)
    if not catalog.bundles:
        raise PluginNotFound(
            f"no plug-in named '{name}': no plug-ins are known yet",
            hint="`tonmeister plugins scan` looks for them.",
        )
    info = catalog.find(name)
    if not Path(info.path).exists():
        raise PluginNotFound(
            f"the plug-in {info.ref.name} is gone: there is no {info.path} any more",
            hint="Install it again; `tonmeister plugins scan` looks for it elsewhere.",
        )
    return Found(info=info, catalog=catalog, policy=policy)


def _candidates(catalog: Catalog, name: str) -> list[Path]:
    """The bundles that a name may mean; those that were not allowed only if there are no others."""
    named = [entry for entry in bundles_named(catalog, name) if Path(entry.path).exists()]
    allowed = [entry for entry in named if entry.status != "not_allowed"]
    return [Path(entry.path) for entry in allowed or named]


def _is_stale(catalog: Catalog, bundle: Path) -> bool:
    entry = catalog.bundle(bundle)
    return entry is None or entry.status == "not_allowed"


def _with_scan(catalog: Catalog, policy: Policy, bundle: Path, limits: WorkerLimits, tell: Tell) -> Catalog:
    from mastering.host.plugins.scan import scan_bundle

    known = any(entry.path == str(bundle) and entry.status != "not_allowed" for entry in catalog.bundles)
    entry = scan_bundle(bundle, policy, limits)
    if entry.status == "not_allowed":
        raise PluginForbidden(entry.reason, hint=f"If you trust it: tonmeister plugins allow '{bundle}'")
    why = "has changed" if known else "is not in the catalog yet"
    catalog = catalog.with_bundles([entry])
    with contextlib.suppress(TonmeisterError, OSError):  # it is found again next time
        save_catalog(catalog)
    if entry.status != "ok":
        raise PluginError(
            f"{bundle} {why}, and it cannot be used: {entry.reason}",
            hint="Look for a newer version of it.",
            code=f"plugin_{entry.status}",
        )
    tell(f"{bundle} {why}: scanned in {entry.seconds:.1f} s.")
    return catalog
