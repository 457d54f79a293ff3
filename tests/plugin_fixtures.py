"""The plug-in fixtures of tools/make_fixtures.py, built once per test session.

A test package takes the fixture over in its conftest.py or test module:

    from tests import plugin_fixtures as shared

    plugin_fixtures = shared.plugin_fixtures

DPF's source is looked for in the folder $TONMEISTER_DPF, else where Debian's dpf-source puts it.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

__all__ = ["dpf_folder", "load_tool", "plugin_fixtures"]

TOOLS = Path(__file__).resolve().parents[1] / "tools"


def load_tool() -> ModuleType:
    """The module tools/make_fixtures.py; tests skip where the tools are not at hand."""
    if str(TOOLS) not in sys.path:
        sys.path.append(str(TOOLS))
    try:
        return importlib.import_module("make_fixtures")
    except ModuleNotFoundError:
        reason = "the plug-in fixtures cannot be built: tools/make_fixtures.py is not at hand"
        pytest.skip(reason, allow_module_level=True)


def dpf_folder() -> Path:
    """Folder of DPF's source: $TONMEISTER_DPF if it is set, else Debian's."""
    given = os.environ.get("TONMEISTER_DPF")
    return Path(given) if given else Path(load_tool().DPF)


@pytest.fixture(scope="session")
def plugin_fixtures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> VST3 bundle of every plug-in fixture, built into the session's temporary folder.

    Packages that each take the fixture over share one folder: what one has built, the next finds up to date.
    """
    tool = load_tool()
    dpf = dpf_folder()
    if sentence := tool.missing(dpf):
        pytest.skip(f"the plug-in fixtures cannot be built: {sentence}")
    bundles: dict[str, Path] = tool.build(tmp_path_factory.getbasetemp() / "plugin-fixtures", dpf)
    return bundles
