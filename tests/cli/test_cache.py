"""`cache show` and `cache clear`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from stems.cache import StemCache

Run = Callable[..., Result]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StemCache:
    """A cache with a whole entry and an unfinished one."""
    monkeypatch.setenv("TONMEISTER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TONMEISTER_CACHE_GB", "2")
    cache = StemCache(tmp_path / "cache" / "stems")
    whole = cache.write("0123456789abcdef")
    (whole.folder / "stem.f32").write_bytes(bytes(3_000_000))
    about = {"model": "htdemucs", "settings": {"overlap": 0.25}, "frames": 441_000, "sample_rate": 44_100}
    cache.finish(whole, {"sizes": {"stem.f32": 3_000_000}, **about})
    whole.release()
    begun = cache.write("fedcba9876543210")
    (begun.folder / "stem.f32").write_bytes(bytes(2_000))
    begun.release()
    for path in begun.folder.iterdir():
        os.utime(path, (1.0, 1.0))
    return cache


def test_show(kept: StemCache, run: Run) -> None:
    result = run("cache", "show")
    assert result.exit_code == 0
    first, head, whole, begun = result.stdout.splitlines()
    assert first == f"{kept.folder}: 3.0 MB of 2.0 GB"
    assert head.split() == ["Entry", "Model", "Length", "Size", "Last", "used"]
    assert whole.split()[:3] == ["01234567", "htdemucs", "10.0"]
    assert begun.startswith("  fedcba98")
    assert begun.endswith("unfinished")


def test_show_as_json(kept: StemCache, run: Run) -> None:
    document = json.loads(run("cache", "show", "--json").stdout)
    assert document["limit_bytes"] == 2_000_000_000
    assert document["folder"] == str(kept.folder)
    whole, begun = document["entries"]
    assert (whole["model"], whole["duration_s"], whole["whole"], whole["in_use"]) == (
        "htdemucs",
        10.0,
        True,
        False,
    )
    assert (begun["model"], begun["duration_s"], begun["whole"]) == (None, None, False)
    assert begun["used"] == "1970-01-01T00:00:01Z"


def test_clear_leaves_what_is_in_use(kept: StemCache, run: Run) -> None:
    lease = kept.read("0123456789abcdef")
    assert lease is not None
    assert run("cache", "clear").stdout == "1 separations removed, 2 kB freed; 1 in use stay.\n"
    lease.release()
    document = json.loads(run("cache", "clear", "--json").stdout)
    assert (document["removed"], document["in_use"]) == (1, 0)
    assert json.loads(run("cache", "show", "--json").stdout)["entries"] == []


def test_an_empty_cache_is_nothing_wrong(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONMEISTER_CACHE_DIR", str(tmp_path / "nowhere"))
    assert run("cache", "show").exit_code == 0
    assert run("cache", "clear").stdout == "0 separations removed, 0 kB freed.\n"
    assert not (tmp_path / "nowhere").exists()


def test_a_limit_that_is_no_number(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONMEISTER_CACHE_GB", "much")
    result = run("cache", "show")
    assert result.exit_code == 2
    assert "TONMEISTER_CACHE_GB=much" in result.stderr
