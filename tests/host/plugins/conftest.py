"""Fixtures of the plug-in host's tests: nothing of the user's is read or written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.policy import Policy
from tests import plugin_fixtures as shared
from tests.host.plugins import support

plugin_fixtures = shared.plugin_fixtures


@pytest.fixture(scope="session", autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from support.isolated(tmp_path_factory.mktemp("plugins"))


@pytest.fixture(scope="session")
def fixture_catalog(plugin_fixtures: dict[str, Path]) -> Catalog:
    """What a scan finds in the plug-in fixtures."""
    return support.scanned(plugin_fixtures)


@pytest.fixture(scope="session")
def host(plugin_fixtures: dict[str, Path], fixture_catalog: Catalog) -> Iterator[PluginHost]:
    """A host that the whole session shares, its processes warm: for what must not depend on the past."""
    policy = support.allowing(*plugin_fixtures.values())
    with PluginHost(fixture_catalog, policy, support.LIMITS) as shared_host:
        yield shared_host


@pytest.fixture
def new_host(
    plugin_fixtures: dict[str, Path], fixture_catalog: Catalog
) -> Iterator[Callable[..., PluginHost]]:
    """Makes hosts of a test's own; they are closed at its end."""
    hosts = []

    def make(**given: Any) -> PluginHost:
        policy = support.allowing(*plugin_fixtures.values())
        made = PluginHost(**{"catalog": fixture_catalog, "policy": policy, "limits": support.LIMITS, **given})
        hosts.append(made)
        return made

    yield make
    for made in hosts:
        made.close()


@pytest.fixture
def remains() -> support.Remains:
    """What was there when the test began."""
    return support.Remains()


@pytest.fixture(scope="session")
def zam_scan() -> support.Timed:
    """A scan of Debian's zam-plugins, all of them; tests skip where they are not installed."""
    if not (support.ZAM / "ZaMaximX2.vst3").is_dir():
        pytest.skip("zam-plugins are not installed")
    return support.timed_scan(support.ZAM)


@pytest.fixture(scope="session")
def zam_host(zam_scan: support.Timed) -> Iterator[PluginHost]:
    """A host for zam-plugins, with the limits that everybody has."""
    with PluginHost(Catalog().with_bundles(zam_scan.entries), Policy(folders=(str(support.ZAM),))) as made:
        yield made
