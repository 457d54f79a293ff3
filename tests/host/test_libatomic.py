"""A system without libatomic."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from mastering.host import libatomic

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Pedalboard's wheels for Linux ask for libatomic"
)

_WITHOUT = """
import ctypes, sys
from mastering.host import libatomic
libatomic._NAME = "libnobodyhas.so.7"
try:
    ctypes.CDLL(libatomic._NAME)
except OSError:
    libatomic.provide_libatomic()
    assert ctypes.CDLL(libatomic._NAME)
    import pedalboard
    sys.exit(7)
"""


def test_what_is_needed_and_not_there_is_provided() -> None:
    """In a process of its own: a name that was loaded stays."""
    assert subprocess.run([sys.executable, "-c", _WITHOUT], timeout=60, check=False).returncode == 7


def test_the_systems_own_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libatomic, "_NAME", "libc.so.6")
    monkeypatch.setattr(libatomic, "_load", lambda _: pytest.fail("an empty one took its place"))
    libatomic.provide_libatomic.__wrapped__()


def test_it_is_small_and_has_a_name_only() -> None:
    library = libatomic.empty_library("libx.so.1", 62)
    assert len(library) < 600
    assert library.count(b"libx.so.1") == 1
    with pytest.raises(OSError, match="libx"):
        ctypes.CDLL("libx.so.1")
